"""A flow started from a shell: ``python -m flows.cluster_dfus as_of_month=2017-06 dry_run=true``.

What is wrong and can be known without a server is said before one starts, which takes a minute.
"""

import argparse
import inspect
import logging
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

import yaml
from prefect import Flow
from pydantic import BaseModel, ConfigDict, ValidationError, create_model

from dfu_clustering.config.clustering import ClusteringConfig
from dfu_clustering.config.loading import load_config, merged
from dfu_clustering.config.problems import nearest_setting, problem_in_words
from dfu_clustering.errors import ConfigError, InputError, nearest, suggestion
from dfu_clustering.standalone.program import errors_end_a_program
from dfu_clustering.warehouse.connect import DATABASE_URL_VARIABLE, connect_engine

Check = Callable[[ClusteringConfig, Mapping[str, Any]], None]

_AS_GIVEN: Final = ConfigDict(extra="forbid", arbitrary_types_allowed=True)


def run_by_hand(
    flow: Flow[..., Any],
    arguments: Sequence[str] | None = None,
    *,
    check: Check | None = None,
    meanwhile: Callable[[], None] | None = None,
) -> None:
    """Run a flow with the parameters of the command line; bad ones and bad input end with exit code 2.

    Args:
        flow: The flow.
        arguments: NAME=VALUE each, values in YAML; None: those of the program.
        check: Looks at configuration and parameters, and raises where the files of the runs say that it cannot work.
        meanwhile: Begins what can be done while a server starts.
    """
    parser = _parser(flow)
    given = parser.parse_args(arguments).parameters
    with errors_end_a_program():
        parameters = _parameters(flow, given, parser)
        all_of_them = _valid(flow, parameters)
        settings = {name: all_of_them[name] for name in parameters if name in ClusteringConfig.model_fields}
        config = load_config(**settings)
        if check is not None:
            check(config, all_of_them)
        if config.warehouse.connection_block is None:
            connect_engine(os.environ.get(DATABASE_URL_VARIABLE), config.warehouse)  # connects when it is used
        if meanwhile is not None:
            meanwhile()
        with bad_input_said_once():
            flow(**parameters)


@contextmanager
def bad_input_said_once() -> Iterator[None]:
    """Keep from the terminal what Prefect says of an InputError, task by task and with its traceback.

    The log of the run on the server keeps all of it.
    """
    handlers = {handler for name in ("prefect", None) for handler in logging.getLogger(name).handlers}
    for handler in handlers:
        handler.addFilter(_is_news)
    try:
        yield
    finally:
        for handler in handlers:
            handler.removeFilter(_is_news)


def is_started_by_hand() -> bool:
    """Tell whether this process is ``python -m flows.…``."""
    spec = getattr(sys.modules.get("__main__"), "__spec__", None)
    return spec is not None and spec.name.startswith("flows.")


def _is_news(record: logging.LogRecord) -> bool:
    error = record.exc_info[1] if record.exc_info else None
    of_input = any(f"{kind.__name__}:" in record.getMessage() for kind in InputError.__subclasses__())
    return not (isinstance(error, InputError) or (of_input and record.name.startswith("prefect.")))


def _parser(flow: Flow[..., Any]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=_program(flow),
        description=inspect.cleandoc(flow.fn.__doc__ or ""),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "parameters", nargs="*", metavar="NAME=VALUE", help="a parameter of the flow, its value in YAML: dry_run=true"
    )
    return parser


def _program(flow: Flow[..., Any]) -> str:
    return f"python -m flows.{flow.fn.__name__}"


def _parameters(flow: Flow[..., Any], given: Sequence[str], parser: argparse.ArgumentParser) -> dict[str, Any]:
    known = inspect.signature(flow.fn, eval_str=True).parameters
    parameters = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or name not in known:
            meant = _meant(name, list(known))
            parser.error(f"{text!r} must be NAME=VALUE with a parameter of the flow{meant}; --help lists them")
        try:
            parameters[name] = _read(value, known[name])
        except yaml.YAMLError as error:
            parser.error(f"{name} must be written in YAML, not {value!r}: {error}")
    return parameters


def _meant(name: str, known: Sequence[str]) -> str:
    section, *inner = (nearest_setting(name) or "").split(".")
    inside = inner[-1:] if section in known else []
    near = nearest(name, [*known, *inside])
    if near in inside:
        return suggestion(f"{section}='{{{': {'.join(inner)}: …{'}' * len(inner)}'")
    return suggestion(near and f"{near}=…")


def _read(text: str, parameter: inspect.Parameter) -> Any:  # noqa: ANN401  (whatever the flow takes)
    """Return a value; one of a section of settings with the keys that were left out.

    What YAML takes for a number, a date or a truth value is a text where a text is wanted: ids, names, reasons.
    """
    value = yaml.safe_load(text)
    if isinstance(parameter.default, BaseModel) and isinstance(value, dict):
        return merged(parameter.default.model_dump(), value)
    wanted = create_model("Parameter", __config__=_AS_GIVEN, value=(parameter.annotation, ...))
    return value if _fits(wanted, value) or not (value is None or _fits(wanted, text)) else text


def _fits(wanted: type[BaseModel], value: object) -> bool:
    try:
        wanted.model_validate({"value": value})
    except ValidationError:
        return False
    return True


def _valid(flow: Flow[..., Any], parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return all parameters, as the flow takes them.

    Raises:
        ConfigError: One is missing, or is none of the values that it may have; all of them are named.
    """
    fields: dict[str, Any] = {
        name: (one.annotation, ... if one.default is inspect.Parameter.empty else one.default)
        for name, one in inspect.signature(flow.fn, eval_str=True).parameters.items()
    }
    try:
        found = create_model("Parameters", __config__=_AS_GIVEN, **fields).model_validate(parameters)
    except ValidationError as error:
        raise ConfigError(
            "Every parameter of the flow must be given as it takes it",
            found="; ".join(problem_in_words(detail) for detail in error.errors()),
            remedy=f"correct it; {_program(flow)} --help lists all",
        ) from error
    return {name: getattr(found, name) for name in fields}
