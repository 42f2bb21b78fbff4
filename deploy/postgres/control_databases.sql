-- What the Prefect server and MLflow keep, a database and a role each; run by the image of PostgreSQL on an empty volume.

\set prefect_password `cat /run/secrets/prefect_password`
\set mlflow_password `cat /run/secrets/mlflow_password`

CREATE ROLE prefect LOGIN PASSWORD :'prefect_password';
CREATE DATABASE prefect OWNER prefect;
REVOKE CONNECT, TEMPORARY ON DATABASE prefect FROM PUBLIC;

CREATE ROLE mlflow LOGIN PASSWORD :'mlflow_password';
CREATE DATABASE mlflow OWNER mlflow;
REVOKE CONNECT, TEMPORARY ON DATABASE mlflow FROM PUBLIC;
