"""Write report.html: the segments of a run on one page that opens in any browser and needs no network."""

from pathlib import Path

from dfu_clustering.runs.run import Run
from dfu_clustering.steps.build_report import ReportSources, build_report
from dfu_clustering.steps.model_files import ModelFiles
from scripts.program import parser, run_program

_FOLDER = Path("data/clustering")
_MONTH = len("2026-10")  # with which the name of a run folder begins


def main() -> None:
    """Parse the arguments and write the page."""
    arguments = parser(__doc__ or "")
    arguments.add_argument(
        "--run", type=Path, metavar="FOLDER", help="a run folder of the flow; the other flags are not needed then"
    )
    arguments.add_argument(
        "--input-dir", type=Path, default=_FOLDER, metavar="FOLDER", help="what training and labelling wrote"
    )
    arguments.add_argument(
        "--features",
        type=Path,
        default=Path("data/clustering_features.csv"),
        metavar="FILE",
        help="feature matrix; the demand that the charts show lies beside it",
    )
    arguments.add_argument("--output", type=Path, metavar="FILE", help="the page; None: report.html in that folder")
    options = arguments.parse_args()
    folder = options.run or options.input_dir
    sources = _of_run(folder) if options.run else _of_programs(folder, options.features)
    output = (options.output or folder / "report.html").resolve()
    summary = build_report(sources, output=output)
    print(f"{output}: {summary.size_mb} MB, {summary.dfus_shown} DFUs one by one")
    print(f"  open it in a browser: {output.as_uri()}")


def _of_run(folder: Path) -> ReportSources:
    return ReportSources.of_run(Run(folder, folder.name[:_MONTH]))


def _of_programs(folder: Path, features: Path) -> ReportSources:
    return ReportSources(ModelFiles.in_folder(folder), folder / "cluster_labels.csv", features)


if __name__ == "__main__":
    run_program(main)
