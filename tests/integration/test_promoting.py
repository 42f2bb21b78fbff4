"""Other settings are tried on what is published, promoted byte for byte, and overridden by people: by the flows."""

import csv
import re
import shutil
import sys

import pandas as pd
import pytest
from fastapi.testclient import TestClient
from prefect.settings import PREFECT_API_URL, temporary_settings
from pydantic import SecretStr

from api.app import create_app
from api.settings import ApiSettings
from dfu_clustering.config.loading import load_config
from dfu_clustering.errors import DataError
from dfu_clustering.files.tables import read_json, write_json
from dfu_clustering.history import load
from dfu_clustering.loads.sales_loads import SalesState
from dfu_clustering.months import parse_month
from dfu_clustering.overrides.register import Overrides
from dfu_clustering.overrides.wanted import Wanted
from dfu_clustering.runs.folder import RunFile
from dfu_clustering.runs.ledger import Ledger
from dfu_clustering.runs.manifest import LABEL_SEGMENTS, PUBLISH_LABELS, READ_SALES_STATE
from dfu_clustering.runs.run import Run
from dfu_clustering.steps.override_labels import enter_override, open_override
from dfu_clustering.warehouse.connect import connect_engine
from flows.end_override import end_override
from flows.override_labels import override_labels
from flows.promote_run import promote_run
from flows.restore_assignments import restore_assignments
from flows.try_settings import try_settings
from scripts import override_labels as program
from tests.databases import copied_database
from tests.integration.gate_runs import QUICK, any_change, fetch, rows_of_dim_dfu, run_flow

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("blank_pictures")]

SPARSE = {"labeling": load_config().labeling.model_dump() | {"zero_demand_threshold": 0.05}}


@pytest.fixture(scope="module")
def desk(postgres_server, published_run, server_of_this_process, tracking_store, tmp_path_factory):
    """A copy of a published run and its warehouse, with the environment of a planner."""
    var = tmp_path_factory.mktemp("desk")
    shutil.copytree(published_run.var / "runs", var / "runs")
    with (
        copied_database(postgres_server, published_run.database) as url,
        pytest.MonkeyPatch.context() as patch,
        temporary_settings({PREFECT_API_URL: server_of_this_process.api_url}),
    ):
        patch.chdir(var)
        for name, value in (
            ("DATABASE_URL", url),
            ("DFU_CLUSTERING_VAR", var),
            ("MLFLOW_TRACKING_URI", tracking_store),
        ):
            patch.setenv(name, str(value))
        yield Desk(url, var)


class Desk:
    """What the tests ask about."""

    def __init__(self, url, var):
        self.url, self.var, self.runs = url, var, var / "runs"

    @property
    def newest(self):
        return Ledger(self.runs).publications()[-1]

    def run(self, name):
        return Run.named(self.runs, name)

    def labels(self):
        return dict(
            fetch(self.url, "SELECT dfu_ck, cluster_assignment FROM dim_dfu WHERE cluster_assignment IS NOT NULL")
        )

    def ask(self, path):
        """Return what the API answers."""
        settings = ApiSettings(database_url=SecretStr(self.url), runs=self.runs)
        with TestClient(create_app(settings), base_url="http://127.0.0.1") as client:
            answer = client.get(f"/domains/dfu/{path}")
        assert answer.status_code == 200, answer.text
        return answer.json() if "json" in answer.headers["Content-Type"] else answer.content.decode("utf-8-sig")

    def listed(self, dfu_ck):
        """Return the row of a DFU in a list for Excel."""
        (row,) = csv.DictReader(self.ask(f'page.csv?filters={{"dfu_ck":"={dfu_ck}"}}').splitlines())
        return row

    def machine_labels(self, name):
        table = self.run(name).table(RunFile.LABELS)
        return dict(zip(table["dfu_ck"], table["cluster_label"], strict=True))


def test_settings_of_the_run_itself_give_its_own_labels_and_publish_nothing(desk):
    before = rows_of_dim_dfu(desk.url)
    summary = try_settings(**QUICK)
    published, tried = desk.run(desk.newest.run), desk.run(summary.run_folder.rpartition("/")[2])
    assert tried.table(RunFile.LABELS).equals(published.table(RunFile.LABELS))
    assert summary.published.dry_run
    assert summary.published.updated == summary.published.cleared == 0
    assert rows_of_dim_dfu(desk.url) == before
    assert tried.path(RunFile.MATRIX).stat().st_ino == published.path(RunFile.MATRIX).stat().st_ino


