"""Where and how a run works, never what comes out: ``warehouse``, ``scale``, ``tracking`` and ``retention``."""

from typing import Annotated

from pydantic import Field

from dfu_clustering.config.data_quality import Section
from dfu_clustering.config.warehouse_names import WarehouseNames

# without quotes: MLflow is asked for a model by a filter that holds its name; an experiment may be a path
ModelName = Annotated[str, Field(pattern=r"^[\w .-]{1,200}$")]
ExperimentName = Annotated[str, Field(pattern=r"^[\w ./-]{1,200}$")]


class WarehouseConfig(WarehouseNames):
    """Where the sales are and what they are called there, and how long the warehouse is waited for."""

    connection_block: Annotated[
        str | None, Field(description="Name of a SqlAlchemyConnector block; null: the DATABASE_URL variable.")
    ]
    lock_timeout_s: Annotated[
        float, Field(gt=0, le=3600, description="Seconds to wait for a lock, also for another publisher.")
    ]
    statement_timeout_s: Annotated[
        float, Field(gt=0, le=86400, description="Seconds that one statement may take; the longest reads all sales.")
    ]


class ScaleConfig(Section):
    """How extraction and features are spread out; the result is the same to the last byte."""

    partitions: Annotated[
        int, Field(ge=1, le=4096, description="Parts of the DFUs that are read and computed apart; 1: all at once.")
    ]
    dask_address: Annotated[
        str | None,
        Field(
            pattern=r"^[a-z]+://\S+$",
            description="Dask scheduler whose workers take the parts, tcp://host:8786; null: this process, one by one.",
        ),
    ]


class TrackingConfig(Section):
    """Names under which MLflow keeps the runs."""

    experiment: Annotated[ExperimentName, Field(description="Experiment under which every run is recorded.")]
    registered_model: Annotated[
        ModelName, Field(description="Registered model; its alias champion is what is published.")
    ]


class RetentionConfig(Section):
    """How long the files of runs are kept; what is published or continued stays in any case."""

    published_months: Annotated[
        int | None,
        Field(
            ge=1, le=600, description="Months that runs which once published are kept, and restores; null: for good."
        ),
    ]
    other_months: Annotated[
        int | None,
        Field(
            ge=1,
            le=600,
            description="Months that dry runs, unfinished runs and backfills of no use are kept; null: for good.",
        ),
    ]
    newest_kept: Annotated[
        int, Field(ge=2, le=1000, description="So many of the newest runs and publishes are kept whatever their age.")
    ]
