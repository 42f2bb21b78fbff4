"""The examples in OpenAPI are answers: they have the form that they show, and their numbers fit together."""

import re
from pathlib import Path

import pytest
from pydantic import SecretStr

from api import schemas as models
from api.app import EXAMPLES, create_app
from api.settings import ApiSettings
from dfu_clustering.labels.vocabulary import LIFECYCLE, PATTERN_NAMES, TIERS, Label

DOCS = Path(__file__).parents[2] / "docs" / "api.md"


@pytest.fixture(scope="module")
def schemas(tmp_path_factory):
    settings = ApiSettings(
        database_url=SecretStr("postgresql://nobody@nowhere/none"), runs=tmp_path_factory.mktemp("runs")
    )
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
            "KnownRun",
            "ComparedRun",
            "ChangedWord",
            "RunComparison",
        )
        for field, schema in schemas[name]["properties"].items()
        if schema.get("type") == "number" and "description" not in schema
    ]
    assert silent == []


def test_labels_in_the_documentation_have_the_numbers_of_today():
    labels = [Label(pattern, tier) for pattern in (*PATTERN_NAMES, *LIFECYCLE) for tier in TIERS]
    numbers = {label.text: label.segment_id for label in labels}
    text = DOCS.read_text(encoding="utf-8").replace("\n", "")
    shown = [(label, int(number)) for number, label in re.findall(r'"cluster_id":(\d+),"label":"(\w+)"', text)]
    shown += [(label, int(number)) for label, number in re.findall(r'"label":"(\w+)","cluster_id":(\d+)', text)]
    assert len(shown) == 5
    assert [(label, numbers[label]) for label, _ in shown] == shown


def test_answers_about_dfus_in_the_documentation_have_class_and_reason():
    answers = re.findall(r'\{"domain":"dfu","dfu_ck".*?\n\n', DOCS.read_text(encoding="utf-8"), re.DOTALL)
    assert len(answers) == 2
    assert all('"abc_class":"' in answer and '"reason":"' in answer for answer in answers)
