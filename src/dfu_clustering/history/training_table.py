"""Placeholder."""


def training_table() -> None: ...
