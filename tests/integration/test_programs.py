"""What the programs do with bad input: one clear message, exit code 2, nothing written."""

import runpy
import shutil
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import psycopg2
import pytest
import yaml

from dfu_clustering.config.loading import load_config
from dfu_clustering.demo.generated import generate_panel
from dfu_clustering.demo.loading import load_panel
from dfu_clustering.demo.server import create_database, drop_database
from dfu_clustering.files.tables import read_json
from dfu_clustering.runs.ledger import Ledger
from tests.databases import copied_database
from tests.publish_records import line

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("quick_settings", "blank_pictures")]

SCRIPTS = Path(__file__).parents[2] / "scripts"
FEATURES, TRAIN, LABEL, UPDATE, REPORT = (
    "generate_clustering_features",
    "train_clustering_model",
    "label_clusters",
    "update_cluster_assignments",
    "build_report",
)


@pytest.fixture(scope="module")
def quick_settings(tmp_path_factory):
    """A configuration file with which K is chosen at once: how it is chosen is not what these tests look at."""
    file = tmp_path_factory.mktemp("config") / "quick.yaml"
    file.write_text(yaml.safe_dump({"clustering": {"k_range": [3, 5], "gap_references": 2, "n_init": 5}}))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DFU_CLUSTERING_CONFIG", str(file))
        yield


def run_program(name, *arguments):
    """Run a program in this process and the current folder; return its exit code."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", [name, *map(str, arguments)])
        try:
            runpy.run_path(str(SCRIPTS / f"{name}.py"), run_name="__main__")
        except SystemExit as stop:
            return stop.code
    return 0


@pytest.fixture
def program(tmp_path, monkeypatch, capsys):
    """Runs a program in an empty folder; returns its exit code, output and error text."""
    monkeypatch.chdir(tmp_path)

    def run(name, *arguments):
        code = run_program(name, *arguments)
        shown = capsys.readouterr()
        return code, shown.out, shown.err

    return run


@pytest.fixture(scope="module")
def template(postgres_server):
    create_database(postgres_server.url(), "programs")
    load_panel(postgres_server.url("programs"), generate_panel(200, 30, 3))
    yield "programs"
    drop_database(postgres_server.url(), "programs")


@pytest.fixture
def warehouse(postgres_server, template, monkeypatch):
    with copied_database(postgres_server, template) as url:
        monkeypatch.setenv("DATABASE_URL", url)
        yield url


@pytest.fixture(scope="module")
def made(postgres_server, template, tmp_path_factory):
    """A folder in which features, training and labels have been made of the warehouse, under the default names."""
    folder = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("DATABASE_URL", postgres_server.url(template))
        assert [run_program(name) for name in (FEATURES, TRAIN, LABEL)] == [0, 0, 0]
    return folder


@pytest.fixture
def data(made, tmp_path):
    """A copy of what was made, in the folder in which programs run."""
    return shutil.copytree(made / "data", tmp_path / "data")


@pytest.fixture(scope="module")
def trainings(made):
    """The same features trained with three and with six clusters."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(made)
        for k, name in (("3", "three"), ("6", "six")):
            assert run_program(TRAIN, "--k-range", k, k, "--output-dir", name) == 0
    return made


