"""The segments of a run as a table on the terminal."""

import sys
from collections.abc import Sequence

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from dfu_clustering.runs.summaries import SegmentSummary

_PLAIN_WIDTH = 110  # of output that goes to a file


def console() -> Console:
    """Return the terminal, or a file that is wide enough for labels."""
    return Console(width=None if sys.stdout.isatty() else _PLAIN_WIDTH)


def segment_table(segments: Sequence[SegmentSummary], as_of_month: str | None) -> Table:
    """Return a row a segment: its label, its DFUs, its volume, and medians that tell what it is like."""
    table = Table(title=f"Segments as of {as_of_month}", title_justify="left", box=SIMPLE, pad_edge=False)
    table.add_column("label", overflow="fold")
    for heading in ("DFUs", "of DFUs", "of volume", "units/month", "zero", "season"):
        table.add_column(heading, justify="right", no_wrap=True)
    for segment in segments:
        profile = segment.profile
        table.add_row(
            segment.label,
            f"{segment.size:,}",
            f"{segment.share:.1%}",
            f"{segment.volume_share:.1%}",
            f"{profile['mean_demand']:,.1f}",
            f"{profile['zero_demand_pct']:.0%}",
            f"{profile['seasonality_strength']:.2f}",
        )
    table.caption = "medians: units a month, share of months without demand, seasonality_strength"
    table.caption_justify = "left"
    return table
