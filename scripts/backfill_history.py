"""Compute labels and features as of each of the last months, from the sales up to that month; nothing is published.

dfu_clustering.history.load() reads them from DFU_CLUSTERING_VAR.
"""

import argparse
from pathlib import Path
from uuid import uuid4

from dfu_clustering.config.loading import config_path, load_config
from dfu_clustering.history.backfills import backfill_folder, history_folder
from dfu_clustering.runs.run import short_run_id, var_folder
from dfu_clustering.standalone.program import run_program
from dfu_clustering.steps.backfill import backfill_month, finish_backfill
from dfu_clustering.steps.backfill_plan import MOST_MONTHS, Months, open_backfill, require_begun
from scripts.program import parser, warehouse_engine


def main() -> None:
    """Parse the arguments and go from month to month."""
    arguments = parser(__doc__ or "")
    arguments.add_argument(
        "--months", type=_months, default=12, metavar="N", help="number of months, the newest included; or all"
    )
    arguments.add_argument("--as-of", metavar="YYYY-MM", help="the newest month; None: the newest with sales")
    arguments.add_argument(
        "--resume",
        metavar="ID",
        help="resume a backfill that was interrupted, by its id; its months stay the same",
    )
    arguments.add_argument("--config", type=Path, default=config_path(), metavar="FILE", help="YAML with the settings")
    options = arguments.parse_args()
    config, var = load_config(options.config), var_folder()
    engine = warehouse_engine(config)
    backfill_id = require_begun(history_folder(var), options.resume) if options.resume else short_run_id(uuid4())
    folder = backfill_folder(var, backfill_id)
    plan = open_backfill(config, engine, folder, months=options.months, as_of_month=options.as_of)
    print(f"backfill {backfill_id}: {plan.months[0]} to {plan.months[-1]}, in {folder}")
    done = []
    for before, month in plan.chain(folder):
        done.append(backfill_month(config, folder, month, before))
        print(f"{month}: {done[-1].clustered} DFUs in {done[-1].k} segments")
    summary = finish_backfill(config, var, backfill_id, plan, done)
    for note in summary.notes():
        print(note)


def _months(text: str) -> Months:
    if text == "all":
        return "all"
    if not text.isdecimal() or not 1 <= int(text) <= MOST_MONTHS:
        raise argparse.ArgumentTypeError(f"a number of months from 1 to {MOST_MONTHS}, or all, not {text!r}")
    return int(text)


if __name__ == "__main__":
    run_program(main)