def execute(url, *statements):
    with psycopg2.connect(url) as connection, connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def labels_of(url):
    with psycopg2.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT dfu_ck, cluster_assignment, modified_ts FROM dim_dfu ORDER BY dfu_ck")
        return cursor.fetchall()


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


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--min-months", "0"), "min_months_history = 0"),
        (("--time-window", "6"), "time_window_months (6) must not be shorter than min_months_history (12)"),
        (("--as-of", "2031-01"), "as_of_month must be a month within the sales"),
        (("--as-of", "October"), "A month must be written as YYYY-MM"),
        (("--output", "features.xlsx"), "must end in .csv or .parquet"),
        (("--time-window", "some"), 'a number of months or "all"'),
    ],
)
def test_features_refuse_bad_settings(program, warehouse, tmp_path, arguments, message):
    code, _, error = program(FEATURES, *arguments)
    assert code == 2
    assert message in error
    assert list(tmp_path.rglob("*")) == []


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        ("TRUNCATE fact_sales_monthly", "fact_sales_monthly must hold sales"),
        ("DROP TABLE dim_item", 'relation "dim_item" does not exist'),
        ("ALTER TABLE fact_sales_monthly RENAME COLUMN qty TO quantity", 'column "qty" does not exist'),
        ("UPDATE fact_sales_monthly SET qty = 0", "must hold sales of at least one DFU of dim_dfu"),
        ("DELETE FROM dim_dfu", "must hold sales of at least one DFU of dim_dfu"),
        ("UPDATE fact_sales_monthly SET qty = 'NaN' WHERE sales_sk = 7", "qty must be a finite number or NULL"),
        (
            (
                "INSERT INTO dim_dfu (dfu_ck, dmdunit, dmdgroup, loc)"
                " SELECT 'twin', dmdunit, dmdgroup, loc FROM dim_dfu ORDER BY dfu_ck LIMIT 1"
            ),
            "one row for each dmdunit, dmdgroup and loc",
        ),
    ],
)
def test_features_refuse_an_unusable_warehouse(program, warehouse, tmp_path, damage, message):
    execute(warehouse, damage)
    code, _, error = program(FEATURES, "--skip-validation")
    assert code == 2
    assert message in error
    assert "What to do:" in error
    assert list(tmp_path.rglob("*")) == []


HALF_LOADED = "DELETE FROM fact_sales_monthly WHERE startdate = '2026-10-01' AND abs(hashtext(sales_ck)) % 2 = 0"


def test_features_are_not_made_of_half_a_load_unless_somebody_says_why(program, warehouse, tmp_path, caplog):
    execute(warehouse, HALF_LOADED)
    code, out, error = program(FEATURES)
    assert (code, out) == (2, "")
    assert "fact_sales_monthly must pass the data-quality gate as of 2026-10" in error
    assert "Too few rows in the as-of month" in error
    assert "(critical newest_month_rows)" in error
    assert list(tmp_path.rglob("*")) == []

    code, out, _ = program(FEATURES, "--override-reason", "half of the customers closed")
    assert (code, "DFUs as of 2026-10" in out) == (0, True)
    assert (
        "suite=fact_sales_monthly continues in spite of failures, the reason: half of the customers closed"
        in caplog.text
    )
    assert {path.name for path in tmp_path.iterdir()} == {"data"}
    assert program(FEATURES, "--as-of", "2026-09")[0] == 0  # the month before was whole


def test_gates_of_programs_read_nothing_that_others_left_in_the_temporary_folder(
    program, warehouse, tmp_path_factory, monkeypatch
):
    temporary = tmp_path_factory.mktemp("temporary")
    reports = temporary / "of-somebody-else" / "data_quality"
    reports.mkdir(parents=True)
    (reports / "dim_dfu.json").write_text("not ours")
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    code, _, error = program(FEATURES)
    assert (code, error) == (0, "")


def test_labels_that_would_all_change_are_not_published_unless_somebody_says_why(program, warehouse, data, caplog):
    execute(warehouse, "UPDATE dim_dfu SET cluster_assignment = 'low_volume_steady_regular'")
    before = labels_of(warehouse)
    refused = "observed 1, allowed <= 0.5 (critical labels_stay_mostly_the_same)"
    code, out, error = program(UPDATE)
    assert (code, out) == (2, "")
    assert refused in error
    code, out, _ = program(UPDATE, "--dry-run")
    assert (code, "would be updated" in out, refused in caplog.text) == (0, True, True)
    assert labels_of(warehouse) == before
    assert program(UPDATE, "--dry-run", "--skip-validation")[0] == 0
    assert program(UPDATE, "--override-reason", "first labels of our own")[0] == 0
    assert labels_of(warehouse) != before


