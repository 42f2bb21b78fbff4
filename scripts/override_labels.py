"""Set the label of some DFUs by hand until a month, or end that; the clusters and their figures stay as they are.

An override is entered beside the ledger of publishes in DFU_CLUSTERING_VAR, and every publish has it on top of the
machine's labels until its last month is over. The labels that are published get it at once, but with --no-publish; the
event dfu.clusters.published is sent to the Prefect server at PREFECT_API_URL then, where that is set.
"""

import argparse
from pathlib import Path
from uuid import uuid4

from dfu_clustering.config.clustering import ClusteringConfig
from dfu_clustering.config.loading import config_path, load_config
from dfu_clustering.errors import DataError
from dfu_clustering.overrides.override import Override
from dfu_clustering.overrides.register import Overrides
from dfu_clustering.overrides.wanted import Wanted
from dfu_clustering.runs.run import short_run_id, var_folder
from dfu_clustering.standalone.program import run_program
from dfu_clustering.steps.override_labels import (
    OverrideSummary,
    end_override,
    enter_override,
    open_ending,
    open_override,
    publish_overrides,
)
from scripts.label_counts import show_label_counts
from scripts.program import column_and_value, parser, warehouse_engine
from scripts.published_event import say_published

_KEYS_SHOWN = 5


def main() -> None:
    """Parse the arguments, and list, enter or end."""
    options = _arguments().parse_args()
    config, runs = load_config(options.config), var_folder() / "runs"
    if options.list:
        _show_list(Overrides(runs).all())
        return
    summary = _override(options, config, runs)
    print(summary)
    if summary.waits:
        print(f"not published at once: {summary.waits}")
    if summary.published:
        show_label_counts(summary.published, config.warehouse.tables.dfu)
    if summary.published and summary.publication:
        # last: everything is done and recorded already, even where the server cannot be reached
        say_published(summary.publication, summary.published, uuid4())


def _override(options: argparse.Namespace, config: ClusteringConfig, runs: Path) -> OverrideSummary:
    who = {"owner": options.owner or "", "reason": options.reason or ""}
    engine, dry_run = warehouse_engine(config), options.dry_run
    already_ended = False
    if options.end:
        folder = open_ending(runs, short_run_id(uuid4()))
        ended = end_override(folder, engine, options.end, dry_run=dry_run, **who)
        override, already_ended = ended.override, ended.already
    else:
        folder = open_override(runs, short_run_id(uuid4()))
        wanted = Wanted(
            label=options.label or "",
            until_month=options.until or "",
            dfu_cks=[*options.dfu, *_keys_in(options.dfus)],
            values=dict(options.filter),
            **who,
        )
        override = enter_override(folder, engine, wanted, dry_run=dry_run)
    publish = not options.no_publish
    done = publish_overrides(folder, engine, config.tracking, override, publish=publish, dry_run=dry_run)
    return done.model_copy(update={"already_ended": already_ended})


def _keys_in(file: Path | None) -> list[str]:
    if file is None:
        return []
    try:
        return [line for line in file.read_text(encoding="utf-8-sig").split("\n") if line]
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(
            "A file of keys must be text in UTF-8, one dfu_ck a line", found=f"{file}: {error}", remedy="correct it"
        ) from error


def _show_list(overrides: list[Override]) -> None:
    for one in overrides:
        first, more = one.dfu_cks[:_KEYS_SHOWN], len(one.dfu_cks) - _KEYS_SHOWN
        print(f"{one.id}  {one.ended or f'until {one.until_month}'}")
        print(f"  {len(one.dfu_cks):,} DFUs to {one.label} by {one.owner}: {one.reason}")
        print(f"  {', '.join(first)}{f', and {more:,} more' if more > 0 else ''}")
    if not overrides:
        print("there are no overrides")


def _arguments() -> argparse.ArgumentParser:
    arguments = parser(__doc__ or "")
    what = arguments.add_mutually_exclusive_group(required=True)
    what.add_argument("--label", metavar="LABEL", help="the label, one of those that are published")
    what.add_argument("--end", metavar="ID", help="end this override now; the machine's labels are back")
    what.add_argument("--list", action="store_true", help="list all overrides, and do nothing")
    arguments.add_argument("--dfu", metavar="KEY", action="append", default=[], help="dfu_ck; may be given often")
    arguments.add_argument("--dfus", metavar="FILE", type=Path, help="file with one dfu_ck a line")
    arguments.add_argument(
        "--filter",
        metavar="COLUMN=VALUE",
        type=column_and_value,
        action="append",
        default=[],
        help="or the DFUs whose column has exactly this value now, such as loc=DC10; may be given often",
    )
    arguments.add_argument("--until", metavar="YYYY-MM", help="the last as-of month in which it holds")
    arguments.add_argument("--owner", metavar="NAME", help="your name")
    arguments.add_argument("--reason", metavar="TEXT", help="why you know better, or why it ends")
    arguments.add_argument("--no-publish", action="store_true", help="leave it to the next publish")
    arguments.add_argument("--dry-run", action="store_true", help="show what would change; enter and write nothing")
    arguments.add_argument(
        "--config", type=str, default=config_path(), metavar="FILE", help="YAML with MLflow's names and the time limits"
    )
    return arguments


if __name__ == "__main__":
    run_program(main)
