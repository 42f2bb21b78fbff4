"""An example of a training downstream: it learns which models new labels concern; the training itself is yours."""

from prefect import flow, get_run_logger


@flow(name="retrain-forecaster")
def retrain_forecaster(as_of_month: str, labels: dict[str, int], changed_labels: list[str]) -> list[str]:
    """Return the labels whose models must be trained again: those that DFUs have joined or left.

    Args:
        as_of_month: Newest month that counted.
        labels: Number of DFUs by label, as published.
        changed_labels: Labels that DFUs have joined or left, also those that no DFU has any more.
    """
    to_train = [label for label in changed_labels if label in labels]
    get_run_logger().info("as of %s: %d of %d models to train", as_of_month, len(to_train), len(labels))
    return to_train