def test_labels_that_change_without_a_reason_are_not_published(program, warehouse, data, tmp_path):
    assert program(UPDATE)[0] == 0
    published = tmp_path / "published"
    shutil.copytree(tmp_path / "data" / "clustering", published)
    pd.read_csv("data/clustering_features.csv").to_parquet(published / "clustering_features.parquet")
    labels = pd.read_csv(published / "cluster_labels.csv", dtype=str)
    first, second = labels["cluster_label"].value_counts().index[:2]
    swapped = labels["cluster_label"].replace({first: second, second: first})
    labels.assign(cluster_label=swapped).to_csv(published / "cluster_labels.csv", index=False)
    assert program(TRAIN, "--published", published)[0] == 0
    assert program(LABEL, "--published", published)[0] == 0
    refused = "(critical labels_change_for_a_reason)"
    assert refused in program(UPDATE)[2]
    assert program(LABEL)[0] == 0  # labels that are compared with nothing are not judged by what lay there
    assert program(UPDATE)[0] == 0


def test_second_publish_tells_what_it_did_itself_and_keeps_the_labels_of_before_apart(program, warehouse, tmp_path):
    execute(warehouse, "UPDATE dim_dfu SET cluster_assignment = NULL")
    keys = [key for key, *_ in labels_of(warehouse)]

    def publish(label, dfus):
        rows = {"dfu_ck": keys[:dfus], "cluster_id": 0, "cluster_label": label}
        pd.DataFrame(rows).to_csv("labels.csv", index=False)
        code, out, error = program(UPDATE, "--input", "labels.csv", "--skip-validation")
        assert code == 0, error
        return out

    def kept():
        return {path: pd.read_parquet(path) for path in tmp_path.glob("publishes/*/previous_labels.parquet")}

    assert "updated 20, cleared 0" in publish("august", 20)
    assert "updated 0, cleared 0" in publish("august", 20)
    before = kept()
    assert "updated 10, cleared 10" in publish("september", 10)
    (own,) = set(kept()) - set(before)
    frame = pd.read_parquet(own)
    assert (len(frame), set(frame["cluster_assignment"])) == (20, {"august"})
    assert {path: len(frame) for path, frame in before.items()} == {path: len(kept()[path]) for path in before}
    assert sorted(map(len, before.values())) == [0, 20]


def test_program_goes_on_from_no_clusters_of_another_warehouse(program, warehouse, data, tmp_path):
    other = shutil.copytree(data / "clustering", tmp_path / "published")
    for name in ("cluster_labels.csv", "cluster_assignments.csv"):
        table = pd.read_csv(other / name, dtype=str)
        table.assign(dfu_ck="other " + table["dfu_ck"]).to_csv(other / name, index=False)
    model = read_json(other / "cluster_model.json")
    before = (data / "clustering" / "cluster_metadata.json").read_bytes()
    for name in (TRAIN, LABEL):
        code, out, err = program(name, "--published", other)
        assert (code, out) == (2, "")
        assert "only 0% of the " in err
        assert "another assortment or warehouse" in err
        assert "move data/published away" in err
    assert (data / "clustering" / "cluster_metadata.json").read_bytes() == before
    assert read_json(other / "cluster_model.json") == model


def test_program_publishes_an_older_month_only_where_somebody_says_so(program, warehouse, data, tmp_path):
    assert program(UPDATE, "--skip-validation")[0] == 0
    (line,) = Ledger(data / "clustering" / "publishes").publications()
    assert (line.as_of_month, line.labels) == (
        "2026-10",
        pd.read_csv("data/clustering/cluster_labels.csv")["cluster_label"].value_counts().to_dict(),
    )
    before = labels_of(warehouse)
    metadata = data / "clustering" / "cluster_metadata.json"
    metadata.write_text(metadata.read_text().replace('"as_of_month": "2026-10"', '"as_of_month": "2026-09"'))
    labels = pd.read_csv("data/clustering/cluster_labels.csv", dtype=str)
    labels.assign(cluster_label="high_volume_steady").to_csv("data/clustering/cluster_labels.csv", index=False)
    code, out, err = program(UPDATE, "--skip-validation")
    assert code == 2
    assert "would be updated" in out
    assert "Labels of a later month must not be replaced" in err
    assert "give --publish-older-month. Nothing was written" in err
    assert labels_of(warehouse) == before
    assert program(UPDATE, "--skip-validation", "--publish-older-month")[0] == 0
    assert {label for _, label, _ in labels_of(warehouse)} <= {"high_volume_steady", None}
    assert [line.as_of_month for line in Ledger(data / "clustering" / "publishes").publications()] == [
        "2026-10",
        "2026-09",
    ]


