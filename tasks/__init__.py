"""Prefect tasks: each a decorator and one step call; they hand on paths and small summaries, never frames."""
