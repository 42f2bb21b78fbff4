"""MLflow: where it keeps runs, what is recorded, and how it is read back."""
