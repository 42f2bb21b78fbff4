"""Which look the segments of a run have: a column of its centroids, so that the next run keeps it."""

from typing import Final

from dfu_clustering.runs.folder import RunFile, RunFolder

LOOK: Final = "look"


def read_looks(files: RunFolder) -> dict[int, int]:
    """Return the number of each segment's look by its cluster_id; none where the run kept none."""
    centroids = files.find_table(RunFile.CENTROIDS)
    if centroids is None or LOOK not in centroids:
        return {}
    return dict(zip(centroids["cluster_id"].tolist(), centroids[LOOK].tolist(), strict=True))
