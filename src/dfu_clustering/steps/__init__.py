"""The steps of a run, behind both doors: the command-line programs and the flow call the same functions.

A step reads, calls pure code, writes, and returns a small frozen summary.
"""
