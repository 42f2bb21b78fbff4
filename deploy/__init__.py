"""What a Prefect server must know of this project, as code."""
