"""Each file of a run, damaged in each way: who reads it says so in the project's own words, and names the file."""

import json
import os
import shutil
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from dfu_clustering import history
from dfu_clustering.errors import DfuClusteringError
from dfu_clustering.files.summary import write_summary
from dfu_clustering.publishing.outcome import PublishSummary
from dfu_clustering.publishing.record import Attempt
from dfu_clustering.publishing.staging import require_valid_labels
from dfu_clustering.runs import manifest
from dfu_clustering.runs.folder import RunFile, RunFolder
from dfu_clustering.runs.ledger import Ledger
from dfu_clustering.runs.past_gates import report_of_last_publish
from dfu_clustering.runs.publish_record import LedgerRecord
from dfu_clustering.runs.published_files import PublishedFiles
from dfu_clustering.runs.run import Run
from dfu_clustering.steps.build_report import write_report
from dfu_clustering.steps.label_segments import label_segments
from tests.publish_records import line
from tests.report_runs import CONFIG, make_run

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("blank_pictures")]

STEPS = [step for step in vars(manifest).values() if isinstance(step, manifest.Step)]
_PUBLICATION: dict[str, Any] = {
    "as_of_month": "2026-10", "load_id": None, "fingerprint": "f", "config_digest": "d", "labels": {"steady": 3},
    "published_at": "2026-11-05T06:00:00Z",
}  # fmt: skip


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Lend a run that has published, with its ledger and attempt, that tests copy."""
    runs = tmp_path_factory.mktemp("var") / "runs"
    run = make_run(runs, n_dfus=120)
    report = PublishSummary(transitions=(), not_found=0, not_found_keys=(), dry_run=False)
    published_at = datetime.fromisoformat(_PUBLICATION["published_at"])
    attempt = Attempt(transaction=1, time=published_at, warehouse="w", labels_digest="3:0", report=report)
    write_summary(attempt, run.path(RunFile.PUBLISH_ATTEMPT))
    (runs / "published.jsonl").write_text(json.dumps(_PUBLICATION | {"run": run.name}) + "\n")
    return run


def readers_of(run: Run, file: str, target: Path) -> list[Callable[[], object]]:
    """Return who reads a file of the run."""
    plain, published = RunFolder(run.folder), PublishedFiles.in_folder(run.folder)
    again = plain.placing(RunFile.LABELS, target / "again" / "labels.csv")
    other = Run(run.runs / "2026-11-d-other", as_of_month="2026-11")
    record = LedgerRecord(Ledger(run.runs), plain, line(run.name))
    trained = (RunFile.CENTROIDS, RunFile.ASSIGNMENTS, RunFile.METADATA, RunFile.MAP, RunFile.TYPICAL)
    reported = (*trained[1:4], RunFile.PROFILES, RunFile.LABELS, RunFile.FEATURES, RunFile.PANEL, RunFile.MANIFEST)
    readers: list[tuple[tuple[str, ...], Callable[[], object]]] = [
        ((*reported, "fact_sales_monthly.json"), lambda: write_report(run, CONFIG, target / "report.html")),
        (trained, lambda: label_segments(again, CONFIG)),
        ((RunFile.MANIFEST,), lambda: [run.find_result(step) for step in STEPS]),
        ((RunFile.MANIFEST,), run.durations_s),
        (("fact_sales_monthly.json",), lambda: report_of_last_publish(other, "fact_sales_monthly", None)),
        (
            (RunFile.LABEL_HISTORY, RunFile.MATRIX),
            lambda: history.load(features=["mean_demand"], var=run.runs.parent),
        ),
        ((RunFile.MODEL, RunFile.LABELS, RunFile.METADATA), lambda: published.model),
        ((RunFile.ASSIGNMENTS,), published.own_values),
        ((RunFile.MATRIX,), lambda: published.matrix(["dfu_ck", "mean_demand"]) is None and published.matrix()),
        ((RunFile.METADATA,), lambda: published.require_not_later("2026-11")),
        ((RunFile.LABELS,), lambda: require_valid_labels(plain.table(RunFile.LABELS))),
        ((RunFile.PUBLISH_ATTEMPT,), record.publication),
        (("published.jsonl",), Ledger(run.runs).publications),
    ]
    return [reader for files, reader in readers if file in files]


def errors_of(readers: list[Callable[[], object]]) -> list[DfuClusteringError]:
    """Let them read, and return their errors."""
    errors = []
    for reader in readers:
        try:
            reader()
        except DfuClusteringError as error:
            errors.append(error)
    return errors


def of_other_types(content: bytes, suffix: str) -> bytes:
    """Return what looks like the file and holds other columns, or keys with values of other types."""
    if suffix == ".json":
        return json.dumps({key: [["odd"]] for key in json.loads(content)}).encode()
    if suffix == ".jsonl":
        return b'{"run": 7}\n'
    return pd.DataFrame({"odd": [1, 2]}).to_csv(index=False).encode()


DAMAGES = {
    "empty": lambda content, _: b"",
    # within a row: a table of fewer rows is whole as far as it goes
    "cut off": lambda content, _: content[: content.find(b",", len(content) // 2) + 1 or len(content) // 2],
    "an empty object": lambda content, _: b"{}",
    "a list": lambda content, _: b"[1, 2]\n",
    "bytes": lambda content, _: b"\x80\x04\xff\x00" + os.urandom(64) + b"\n",
    "of other types": of_other_types,
}


def files_of(runs: Path) -> list[Path]:
    endings = (".json", ".jsonl", ".csv", ".parquet")
    return [path for path in sorted(runs.rglob("*")) if path.suffix in endings]


def test_whole_run_is_read_by_everybody(whole, tmp_path):
    everybody = [reader for path in files_of(whole.runs) for reader in readers_of(whole, path.name, tmp_path)]
    assert len(everybody) > 20
    assert errors_of(everybody[::4]) == []


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_file_is_named_by_who_reads_it(whole, tmp_path, damage):
    runs = tmp_path / "var" / "runs"
    shutil.copytree(whole.runs, runs)
    run = Run(runs / whole.name, as_of_month=whole.as_of_month)
    unnoticed = []
    for path in files_of(runs):
        content, readers = path.read_bytes(), readers_of(run, path.name, tmp_path / "made")
        path.write_bytes(DAMAGES[damage](content, path.suffix))
        errors = errors_of(readers)
        path.write_bytes(content)
        assert [str(error) for error in errors if path.name not in str(error)] == [], path.name
        # a ledger that ends in no newline was cut off there: that counts for nothing and stops no run
        unnoticed += [path.name] if readers and not errors and path.suffix != ".jsonl" else []
    assert unnoticed == []
