"""The labels that a run has published, with rows made by hand beside them, as the service is asked about them."""

from contextlib import closing

import psycopg2
from psycopg2.extras import RealDictCursor

from dfu_clustering.files.tables import read_json
from tests.integration.published_site import ROLES, as_role

ODD_KEY = "odd/key 100%_?#&+ü"
# a label that no run writes, and a key that is also an address
HAND_MADE = """
INSERT INTO dim_dfu (dfu_ck, dmdunit, dmdgroup, loc, brand, cluster_assignment)
VALUES (%(key)s, 'odd/key', '100%%', 'x', '', NULL), ('clusters', 'c', 'c', 'c', NULL, 'by/hand %%')
"""


class Published:
    """A database with published labels, and what the run left."""

    def __init__(self, owner_url, var):
        self.owner_url, self.url = owner_url, as_role(owner_url, "dfu_api")
        self.var = var
        self.folder = next(path for path in (var / "runs").iterdir() if path.is_dir() and path.name[0] != ".")
        self.summary = read_json(self.folder / "summary.json")
        self.execute(ROLES.replace("%", "%%"), HAND_MADE)

    def rows(self, query, *values):
        connected = closing(psycopg2.connect(self.owner_url, cursor_factory=RealDictCursor))
        with connected as connection, connection.cursor() as cursor:
            cursor.execute(query, values or None)
            return cursor.fetchall()

    def execute(self, *statements):
        with closing(psycopg2.connect(self.owner_url)) as connection, connection, connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement, {"key": ODD_KEY})

    def write(self, statement, rows):
        with closing(psycopg2.connect(self.owner_url)) as connection, connection, connection.cursor() as cursor:
            cursor.executemany(statement, rows)
