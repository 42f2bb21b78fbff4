"""Write report.html: the segments of a run on one page that opens in any browser and needs no network."""

from pathlib import Path

from dfu_clustering.config.loading import config_path, load_config
from dfu_clustering.history.known_runs import NAMES_OF_A_RUN, KnownRuns
from dfu_clustering.runs.folder import RunFile, RunFolder
from dfu_clustering.runs.run import Run, RunName, var_folder
from dfu_clustering.standalone.program import run_program
from dfu_clustering.steps.build_report import write_report
from scripts.program import parser

_FOLDER = Path("data/clustering")


def main() -> None:
    """Parse the arguments and write the page."""
    arguments = parser(__doc__ or "")
    arguments.add_argument(
        "--run", metavar="RUN", help=f"{NAMES_OF_A_RUN}; or its folder; the other flags are not needed then"
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
    arguments.add_argument(
        "--config", type=Path, default=config_path(), metavar="FILE", help="YAML with the names of the warehouse"
    )
    arguments.add_argument("--output", type=Path, metavar="FILE", help="the page; None: report.html in the folder")
    options = arguments.parse_args()
    files = _run(options.run) if options.run else RunFolder(options.input_dir).placing(RunFile.MATRIX, options.features)
    output = (options.output or files.path(RunFile.REPORT)).resolve()
    summary = write_report(files, load_config(options.config), output)
    print(f"{output}: {summary.size_mb} MB, {summary.dfus_shown} DFUs one by one")
    print(f"  open it in a browser: {output.as_uri()}")


def _run(wanted: str) -> Run:
    files, _ = KnownRuns(var_folder() / "runs").open(wanted)
    name = RunName.parse(files.name)
    return Run(files.folder, as_of_month=name.as_of_month if name else "")


if __name__ == "__main__":
    run_program(main)
