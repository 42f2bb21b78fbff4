"""The flow override-labels: a person sets the label of some DFUs, for a time and for a reason."""

from collections.abc import Mapping
from typing import Annotated, Any

from prefect import flow, runtime
from pydantic import Field

from dfu_clustering.config.clustering import ClusteringConfig
from dfu_clustering.config.loading import load_config
from dfu_clustering.months import AsOfMonth
from dfu_clustering.overrides.override import Name, Reason
from dfu_clustering.overrides.wanted import Wanted
from dfu_clustering.runs.run import short_run_id, var_folder
from dfu_clustering.steps.override_labels import OverrideSummary, open_override, require_wanted
from flows.cli import run_by_hand
from tasks import overriding
from tasks.support.heartbeat import WATCHED
from tasks.support.restores_and_overrides import show_override
from tasks.support.run_names import dry_run_mark

Key = Annotated[str, Field(min_length=1, max_length=1000)]


def _run_name() -> str:
    return f"override to {runtime.flow_run.parameters.get('label')}{dry_run_mark()}"


@flow(
    name="override-labels",
    flow_run_name=_run_name,
    **WATCHED,
)
def override_labels(
    label: Annotated[str, Field(min_length=1, max_length=200)],
    until_month: AsOfMonth,
    owner: Name,
    reason: Reason,
    dfu_cks: tuple[Key, ...] = (),
    filters: dict[str, str | None] = {},  # noqa: B006  (never changed; Prefect's form shows it as an empty mapping)
    publish: bool = True,  # noqa: FBT001, FBT002  (parameters of a flow are given by name)
    dry_run: bool = False,  # noqa: FBT001, FBT002
) -> OverrideSummary:
    """Set the label of some DFUs by hand until a month; the clusters and their figures stay as they are.

    Args:
        label: The label, one of those that are published.
        until_month: The last as-of month in which it holds, as YYYY-MM; after it the machine's label is back.
        owner: Your name.
        reason: Why you know better; kept with the override and shown with each of its DFUs.
        dfu_cks: Keys of the DFUs.
        filters: Or columns of the DFU table and their exact values, {"loc": "DC10", "brand": "Cola"}. The DFUs that
            have them now get the label; those that come later do not.
        publish: Write it to the warehouse at once, on top of the labels that are published. Off: with the next run.
        dry_run: Show which labels would change, but enter and write nothing.
    """
    config, folder = load_config(), open_override(var_folder() / "runs", short_run_id(runtime.flow_run.id))
    wanted = Wanted(label=label, until_month=until_month, owner=owner, reason=reason, dfu_cks=dfu_cks, values=filters)
    override = overriding.enter_override(config, folder, wanted, dry_run=dry_run)
    summary = overriding.publish_overrides(config, folder, override, publish=publish, dry_run=dry_run)
    show_override(summary, config.warehouse.tables.dfu)
    return summary


def _check(config: ClusteringConfig, given: Mapping[str, Any]) -> None:
    wanted = {name: given[name] for name in ("label", "until_month", "owner", "reason", "dfu_cks")}
    require_wanted(var_folder() / "runs", config.warehouse, Wanted(**wanted, values=given["filters"]))


if __name__ == "__main__":
    run_by_hand(override_labels, check=_check)
