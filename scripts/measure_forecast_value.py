"""Measure what the segments are worth to a forecaster of these sales, and say what to train on.

Of the warehouse, or of a file of sales; --forecasts judges forecasts of your own instead.
"""

from pathlib import Path

from dfu_clustering.config.loading import load_config
from dfu_clustering.runs.forecast_value import verdict_folder
from dfu_clustering.runs.run import var_folder
from dfu_clustering.standalone.commands.forecast_value import add_measuring_arguments, measure, run
from dfu_clustering.standalone.commands.sales_options import add_form_arguments
from dfu_clustering.standalone.program import run_program
from dfu_clustering.steps.measure_forecast_value import read_warehouse, warehouse_name
from scripts.program import parser, warehouse_engine


def main() -> None:
    """Parse the arguments, measure, and print."""
    arguments = parser(__doc__ or "")
    arguments.add_argument(
        "sales", type=Path, nargs="?", metavar="FILE", help="sales in long form, .csv or .parquet; None: the warehouse"
    )
    add_form_arguments(arguments)
    arguments.add_argument("--as-of", metavar="YYYY-MM", help="newest month that counts; None: the newest")
    add_measuring_arguments(arguments)
    options = arguments.parse_args()
    if options.sales is not None:
        run(options)
        return
    config = load_config(options.config)
    engine = warehouse_engine(config)
    read = read_warehouse(engine, as_of_month=options.as_of)
    measure(read, config, options, source=warehouse_name(engine), folder=verdict_folder(var_folder()))


if __name__ == "__main__":
    run_program(main)
