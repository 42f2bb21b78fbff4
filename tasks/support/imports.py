"""Large packages are loaded while a run waits: for a server that starts, for the database while tables are judged."""

import importlib
import logging
import threading
from functools import cache

logger = logging.getLogger(__name__)

# in the order in which a run needs them
_LATER = (
    "expectations.gate",
    "dfu_clustering.steps.train_model",
    "dfu_clustering.steps.label_segments",
    "dfu_clustering.outputs.pictures",
    "mlflow",
)


@cache
def load_meanwhile() -> None:
    """Begin to load, once a process and in a thread of its own, what judges, clusters, draws and records.

    Who needs one of these before it is there waits for it, as for any import. One that cannot be loaded fails where it
    is needed, with its error. A process that ends meanwhile waits for the one that is being loaded, and loads no other.
    """
    threading.Thread(target=_load, name="imports").start()  # no daemon: it would be stopped within compiled code


def _load() -> None:
    for module in _LATER:
        if not threading.main_thread().is_alive():
            return
        try:
            importlib.import_module(module)
        except Exception as error:
            logger.debug("%s is not loaded yet: %s", module, error)
