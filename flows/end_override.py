"""The flow end-override: an override ends before its last month, and the machine's labels are back."""

from typing import Annotated

from prefect import flow, runtime
from pydantic import Field

from dfu_clustering.config.loading import load_config
from dfu_clustering.overrides.override import Name, Reason
from dfu_clustering.runs.run import var_folder
from dfu_clustering.steps.override_labels import OverrideSummary, open_override
from flows.cli import run_by_hand
from tasks import overriding
from tasks.support.artifacts import show_override
from tasks.support.heartbeat import WATCHED


def _run_name() -> str:
    return f"end override {runtime.flow_run.parameters.get('override')}"


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
    config, runs = load_config(), var_folder() / "runs"
    ended = overriding.end_override(config, override, runs=runs, owner=owner, reason=reason, dry_run=dry_run)
    folder = open_override(runs, f"{override}-end")
    summary = overriding.publish_overrides(config, folder, ended, publish=publish, dry_run=dry_run)
    show_override(summary, config.warehouse.tables.dfu)
    return summary


if __name__ == "__main__":
    run_by_hand(end_override)
