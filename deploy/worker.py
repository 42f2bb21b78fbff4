"""The worker of a container: Prefect's process worker, which hands its run back when it is stopped.

Prefect's own kills the run's process on SIGTERM and leaves the run in the state Running for good, where it keeps the
one place that a deployment with a concurrency limit has (PrefectHQ/prefect issues 16746 and 22528).
"""

import argparse
import asyncio
import signal

import anyio
from anyio.abc import TaskStatus
from prefect.client.schemas.objects import FlowRun
from prefect.states import AwaitingRetry
from prefect.workers.process import ProcessJobConfiguration, ProcessWorker, ProcessWorkerResult

_HAND_BACK_TIMEOUT_SECONDS = 15


class HandingBackWorker(ProcessWorker):
    """A process worker whose runs, cut off because it stops, wait for the next worker; they resume there."""

    @classmethod
    def __dispatch_key__(cls) -> str:
        """Return a key of its own in Prefect's list of workers; its work pools are of the type process."""
        return "process-handing-back"

    async def run(
        self,
        flow_run: FlowRun,
        configuration: ProcessJobConfiguration,
        task_status: TaskStatus[int] | None = None,
    ) -> ProcessWorkerResult:
        """Execute a flow run in a process of its own; where the worker is stopped meanwhile, hand it back."""
        try:
            return await super().run(flow_run, configuration, task_status)
        except anyio.get_cancelled_exc_class():  # the process has been killed
            with anyio.move_on_after(_HAND_BACK_TIMEOUT_SECONDS, shield=True):
                await self._hand_back(flow_run)
            raise

    async def _hand_back(self, flow_run: FlowRun) -> None:
        logger = self.get_flow_run_logger(flow_run)
        try:
            state = (await self.client.read_flow_run(flow_run.id)).state
            if state is None or not state.is_final():
                message = "Handed back by a worker that was stopped"
                await self.client.set_flow_run_state(flow_run.id, AwaitingRetry(message=message))
                logger.info("The worker stops; the next worker resumes the run")
        except Exception:
            logger.exception("The worker stops, but could not hand back the run: it stays Running on the server")


async def _work(worker: HandingBackWorker) -> None:
    working = asyncio.ensure_future(worker.start(with_healthcheck=True))
    for signum in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(signum, working.cancel)
    await asyncio.wait([working])
    if not working.cancelled():
        working.result()


def main() -> None:
    """Parse the arguments and work until stopped."""
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m deploy.worker")
    parser.add_argument("--pool", required=True, help="work pool of the type process; created if it is missing")
    parser.add_argument("--limit", type=int, help="flow runs at a time; default: the limits of the queues")
    options = parser.parse_args()
    asyncio.run(_work(HandingBackWorker(work_pool_name=options.pool, limit=options.limit)))


if __name__ == "__main__":
    main()
