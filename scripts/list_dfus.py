"""Write a list of a run's DFUs for a spreadsheet: all, those of a segment, or those whose label changed."""

import argparse
from pathlib import Path

from dfu_clustering.files.spreadsheet import list_name
from dfu_clustering.history.known_runs import NAMES_OF_A_RUN, KnownRuns
from dfu_clustering.outputs.dfu_list import dfu_list, fitting, in_order, write_list
from dfu_clustering.runs.run import var_folder
from dfu_clustering.standalone.program import run_program
from scripts.program import column_and_value, parser


def main() -> None:
    """Parse the arguments and write the file."""
    arguments = parser(__doc__ or "")
    arguments.add_argument(
        "--run",
        metavar="RUN",
        default="data/clustering",
        help=f"{NAMES_OF_A_RUN}; or the path of a folder of files",
    )
    arguments.add_argument("--label", help="only the DFUs with this label; None: all")
    arguments.add_argument("--changed", action="store_true", help="only DFUs whose label the run changed, with why")
    arguments.add_argument(
        "--filter",
        dest="filters",
        type=column_and_value,
        action="append",
        default=[],
        metavar="COLUMN=VALUE",
        help="only DFUs whose column contains the value; COLUMN==VALUE: has exactly it; may be repeated",
    )
    arguments.add_argument(
        "--sort", metavar="COLUMN", help="order by this column; -COLUMN: downwards, as --sort=-margin"
    )
    arguments.add_argument("--output", type=Path, metavar="FILE", help="the list; None: named by label and month")
    options = arguments.parse_args()
    files, _ = KnownRuns(var_folder() / "runs").open(options.run)
    table = dfu_list(files, changed=options.changed)
    by_label = [("label", f"={options.label}")] if options.label else []
    listed = fitting(table, [*by_label, *options.filters])
    if options.sort:
        listed = in_order(listed, options.sort)
    output = options.output or Path(list_name(_kind(options), table["as_of_month"].iloc[0] if len(table) else None))
    write_list(listed, output)
    print(f"{output}: {len(listed)} of {len(table)} DFUs")


def _kind(options: argparse.Namespace) -> str:
    kind = "label-changes" if options.changed else options.label or "dfus"
    return f"{kind}-filtered" if options.filters else str(kind)


if __name__ == "__main__":
    run_program(main)
