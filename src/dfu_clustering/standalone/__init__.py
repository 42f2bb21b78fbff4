"""Segments without a server or a database: a function for notebooks, a command for files."""
