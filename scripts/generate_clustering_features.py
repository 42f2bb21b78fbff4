"""Judge the tables in the warehouse, read the sales and write one row of features a DFU."""

import argparse
from pathlib import Path

from dfu_clustering.config.clustering import load_config
from dfu_clustering.steps.build_features import build_features, newest_month
from scripts.program import add_gate_options, gate_policy, parser, run_program, table_path, warehouse_engine


def main() -> None:
    """Parse the arguments and build the features."""
    defaults = load_config()
    arguments = parser(__doc__ or "")
    arguments.add_argument(
        "--min-months",
        type=int,
        default=defaults.min_months_history,
        metavar="MONTHS",
        help="months of history that a DFU needs; shorter ones are left out and counted",
    )
    arguments.add_argument(
        "--time-window",
        type=_window,
        default=defaults.time_window_months,
        metavar="MONTHS|all",
        help='months of demand looked at, ending at the as-of month, or "all"',
    )
    arguments.add_argument("--as-of", metavar="YYYY-MM", help="newest month that counts; None: the newest with sales")
    arguments.add_argument(
        "--output",
        type=table_path,
        default=Path("data/clustering_features.csv"),
        metavar="FILE",
        help="feature matrix, .csv or .parquet; metadata, demand and left-out DFUs are written beside it",
    )
    add_gate_options(arguments, "the three tables")
    options = arguments.parse_args()
    config = load_config(min_months_history=options.min_months, time_window_months=options.time_window)
    engine, policy = warehouse_engine(config), gate_policy(options)
    if not options.skip_validation:
        from expectations.standalone import require_good_sources  # late: to load Great Expectations takes seconds

        month = newest_month(engine, options.as_of)
        require_good_sources(config, engine, policy, as_of_month=month, chosen=options.as_of is not None)
    summary = build_features(config, engine, output=options.output, as_of_month=options.as_of)
    print(f"{options.output}: {summary.clustered} of {summary.n_dfus} DFUs as of {summary.as_of_month}")
    for reason, count in summary.excluded.items():
        print(f"  left out, {reason}: {count}")


def _window(text: str) -> int | str:
    if text == "all":
        return text
    try:
        return int(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f'a number of months or "all", not {text!r}') from error


if __name__ == "__main__":
    run_program(main)
