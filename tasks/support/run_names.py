"""What a flow run is called: its as-of month, also where only the warehouse knew it."""

from prefect import runtime
from prefect.client.orchestration import get_client

from dfu_clustering.runs.run import short_run_id


def run_name() -> str:
    """Return the name of a flow run that begins: the month it was asked for, or that it takes the newest."""
    return _name(runtime.flow_run.parameters.get("as_of_month") or "newest month")


def rename_run(as_of_month: str) -> None:
    """Give the flow run the name of the month that it turned out to be."""
    name = _name(as_of_month)
    if runtime.flow_run.name != name:
        with get_client(sync_client=True) as client:
            client.update_flow_run(runtime.flow_run.id, name=name)


def dry_run_mark() -> str:
    """Return what the name of a flow run ends with where it was asked to write nothing."""
    return ", dry run" if runtime.flow_run.parameters.get("dry_run") else ""


def _name(month: str) -> str:
    return f"as of {month} ({short_run_id(runtime.flow_run.id)}){dry_run_mark()}"