def test_program_looks_at_what_the_flow_has_published_too(program, warehouse, data, tmp_path, monkeypatch):
    monkeypatch.setenv("DFU_CLUSTERING_VAR", str(tmp_path / "var"))
    by_flow = line("2026-11-c0ffee-aaaaaaaaaaaa", published_at=datetime(2026, 12, 5, tzinfo=UTC))
    Ledger(tmp_path / "var" / "runs").append(by_flow)
    execute(warehouse, "UPDATE dim_dfu SET cluster_assignment = 'low_volume' WHERE dfu_sk < 9")
    code, _, err = program(UPDATE, "--skip-validation")
    assert code == 2
    assert "published as of 2026-11 by run 2026-11-c0ffee-aaaaaaaaaaaa" in err


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


def test_odd_but_legal_warehouses_work(program, warehouse):
    execute(
        warehouse,
        "UPDATE dim_dfu SET brand = NULL, region = 'one', alcoh_pct = NULL",
        "UPDATE dim_item SET case_weight = NULL, national_service_model = ''",
        "UPDATE fact_sales_monthly SET qty = NULL WHERE sales_sk % 50 = 0",
    )
    assert program(FEATURES)[0] == 0
    assert program(TRAIN)[0] == 0
    assert program(LABEL)[0] == 0
    code, out, _ = program(UPDATE)
    assert code == 0
    assert "DFUs of the file not found in dim_dfu: 0" in out


def test_panel_of_one_dfu_has_features_but_too_few_dfus_to_cluster(program, warehouse):
    seller = (
        "SELECT d.dfu_ck FROM dim_dfu AS d JOIN fact_sales_monthly AS s"
        " ON (d.dmdunit, d.dmdgroup, d.loc) = (s.dmdunit, s.dmdgroup, s.loc)"
        " GROUP BY d.dfu_ck HAVING count(DISTINCT s.startdate) = 30 ORDER BY d.dfu_ck LIMIT 1"
    )
    execute(warehouse, f"DELETE FROM dim_dfu WHERE dfu_ck <> ({seller})")
    code, out, _ = program(FEATURES, "--skip-validation")
    assert (code, "1 of" in out) == (0, True)
    code, _, error = program(TRAIN)
    assert code == 2
    assert "1 DFUs" in error


def test_training_refuses_fewer_dfus_than_clusters(program, data, tmp_path):
    pd.read_csv(data / "clustering_features.csv").head(2).to_csv("two.csv", index=False)
    code, _, error = program(TRAIN, "--input", "two.csv", "--output-dir", "model")
    assert code == 2
    assert "2 DFUs" in error
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda frame: frame.drop(columns=["mean_demand", "cv_demand"]), "(2: 'mean_demand', 'cv_demand')"),
        (lambda frame: pd.concat([frame, frame.head(3)]), "must hold every dfu_ck once"),
        (lambda frame: frame.assign(dfu_ck=frame["dfu_ck"].where(frame.index > 1)), "must have a dfu_ck in every row"),
        (lambda frame: frame.assign(mean_demand=frame["mean_demand"].where(frame.index > 0, 0)), "must have demand"),
        (lambda frame: frame.assign(cv_demand="much"), "Features must be numbers. Found: text"),
    ],
)
def test_training_refuses_a_broken_matrix_and_writes_nothing(program, data, tmp_path, change, message):
    change(pd.read_csv(data / "clustering_features.csv")).to_csv("broken.csv", index=False)
    code, _, error = program(TRAIN, "--input", "broken.csv", "--output-dir", "model")
    assert code == 2
    assert message in error
    assert not (tmp_path / "model").exists()


