"""Give every cluster its business label, with the reason, and every DFU the label of its cluster."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from dfu_clustering.config.loading import config_path, load_config
from dfu_clustering.runs.folder import RunFile, RunFolder
from dfu_clustering.standalone.program import table_path
from dfu_clustering.standalone.published import published_argument, published_files
from dfu_clustering.steps.label_segments import label_segments

_FOLDER = Path("data/clustering")
_TRAINED = (RunFile.CENTROIDS, RunFile.ASSIGNMENTS, RunFile.METADATA)


def add_arguments(arguments: ArgumentParser) -> None:
    """Add the arguments."""
    for file in _TRAINED:
        default, flag = _FOLDER / file, f"--{file.name.lower()}"
        arguments.add_argument(flag, type=Path, default=default, metavar="FILE", help="file that the training wrote")
    arguments.add_argument(
        "--output",
        type=table_path,
        default=_FOLDER / RunFile.LABELS,
        metavar="FILE",
        help="dfu_ck, cluster_id, cluster_label, abc_class, reason; .csv or .parquet, cluster_profiles.json beside it",
    )
    arguments.add_argument(
        "--config", type=Path, default=config_path(), metavar="FILE", help="YAML with the thresholds of the label rules"
    )
    published_argument(arguments)


def run(options: Namespace) -> None:
    """Do the work."""
    files = RunFolder(options.output.parent).placing(RunFile.LABELS, options.output)
    for file in _TRAINED:
        files = files.placing(file, getattr(options, file.name.lower()))
    summary = label_segments(files, load_config(options.config), published_files(options))
    if summary.stability:
        found = summary.stability
        print(f"{found.churn_share:.1%} of {found.shared_dfus} DFUs have another label than in {found.published_run}")
    for segment in summary.segments:
        print(f"{segment.label}: {segment.size} DFUs ({segment.share:.1%}). {segment.reason}")
    for others in summary.lifecycle:
        print(f"{others.label}: {others.size} DFUs that are not clustered")
