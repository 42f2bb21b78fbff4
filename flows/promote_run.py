"""The flow promote-run: the labels of a dry run, once somebody has looked at them, are published as they are."""

import logging
from collections.abc import Mapping
from typing import Annotated, Any

from prefect import flow, runtime
from pydantic import Field

from dfu_clustering.config.clustering import ClusteringConfig
from dfu_clustering.quality.gate_reports import GatePolicy
from dfu_clustering.runs.run import var_folder
from dfu_clustering.runs.summaries import RunSummary
from dfu_clustering.steps.promote_run import config_of, find_run_to_promote, require_sources_passed, settings_to_keep
from flows.cli import run_by_hand
from flows.cluster_dfus import Reason
from flows.publishing import publish_and_report
from tasks import clustering, promoting, quality
from tasks.support.heartbeat import WATCHED

logger = logging.getLogger(__name__)


def _run_name() -> str:
    return f"promote {runtime.flow_run.parameters.get('run')}"


@flow(
    name="promote-run",
    flow_run_name=_run_name,
    **WATCHED,
)
def promote_run(
    run: Annotated[str, Field(min_length=1, max_length=200)],
    publish_older_month: bool = False,  # noqa: FBT001, FBT002  (parameters of a flow are given by name)
    accept_warnings: bool = True,  # noqa: FBT001, FBT002
    override_reason: Reason | None = None,
) -> RunSummary:
    """Publish the labels of a run that has published none, a dry run for example, exactly as it has computed them.

    They are judged against what is published now; overrides that hold now are on top of them. Labels that are newer
    than the run are never replaced. The next load is clustered with the configuration file's settings again.

    Args:
        run: The run: the name of its folder, the id at its end or a beginning of that, or the id of its flow run.
        publish_older_month: Replace labels of a later month by those of this run. Off: it is not promoted.
        accept_warnings: Continue where expectations fail only with a warning. Off: a warning stops it, too.
        override_reason: Why to continue although a critical expectation failed.
    """
    policy = GatePolicy(accept_warnings=accept_warnings, override_reason=override_reason)
    found = promoting.find_run_to_promote(policy, runs=var_folder() / "runs", wanted=run)
    config = config_of(found)
    for one in settings_to_keep(found):
        logger.warning(
            "promote_run %s is %s in this run, %s in the file, which the next load goes by",
            *(one.key, one.after, one.before),
        )
    quality.validate_assignments(config, found, policy, dry_run=False)
    pictures = clustering.draw_pictures.submit(found)
    return publish_and_report(  # type: ignore[return-value]  # a state becomes the run's own
        config, found, dry_run=False, load_id=None, publish_older_month=publish_older_month, pictures=pictures
    )


def _check(_: ClusteringConfig, given: Mapping[str, Any]) -> None:
    policy = GatePolicy(accept_warnings=given["accept_warnings"], override_reason=given["override_reason"])
    require_sources_passed(find_run_to_promote(var_folder() / "runs", given["run"]), policy)


if __name__ == "__main__":
    run_by_hand(promote_run, check=_check)
