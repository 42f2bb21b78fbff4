"""Segments without a database: the function for tables, and the command for files."""

import subprocess
import sys
from pathlib import Path

import matplotlib.figure
import pandas as pd
import pyarrow as pa
import pytest

from dfu_clustering.demo.generated import generate_panel
from dfu_clustering.errors import ConfigError, DataError
from dfu_clustering.labels.vocabulary import LABELS, LIFECYCLE_LABELS
from dfu_clustering.standalone import command
from dfu_clustering.standalone.segment import segment

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("blank_pictures")]

COLUMNS = ["dmdunit", "dmdgroup", "loc", "startdate", "qty"]
GERMAN = {"dmdunit": "Artikel", "dmdgroup": "Kunde", "loc": "Lager", "startdate": "Tag", "qty": "Menge"}
GERMAN_FLAGS = ["--keys", "Artikel,Kunde,Lager", "--date", "Tag", "--quantity", "Menge", "--decimal", ","]


@pytest.fixture(scope="module")
def sales() -> pd.DataFrame:
    return generate_panel(300, 40, 7).sales.select(COLUMNS).to_pandas()


@pytest.fixture(scope="module")
def result(sales):
    return segment(sales, k_range=(3, 6))


@pytest.fixture(scope="module")
def earlier(sales):
    month = str(pd.Period(sales["startdate"].max(), "M") - 1)
    return segment(sales, as_of_month=month, k_range=(3, 6))


def run_command(monkeypatch, *arguments: str | Path) -> int:
    monkeypatch.setattr(sys, "argv", ["dfu-clustering", *map(str, arguments)])
    try:
        command.main()
    except SystemExit as stop:
        return int(stop.code or 0)
    return 0


def test_every_dfu_that_ever_sold_has_a_label_of_the_closed_list_and_a_reason(sales, result):
    labels = result.labels
    sold = sales[sales["qty"] > 0][["dmdunit", "dmdgroup", "loc"]].drop_duplicates()
    assert len(labels) == len(sold) == len(labels.merge(sold, on=["dmdunit", "dmdgroup", "loc"]))
    assert set(labels["cluster_label"]) <= LABELS.keys() | LIFECYCLE_LABELS
    assert result.reasons.loc[labels["dfu_ck"]].str.len().min() > 10


def test_profiles_features_and_k_speak_of_the_same_clusters(result):
    in_segments = ~result.labels["cluster_label"].isin(LIFECYCLE_LABELS)
    sizes = result.labels.loc[in_segments, "cluster_label"].value_counts()
    assert result.profiles["size"].to_dict() == sizes.to_dict()
    assert len(result.features) == in_segments.sum()
    assert result.k_selection.index.tolist() == [3, 4, 5, 6]
    assert result.k_selection["selected"].sum() == 1


def test_the_order_of_the_rows_and_the_kind_of_table_change_nothing(sales, result):
    shuffled = pa.Table.from_pandas(sales.sample(frac=1, random_state=1), preserve_index=False)
    pd.testing.assert_frame_equal(segment(shuffled, k_range=(3, 6)).labels, result.labels)


def test_daily_rows_under_other_names_give_the_labels_of_their_months(sales, result):
    daily = pd.concat(
        [
            sales.assign(startdate=pd.to_datetime(sales["startdate"]) + pd.Timedelta(days=day), qty=sales["qty"] / 2)
            for day in (4, 27)
        ]
    )
    daily = daily.rename(columns=GERMAN)
    same = segment(
        daily,
        keys=("Artikel", "Kunde", "Lager"),
        date="Tag",
        quantity="Menge",
        as_of_month=result.files.features().as_of_month,
        k_range=(3, 6),
    )
    assert same.labels["cluster_label"].tolist() == result.labels["cluster_label"].tolist()
    assert list(same.labels.columns[:4]) == ["dfu_ck", "Artikel", "Kunde", "Lager"]
    assert "rows summed" in same.notes[0]


def test_the_next_month_continues_a_result_or_the_folder_where_it_was_saved(sales, earlier, tmp_path):
    continued = segment(sales, previous=earlier, k_range=(3, 6))
    from_folder = segment(sales, previous=earlier.save(tmp_path / "earlier"), k_range=(3, 6))
    pd.testing.assert_frame_equal(continued.labels, from_folder.labels)
    both = continued.labels.merge(earlier.labels, on="dfu_ck")
    changed = both.loc[both["cluster_label_x"] != both["cluster_label_y"], "dfu_ck"]
    assert continued.changes is not None
    assert continued.changes["dfu_ck"].tolist() == changed.tolist()
    assert earlier.changes is None
    beside = continued.changes.dropna(subset=["threshold", "before", "after"])
    on_both_sides = (beside["before"] - beside["threshold"]) * (beside["after"] - beside["threshold"]) <= 0
    assert len(beside) > 0
    assert beside[~on_both_sides & ~beside["word"].str.contains("history")].empty


