"""Judge the tables in the warehouse, read the sales and write one row of features a DFU."""

from pathlib import Path

from dfu_clustering.loads.sales_loads import read_sales_state
from dfu_clustering.runs.folder import RunFile, RunFolder
from dfu_clustering.standalone.program import (
    add_history_settings,
    add_matrix_output,
    features_in_words,
    history_config,
    run_program,
)
from dfu_clustering.steps.build_features import build_features
from scripts.program import add_gate_options, gate_policy, parser, warehouse_engine


def main() -> None:
    """Parse the arguments and build the features."""
    arguments = parser(__doc__ or "")
    add_history_settings(arguments)
    arguments.add_argument("--as-of", metavar="YYYY-MM", help="newest month that counts; None: the newest with sales")
    add_matrix_output(arguments, Path("data/clustering_features.csv"))
    add_gate_options(arguments, "the three tables")
    options = arguments.parse_args()
    config = history_config(options)
    engine, policy, judged = warehouse_engine(config), gate_policy(options), None
    if not options.skip_validation:
        from expectations.standalone import require_good_sources  # late: to load Great Expectations takes seconds

        judged = read_sales_state(engine, options.as_of)
        month = judged.as_of_month
        require_good_sources(config, engine, policy, as_of_month=month, chosen=options.as_of is not None)
    files = RunFolder(options.output.parent).placing(RunFile.MATRIX, options.output)
    summary = build_features(files, config, engine, as_of_month=options.as_of, judged=judged)
    print(features_in_words(options.output, summary))


if __name__ == "__main__":
    run_program(main)
