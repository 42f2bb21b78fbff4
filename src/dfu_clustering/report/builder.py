"""The model of a report, put together from a run's artifacts."""

import numpy as np
import pandas as pd

from dfu_clustering.arrays import Floats, Integers
from dfu_clustering.report.changes import changes
from dfu_clustering.report.charts import Band, Charts, SampledDfu
from dfu_clustering.report.data_quality import data_quality
from dfu_clustering.report.demand_bands import jsonable, quartile_band, rounded, since_first_sale
from dfu_clustering.report.inputs import RunArtifacts
from dfu_clustering.report.model import Changes, DataQuality, Headline, Report
from dfu_clustering.report.one_dfu import own_words, why_borderline
from dfu_clustering.report.overrides import overridden
from dfu_clustering.report.provenance import k_choice, k_curves, parameters, provenance
from dfu_clustering.report.sample import Selection
from dfu_clustering.report.segments import heat_map, marks, pattern_matrix, segment_cards
from dfu_clustering.report.wording import month_in_words
from dfu_clustering.report.worth import worth_of

_MAP_DECIMALS = 3
_SAMPLED = ("key", "segment", "mean", "abc", "reason", "own", "near", "earlier", "at", "demand")
_MONTHS_BEFORE_WINDOW = 12  # of demand shown beside the months that count


def assemble(artifacts: RunArtifacts, selection: Selection) -> Report:
    """Return everything that the page of a run says.

    Args:
        artifacts: The run; its demand holds at least the DFUs that the selection needs.
        selection: What select_dfus() chose of the run's members.
    """
    changed, quality = changes(artifacts), data_quality(artifacts)
    as_of_month = artifacts.metadata.as_of_month or ""
    return Report(
        as_of=month_in_words(as_of_month),
        as_of_month=as_of_month,
        status=artifacts.status,
        run_name=artifacts.run_name,
        folder=artifacts.run_name or "FOLDER",
        dfu_table=artifacts.dfu_table,
        headline=_headline(artifacts, quality),
        segments=segment_cards(artifacts, changed.flows if changed else None),
        matrix=pattern_matrix(artifacts),
        heat_map=heat_map(artifacts),
        changes=changed,
        overridden=overridden(artifacts.overridden),
        quality=quality,
        k_choice=k_choice(artifacts),
        worth=worth_of(artifacts.verdict),
        parameters=parameters(artifacts),
        provenance=provenance(artifacts),
        map_dfus=0 if artifacts.map_points is None else len(artifacts.map_points),
        charts=_charts(artifacts, selection, changed),
    )


def _headline(artifacts: RunArtifacts, quality: DataQuality) -> Headline:
    clustered = artifacts.metadata.n_dfus
    left_out = sum(exclusion.dfus for exclusion in quality.exclusions)
    severities = [finding.severity for finding in quality.findings]
    return Headline(
        n_dfus=artifacts.origin.n_dfus if artifacts.origin else clustered,
        clustered=clustered,
        left_out=left_out,
        segments=len(artifacts.segments),
        labelled=clustered + sum(others.size for others in artifacts.profiles.lifecycle),
        true_share=artifacts.profiles.figures.true_share,
        within_margin_share=artifacts.profiles.figures.within_margin_share,
        failed_expectations=severities.count("critical"),
        warned_expectations=severities.count("warning"),
    )


def _charts(artifacts: RunArtifacts, selection: Selection, changed: Changes | None) -> Charts:
    members = artifacts.members
    by_row = _demand_by_row(artifacts, selection.needed)
    position = {row: at for at, row in enumerate(selection.shown.tolist())}
    earlier, labels = _earlier(artifacts.earlier_labels)
    return Charts(
        marks=marks(artifacts),
        months=[] if by_row is None else list(by_row.columns),
        window_months=artifacts.window_months,
        bands=_bands(members, selection, by_row, artifacts.window_months),
        sample=_sample(artifacts, selection, by_row, earlier),
        earlier_months=[] if artifacts.earlier_labels is None else list(artifacts.earlier_labels.columns),
        earlier_labels=labels,
        typical=[[position[row] for row in rows.tolist()] for rows in selection.typical],
        borderline=[[position[row] for row in rows.tolist()] for rows in selection.borderline],
        map_shares=None if artifacts.map_points is None else artifacts.metadata.map_explained_variance,
        k_curves=k_curves(artifacts),
        flows=changed.flows if changed else [],
    )


def _demand_by_row(artifacts: RunArtifacts, rows: Integers) -> pd.DataFrame | None:
    """Return the newest months of demand since the first sale, indexed by the members' rows."""
    if artifacts.demand is None:
        return None
    found = artifacts.demand.reindex(artifacts.members["dfu_ck"].to_numpy()[rows])
    begun = pd.DataFrame(since_first_sale(found.to_numpy(np.float64)), index=rows, columns=found.columns)
    return begun.iloc[:, -(artifacts.window_months + _MONTHS_BEFORE_WINDOW) :]


def _bands(members: pd.DataFrame, selection: Selection, demand: pd.DataFrame | None, window_months: int) -> list[Band]:
    if demand is None:
        return [Band(low=[], mid=[], high=[], mean=[], dfus=0) for _ in selection.band]
    mean = members["mean_demand"].to_numpy(np.float64)
    return [quartile_band(demand.loc[rows].to_numpy(), mean[rows], window_months) for rows in selection.band]


def _earlier(labels: pd.DataFrame | None) -> tuple[list[list[int | None]] | None, list[str]]:
    """Return the labels of the DFUs that are shown as places in the list of all, and that list."""
    if labels is None:
        return None, []
    codes, texts = pd.factorize(labels.to_numpy(dtype=object).ravel(), sort=True)
    places = codes.reshape(labels.shape).tolist()
    return [[None if place < 0 else place for place in row] for row in places], texts.tolist()


def _sample(
    artifacts: RunArtifacts,
    selection: Selection,
    demand: pd.DataFrame | None,
    earlier: list[list[int | None]] | None,
) -> list[SampledDfu]:
    shown = artifacts.members.iloc[selection.shown]
    places = _places(artifacts.map_points, shown["dfu_ck"])
    histories = [[]] * len(shown) if demand is None else _histories(demand.loc[selection.shown].to_numpy())
    mean = rounded(shown["mean_demand"].to_numpy(np.float64)).tolist()
    return [
        SampledDfu(**dict(zip(_SAMPLED, values, strict=True)))
        for values in zip(
            *(shown["dfu_ck"], shown["number"], mean, shown["abc_class"], shown["reason"], own_words(shown)),
            *(why_borderline(artifacts, shown), earlier or [[]] * len(shown), places, histories),
            strict=True,
        )
    ]


def _histories(demand: Floats) -> list[list[float | None]]:
    return [jsonable(history) for history in rounded(demand)]


def _places(points: pd.DataFrame | None, keys: "pd.Series[str]") -> list[tuple[float, float] | None]:
    if points is None:
        return [None] * len(keys)
    found = points.set_index("dfu_ck")[["x", "y"]].reindex(keys).to_numpy(np.float64).round(_MAP_DECIMALS)
    return [None if np.isnan(x) else (x, y) for x, y in found.tolist()]
