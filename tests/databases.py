"""Databases that are loaded once and copied, since a copy takes a fraction of the time of a load."""

import itertools
from collections.abc import Iterator
from contextlib import closing, contextmanager

import psycopg2
from psycopg2 import sql

from dfu_clustering.demo.server import EmbeddedServer, drop_database

_NUMBERS = itertools.count(1)


@contextmanager
def copied_database(server: EmbeddedServer, template: str) -> Iterator[str]:
    """Lend the URL of a copy of a database to which nobody is connected; it is dropped afterwards."""
    name = f"{template}_{next(_NUMBERS)}"
    with closing(psycopg2.connect(server.url())) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            copy = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
            cursor.execute(copy.format(sql.Identifier(name), sql.Identifier(template)))
    yield server.url(name)
    drop_database(server.url(), name)
