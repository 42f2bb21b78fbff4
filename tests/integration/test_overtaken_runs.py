"""A run that comes late publishes nothing over newer labels: it is asked under the publish lock, on the real table."""

import inspect
import shutil

import pytest

from dfu_clustering.config.loading import load_config
from dfu_clustering.demo.generated import generate_panel
from dfu_clustering.demo.loading import load_panel
from dfu_clustering.demo.server import create_database, drop_database
from dfu_clustering.loads.publication import find_publication
from dfu_clustering.loads.sales_loads import read_sales_state
from dfu_clustering.runs.ledger import Ledger
from dfu_clustering.runs.manifest import NOTE_PUBLISHED, PUBLISH_LABELS, READ_SALES_STATE
from dfu_clustering.runs.overtaken import OvertakenError, note_published, older_month_problem
from dfu_clustering.runs.run import Run
from dfu_clustering.steps.build_features import build_features
from dfu_clustering.steps.find_published import find_standing_runs
from dfu_clustering.steps.label_segments import label_segments
from dfu_clustering.steps.publish_labels import publish_run
from dfu_clustering.steps.record_publication import record_publication
from dfu_clustering.steps.restore_labels import find_run_to_restore, note_replaced, record_restore, restore_labels
from dfu_clustering.steps.train_model import train_model
from dfu_clustering.warehouse.connect import connect_engine
from tests.databases import copied_database

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("blank_pictures")]

CONFIG = load_config(k_range=(3, 4), gap_references=2, n_init=5)


@pytest.fixture(scope="module")
def labelled_months(postgres_server, tmp_path_factory):
    """Folders of runs up to their labels, by month; the database that they read is the template 'overtaken'."""
    create_database(postgres_server.url(), "overtaken")
    load_panel(postgres_server.url("overtaken"), generate_panel(300, 30, 5))
    engine, folders = connect_engine(postgres_server.url("overtaken")), {}
    for month in ("2026-09", "2026-10"):
        run = Run(tmp_path_factory.mktemp(month), as_of_month=month)
        build_features(run, CONFIG, engine, as_of_month=month)
        train_model(run, CONFIG)
        label_segments(run, CONFIG)
        folders[month] = run.folder
    engine.dispose()
    yield folders
    drop_database(postgres_server.url(), "overtaken")


@pytest.fixture
def engine(labelled_months, postgres_server, empty_mlflow, tmp_path, monkeypatch):
    shutil.copytree(empty_mlflow, tmp_path / "mlflow")
    monkeypatch.setenv("DFU_CLUSTERING_VAR", str(tmp_path))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    with copied_database(postgres_server, "overtaken") as url:
        engine = connect_engine(url)
        yield engine
        engine.dispose()


@pytest.fixture
def labelled(labelled_months, engine, tmp_path):
    """Makes a run up to its labels, as it stands when it is stopped before its publish."""

    def make(month, run_id):
        run = Run.open(tmp_path / "runs", as_of_month=month, config_digest=CONFIG.digest(), run_id=run_id)
        shutil.copytree(labelled_months[month], run.folder)
        note_published(run, standing(engine, run))
        run.once(READ_SALES_STATE, lambda: read_sales_state(engine, month))
        return run

    return make


def standing(engine, run):
    return find_standing_runs(engine, run.runs, CONFIG.tracking)


def publish(engine, run, **how):
    summary = publish_run(run, engine, CONFIG.tracking, **how)
    record_publication(run)
    return summary


def lines(run):
    return [line.run.rpartition("-")[2] for line in Ledger(run.runs).publications()]


def rows(engine):
    query = "SELECT dfu_ck, cluster_assignment, modified_ts FROM dim_dfu ORDER BY dfu_ck"
    with engine.connect() as connection:
        return connection.exec_driver_sql(query).fetchall()


@pytest.mark.parametrize(
    ("newer", "why"),
    [("2026-10", "labels of a later month"), ("2026-09", "other labels were published after this run began")],
    ids=["a newer month", "the same month, begun later"],
)
def test_run_that_was_stopped_before_its_publish_leaves_newer_labels_alone(engine, labelled, newer, why):
    late = labelled("2026-09", "late")
    publish(engine, labelled(newer, "newer"))
    before = rows(engine)
    for _ in range(2):  # tried again it is as late
        with pytest.raises(OvertakenError, match=f"{why}.*as of {newer} by run .*-newer"):
            publish(engine, late)
    assert rows(engine) == before
    assert not late.has_finished(PUBLISH_LABELS)
    assert lines(late) == ["newer"]