def test_other_threshold_is_tried_then_promoted_byte_for_byte_with_an_override_on_top(desk):
    before, first = desk.labels(), desk.newest
    tried = try_settings(**QUICK, **SPARSE)
    assert desk.labels() == before
    name = tried.run_folder.rpartition("/")[2]
    content, wanted = desk.run(name).path(RunFile.LABELS).read_bytes(), desk.machine_labels(name)
    changed = {key for key in before if wanted.get(key) != before[key]}
    assert len(changed) > 5
    assert tried.published.updated == len(changed)
    assert tried.stability is not None
    assert tried.stability.published_run == first.run
    causes = set(desk.run(name).table(RunFile.LABEL_CHANGES)["word"])
    assert any(cause.endswith("its threshold moved") for cause in causes), causes
    assert not any(cause.startswith("too few DFUs") for cause in causes)

    override_labels("inactive", "2099-12", "Ada", "one customer", dfu_cks=(min(changed),))
    assert desk.labels() == before | {min(changed): "inactive"}
    assert desk.newest.same_labels
    shown = desk.ask(min(changed))
    assert (shown["label"], shown["cluster_id"], shown["machine_label"]) == ("inactive", 9, before[min(changed)])
    assert (shown["override"]["owner"], shown["override"]["until_month"]) == ("Ada", "2099-12")
    assert shown["labels"][-1]["label"] == "inactive"
    row = desk.listed(min(changed))
    assert (row["label"], row["machine_label"], row["set_by"]) == ("inactive", before[min(changed)], "Ada")
    (listed,) = desk.ask("overrides")["overrides"]
    assert (listed["dfus"], listed["published"], listed["agreeing"], listed["ended_by"]) == (1, True, 0, None)
    assert desk.ask("clusters/changes")["updated"] == len(before)  # of the publish of the run

    assert desk.run(name).find(RunFile.SIZES_PICTURE) is None  # of what is only tried
    promoted = promote_run(name, override_reason="looked at both")
    assert desk.run(name).find(RunFile.SIZES_PICTURE) is not None
    assert (desk.newest.run, desk.newest.same_labels) == (name, False)
    assert promoted.published.dry_run is desk.run(name).result(PUBLISH_LABELS).dry_run is False
    assert promoted.published.overrides is not None
    assert promoted.published.overrides.dfus == 1
    assert desk.run(name).path(RunFile.LABELS).read_bytes() == content
    assert desk.labels() == wanted | {min(changed): "inactive"}
    says_of_each_dfu_what_changed(desk, before, sorted(changed))

    with pytest.raises(DataError, match="must not have published before"):
        promote_run(name)
    promote_again_after_it_was_cut_off(desk, name)

    back = restore_assignments(first.run)
    assert desk.labels() == before | {min(changed): "inactive"}  # a restore keeps what people have set
    assert back.published.overrides is not None
    assert back.published.overrides.overrides == 1
    rows = load(first.as_of_month).set_index("dfu_ck").loc[min(changed)]
    assert (rows["label"], rows["machine_label"]) == ("inactive", before[min(changed)])

    run_flow(as_of_month=first.as_of_month, **any_change())  # a rerun keeps it, too
    assert desk.labels()[min(changed)] == "inactive"
    its_end_brings_the_machine_s_label_back(desk, min(changed))


def its_end_brings_the_machine_s_label_back(desk, key):
    ended = end_override(desk.newest.overrides[0], "Bob", "the customer is gone")
    assert ended.override.ended is not None
    assert ended.override.ended.owner == "Bob"
    assert desk.labels()[key] == desk.machine_labels(desk.newest.run)[key]
    assert desk.newest.overrides == ()
    assert desk.ask(key)["override"] is None
    assert desk.ask("overrides")["overrides"][0]["ended_by"] == "Bob"


@pytest.mark.slow
def test_override_survives_the_next_month_and_ends_with_its_last(desk):
    newest = desk.newest.as_of_month
    before = str(parse_month(newest) - 1)  # a numpy month counts in months
    run_flow(as_of_month=before, publish_older_month=True, **any_change())
    kept, ended = sorted(key for key, label in desk.labels().items() if label != "inactive")[:2]
    override_labels("inactive", "2099-12", "Ada", "for long", dfu_cks=(kept,))
    override_labels("inactive", before, "Ada", "this month only", dfu_cks=(ended,))
    assert {desk.labels()[key] for key in (kept, ended)} == {"inactive"}
    run_flow(as_of_month=newest, **any_change())
    machine = desk.machine_labels(desk.newest.run)
    assert (desk.newest.as_of_month, machine[kept] != "inactive") == (newest, True)
    assert (desk.labels()[kept], desk.labels()[ended]) == ("inactive", machine[ended])
    past = load(before).set_index("dfu_ck").loc[[kept, ended]]
    assert past["label"].tolist() == ["inactive"] * 2
    assert past["machine_label"].tolist() != ["inactive"] * 2
    (override,) = desk.newest.overrides
    end_override(override, "Ada", "the other tests have none")


def says_of_each_dfu_what_changed(desk, before, changed):
    assert desk.ask(changed[0])["change"] is None  # it had the label of its override before
    assert desk.ask(min(set(before) - set(changed)))["change"] is None
    for key in changed[1:]:
        change = desk.ask(key)["change"]
        assert change["label_before"] == before[key]
        assert change["change"]


def promote_again_after_it_was_cut_off(desk, name):
    """A promotion that was cut off after its COMMIT finds its run again, and publishes nothing twice."""
    lines = len(Ledger(desk.runs).publications())
    unfinished = read_json(desk.run(name).path(RunFile.MANIFEST))
    unfinished["steps"]["update_assignments"]["summary"]["dry_run"] = True
    write_json(unfinished, desk.run(name).path(RunFile.MANIFEST))
    again = promote_run(name, override_reason="looked at both")
    assert not again.published.dry_run
    assert len(Ledger(desk.runs).publications()) == lines


