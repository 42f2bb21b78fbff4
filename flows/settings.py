"""The settings of a run as parameters of a flow: one each, with its description, bounds and default."""

import inspect
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from functools import wraps
from typing import Any, Concatenate, Final, ParamSpec, TypeVar, get_type_hints

from dfu_clustering.config.clustering import RunSettings
from dfu_clustering.config.loading import load_config
from dfu_clustering.standalone.program import errors_end_a_program
from flows.cli import is_started_by_hand

with errors_end_a_program() if is_started_by_hand() else nullcontext():  # a worker says itself what went wrong
    _DEFAULTS: Final = load_config()
_KINDS: Final = get_type_hints(RunSettings, include_extras=True)


P = ParamSpec("P")
R = TypeVar("R")


def settings_as_parameters(
    descriptions: Mapping[str, str],
) -> Callable[[Callable[Concatenate[Mapping[str, Any], P], R]], Callable[..., R]]:
    """Give a function every setting of a run as a parameter; it gets those that were given in its first argument.

    Prefect makes its form of the signature and of the docstring, so both name every parameter.

    Args:
        descriptions: What the function's own parameters mean.
    """

    def decorate(function: Callable[Concatenate[Mapping[str, Any], P], R]) -> Callable[..., R]:
        _, *own = inspect.signature(function, eval_str=True).parameters.values()
        fields = RunSettings.model_fields

        @wraps(function)
        def flow(**given: Any) -> R:  # noqa: ANN401  (what a flow takes is in its signature)
            settings = {name: given.pop(name) for name in fields if name in given}
            return function(settings, **given)  # type: ignore[call-arg]  # their names are in the signature

        meanings = {**descriptions, **{name: field.description for name, field in fields.items()}}
        lines = [f"    {name}: {text}" for name, text in meanings.items()]
        flow.__doc__ = "\n".join([inspect.cleandoc(function.__doc__ or ""), "", "Args:", *lines])
        settings = [
            inspect.Parameter(
                name, inspect.Parameter.KEYWORD_ONLY, default=getattr(_DEFAULTS, name), annotation=_KINDS[name]
            )
            for name in fields
        ]
        returned = inspect.signature(function, eval_str=True).return_annotation
        flow.__signature__ = inspect.Signature([*own, *settings], return_annotation=returned)  # type: ignore[attr-defined]
        flow.__annotations__ = {parameter.name: parameter.annotation for parameter in (*own, *settings)}
        return flow

    return decorate
