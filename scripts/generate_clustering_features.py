"""Judge the tables in the warehouse, read the sales and write one row of features a DFU."""

from contextlib import nullcontext
from pathlib import Path

from dfu_clustering.loads.sales_loads import overview_of
from dfu_clustering.runs.folder import RunFile, RunFolder
from dfu_clustering.standalone.program import (
    add_history_settings,
    add_matrix_output,
    features_in_words,
    history_config,
    run_program,
)
from dfu_clustering.steps.build_features import build_features
from dfu_clustering.steps.sales_reading import SalesReading
from dfu_clustering.warehouse.snapshot import snapshot
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
    engine, policy = warehouse_engine(config), gate_policy(options)
    files = RunFolder(options.output.parent).placing(RunFile.MATRIX, options.output)
    with nullcontext() if options.skip_validation else snapshot(engine) as source:
        sales = overview_of(source, options.as_of) if source else None
        reading = SalesReading(sales, options.as_of)
        if sales:
            from expectations.standalone import require_good_sources  # late: to load Great Expectations takes seconds

            month, chosen = sales.state.as_of_month, options.as_of is not None
            require_good_sources(config, engine, policy, as_of_month=month, chosen=chosen, reading=reading)
        summary = build_features(files, config, engine, reading=reading)
    print(features_in_words(options.output, summary))


if __name__ == "__main__":
    run_program(main)
