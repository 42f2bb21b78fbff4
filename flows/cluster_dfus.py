"""The flow cluster-dfus: from fact_sales_monthly to labels in dim_dfu."""

import logging
from collections.abc import Callable
from typing import Annotated, Any, TypeVar

from prefect import flow, runtime
from pydantic import Field

from dfu_clustering.config.clustering import (
    AttributeWeights,
    ClusteringConfig,
    DiscountNoise,
    FeatureScaling,
    FeatureSet,
    GapReferences,
    KRange,
    LabelingConfig,
    MaxCategories,
    MinClusterSizePct,
    MinMonthsHistory,
    MinVariance,
    NInit,
    PcaExplainedVariance,
    Refit,
    Seed,
    SelectionSample,
    SilhouetteSample,
    StabilityConfig,
    SwitchMargin,
    TimeWindowMonths,
    UsePca,
    WinsorizeQuantiles,
    load_config,
)
from dfu_clustering.config.data_quality import DataQualityConfig
from dfu_clustering.months import AsOfMonth
from dfu_clustering.quality.gate_reports import GatePolicy, Suite
from dfu_clustering.runs.run import short_run_id, var_folder
from dfu_clustering.steps.record_run import RunSummary
from flows import approval
from flows.cli import run_by_hand
from tasks import clustering, loads, quality
from tasks.support.artifacts import show_run
from tasks.support.heartbeat import say_over
from tasks.support.run_names import rename_run, run_name

LoadId = Annotated[str, Field(min_length=1, max_length=200)]
Reason = Annotated[str, Field(pattern=r"\S")]

DEFAULTS = load_config()

# the library's lines belong to the run's log (PREFECT_LOGGING_EXTRA_LOGGERS); Prefect leaves their level to us
logging.getLogger("dfu_clustering").setLevel(logging.INFO)

_DESCRIPTIONS = {
    "as_of_month": "Newest month that counts, as YYYY-MM. Default: the newest month in fact_sales_monthly.",
    "dry_run": "Work everything out, show what would change in dim_dfu and whether it might, but write nothing there.",
    "load_id": "The loader's name for the load that asks for this run; empty for a run by hand.",
    "only_new_load": "End at once where the load is published already, and never go back to an older month.",
    "continue_published": "Start from what is published, so that labels move only where demand did; off: from scratch.",
    "require_approval": "Pause before publishing, show what would change, and wait for a person's answer.",
    "accept_warnings": "Go on where data or labels only warn; off: a warning stops the run too.",
    "skip_suites": "Suites of expectations that are not judged at all.",
    "override_reason": "Go on although a critical expectation fails or the published run is lost, for this reason.",
}

_F = TypeVar("_F", bound=Callable[..., Any])


def _described(function: _F) -> _F:
    """Give the parameters the configuration's own descriptions; Prefect's form shows what the docstring says."""
    fields = ClusteringConfig.model_fields
    lines = [
        f"    {name}: {_DESCRIPTIONS.get(name) or fields[name].description}"
        for name in function.__annotations__
        if name != "return"
    ]
    function.__doc__ = "\n".join([function.__doc__ or "", "", "Args:", *lines])
    return function


