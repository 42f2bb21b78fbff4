"""What segments are worth to a global forecaster: the columns that pay, and the verdict with its controls."""
