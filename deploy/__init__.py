"""What a Prefect server is told about this project, as code."""
