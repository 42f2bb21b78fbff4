"""What ``segment()`` found, read from the files of its run when it is asked for."""

import shutil
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pandas as pd
import pyarrow as pa

from dfu_clustering.config.clustering import ClusteringConfig
from dfu_clustering.runs.folder import RunFile, RunFolder
from dfu_clustering.runs.published_files import PublishedFiles
from dfu_clustering.sales.long_form import KEYS, LongForm

if TYPE_CHECKING:
    import tempfile

    from matplotlib.figure import Figure

_SHOWN: Final = ("label", "size", "share", "volume_share", "true_share", "reason")


@dataclass(frozen=True, eq=False)
class SegmentResult:
    """The segments of a sales table.

    Attributes:
        files: Of the run.
        config: The settings.
        form: Which columns of the sales named the DFUs.
        dfus: dfu_ck and key columns of all DFUs that sell.
        notes: What was done to the rows, for people.
    """

    files: RunFolder
    config: ClusteringConfig
    form: LongForm
    dfus: pa.Table = field(repr=False)
    notes: tuple[str, ...]
    _folder: "tempfile.TemporaryDirectory[str]" = field(repr=False)  # goes with the result

    @cached_property
    def labels(self) -> pd.DataFrame:
        """dfu_ck, the key columns of the sales, cluster_id, cluster_label, abc_class: a row a DFU with a label."""
        table = self._labels.drop(columns="reason")
        own = dict(zip(self.form.keys, KEYS, strict=False))
        keys = self.dfus.to_pandas().set_index("dfu_ck").loc[table["dfu_ck"]]
        added = {name: keys[column].to_numpy() for name, column in own.items() if name not in table}
        return pd.concat([table[["dfu_ck"]], pd.DataFrame(added), table.drop(columns="dfu_ck")], axis="columns")

    @cached_property
    def reasons(self) -> "pd.Series[str]":
        """Why each DFU has its label, in its own numbers, by dfu_ck."""
        return self._labels.set_index("dfu_ck")["reason"]

    @cached_property
    def profiles(self) -> pd.DataFrame:
        """A row a segment, the largest first: label, size, shares, reason, then the medians of its features."""
        segments = self.files.profiles().segments
        rows = [{name: getattr(one, name) for name in _SHOWN} | one.profile for one in segments]
        return pd.DataFrame(rows).set_index("label")

    @cached_property
    def features(self) -> pd.DataFrame:
        """The feature matrix, a row a clustered DFU."""
        return self.files.table(RunFile.MATRIX)

    @cached_property
    def left_out(self) -> pd.DataFrame:
        """dfu_ck, reason and mean_demand of the DFUs that are in no segment."""
        return self.files.table(RunFile.EXCLUDED)

    @cached_property
    def changes(self) -> pd.DataFrame | None:
        """Each DFU with another label than before, and the word that ended; None where nothing was continued."""
        return self.files.find_table(RunFile.LABEL_CHANGES)

    @cached_property
    def k_selection(self) -> pd.DataFrame:
        """What was measured at each number of clusters, and which criterion prefers it."""
        selection = self.files.metadata().k_selection
        table = pd.DataFrame([vars(at) for at in selection.curves]).drop(columns="sizes").set_index("k")
        votes = vars(selection.nominations)
        nominated = [", ".join(name for name, voted in votes.items() if voted == k) for k in table.index]
        return table.assign(nominated_by=nominated, selected=table.index == selection.selected)

    @cached_property
    def figures(self) -> "dict[str, Figure]":
        """The pictures by name, as matplotlib figures; a notebook shows them after ``%matplotlib inline``."""
        # late: a result that shows no picture needs no matplotlib
        from dfu_clustering.figures.segment_figures import plot_k_selection
        from dfu_clustering.outputs.pictures import segment_figures

        metadata = self.files.metadata()
        labels = {one.cluster_id: one.label for one in metadata.segments}
        drawn = segment_figures(self.files, labels, peak_threshold=self.config.labeling.peak_threshold)
        figures = {Path(picture).stem: figure for picture, figure in drawn}
        chosen = plot_k_selection(metadata.k_selection, min_cluster_size_pct=self.config.min_cluster_size_pct)
        return figures | {Path(RunFile.K_PICTURE).stem: chosen}

    def report(self, path: Path | str) -> Path:
        """Write the report, one HTML page, and return its path."""
        from dfu_clustering.steps.build_report import write_report  # late, as above

        write_report(self.files, self.config, Path(path))
        return Path(path)

    def save(self, folder: Path | str) -> Path:
        """Copy the files to a folder, from which a later month continues: ``segment(sales, previous=folder)``."""
        shutil.copytree(self.files.folder, folder, dirs_exist_ok=True)
        return Path(folder)

    def __repr__(self) -> str:
        """Return the segments in a few lines."""
        head = f"{len(self.labels)} DFUs as of {self.files.metadata().as_of_month}, {len(self.profiles)} segments"
        return "\n".join([head, *self.notes, self.profiles[["size", "share", "volume_share"]].to_string()])

    def _repr_html_(self) -> str:
        """Return the segments as a notebook shows them."""
        shown = self.profiles[list(_SHOWN[1:])]
        return shown.style.format({name: "{:.1%}" for name in _SHOWN if name.endswith("share")}).to_html()

    @cached_property
    def _labels(self) -> pd.DataFrame:
        return self.files.table(RunFile.LABELS)


def previous_files(previous: "SegmentResult | Path | str | None") -> PublishedFiles | None:
    """Return the files of an earlier result, or of the folder where it was saved."""
    if previous is None:
        return None
    if isinstance(previous, SegmentResult):
        return PublishedFiles(previous.files)
    return PublishedFiles.in_folder(Path(previous))
