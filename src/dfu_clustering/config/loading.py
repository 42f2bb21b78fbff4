"""Reading the configuration: the project's defaults, then a YAML file, then flags or flow parameters."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from dfu_clustering.config.clustering import ClusteringConfig
from dfu_clustering.config.problems import problem_in_words
from dfu_clustering.errors import ConfigError

CONFIG_PATH_VARIABLE = "DFU_CLUSTERING_CONFIG"
_IN_CHECKOUT = Path(__file__).parents[3] / "config" / "clustering_config.yaml"
_IN_WHEEL = Path(__file__).with_name("clustering_config.yaml")
DEFAULTS_PATH = _IN_CHECKOUT if _IN_CHECKOUT.exists() else _IN_WHEEL


def config_path() -> Path:
    """Return the file that DFU_CLUSTERING_CONFIG names, else the project's own."""
    return Path(os.environ.get(CONFIG_PATH_VARIABLE) or DEFAULTS_PATH)


def load_config(path: Path | str | None = None, **overrides: Any) -> ClusteringConfig:  # noqa: ANN401
    """Read the configuration: the project's defaults, then the file's keys, then the overrides.

    Args:
        path: A YAML file with a top-level key ``clustering``; it may hold any part of the tree. Default: config_path().
        **overrides: Top-level keys of the tree; None means "as in the file". Mappings are merged key by key.

    Raises:
        ConfigError: The file is not readable YAML, or a key is unknown, missing, out of range or contradicts another.
    """
    source = Path(path) if path is not None else config_path()
    settings = _read(DEFAULTS_PATH)
    if source.resolve() != DEFAULTS_PATH:
        settings = merged(settings, _read(source))
    given = {key: value for key, value in overrides.items() if value is not None}
    return parse_config(merged(settings, given), source=str(source))


def parse_config(settings: Mapping[str, Any], *, source: str = "the given settings") -> ClusteringConfig:
    """Validate a complete mapping of settings.

    Raises:
        ConfigError: A key is unknown, missing, out of range or contradicts another; all of them are named.
    """
    try:
        return ClusteringConfig.model_validate(settings)
    except ValidationError as error:
        problems = [problem_in_words(detail) for detail in error.errors()]
        raise ConfigError(
            "Every configuration key must be known and every value within its bounds",
            found="; ".join(problems),
            remedy=f"correct {source} or the override; {DEFAULTS_PATH.name} lists every key with its default",
        ) from error


def _read(path: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(
            "The configuration must be a readable YAML file",
            found=f"{path}: {error}",
            remedy=f"correct the path or the file; {CONFIG_PATH_VARIABLE} may name another one",
        ) from error
    section = content.get("clustering") if isinstance(content, dict) else None
    if not isinstance(section, dict) or set(content) != {"clustering"}:
        keys = sorted(map(str, content)) if isinstance(content, dict) else type(content).__name__
        raise ConfigError(
            "A configuration file must hold one mapping under the single top-level key 'clustering'",
            found=f"{path}: {keys}",
            remedy="move the settings under 'clustering:'",
        )
    return section


def merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return a tree of settings with other values for some of its keys; sections are merged key by key."""
    result = dict(base)
    for key, value in changes.items():
        plain = value.model_dump() if isinstance(value, BaseModel) else value
        inner = result.get(key)
        nested = isinstance(inner, Mapping) and isinstance(plain, Mapping)
        result[key] = merged(inner, plain) if nested else plain  # type: ignore[arg-type]
    return result