def test_figures_and_report_are_made_when_they_are_asked_for(result, tmp_path):
    assert set(result.figures) == {
        "cluster_sizes",
        "cluster_profiles",
        "cluster_visualization",
        "typical_dfus",
        "k_selection_plots",
    }
    assert all(isinstance(figure, matplotlib.figure.Figure) for figure in result.figures.values())
    assert not list(result.files.folder.glob("*.png"))
    assert result.profiles.index[0] in result.report(tmp_path / "report.html").read_text()
    assert result.profiles.index[0] in result._repr_html_()


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        ({"keys": ("item",)}, DataError, "no single column 'item'"),
        ({"as_of_month": "1999-01"}, DataError, "the sales table runs from"),
        ({"k_rnge": (3, 6)}, ConfigError, "did you mean k_range"),
        ({"previous": "/nowhere"}, DataError, "must have"),
    ],
)
def test_what_cannot_be_done_says_what_to_do(sales, change, error, said):
    with pytest.raises(error, match=said):
        segment(sales, **change)


def test_a_value_that_is_no_table_is_refused():
    with pytest.raises(DataError, match="a list"):
        segment([1, 2])


def test_the_command_gives_the_labels_of_the_function_for_a_spreadsheet(sales, tmp_path, monkeypatch, capsys):
    german = sales.rename(columns=GERMAN)
    german.to_csv(tmp_path / "sales.csv", sep=";", decimal=",", index=False, encoding="utf-8-sig")
    (tmp_path / "quick.yaml").write_text("clustering: {k_range: [3, 5], gap_references: 2, n_init: 5}\n")
    monkeypatch.setenv("DFU_CLUSTERING_CONFIG", str(tmp_path / "quick.yaml"))
    monkeypatch.chdir(tmp_path)
    assert run_command(monkeypatch, "segment", "sales.csv", *GERMAN_FLAGS) == 0
    expected = segment(german, keys=("Artikel", "Kunde", "Lager"), date="Tag", quantity="Menge")
    assert (tmp_path / "segments/cluster_labels.csv").read_bytes() == (
        expected.files.folder / "cluster_labels.csv"
    ).read_bytes()
    assert (tmp_path / "segments/report.html").exists()
    assert (tmp_path / "segments/cluster_sizes.png").exists()
    assert expected.profiles.index[0] in capsys.readouterr().out


def test_features_train_and_label_in_a_row_are_the_command_segment(sales, result, tmp_path, monkeypatch):
    sales.to_parquet(tmp_path / "sales.parquet")
    monkeypatch.chdir(tmp_path)
    matrix = tmp_path / "segments/clustering_features.parquet"
    assert run_command(monkeypatch, "features", "sales.parquet", "--output", matrix) == 0
    assert run_command(monkeypatch, "train", "--input", matrix, "--output-dir", "segments", "--k-range", "3", "6") == 0
    trained = [
        ("--centroids", "cluster_centroids.csv"),
        ("--assignments", "cluster_assignments.csv"),
        ("--metadata", "cluster_metadata.json"),
    ]
    flags = [part for flag, file in trained for part in (flag, f"segments/{file}")]
    assert run_command(monkeypatch, "label", *flags, "--output", "segments/cluster_labels.csv") == 0
    assert (tmp_path / "segments/cluster_labels.csv").read_bytes() == (
        result.files.folder / "cluster_labels.csv"
    ).read_bytes()


def test_compare_counts_what_changed_between_two_runs(result, earlier, tmp_path, monkeypatch, capsys):
    after = result.save(tmp_path / "after")
    assert run_command(monkeypatch, "compare", earlier.save(tmp_path / "before"), after / "cluster_labels.csv") == 0
    both = earlier.labels.merge(result.labels, on="dfu_ck")
    both = both[~both["cluster_label_x"].isin(LIFECYCLE_LABELS) & ~both["cluster_label_y"].isin(LIFECYCLE_LABELS)]
    share = (both["cluster_label_x"] != both["cluster_label_y"]).mean()
    assert f"{share:.1%} of {len(both)} DFUs" in capsys.readouterr().out


def test_bad_input_ends_with_code_2_and_one_message(tmp_path, monkeypatch, capsys):
    (tmp_path / "sales.csv").write_text("a;b\n1;2\n")
    assert run_command(monkeypatch, "segment", tmp_path / "sales.csv") == 2
    assert capsys.readouterr().err.count("error: ") == 1


def test_importing_the_function_loads_nothing_heavy():
    heavy = "{'sklearn', 'scipy', 'matplotlib', 'pandas', 'mlflow', 'prefect'}"
    code = (
        f"import sys; from dfu_clustering.standalone.segment import segment; print(sorted({heavy} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
