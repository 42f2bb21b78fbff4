"""MLflow: where it keeps runs, what is recorded, and how it is read back."""

import os

# read when mlflow is imported, here as in each program that is started without make: nothing is sent to anybody
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