@pytest.mark.parametrize("month", ["2026-09", "2026-10"])
def test_run_that_began_later_or_is_of_a_later_month_replaces_what_came_in_between(engine, labelled, month):
    earlier, later = labelled("2026-09", "earlier"), labelled(month, "later")
    publish(engine, earlier)
    publish(engine, later)
    assert lines(later) == ["earlier", "later"]


def test_run_of_a_later_month_that_began_first_publishes_over_an_earlier_month(engine, labelled):
    october = labelled("2026-10", "october")
    publish(engine, labelled("2026-09", "september"))
    publish(engine, october)
    assert lines(october) == ["september", "october"]


def test_older_month_replaces_a_newer_one_only_where_somebody_says_so(engine, labelled):
    newest = labelled("2026-10", "newest")
    publish(engine, newest)
    by_hand = labelled("2026-09", "byhand")
    assert "as of 2026-09 while labels of a later month are published" in str(older_month_problem(by_hand))
    assert older_month_problem(newest) is None
    with pytest.raises(OvertakenError, match="labels of a later month are published"):
        publish(engine, by_hand)
    publish(engine, by_hand, publish_older_month=True)
    assert lines(newest) == ["newest", "byhand"]


def test_older_month_that_somebody_wants_is_overtaken_by_what_began_later(engine, labelled):
    publish(engine, labelled("2026-10", "newest"))
    by_hand = labelled("2026-09", "byhand")
    publish(engine, labelled("2026-10", "again"))
    with pytest.raises(OvertakenError, match="other labels were published after this run began"):
        publish(engine, by_hand, publish_older_month=True)
    assert lines(by_hand) == ["newest", "again"]


def test_load_whose_labels_were_replaced_by_an_older_month_is_published_no_more(engine, labelled):
    october = labelled("2026-10", "october")
    publish(engine, october, load_id="load")
    state = october.result(READ_SALES_STATE)

    def answer():
        known = standing(engine, october).answers
        return find_publication(known, state, load_id="load", config_digest=CONFIG.digest(), run_id="another")

    assert answer().run == october.name
    publish(engine, labelled("2026-09", "byhand"), publish_older_month=True)
    assert answer() is None
    publish(engine, labelled("2026-10", "again"), load_id="load")
    assert answer().run.endswith("-again")


def execute(engine, *statements):
    with engine.begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)


def test_load_whose_labels_somebody_has_changed_since_is_published_no_more(engine, labelled, caplog):
    run = labelled("2026-10", "october")
    publish(engine, run, load_id="load")
    assert standing(engine, run).problem is None
    # a DFU that leaves the table takes its label with it: what is left is as it was published
    execute(
        engine, "DELETE FROM dim_dfu WHERE dfu_ck = (SELECT min(dfu_ck) FROM dim_dfu WHERE cluster_assignment <> '')"
    )
    assert standing(engine, run).answers != ()
    execute(
        engine, "UPDATE dim_dfu SET cluster_assignment = 'by hand' WHERE dfu_ck = (SELECT max(dfu_ck) FROM dim_dfu)"
    )
    found = standing(engine, run)
    assert (found.answers, found.newest.run) == ((), run.name)
    assert "dim_dfu has other labels than those published last, as of 2026-10" in caplog.text


def test_table_that_was_loaded_anew_without_labels_takes_those_of_any_month(engine, labelled):
    run = labelled("2026-10", "october")
    publish(engine, run, load_id="load")
    execute(engine, "UPDATE dim_dfu SET cluster_assignment = NULL")
    found = standing(engine, run)
    assert (found.newest, found.answers) == (None, ())
    assert [line.run for line in found.publications] == [run.name]  # to be continued all the same
    assert "dim_dfu has no label at all, and not those published last" in found.problem
    september = labelled("2026-09", "september")
    assert older_month_problem(september) is None
    publish(engine, september)
    assert lines(run) == ["october", "september"]


def test_database_that_was_put_back_from_a_backup_undoes_what_was_published_later(engine, labelled, caplog):
    september = labelled("2026-09", "september")
    publish(engine, september)
    execute(engine, "CREATE TABLE backup AS SELECT * FROM dim_dfu")
    october = labelled("2026-10", "october")
    publish(engine, october, load_id="load")
    execute(engine, "TRUNCATE dim_dfu", "INSERT INTO dim_dfu SELECT * FROM backup")
    found = standing(engine, september)
    assert [line.run for line in found.answers] == [september.name]
    assert "what was published later is undone" in caplog.text
    publish(engine, labelled("2026-10", "again"), load_id="load")
    assert lines(september) == ["september", "october", "again"]
    assert standing(engine, september).newest.run.endswith("-again")


