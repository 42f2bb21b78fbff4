"""The files of a trained model, under the names that the user gave."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

MODEL: Final = "cluster_model.json"
SPACE_PREFIX = "space_"  # of the centroids' columns in the clustered space, beside the profiles in original units

# the pictures that are drawn of it -> what each shows, in the order in which they are looked at
PICTURES: Final = {
    "cluster_sizes.png": "Where the DFUs are and where the volume is",
    "cluster_profiles.png": "What sets the segments apart",
    "typical_dfus.png": "What typical DFUs of each segment look like",
    "cluster_visualization.png": "Map of the DFUs on the first two principal components",
    "k_selection_plots.png": "How the number of segments was chosen",
}


@dataclass(frozen=True)
class ModelFiles:
    """What training writes and labelling reads.

    Attributes:
        assignments: dfu_ck, cluster_id, distance to the centroid, margin to the next one, evidence against the cluster,
            mean_demand.
        centroids: One row a cluster: its profile in original units, then its centroid in the clustered space.
        metadata: How the clusters came about.
    """

    assignments: Path
    centroids: Path
    metadata: Path

    @classmethod
    def in_folder(cls, folder: Path) -> "ModelFiles":
        """Return the files under their usual names."""
        return cls(
            assignments=folder / "cluster_assignments.csv",
            centroids=folder / "cluster_centroids.csv",
            metadata=folder / "cluster_metadata.json",
        )

    @property
    def model(self) -> Path:
        """Return the path of the fitted model."""
        return self.centroids.with_name(MODEL)

    @property
    def map(self) -> Path:
        """Return the path of a sample of DFUs on the first two principal components."""
        return self.centroids.with_name("cluster_map.csv")

    @property
    def typical(self) -> Path:
        """Return the path of the monthly demand of the members nearest to each centroid."""
        return self.centroids.with_name("typical_dfus.csv")

    @property
    def moves(self) -> Path:
        """Return the path of how far each DFU moved since it was published, and by which feature."""
        return self.centroids.with_name("dfu_moves.parquet")
