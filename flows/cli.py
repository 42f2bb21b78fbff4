"""A flow started from a shell: ``python -m flows.cluster_dfus as_of_month=2017-06 dry_run=true``."""

import argparse
import difflib
import inspect
import sys
from collections.abc import Sequence
from typing import Any

import yaml
from prefect import Flow
from prefect.exceptions import ParameterTypeError
from pydantic import BaseModel

from dfu_clustering.config.loading import merged
from dfu_clustering.errors import InputError
from dfu_clustering.files.refusals import as_bad_input


def run_by_hand(flow: Flow[..., Any], arguments: Sequence[str] | None = None) -> None:
    """Run a flow with the parameters of the command line; bad ones and bad input end with exit code 2.

    Args:
        flow: The flow.
        arguments: NAME=VALUE each, values in YAML; None: those of the program.
    """
    parser = _parser(flow)
    given = parser.parse_args(arguments).parameters
    try:
        flow(**_parameters(flow, given, parser))
    except (InputError, ParameterTypeError) as error:
        sys.stderr.write(f"error: {error}\n")
        raise SystemExit(2) from error
    except OSError as error:
        if (bad_input := as_bad_input(error)) is None:
            raise
        sys.stderr.write(f"error: {bad_input}\n")
        raise SystemExit(2) from error


def _parser(flow: Flow[..., Any]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=f"python -m flows.{flow.fn.__name__}",
        description=inspect.cleandoc(flow.fn.__doc__ or ""),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "parameters", nargs="*", metavar="NAME=VALUE", help="a parameter of the flow, its value in YAML: dry_run=true"
    )
    return parser


def _parameters(flow: Flow[..., Any], given: Sequence[str], parser: argparse.ArgumentParser) -> dict[str, Any]:
    defaults = inspect.signature(flow.fn).parameters
    known = list(defaults)
    parameters = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            meant = f" (did you mean {near[0]}=…?)" if near else ""
            parser.error(f"{text!r} must be NAME=VALUE with a parameter of the flow{meant}; --help lists them")
        try:
            parameters[name] = _filled_up(yaml.safe_load(value), defaults[name].default)
        except yaml.YAMLError as error:
            parser.error(f"{name} must be written in YAML, not {value!r}: {error}")
    return parameters


def _filled_up(value: Any, default: Any) -> Any:  # noqa: ANN401  (whatever the flow takes)
    """Return a section of settings with the keys that were left out: ``labeling='{zero_demand_threshold: 0.1}'``."""
    if isinstance(default, BaseModel) and isinstance(value, dict):
        return merged(default.model_dump(), value)
    return value
