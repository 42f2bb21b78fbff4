"""Segments of a table of sales in three lines, by the steps that the flow runs.

from dfu_clustering import segment
result = segment(sales)
result.labels
"""

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dfu_clustering.standalone.result import SegmentResult


def segment(
    sales: Any,  # noqa: ANN401  (any table that speaks Arrow)
    *,
    keys: tuple[str, ...] = ("dmdunit", "dmdgroup", "loc"),
    date: str = "startdate",
    quantity: str = "qty",
    date_format: str | None = None,
    as_of_month: str | None = None,
    previous: "SegmentResult | Path | str | None" = None,
    config: Path | str | None = None,
    **settings: Any,  # noqa: ANN401
) -> "SegmentResult":
    """Group the DFUs of a sales table by how their demand behaves, and label each.

    Args:
        sales: A row a booking, day, week or month of a DFU: a pandas, pyarrow or polars table.
        keys: One to three columns that together name a DFU: item, customer group, location.
        date: The column with a day of each row's month; a month without a row is zero demand.
        quantity: The column with the demand, in units; monthly sums are rounded to four decimals, or to 14 digits
            where they are small.
        date_format: Of dates that are text, as ``strptime`` reads it; None: ISO 8601.
        as_of_month: Newest month that counts, ``2026-10``; None: the newest whole one.
        previous: The result of an earlier month, or the folder where it was saved: labels change only where demand did.
        config: A configuration file; None: the one of DFU_CLUSTERING_CONFIG, else the project's own.
        **settings: Keys of the configuration, such as ``k_range=(3, 8)`` or ``labeling={"lifecycle": False}``.

    Returns:
        Labels, reasons, profiles, features, figures.

    Raises:
        ConfigError: A setting is unknown or out of range.
        DataError: The table breaks a rule, or no DFU has a history that is long enough.
    """
    # late: what finds clusters takes seconds to load, and an import should not
    from dfu_clustering.config.loading import load_config
    from dfu_clustering.runs.folder import RunFolder
    from dfu_clustering.sales.long_form import LongForm, monthly_sales
    from dfu_clustering.standalone.result import SegmentResult, previous_files
    from dfu_clustering.standalone.segmenting import SOURCE, as_arrow, segment_months

    form = LongForm(tuple(keys), date, quantity, date_format)
    chosen = load_config(config, **settings)
    sold = monthly_sales(as_arrow(sales, form), form, source=SOURCE)
    folder = tempfile.TemporaryDirectory(prefix="dfu-segments-")
    files = RunFolder(Path(folder.name))
    segment_months(sold, files, chosen, as_of_month=as_of_month, previous=previous_files(previous))
    return SegmentResult(files, chosen, form, sold.dfus, sold.notes, folder)
