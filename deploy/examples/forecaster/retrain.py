"""An example of a training downstream: it learns which models new labels concern; the training itself is yours."""

from prefect import flow, get_run_logger
from pydantic import BaseModel


class Transition(BaseModel):
    """So many DFUs went from one label to another; null is no label."""

    old_label: str | None
    new_label: str | None
    dfus: int


@flow(name="retrain-forecaster")
def retrain_forecaster(as_of_month: str, labels: dict[str, int], transitions: list[Transition]) -> list[str]:
    """Return the labels whose models must be trained again: those that DFUs have joined or left.

    Args:
        as_of_month: Newest month that counted.
        labels: Number of DFUs by label, as published.
        transitions: Number of DFUs by old and new label.
    """
    moved = [change for change in transitions if change.old_label != change.new_label]
    touched = {label for change in moved for label in (change.old_label, change.new_label)}
    to_train = sorted(label for label in labels if label in touched)
    get_run_logger().info("as of %s: %d of %d models to train", as_of_month, len(to_train), len(labels))
    return to_train
