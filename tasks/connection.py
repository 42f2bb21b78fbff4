"""The warehouse's engine: from a registered Prefect block where the configuration names one, else DATABASE_URL."""

import os

from prefect_sqlalchemy import SqlAlchemyConnector
from sqlalchemy import Engine

from dfu_clustering.config import WarehouseConfig
from dfu_clustering.warehouse import DATABASE_URL_VARIABLE, connect_engine


def warehouse_engine(config: WarehouseConfig) -> Engine:
    """Return the engine; a task asks for it where it works, so that no address becomes a parameter of a run."""
    if config.connection_block is None:
        return connect_engine(os.environ.get(DATABASE_URL_VARIABLE))
    connector = SqlAlchemyConnector.load(config.connection_block)
    engine: Engine = connector.get_engine()
    return engine
