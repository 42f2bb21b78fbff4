"""What a load's announcement becomes as parameters of a run: a name, or nothing that a run could start with."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from prefect.server.events.actions import RunDeployment
from prefect.utilities.schema_tools.hydration import HydrationContext, hydrate
from pydantic import TypeAdapter, ValidationError

from dfu_clustering.loads.events import LoadId

DEPLOYMENTS = yaml.safe_load((Path(__file__).parents[2] / "prefect.yaml").read_text())["deployments"]
(TEMPLATE,) = (
    trigger["parameters"]["load_id"]
    for deployment in DEPLOYMENTS
    for trigger in deployment.get("triggers", ())
    if trigger["name"] == "dfu-sales-loaded"
)


def rendered(payload):
    """Return the parameter as the server makes it of an event: it completes the template, and reads it as JSON."""
    parameters = {"load_id": TEMPLATE}
    RunDeployment._upgrade_v1_templates(parameters)
    event = SimpleNamespace(payload=json.loads(payload))
    context = HydrationContext(raise_on_error=True, render_jinja=True, jinja_context={"event": event})
    return hydrate(parameters, context)["load_id"]


@pytest.mark.parametrize(
    ("payload", "load_id"),
    [
        ('{"load_id": "SAP-4711"}', "SAP-4711"),
        ('{"load_id": 4711}', "4711"),
        ('{"load_id": 0}', "0"),
        ('{"load_id": "None"}', "None"),
        ('{"load_id": "007"}', "007"),
        ('{"load_id": "a \\"b\\""}', 'a "b"'),
    ],
)
def test_name_or_number_of_a_load_is_its_name(payload, load_id):
    assert rendered(payload) == load_id


@pytest.mark.parametrize(
    "payload", ['{"load_id": null}', '{"load_id": true}', '{"load_id": ["a"]}', '{"load_id": ""}', "{}"]
)
def test_what_is_no_name_starts_no_run(payload):
    assert rendered(payload) == ""
    with pytest.raises(ValidationError):
        TypeAdapter(LoadId).validate_python(rendered(payload))
