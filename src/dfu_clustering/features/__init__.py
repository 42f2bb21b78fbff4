"""Sales rows become a monthly grid, and the grid one row of features a DFU."""
