"""What every program says of itself, and where it has nothing to work with."""

import pytest

from tests.integration.programs.running import FEATURES, LABEL, MARKS, REPORT, TRAIN, UPDATE

pytestmark = MARKS


@pytest.mark.parametrize("name", [FEATURES, TRAIN, LABEL, UPDATE, REPORT])
def test_help_says_defaults_units_and_exit_codes(program, name):
    code, out, _ = program(name, "--help")
    assert code == 0
    assert "default:" in out
    assert "2 bad input" in out


def test_flags_are_the_ones_that_were_asked_for(program):
    expected = {
        FEATURES: ("--min-months", "--time-window", "--output", "--skip-validation", "--override-reason"),
        TRAIN: ("--input", "--k-range", "--min-cluster-size-pct", "--use-pca", "--output-dir"),
        LABEL: ("--centroids", "--assignments", "--metadata", "--output", "--config"),
        UPDATE: ("--input", "--dry-run", "--skip-validation", "--override-reason"),
    }
    for name, flags in expected.items():
        _, out, _ = program(name, "--help")
        assert [flag for flag in flags if flag not in out] == []


def test_missing_address_is_explained(program, monkeypatch):
    monkeypatch.delenv("DATABASE_URL", raising=False)
    code, _, error = program(FEATURES)
    assert code == 2
    assert "set DATABASE_URL=postgresql://" in error


def test_server_that_does_not_answer_is_a_failure_and_not_bad_input(program, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgresql://someone:hidden-word@127.0.0.1:9/none")
    code, _, error = program(FEATURES)
    assert code == 1
    assert "refused" in error
    assert "hidden-word" not in error


def test_unknown_key_of_the_config_file_is_named(program, tmp_path):
    (tmp_path / "mine.yaml").write_text("clustering: {labeling: {seasonality: 0.4}}")
    code, _, error = program(LABEL, "--config", "mine.yaml")
    assert code == 2
    assert "unknown key labeling.seasonality (did you mean labeling.seasonality_threshold?)" in error
