# One image for all that runs in containers: worker, Prefect server, MLflow and the programs are commands of it
# (deploy/compose.yaml). Build: docker build --build-arg DFU_CLUSTERING_REVISION="$(git rev-parse HEAD)" .

FROM python:3.11-slim-bookworm AS packages

WORKDIR /app
RUN python -m venv --without-pip /opt/venv

# Only what the install reads, so that a change of code keeps this layer. The install is editable, as on any other
# machine: it names /app/src and /app, to which the code comes below.
COPY pyproject.toml requirements.lock README.md ./
COPY config config
RUN pip --python /opt/venv/bin/python install --no-cache-dir --disable-pip-version-check \
        --constraint requirements.lock --editable '.[demo,dask,forecast]' \
    # the packages' own tests, but those of numpy, from which scipy and others import at run time
    && find /opt/venv/lib -type d -name tests -not -path '*/numpy/*' -prune -exec rm -r {} +


FROM python:3.11-slim-bookworm

# The root file system may be read-only: /tmp is the one place that must be writable. What must outlive a container
# goes to a volume on /var/lib/dfu-clustering, which DFU_CLUSTERING_VAR then names.
ENV PATH=/opt/venv/bin:$PATH \
    HOME=/tmp \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    DFU_CLUSTERING_VAR=/tmp/dfu-clustering \
    MPLCONFIGDIR=/tmp/matplotlib \
    PREFECT_HOME=/tmp/prefect \
    PREFECT_LOGGING_EXTRA_LOGGERS=dfu_clustering \
    PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS=90 \
    PREFECT_SERVER_ANALYTICS_ENABLED=false \
    GX_ANALYTICS_ENABLED=false \
    GIT_PYTHON_REFRESH=quiet \
    MLFLOW_DISABLE_TELEMETRY=true \
    ARROW_DEFAULT_MEMORY_POOL=jemalloc \
    DO_NOT_TRACK=true

# LightGBM's, which the wheel does not bring
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libgomp1 \
    && rm -rf /var/lib/apt/lists/*

RUN useradd --uid 10001 --user-group --no-create-home --home-dir /tmp --shell /usr/sbin/nologin dfu \
    && install --directory --owner=dfu --group=dfu /var/lib/dfu-clustering /var/lib/mlflow

WORKDIR /app
COPY --from=packages /opt/venv /opt/venv

# from here on each revision has layers of its own, a few megabytes
ARG DFU_CLUSTERING_REVISION=""
ENV DFU_CLUSTERING_REVISION=${DFU_CLUSTERING_REVISION}
LABEL org.opencontainers.image.title="dfu-clustering" \
      org.opencontainers.image.description="Groups demand forecast units and publishes one business label a DFU" \
      org.opencontainers.image.revision="${DFU_CLUSTERING_REVISION}"
COPY . .
RUN python -m compileall -q .

USER 10001:10001
ENTRYPOINT ["/app/deploy/entrypoint.sh"]
CMD ["python", "-m", "flows.demo"]