def test_run_that_was_not_labelled_or_is_unknown_cannot_be_promoted(desk):
    with pytest.raises(DataError, match=r"A run must be named by one of these.*the newest are"):
        promote_run("nothing")
    run = Run.open(desk.runs, as_of_month="2026-01", config_digest="0123456789", run_id="0123456789ab")
    run.folder.mkdir()
    run.once(READ_SALES_STATE, lambda: SalesState.unknown("2026-01"))
    with pytest.raises(DataError, match="must have labels"):
        promote_run(run.name)
    assert not run.has_finished(LABEL_SEGMENTS)


def test_settings_that_need_other_features_are_refused(desk):
    with pytest.raises(DataError, match=r"min_months_history: 24 instead of 12.*builds features again"):
        try_settings(**QUICK, min_months_history=24)


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"label": "steady_high", "dfu_cks": ("x",)}, "must give a label that is published"),
        ({"dfu_cks": ("no such key",)}, r"Every dfu_ck must be in dim_dfu.*'no such key'"),
        ({"values": {"locc": "DC10"}}, r"did you mean loc"),
        ({"values": {"loc": "nowhere"}}, r"none with loc = 'nowhere'"),
        ({}, r"either by their keys or by a filter.*neither"),
        ({"until_month": "2000-01", "values": {"loc": "x"}}, "in the month that is published, or in a later one"),
        ({"until_month": "soon", "values": {"loc": "x"}}, "must be written as YYYY-MM"),
        ({"values": {"loc": "a\0b"}}, r"none with loc = 'a\\x00b'"),
        ({"of_a_known_dfu": True, "owner": "two\nlines"}, r"who wants it and why, on one line.*owner"),
        ({"of_a_known_dfu": True, "reason": " "}, r"who wants it and why, on one line.*reason"),
    ],
)
def test_override_that_cannot_be_is_refused_with_what_to_do_and_enters_nothing(desk, wanted, message):
    asked = {"label": next(iter(desk.newest.labels)), "until_month": "2099-12", "owner": "Ada", "reason": "a reason"}
    if wanted.pop("of_a_known_dfu", False):
        wanted["dfu_cks"] = (min(desk.labels()),)
    before = Overrides(desk.runs).all()
    with pytest.raises(DataError, match=message):
        enter_override(open_override(desk.runs, "x"), connect_engine(desk.url), Wanted(**(asked | wanted)))
    assert Overrides(desk.runs).all() == before


def test_program_enters_by_a_filter_lists_and_ends(desk, monkeypatch, capsys):
    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["override_labels", *arguments])
        program.main()
        return capsys.readouterr().out

    (loc, dfus), *_ = fetch(
        desk.url, "SELECT loc, count(*) FROM dim_dfu GROUP BY 1 HAVING count(*) > 5 ORDER BY 2 LIMIT 1"
    )
    label = max(desk.newest.labels)
    who = ("--owner", "Ada", "--reason", "a new customer")
    before = desk.labels()
    shown = run("--filter", f"loc={loc}", "--label", label, "--until", "2099-12", *who, "--dry-run")
    assert f"dry run, nothing entered: an override of {dfus} DFUs to {label} would hold until 2099-12" in shown
    assert "dry run, nothing published: would be updated" in shown
    assert desk.labels() == before
    shown = run("--filter", f"loc={loc}", "--label", label, "--until", "2099-12", *who)
    override = shown.split()[1]
    keys = {key for (key,) in fetch(desk.url, f"SELECT dfu_ck FROM dim_dfu WHERE loc = '{loc}'")}
    assert desk.labels() == before | dict.fromkeys(keys, label)
    first = ", ".join(sorted(keys)[:5])
    listed = (
        f"{override}  until 2099-12\n  {dfus} DFUs to {label} by Ada: a new customer\n  {first}, and {dfus - 5} more"
    )
    assert listed in run("--list")
    shown = run("--end", override, "--owner", "Bob", "--reason", "over")
    ended = Overrides(desk.runs).named([override])[0].ended
    assert f"override {override} of {dfus} DFUs to {label}: {ended}\n" in shown
    assert re.fullmatch(r"ended by Bob on \d{4}-\d\d-\d\d \d\d:\d\d UTC: over", str(ended))
    assert desk.labels() == before
    lines = len(Ledger(desk.runs).publications())
    shown = run("--end", override, "--owner", "Cy", "--reason", "once more")
    assert f"override {override} of {dfus} DFUs to {label}: already {ended}\n" in shown
    assert "not published at once: the labels that are published do not have it" in shown
    assert len(Ledger(desk.runs).publications()) == lines
    assert f"{override}  {ended}\n" in run("--list")
    table = pd.read_csv(desk.runs / ".overrides" / f"override-{override}" / RunFile.OVERRIDES)
    assert (table["override"] == override).sum() == dfus
