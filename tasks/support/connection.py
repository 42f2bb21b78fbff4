"""The warehouse's engine: from a registered Prefect block where the configuration names one, else DATABASE_URL."""

import os

from prefect_sqlalchemy import SqlAlchemyConnector
from sqlalchemy import Engine
from sqlalchemy.pool import NullPool

from dfu_clustering.addresses import PERCENT_ENCODED, is_ambiguous
from dfu_clustering.config.operations import WarehouseConfig
from dfu_clustering.errors import ConfigError
from dfu_clustering.warehouse.connect import DATABASE_URL_VARIABLE, configure_engine, connect_engine


def warehouse_engine(config: WarehouseConfig) -> Engine:
    """Return the engine; a task asks for it where it works, so that no address becomes a parameter of a run."""
    if config.connection_block is None:
        return connect_engine(os.environ.get(DATABASE_URL_VARIABLE), config)
    connector = SqlAlchemyConnector.load(config.connection_block)
    engine = connector.get_engine(poolclass=NullPool)
    if not isinstance(engine, Engine) or engine.dialect.driver != "psycopg2":
        raise ConfigError(
            "The warehouse's block must connect by psycopg2",
            found=f"block {config.connection_block} connects by {engine.dialect.name}+{engine.dialect.driver}",
            remedy="use the driver postgresql+psycopg2 in the block",
        )
    if is_ambiguous(f"{engine.url.host}@{engine.url.database}"):
        raise ConfigError(
            "The address of the warehouse's block must be certain",
            found=f"block {config.connection_block} with an @ in its host or database; it may be one of the password",
            remedy=PERCENT_ENCODED,
        )
    return configure_engine(engine, config)
