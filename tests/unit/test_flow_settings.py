"""Every setting of a run is a parameter of the flow, and the deployment's are none."""

import inspect

import pytest
from prefect.exceptions import ParameterTypeError

from dfu_clustering.config.clustering import ClusteringConfig, RunSettings
from dfu_clustering.config.loading import load_config
from flows import cluster_dfus as module
from flows.cluster_dfus import cluster_dfus
from flows.settings import settings_as_parameters

OWN = (
    "as_of_month",
    "dry_run",
    "load_id",
    "only_new_load",
    "continue_published",
    "publish_older_month",
    "require_approval",
    "accept_warnings",
    "skip_suites",
    "override_reason",
)
PARAMETERS = inspect.signature(cluster_dfus.fn).parameters
FORM = cluster_dfus.parameters.properties  # what the UI shows


def shown_description(name):
    """Return what the form says: of a parameter with a form of its own that may be said there."""
    shown = FORM[name]
    referred = cluster_dfus.parameters.definitions.get(shown.get("$ref", "").rpartition("/")[2], {})
    return {**referred, **shown}["description"]


class StopHereError(Exception):
    """The settings are known; nothing else is to be done."""


@settings_as_parameters({"dry_run": "Write nothing."})
def example(settings, *, dry_run: bool = False):
    """Do something."""
    return settings, dry_run


def test_parameters_are_the_flows_own_and_then_one_for_each_setting():
    assert list(PARAMETERS) == [*OWN, *RunSettings.model_fields]
    assert set(FORM) == set(PARAMETERS)


def test_nothing_of_the_deployment_is_a_parameter():
    of_the_deployment = set(ClusteringConfig.model_fields) - set(RunSettings.model_fields)
    assert of_the_deployment == {"warehouse", "scale", "tracking", "retention"}
    assert of_the_deployment.isdisjoint(PARAMETERS)


@pytest.mark.parametrize("name", RunSettings.model_fields)
def test_each_default_is_that_of_the_configuration(name):
    default = load_config().model_dump(mode="json")[name]
    assert PARAMETERS[name].default == getattr(load_config(), name)
    assert FORM[name]["default"] == default


@pytest.mark.parametrize("name", PARAMETERS)
def test_docstring_and_form_say_what_each_parameter_means(name):
    field = RunSettings.model_fields.get(name)
    (line,) = [line for line in (cluster_dfus.fn.__doc__ or "").splitlines() if line.startswith(f"    {name}: ")]
    told = line.removeprefix(f"    {name}: ")
    assert len(told) > 20
    assert field is None or told == field.description
    assert shown_description(name) == told


def test_docstring_begins_with_what_the_flow_does():
    first, *_ = (cluster_dfus.fn.__doc__ or "").splitlines()
    assert first.startswith("Group DFUs by how their demand behaves")
    assert cluster_dfus.description == cluster_dfus.fn.__doc__


@pytest.mark.parametrize(
    "parameters",
    [
        {"k_range": [1, 5]},
        {"k_range": [3, 61]},
        {"min_months_history": 2},
        {"time_window_months": "some"},
        {"feature_set": "most"},
        {"min_cluster_size_pct": 50.1},
        {"pca_explained_variance": 1.0},
        {"season_window_months": 25},
        {"refit": "sometimes"},
        {"seed": -1},
        {"labeling": {"peak_threshold": 2.0}},
        {"stability": {"unheard_of": 1.0}},
        {"as_of_month": "2026-13"},
        {"override_reason": " "},
        {"skip_suites": ["dim_customer"]},
    ],
    ids=str,
)
def test_a_parameter_out_of_bounds_is_refused(parameters):
    with pytest.raises(ParameterTypeError, match=next(iter(parameters))):
        cluster_dfus.validate_parameters(parameters)


def test_parameters_within_their_bounds_are_taken_as_what_they_mean():
    given = {"k_range": [2, 60], "seed": 0, "time_window_months": "all", "as_of_month": "2026-10"}
    validated = cluster_dfus.validate_parameters(given)
    assert {name: validated[name] for name in given} == {**given, "k_range": (2, 60)}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, ({}, False)),
        ({"dry_run": True}, ({}, True)),
        ({"k_range": (4, 5), "dry_run": True, "seed": 7}, ({"k_range": (4, 5), "seed": 7}, True)),
    ],
    ids=str,
)
def test_a_function_gets_the_settings_that_were_given_and_its_own_parameters(given, expected):
    assert example(**given) == expected


def test_given_settings_reach_the_configuration_and_other_parameters_do_not(monkeypatch):
    asked = []

    def load(**settings):
        asked.append(settings)
        raise StopHereError

    monkeypatch.setattr(module, "load_config", load)
    with pytest.raises(StopHereError):
        cluster_dfus.fn(k_range=(4, 5), dry_run=True, load_id="load-1", use_pca=True)
    assert asked == [{"k_range": (4, 5), "use_pca": True}]
