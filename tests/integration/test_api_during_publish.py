"""200 readers while publishes go on: each sees the old labels or the new ones, whole, and none an error."""

import asyncio
import json
from contextlib import closing

import httpx
import pandas as pd
import psycopg2
import pytest

from dfu_clustering.publishing.transaction import publish_labels
from dfu_clustering.warehouse.connect import connect_engine
from dfu_clustering.warehouse.statements import statement
from tests.integration.api_site import ApiSite

pytestmark = pytest.mark.integration

READERS = 200
PUBLISHES = 5
N_DFUS = 3000
ADDRESSES = {
    "clusters": "/domains/dfu/clusters",
    "page": "/domains/dfu/page?limit=1000&filters=" + json.dumps({"cluster_assignment": "=even"}),
    "sorted page": "/domains/dfu/page?limit=1000&sort=-loc&filters=" + json.dumps({"cluster_assignment": "=even"}),
}


def labels(*, odd_every):
    numbers = range(N_DFUS - odd_every)  # the last few carry no label
    names = ["odd" if number % odd_every == 0 else "even" for number in numbers]
    keys = [f"dfu_{number:05}" for number in numbers]
    return pd.DataFrame({"dfu_ck": keys, "cluster_id": 0, "cluster_label": names}).astype({"dfu_ck": "str"})


STATES = (labels(odd_every=3), labels(odd_every=7))


def expected(state):
    even = state["dfu_ck"][state["cluster_label"] == "even"].tolist()
    return {
        "clusters": (len(state), {"even": len(even), "odd": len(state) - len(even)}),
        "page": (len(even), even[:1000]),
        "sorted page": (len(even), even[::-1][:1000]),
    }


def seen(name, answer):
    if name == "clusters":
        counts = {cluster["label"]: cluster["count"] for cluster in answer["clusters"]}
        return N_DFUS - answer["unassigned"], counts
    return answer["total"], [row["dfu_ck"] for row in answer["rows"]]


@pytest.fixture
def engine(postgres_url):
    with closing(psycopg2.connect(postgres_url)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(statement("dfu_clustering.demo", "005_create_dim_dfu"))
        cursor.execute(
            "INSERT INTO dim_dfu (dfu_ck, dmdunit, loc) SELECT 'dfu_' || number, 'd', number"
            f" FROM (SELECT lpad(n::text, 5, '0') AS number FROM generate_series(0, {N_DFUS - 1}) AS n) AS numbers"
        )
    engine = connect_engine(postgres_url)
    publish_labels(engine, STATES[0])
    yield engine
    engine.dispose()


@pytest.fixture
def api(engine, postgres_url, tmp_path):
    site = ApiSite(tmp_path, postgres_url, tmp_path)
    yield site.start()
    site.stop()


@pytest.mark.slow
def test_readers_see_the_old_labels_or_the_new_ones_and_no_error(api, engine):
    answers = asyncio.run(read_during_publishes(api.url, engine))
    known = [expected(state) for state in STATES]
    for name in ADDRESSES:
        found = [seen(name, answer.json()) for asked, answer in answers if asked == name]
        assert [one for one in found if one not in [state[name] for state in known]] == []
        assert {found.count(state[name]) > 0 for state in known} == {True}, name
    assert len(answers) > 2 * READERS


async def read_during_publishes(url, engine):
    """Return all that READERS got while the two states were published in turn; any error fails the test."""
    ended = asyncio.Event()
    answers = []

    async def read(client, number):
        while not ended.is_set():
            name = list(ADDRESSES)[number % len(ADDRESSES)]
            answer = await client.get(ADDRESSES[name])
            assert answer.status_code == 200, answer.text
            answers.append((name, answer))
            number += 1

    async def publish():
        for number in range(1, PUBLISHES + 1):
            await asyncio.to_thread(publish_labels, engine, STATES[number % 2])
            await asyncio.sleep(1.2)  # longer than the service takes to look again, so that readers see both
        ended.set()

    limits = httpx.Limits(max_connections=READERS, max_keepalive_connections=READERS)
    async with httpx.AsyncClient(base_url=url, limits=limits, timeout=60) as client, asyncio.TaskGroup() as group:
        group.create_task(publish())
        for number in range(READERS):
            group.create_task(read(client, number))
    return answers
