"""The flow end-override: an override ends before its last month, and the machine's labels are back."""

from collections.abc import Mapping
from typing import Annotated, Any

from prefect import flow, runtime
from pydantic import Field

from dfu_clustering.config.clustering import ClusteringConfig
from dfu_clustering.config.loading import load_config
from dfu_clustering.overrides.override import Name, Reason
from dfu_clustering.runs.run import short_run_id, var_folder
from dfu_clustering.steps.override_labels import OverrideSummary, find_override, open_ending
from flows.cli import run_by_hand
from tasks import overriding
from tasks.support.heartbeat import WATCHED
from tasks.support.restores_and_overrides import show_override
from tasks.support.run_names import dry_run_mark


def _run_name() -> str:
    return f"end override {runtime.flow_run.parameters.get('override')}{dry_run_mark()}"


@flow(
    name="end-override",
    flow_run_name=_run_name,
    **WATCHED,
)
def end_override(
    override: Annotated[str, Field(min_length=1, max_length=200)],
    owner: Name,
    reason: Reason,
    publish: bool = True,  # noqa: FBT001, FBT002  (parameters of a flow are given by name)
    dry_run: bool = False,  # noqa: FBT001, FBT002
) -> OverrideSummary:
    """End an override before its last month; its DFUs get the machine's labels again.

    Args:
        override: Its id, as its entry and the API's list of overrides say it.
        owner: Your name.
        reason: Why it ends.
        publish: Write the machine's labels to the warehouse at once. Off: with the next run.
        dry_run: Show which labels would change, but end and write nothing.
    """
    config, folder = load_config(), open_ending(var_folder() / "runs", short_run_id(runtime.flow_run.id))
    ended = overriding.end_override(config, folder, override, owner=owner, reason=reason, dry_run=dry_run)
    done = overriding.publish_overrides(config, folder, ended.override, publish=publish, dry_run=dry_run)
    summary = done.model_copy(update={"already_ended": ended.already})
    show_override(summary, config.warehouse.tables.dfu)
    return summary


def _check(_: ClusteringConfig, given: Mapping[str, Any]) -> None:
    find_override(var_folder() / "runs", given["override"])


if __name__ == "__main__":
    run_by_hand(end_override, check=_check)
