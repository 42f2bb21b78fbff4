"""Numbers rounded for people by significant digits: decimals would make nothing of small ones."""


def significant(value: float, digits: int = 6) -> float:
    """Return a number with so many significant digits."""
    return float(f"{value:.{digits}g}")
