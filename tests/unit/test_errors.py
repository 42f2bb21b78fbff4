"""Errors say which rule was broken, by what, how often, and what to do; they survive a process boundary."""

import pickle

import pytest

from dfu_clustering.errors import ConfigError, DataError, InputError, WarehouseError


def test_message_names_rule_found_count_first_keys_and_remedy():
    error = DataError("Keys must be unique", found="repeated keys", keys=list("abcdefg"), remedy="remove them")
    assert str(error) == (
        "Rule broken: Keys must be unique. "
        "Found: repeated keys (7: 'a', 'b', 'c', 'd', 'e', …). What to do: remove them."
    )


def test_message_without_keys_has_no_count():
    assert str(DataError("A", found="b", remedy="c")) == "Rule broken: A. Found: b. What to do: c."


@pytest.mark.parametrize("kind", [InputError, ConfigError, DataError, WarehouseError])
def test_error_survives_pickling(kind):
    error = pickle.loads(pickle.dumps(kind("rule", found="found", keys=["k"], remedy="remedy")))
    assert type(error) is kind
    assert (error.rule, error.found, error.keys, error.remedy) == ("rule", "found", ("k",), "remedy")
