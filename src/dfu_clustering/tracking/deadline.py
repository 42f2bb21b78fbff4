"""How long a step waits for MLflow in all: a record, not a dependency, which can neither hold a lock nor a run."""

import threading
import time
from collections.abc import Callable
from contextvars import copy_context
from pathlib import Path
from typing import Final, TypeVar

from dfu_clustering.config.operations import TrackingConfig
from dfu_clustering.tracking.store import MlflowStore, TrackingUnavailableError, mlflow_store, tracking_address

T = TypeVar("T")

EARLY_S: Final = 5.0  # of what is recorded while others wait
READ_S: Final = 60.0
RECORD_S: Final = 120.0  # the files of a run of a million DFUs go over the network

# who let somebody wait and did not answer is not asked again for a while: a step asks several times
_LET_WAIT_S: Final = 4.0
_REST_S: Final = 60.0
_resting_until: dict[str, float] = {}


def ask_mlflow(work: Callable[[MlflowStore], T], *, config: TrackingConfig, default_folder: Path, limit_s: float) -> T:
    """Do some work with the MLflow store and wait no longer for it than the limit.

    MLflow's client cannot be interrupted. Past the limit it is left to itself, in a thread that ends with the program.

    Args:
        work: Gets the open store.
        config: Names of experiment and registered model.
        default_folder: Where a local store lies unless MLFLOW_TRACKING_URI names another.
        limit_s: Seconds for all of it.

    Raises:
        TrackingUnavailableError: MLflow does not answer in time, or has not a moment ago, or refuses.
        OSError: A file of this machine cannot be read or written; MLflow has no part in it.
    """
    import mlflow  # noqa: F401  (takes seconds that are not MLflow's)

    uri, _ = tracking_address(default_folder)
    began = time.monotonic()
    if began < _resting_until.get(uri, began):
        raise TrackingUnavailableError("MLflow did not answer a moment ago")
    try:
        return _within(limit_s, lambda: _with_store(work, config, default_folder))
    except TrackingUnavailableError:
        if time.monotonic() - began > _LET_WAIT_S:
            _resting_until[uri] = time.monotonic() + _REST_S
        raise


def _with_store(work: Callable[[MlflowStore], T], config: TrackingConfig, default_folder: Path) -> T:
    with mlflow_store(config, default_folder) as store:
        return work(store)


def _within(limit_s: float, work: Callable[[], T]) -> T:
    done: list[T] = []
    failed: list[BaseException] = []

    def run() -> None:
        try:
            done.append(work())
        except BaseException as error:  # raised again where it is waited for
            failed.append(error)

    # with the caller's context, to which log lines belong
    thread = threading.Thread(target=copy_context().run, args=(run,), name="mlflow", daemon=True)
    thread.start()
    thread.join(limit_s)
    if failed:
        raise failed[0]
    if not done:
        raise TrackingUnavailableError(f"MLflow did not answer within {limit_s:g} s")
    return done[0]
