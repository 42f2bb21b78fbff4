"""The demo: an embedded PostgreSQL with a panel of sales, one run of the flow on it, and what came out."""

import argparse
import os
import sys
from pathlib import Path

from rich.console import Console

from dfu_clustering.config.loading import load_config
from dfu_clustering.demo.database import DemoDatabase, database_name, prepare_demo_database
from dfu_clustering.demo.generated import DEFAULT_N_DFUS, DEFAULT_N_MONTHS, DEFAULT_SEED
from dfu_clustering.demo.server import stop_server
from dfu_clustering.errors import InputError
from dfu_clustering.files.refusals import as_bad_input
from dfu_clustering.months import parse_month
from dfu_clustering.quality.gate_reports import DataQualityError, describe
from dfu_clustering.runs.run import var_folder
from dfu_clustering.runs.summaries import RunSummary
from dfu_clustering.sales.long_form import MonthlySales
from dfu_clustering.standalone.commands.sales_options import add_form_arguments, sales_of
from dfu_clustering.standalone.segment_table import console, segment_table
from dfu_clustering.warehouse.connect import DATABASE_URL_VARIABLE, connect_engine
from dfu_clustering.warehouse.snapshot import newest_month


def main() -> None:
    """Parse the arguments, load the panel, run the flow and show the segments."""
    options = _arguments().parse_args()
    if options.stop:
        stopped = stop_server(_postgres_folder())
        sys.stdout.write("PostgreSQL stopped\n" if stopped else "the demo's PostgreSQL is not running\n")
        return
    terminal = console()
    try:
        sold = sales_of(options) if options.sales else None
        terminal.print("Preparing the demo's PostgreSQL …")
        database = prepare_demo_database(
            _postgres_folder(),
            sales=sold,
            name=database_name(options.sales),
            n_dfus=options.dfus,
            n_months=options.months,
            seed=options.seed,
        )
        os.environ[DATABASE_URL_VARIABLE] = database.url
        state = "loaded" if database.loaded else "already there"
        terminal.print(f"{database.database}: {database.n_dfus:,} DFUs, {database.n_sales_rows:,} sales rows, {state}")
        terminal.print("Starting Prefect (about 20 seconds) …")
        # imported late: Prefect reads its settings at import, and bad input should not wait for it
        from flows.cli import bad_input_said_once
        from flows.cluster_dfus import cluster_dfus

        with bad_input_said_once():
            summary = cluster_dfus(as_of_month=options.as_of or _whole_month(sold))
    except DataQualityError as error:
        sys.stderr.write(f"error: {error}\n")
        _show_ways_out(database, options.as_of)
        raise SystemExit(2) from error
    except InputError as error:
        sys.stderr.write(f"error: {error}\n")
        raise SystemExit(2) from error
    except OSError as error:
        if (bad_input := as_bad_input(error)) is None:
            raise
        sys.stderr.write(f"error: {bad_input}\n")
        raise SystemExit(2) from error
    show(summary, database, terminal)


def _show_ways_out(database: DemoDatabase, as_of_month: str | None) -> None:
    """Print who is missing, the newest month that is complete, and where the tables are."""
    from flows.demo_refusal import ways_out

    config = load_config()
    engine = connect_engine(database.url, config.warehouse)
    for line in ways_out(config, engine, parse_month(newest_month(engine, as_of_month))):
        sys.stderr.write(f"  {line}\n")
    sys.stderr.write(f"  The tables: export {DATABASE_URL_VARIABLE}='{database.url}'\n")


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter, prog="python -m flows.demo"
    )
    parser.add_argument("--dfus", type=int, default=DEFAULT_N_DFUS, help="DFUs of the made-up panel")
    parser.add_argument("--months", type=int, default=DEFAULT_N_MONTHS, help="months of the made-up panel")
    parser.add_argument("--seed", type=int, default=DEFAULT_SEED, help="seed of the made-up panel")
    parser.add_argument("--sales", type=Path, metavar="FILE", help="real sales instead, .csv, .tsv or .parquet")
    add_form_arguments(parser)
    parser.add_argument(
        "--as-of", type=_month, metavar="YYYY-MM", help="newest month that counts; None: the newest whole one"
    )
    parser.add_argument("--stop", action="store_true", help="only stop the demo's PostgreSQL; its data are kept")
    return parser


def _month(text: str) -> str:
    try:
        return str(parse_month(text))
    except InputError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _whole_month(sold: MonthlySales | None) -> str | None:
    """Return the as-of month of sales whose newest month has not ended; None: the newest month of the table."""
    return None if sold is None or sold.whole_month == sold.newest_month else str(sold.whole_month)


def _postgres_folder() -> Path:
    return var_folder() / "postgres"


def show(summary: RunSummary, database: DemoDatabase, terminal: Console) -> None:
    """Print the segments, the counts, and where to look further."""
    terminal.print(segment_table(summary.clusters, summary.as_of_month))
    left_out = ", ".join(f"{reason} {count:,}" for reason, count in summary.excluded.items() if count)
    published = summary.published
    terminal.print(
        f"{summary.labelled:,} of {summary.n_dfus:,} DFUs labelled as of {summary.as_of_month}, "
        f"{summary.clustered:,} of them in these segments; not clustered: {left_out or 'none'}."
    )
    table = load_config().warehouse.tables.dfu
    terminal.print(
        f"{table}: {published.updated:,} updated, {published.unchanged:,} unchanged, {published.cleared:,} cleared."
    )
    failures = [(suite.suite, check) for suite in summary.data_quality for check in suite.failures]
    checks = sum(suite.checks for suite in summary.data_quality)
    terminal.print(f"Gates: {checks} expectations, {len(failures) or 'none'} failed.")
    for suite, check in failures:
        terminal.print(f"  {suite}: {describe(check)}", soft_wrap=True)
    folder = Path(summary.run_folder)
    if summary.report:
        page = (folder / summary.report.name).as_uri()
        terminal.print(f"\nReport               {page}    (open it in a browser)", soft_wrap=True)
    terminal.print(f"Pictures and tables  {folder}", soft_wrap=True)
    terminal.print(f"Labels in SQL        export {DATABASE_URL_VARIABLE}='{database.url}'", soft_wrap=True)
    recorded = "make mlflow-ui    then http://127.0.0.1:5000"
    terminal.print(
        f"MLflow               {recorded if summary.mlflow_run_id else 'did not answer in time: no record of this run'}"
    )
    terminal.print("Prefect UI           make prefect-ui   then http://127.0.0.1:4200")
    terminal.print("PostgreSQL keeps running until: make demo-stop")


if __name__ == "__main__":
    main()
