"""What the tasks and flows share: the warehouse's engine, retries, artifacts in the Prefect UI, hooks."""
