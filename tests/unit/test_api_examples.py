"""The examples in OpenAPI are answers: they have the form that they show, and their numbers fit together."""

import pytest

from api import schemas as models
from api.app import EXAMPLES, create_app
from api.settings import ApiSettings


@pytest.fixture(scope="module")
def schemas(tmp_path_factory):
    settings = ApiSettings(database_url="postgresql://nobody@nowhere/none", runs=tmp_path_factory.mktemp("runs"))
    return create_app(settings).openapi()["components"]["schemas"]


@pytest.mark.parametrize("name", list(EXAMPLES))
def test_examples_are_answers_of_their_model(schemas, name):
    model = getattr(models, name)
    assert (
        model.model_validate_json(model.model_validate(EXAMPLES[name]).model_dump_json()).model_dump(mode="json")
        == (EXAMPLES[name])
    )
    assert schemas[name]["examples"] == [EXAMPLES[name]]


def test_numbers_of_the_examples_fit_together():
    clusters, changes = EXAMPLES["Clusters"], EXAMPLES["Changes"]
    counts = {cluster["label"]: cluster["count"] for cluster in clusters["clusters"]}
    assert sum(counts.values()) == clusters["total_assigned"]
    for cluster in clusters["clusters"]:
        assert cluster["pct_of_total"] == round(100 * cluster["count"] / clusters["total_assigned"], 4)
    published = {change["new_label"]: change["dfus"] for change in changes["changes"]}
    assert published == counts | {None: clusters["unassigned"]}
    page = EXAMPLES["DfuPage"]
    assert page["total"] == counts[page["rows"][0]["cluster_assignment"]]
    members = EXAMPLES["SegmentMembers"]
    assert members["count"] == counts[members["label"]]


def test_every_number_of_an_answer_is_explained(schemas):
    silent = [
        f"{name}.{field}"
        for name in (
            "Cluster",
            "Clusters",
            "DfuPage",
            "SegmentSummary",
            "SegmentMember",
            "MonthDemand",
            "Changes",
            "Dfu",
        )
        for field, schema in schemas[name]["properties"].items()
        if schema.get("type") == "number" and "description" not in schema
    ]
    assert silent == []