@flow(
    name="cluster-dfus",
    flow_run_name=run_name,
    on_completion=[say_over],
    on_failure=[say_over],
    on_crashed=[say_over],
)
@_described
def cluster_dfus(
    as_of_month: AsOfMonth | None = None,
    dry_run: bool = False,  # noqa: FBT001, FBT002  (parameters of a flow are given by name)
    load_id: LoadId | None = None,
    only_new_load: bool = False,  # noqa: FBT001, FBT002
    min_months_history: MinMonthsHistory = DEFAULTS.min_months_history,
    time_window_months: TimeWindowMonths = DEFAULTS.time_window_months,
    feature_set: FeatureSet = DEFAULTS.feature_set,
    discount_noise: DiscountNoise = DEFAULTS.discount_noise,
    feature_scaling: FeatureScaling = DEFAULTS.feature_scaling,
    winsorize_quantiles: WinsorizeQuantiles = DEFAULTS.winsorize_quantiles,
    min_variance: MinVariance = DEFAULTS.min_variance,
    attributes: AttributeWeights = DEFAULTS.attributes,
    max_categories: MaxCategories = DEFAULTS.max_categories,
    use_pca: UsePca = DEFAULTS.use_pca,
    pca_explained_variance: PcaExplainedVariance = DEFAULTS.pca_explained_variance,
    k_range: KRange = DEFAULTS.k_range,
    min_cluster_size_pct: MinClusterSizePct = DEFAULTS.min_cluster_size_pct,
    n_init: NInit = DEFAULTS.n_init,
    selection_sample: SelectionSample = DEFAULTS.selection_sample,
    silhouette_sample: SilhouetteSample = DEFAULTS.silhouette_sample,
    gap_references: GapReferences = DEFAULTS.gap_references,
    seed: Seed = DEFAULTS.seed,
    refit: Refit = DEFAULTS.refit,
    switch_margin: SwitchMargin = DEFAULTS.switch_margin,
    stability: StabilityConfig = DEFAULTS.stability,
    labeling: LabelingConfig = DEFAULTS.labeling,
    data_quality: DataQualityConfig = DEFAULTS.data_quality,
    continue_published: bool = True,  # noqa: FBT001, FBT002
    require_approval: bool = False,  # noqa: FBT001, FBT002
    accept_warnings: bool = True,  # noqa: FBT001, FBT002
    skip_suites: tuple[Suite, ...] = (),
    override_reason: Reason | None = None,
) -> RunSummary:
    """Group DFUs by how their demand behaves and write one business label a DFU to dim_dfu.cluster_assignment."""
    # every parameter that is not described here is a key of the configuration
    given = {name: value for name, value in locals().items() if name not in _DESCRIPTIONS}
    config = load_config(**given)
    policy = GatePolicy(accept_warnings=accept_warnings, skip_suites=skip_suites, override_reason=override_reason)
    run_id = short_run_id(runtime.flow_run.id)
    runs = var_folder() / "runs"
    if only_new_load:
        as_of_month = loads.announced_month(as_of_month, runs=runs)
    state = loads.read_state(config, as_of_month=as_of_month)
    if only_new_load and not dry_run:
        done = loads.published_before(config, state, runs=runs, run_id=run_id, load_id=load_id)
        if done:
            return loads.nothing_to_do(load_id, done)  # type: ignore[return-value]  # a state becomes the run's own
    run = clustering.open_run(config, runs=runs, run_id=run_id, as_of_month=as_of_month, state=state)
    rename_run(run.as_of_month)
    state = loads.keep_state(run, state)
    quality.validate_sources(config, run, policy, chosen=as_of_month is not None)
    clustering.build_features(config, run)
    quality.validate_features(run, policy)
    published_run = clustering.find_published(config, run, policy).run if continue_published else None
    clustering.train_model(config, run, published_run)
    clustering.label_segments(config, run, published_run)
    quality.validate_assignments(config, run, policy, dry_run=dry_run)
    if require_approval and not dry_run and "update_assignments" not in run.finished():
        answer = approval.ask(config, run)
        if not answer.publish:
            return approval.refused(answer)  # type: ignore[return-value]
        if newer := approval.published_since(run):
            return approval.superseded(answer, newer)  # type: ignore[return-value]
    published = clustering.update_assignments(config, run, dry_run=dry_run)
    if not dry_run:
        publication = loads.record_publication(run, state, published, load_id=load_id)
        loads.end_repeats(load_id, publication)
    # labels are published by now: a page that cannot be made is a failed task and a warning, not a failed run
    clustering.build_report(run, return_state=True)
    summary = clustering.record_run(config, run)
    show_run(summary)
    return summary


if __name__ == "__main__":
    run_by_hand(cluster_dfus)
