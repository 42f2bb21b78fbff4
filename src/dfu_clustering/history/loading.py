"""Labels and features as of past months, as one frame."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from dfu_clustering.files.tables import require_columns
from dfu_clustering.history.one_meaning import OneMeaning, SegmentNumbers
from dfu_clustering.history.sources import AsOf, MonthSource, month_sources, source_of, wanted_months
from dfu_clustering.labels.vocabulary import LABELS
from dfu_clustering.runs.folder import RunFile
from dfu_clustering.runs.run import var_folder


def load(
    as_of: AsOf = None,
    *,
    features: Sequence[str] = (),
    segments_of: str | None = None,
    var: Path | None = None,
) -> pd.DataFrame:
    """Return the labels, and features if asked for, that were known as of the months.

    Args:
        as_of: A month, ``"2026-08"``; first and last of a range, as a tuple; a list of months; None: every month
            that there is.
        features: Columns of the feature matrix.
        segments_of: A month whose segments are applied to the features of every month, without memory; None: none.
        var: The folder of runs and backfills; default: DFU_CLUSTERING_VAR.

    Returns:
        dfu_ck, as_of_month, label, distance, margin, machine_label (another where a person had set the label), run (of
        a publish, or the backfill), then the features; with segments_of also segment_applied and label_applied, its
        segments, and segment_published, the number of ``label``. Months ascending, then keys. A DFU without a row had
        no label as of that month.

    Raises:
        DataError: A wanted month was neither published nor backfilled, or its files are gone.
        TrackingUnavailableError: A run's folder is gone, and MLflow does not answer.
    """
    var = var or var_folder()
    sources = month_sources(var)
    meaning = OneMeaning.of(source_of(var, segments_of)) if segments_of else None
    frames = [_month(sources[month], features, meaning) for month in wanted_months(as_of, sources)]
    return pd.concat(frames, ignore_index=True)


def months(*, var: Path | None = None) -> list[str]:
    """Return the months that load() knows, the oldest first."""
    return sorted(month_sources(var or var_folder()))


def segment_set(month: str, *, var: Path | None = None) -> SegmentNumbers:
    """Return the segments that load(segments_of=month) can give, by number.

    Raises:
        DataError: The month was neither published nor backfilled, or its files are gone.
    """
    return OneMeaning.of(source_of(var or var_folder(), month)).numbers(month)


def changed_segments(before: str, after: str, *, var: Path | None = None) -> list[str]:
    """Return the labels that DFUs came to or left between two months: those whose models are to be trained again.

    Raises:
        DataError: A month was neither published nor backfilled, or its files are gone.
    """
    was, now = (load(month, var=var).set_index("dfu_ck")["label"] for month in (before, after))
    both = pd.concat([was, now], axis=1, keys=["was", "now"], sort=True)
    moved = both[both["was"] != both["now"]]  # a label that is missing differs from any, also from another missing one
    return sorted({label for name in ("was", "now") for label in moved[name].dropna()})


def agreement(rows: pd.DataFrame) -> pd.DataFrame:
    """Return by month how far the segments of one month agree with what was published.

    Args:
        rows: What load() returned with segments_of.

    Returns:
        as_of_month, dfus, same_share (0-1) of the rows whose published label is the applied one, gone_share (0-1) of
        those whose published label no row has by the applied segments.
    """
    there = set(rows["segment_applied"].dropna())
    compared = pd.DataFrame(
        {
            "as_of_month": rows["as_of_month"],
            "same_share": (rows["segment_applied"] == rows["segment_published"]).fillna(value=False).astype("bool"),
            "gone_share": ~rows["segment_published"].isin(there).astype("bool"),
        }
    ).groupby("as_of_month")
    return compared.mean().assign(dfus=compared.size())[["dfus", "same_share", "gone_share"]].reset_index()


def _month(source: MonthSource, features: Sequence[str], meaning: OneMeaning | None) -> pd.DataFrame:
    frame = source.labels()
    frame = frame.assign(run=pd.Series(source.name, index=frame.index, dtype="str"))
    if meaning is not None:
        frame = _with_segments(frame, meaning.applied_to(source))
    if not features:
        return frame
    matrix = source.files.table(RunFile.MATRIX, ["dfu_ck", *features])
    require_columns(matrix, features, rule="Features must be columns of the feature matrix", remedy="name others")
    return frame.merge(matrix, how="left", on="dfu_ck", validate="one_to_one")


def _with_segments(frame: pd.DataFrame, applied: pd.DataFrame) -> pd.DataFrame:
    named = applied.rename(columns={"segment": "segment_applied", "label": "label_applied"})
    columns = ["dfu_ck", "segment_applied", "label_applied"]
    both = frame.merge(named[columns], how="left", on="dfu_ck", validate="one_to_one")
    return both.assign(segment_published=segment_numbers(both["label"]))


def segment_numbers(labels: "pd.Series[str]") -> "pd.Series[int]":
    """Return the number of each label; none where it is missing, or none of words of today."""
    codes, texts = pd.factorize(labels.to_numpy(dtype=object))
    numbers = [LABELS[text].segment_id if text in LABELS else None for text in texts]
    return pd.Series(pd.array([*numbers, None], dtype="Int64")[codes], index=labels.index)
