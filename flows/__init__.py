"""Prefect flows: order, gates and events; the work is in the tasks."""
