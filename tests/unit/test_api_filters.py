"""What a filters or sort parameter means, and what is refused."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from sqlalchemy.dialects import postgresql

from api.filters import Filter, Sort, parse_filters, parse_sort
from api.problem_details import InvalidParameterError
from api.tables import COLUMNS


def sql(clause):
    return str(clause.compile(dialect=postgresql.dialect(paramstyle="pyformat")))


def bound(clause):
    return list(clause.compile(dialect=postgresql.dialect()).params.values())


def test_equals_sign_means_exactly_and_anything_else_means_contains():
    found = parse_filters('{"cluster_assignment": "=high_volume_steady", "brand_desc": "cola"}')
    assert found == (
        Filter("cluster_assignment", exact=True, value="high_volume_steady"),
        Filter("brand_desc", exact=False, value="cola"),
    )


@pytest.mark.parametrize("text", [None, "", "  ", "{}", '{"brand": ""}'])
def test_no_filter_restricts_nothing(text):
    assert parse_filters(text) == ()


def test_lone_equals_sign_is_the_empty_text_and_null_the_empty_column():
    assert parse_filters('{"brand": "=", "region": null}') == (
        Filter("brand", exact=True, value=""),
        Filter("region", exact=True, value=None),
    )


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"total_lt": "=14"}', 14),
        ('{"total_lt": 14}', 14),
        ('{"alcoh_pct": "=12.5"}', Decimal("12.5")),
        ('{"alcoh_pct": 12.5}', Decimal("12.5")),
        ('{"dfu_sk": "=9223372036854775807"}', 2**63 - 1),
        ('{"modified_ts": "=2026-11-01T06:00:00Z"}', datetime(2026, 11, 1, 6, tzinfo=UTC)),
        ('{"modified_ts": "=2026-11-01"}', datetime(2026, 11, 1, tzinfo=UTC)),
    ],
)
def test_values_are_compared_in_the_type_of_their_column(text, value):
    (found,) = parse_filters(text)
    assert (found.exact, found.value) == (True, value)


def test_number_is_looked_for_in_what_a_column_of_numbers_shows():
    (found,) = parse_filters('{"total_lt": "4"}')
    assert sql(found.condition()).startswith('CAST("dim_dfu"."total_lt" AS TEXT) ILIKE')


def test_percent_underscore_and_escape_character_are_looked_for_as_they_are():
    (found,) = parse_filters('{"brand": "50%_/x"}')
    assert bound(found.condition()) == ["50/%/_//x"]


@pytest.mark.parametrize("column", list(COLUMNS))
def test_values_never_become_part_of_the_sql(column):
    attack = "x'); DROP TABLE sales; --"
    condition = Filter(column, exact=False, value=attack).condition()
    assert "DROP" not in sql(condition)
    assert bound(condition) == [attack]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "must be a JSON object"),
        ("[]", "must be a JSON object, column to value, not a list"),
        ('"x"', "not a text"),
        ("1", "not a number"),
        ("null", "not null"),
        ('{"nope": "x"}', "no column 'nope'"),
        ('{"1=1; --": "x"}', "no column"),
        ('{"brand": "a", "brand": "b"}', "names a column twice"),
        ('{"brand": ["a"]}', "brand takes a text or null, not a list"),
        ('{"brand": {"a": 1}}', "not an object"),
        ('{"brand": true}', "not a truth value"),
        ('{"brand": 7}', "not a number"),
        ('{"total_lt": true}', "total_lt takes a text, a number or null, not a truth value"),
        ('{"total_lt": "=a"}', "compared with a whole number"),
        ('{"total_lt": "="}', "compared with a whole number"),
        ('{"total_lt": 1.5}', "compared with a whole number"),
        ('{"total_lt": "=9223372036854775808"}', "compared with a whole number"),
        ('{"total_lt": NaN}', "must be a JSON object"),
        ('{"alcoh_pct": "=NaN"}', "compared with a number"),
        ('{"alcoh_pct": 1e400000}', "compared with a number"),
        ('{"alcoh_pct": "=1e-999"}', "compared with a number"),
        ('{"modified_ts": "=yesterday"}', "compared with a time"),
        ('{"brand": "a\\u0000b"}', "NUL"),
        ('{"brand": "=\\ud800"}', "surrogate"),
        ('{"total_lt": ' + "9" * 5000 + "}", "must be a JSON object"),
        ("[" * 3000, "must be a JSON object"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_the_reason(text, message):
    with pytest.raises(InvalidParameterError, match="filters: ") as refused:
        parse_filters(text)
    assert message in refused.value.detail


def test_sort_is_a_column_and_a_minus_before_it_turns_it_round():
    assert parse_sort(None) == parse_sort("") == Sort("dfu_sk", descending=False)
    assert parse_sort("brand") == Sort("brand", descending=False)
    assert parse_sort("-modified_ts") == Sort("modified_ts", descending=True)


@pytest.mark.parametrize(
    "text", ["-", "--brand", "brand desc", "brand;", "brand,region", "1", "dim_dfu.brand", " brand"]
)
def test_sort_by_anything_but_a_column_is_refused(text):
    with pytest.raises(InvalidParameterError, match="sort: dim_dfu has no column"):
        parse_sort(text)


def test_every_order_is_total_with_empty_columns_last():
    assert [sql(part) for part in Sort("brand", descending=True).order()] == [
        '"dim_dfu"."brand" DESC NULLS LAST',
        '"dim_dfu"."dfu_sk" ASC',
    ]
    assert [sql(part) for part in Sort().order()] == ['"dim_dfu"."dfu_sk" ASC']
