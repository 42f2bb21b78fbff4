"""The flow watch-sales-load: it announces a load where the loader cannot do so itself."""

from datetime import timedelta
from typing import Annotated

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed
from pydantic import Field

from dfu_clustering.config.loading import load_config
from dfu_clustering.runs.run import var_folder
from tasks import watching
from tasks.support.heartbeat import WATCHED

_MESSAGES = {
    "published": "already published",
    "settling": "still changing, looked at again later",
    "announced": "already announced, waits for its run",
    "to announce": "announced",
}


@flow(
    name="watch-sales-load",
    flow_run_name="look at the sales table",
    **WATCHED,
)
def watch_sales_load(
    settle_minutes: Annotated[float, Field(ge=0, le=24 * 60)] = 10,
    repeat_hours: Annotated[float, Field(gt=0, le=31 * 24)] = 24,
) -> State[None]:
    """Look at the sales table, and announce what was loaded after the newest publish.

    Args:
        settle_minutes: Minutes for which rows, times and sum of the table must stay the same: a load in parts is
            announced when it is complete.
        repeat_hours: Hours after which a load that is announced but not published, because its run failed, is
            announced again.
    """
    watching.end_late_looks()
    watching.delete_quiet_looks()
    runs = var_folder() / "runs"
    state = watching.read_state(load_config())
    if state is None:
        message = f"{load_config().warehouse.tables.sales} holds no sales yet"
        return Completed(name=watching.NOTHING_NEW, message=message)
    verdict = watching.judge(
        state, runs=runs, settle=timedelta(minutes=settle_minutes), repeat=timedelta(hours=repeat_hours)
    )
    if verdict == "to announce":
        watching.announce(state, runs=runs)
    name = "Announced" if verdict == "to announce" else watching.NOTHING_NEW
    return Completed(name=name, message=f"load {state.load_id}, {state.rows:,} rows: {_MESSAGES[verdict]}")