def test_publishes_to_another_warehouse_are_not_this_ones(engine, labelled, postgres_server):
    here = labelled("2026-10", "here")
    publish(engine, here)
    with copied_database(postgres_server, "overtaken") as url:
        other = connect_engine(url)
        assert standing(other, here).publications == ()
        publish(other, labelled("2026-09", "there"))
        assert [line.run for line in standing(engine, here).publications] == [here.name]
        # one that has moved by a dump has the labels of the former one
        with other.begin() as connection:
            connection.exec_driver_sql("UPDATE dim_dfu SET cluster_assignment = NULL")
            for key, label, _ in rows(engine):
                connection.exec_driver_sql("UPDATE dim_dfu SET cluster_assignment = %s WHERE dfu_ck = %s", (label, key))
        assert standing(other, here).newest.run == here.name
        # and what was published to it before it moved counts after it has published under its new name, too
        publish(other, labelled("2026-09", "moved"), publish_older_month=True)
        publish(engine, labelled("2026-10", "stayed"))
        found = [line.run.rsplit("-", 1)[1] for line in standing(other, here).publications]
        assert found == ["here", "there", "moved"]
        other.dispose()


def test_labels_that_were_put_back_meanwhile_stay(engine, labelled):
    first = labelled("2026-09", "first")
    publish(engine, first)
    publish(engine, labelled("2026-10", "unwanted"))
    late = labelled("2026-10", "late")
    restore = Run(first.runs / ".restores" / "restore-1", as_of_month="2026-09")
    earlier, before = find_run_to_restore(first.runs, CONFIG.tracking, run="first", before=None)
    note_replaced(restore, engine, dry_run=False)
    restore_labels(restore, engine, earlier, before, CONFIG.tracking)
    assert record_restore(restore, before, CONFIG.tracking) == Ledger(first.runs).publications()[-1]
    before = rows(engine)
    with pytest.raises(OvertakenError, match="restored from run"):
        publish(engine, late)
    assert rows(engine) == before
    # what begins from then on is newer
    publish(engine, labelled("2026-10", "next"))
    assert lines(first) == ["first", "unwanted", "first", "next"]


def test_restore_that_comes_late_leaves_what_was_published_since(engine, labelled):
    first = labelled("2026-09", "first")
    publish(engine, first)
    earlier, before = find_run_to_restore(first.runs, CONFIG.tracking, run="first", before=None)
    restore = Run(first.runs / ".restores" / "restore-1", as_of_month="2026-09")
    note_replaced(restore, engine, dry_run=False)
    publish(engine, labelled("2026-10", "newer"))
    with pytest.raises(OvertakenError, match="after this restore began"):
        restore_labels(restore, engine, earlier, before, CONFIG.tracking)
    assert lines(first) == ["first", "newer"]


def test_run_that_was_cut_off_after_its_own_publish_is_not_overtaken_by_itself(engine, labelled, tmp_path):
    run = labelled("2026-09", "own")
    first = publish(engine, run)
    # killed before its manifest said so: the same steps in a manifest that lacks them
    again = Run.open(tmp_path / "runs", as_of_month="2026-09", config_digest=CONFIG.digest(), run_id="own")
    assert inspect.unwrap(publish_run)(again, engine, CONFIG.tracking).transitions == first.transitions
    assert len(Ledger(run.runs).publications()) == 1


def test_dry_run_is_asked_nothing(engine, labelled):
    late = labelled("2026-09", "late")
    publish(engine, labelled("2026-10", "newer"))
    assert inspect.unwrap(publish_run)(late, engine, CONFIG.tracking, dry_run=True).dry_run


def test_run_of_an_earlier_version_takes_all_that_came_since_it_began_for_newer(engine, labelled):
    late = labelled("2026-10", "late")
    note = late.find_result(NOTE_PUBLISHED)
    late.renew(NOTE_PUBLISHED, note.model_copy(update={"began": None}))
    publish(engine, labelled("2026-10", "newer"))
    with pytest.raises(OvertakenError, match="after this run began"):
        publish(engine, late)