def test_training_records_history_and_window_as_the_features_were_built(program, warehouse):
    program(FEATURES, "--min-months", "6", "--time-window", "18")
    code, _, error = program(TRAIN)
    assert code == 0, error
    metadata = read_json(Path("data/clustering/cluster_metadata.json"))
    assert (metadata["config"]["min_months_history"], metadata["config"]["time_window_months"]) == (6, 18)
    assert metadata["config_digest"] == load_config(min_months_history=6, time_window_months=18).digest()


def test_companions_of_another_matrix_are_not_used(program, data, caplog):
    matrix = data / "clustering_features.csv"
    pd.read_csv(matrix).tail(100).to_csv(matrix, index=False)
    assert program(TRAIN, "--input", matrix, "--output-dir", "model")[0] == 0
    assert "belongs to another matrix" in caplog.text
    assert read_json(Path("model/cluster_metadata.json"))["as_of_month"] is None
    assert not Path("model/typical_dfus.csv").exists()


def test_keys_of_any_characters_are_clustered_and_pictured(program, warehouse, blank_pictures, monkeypatch):
    monkeypatch.setattr("dfu_clustering.outputs.pictures._save", blank_pictures)  # here they are painted
    odd = "'$' || dmdunit || '_$\\frac{酒'"
    execute(
        warehouse,
        f"UPDATE dim_dfu SET dmdunit = {odd}, dfu_ck = {odd} || '_' || dmdgroup || '_' || loc",
        f"UPDATE fact_sales_monthly SET dmdunit = {odd}",
        f"UPDATE dim_item SET item_no = {odd.replace('dmdunit', 'item_no')}",
    )
    for name in (FEATURES, TRAIN, LABEL, UPDATE):
        code, _, error = program(name)
        assert code == 0, error
    assert sum(label is not None for _, label, _ in labels_of(warehouse)) > 150


@pytest.mark.parametrize("k_range", [("9", "3"), ("1", "4")])
def test_training_refuses_an_impossible_range(program, k_range):
    code, _, error = program(TRAIN, "--k-range", *k_range)
    assert code == 2
    assert "k_range" in error


@pytest.mark.parametrize(
    ("centroids", "assignments", "metadata"),
    [("three", "six", "three"), ("six", "three", "six"), ("three", "three", "six")],
)
def test_labelling_refuses_files_of_different_trainings(program, trainings, centroids, assignments, metadata):
    code, _, error = program(
        LABEL,
        *("--centroids", trainings / centroids / "cluster_centroids.csv"),
        *("--assignments", trainings / assignments / "cluster_assignments.csv"),
        *("--metadata", trainings / metadata / "cluster_metadata.json"),
    )
    assert code == 2
    assert "must come from the same training" in error


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda frame: frame.rename(columns={"cluster_label": "segment"}), "must hold the columns"),
        (lambda frame: pd.concat([frame, frame.head(2)]), "must hold every dfu_ck once"),
        (lambda frame: frame.assign(dfu_ck=frame["dfu_ck"] + "?"), "must be in dim_dfu"),
    ],
)
def test_update_refuses_a_broken_labels_file_and_writes_nothing(program, warehouse, data, change, message):
    labels = pd.read_csv("data/clustering/cluster_labels.csv", dtype={"dfu_ck": str})
    change(labels).to_csv("broken.csv", index=False)
    before = labels_of(warehouse)
    code, _, error = program(UPDATE, "--input", "broken.csv")
    assert code == 2
    assert message in error
    assert labels_of(warehouse) == before


def test_unknown_key_of_the_config_file_is_named(program, tmp_path):
    (tmp_path / "mine.yaml").write_text("clustering: {labeling: {seasonality: 0.4}}")
    code, _, error = program(LABEL, "--config", "mine.yaml")
    assert code == 2
    assert "unknown key labeling.seasonality (did you mean labeling.seasonality_threshold?)" in error
