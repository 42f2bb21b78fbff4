"""What the DFUs that sell must be like: in the DFU table, loaded once, at their own level."""

from great_expectations.expectations.expectation import Expectation

from dfu_clustering.config.clustering import ClusteringConfig
from dfu_clustering.quality.recent_sales import RecentSales
from expectations.engine.checks import bounded, graded


def groups_and_rows(config: ClusteringConfig, recent: RecentSales | None) -> list[Expectation]:
    """Return what is expected of their rows, and of the groups that they belong to.

    Args:
        config: Limits.
        recent: What they sell, which names those that break an expectation; None: declarations alone.
    """
    limits = config.data_quality
    return [
        *graded(
            "sales_have_a_dfu",
            limits.orphan_share,
            "Almost all DFUs that sell are in dim_dfu.",
            "Too many sales have a DFU that is not in dim_dfu (share of recent rows, or of those of the as-of month).",
            "orphan_share",
            keys=list(recent.unknown_dfus) if recent else None,
        ),
        *graded(
            "one_row_a_dfu_and_month",
            limits.repeated_share,
            "Few rows repeat a DFU and month, as corrections do.",
            "Too many rows repeat a DFU and month (share of recent rows).",
            "duplicate_share",
            keys=recent.repeated_dfus() if recent else None,
        ),
        bounded(
            "newest_month_is_loaded_once",
            "critical",
            "In the as-of month rows repeat a DFU no more often than usual.",
            "In the as-of month more rows repeat a DFU than usual, as if loaded twice (rise of the share).",
            "duplicate_share_rise",
            high=limits.share_rise,
            keys=recent.newest_repeated_dfus() if recent else None,
        ),
        *graded(
            "no_group_fell_silent",
            limits.vanished_share,
            "Almost all locations, customer groups and regions that sell regularly sell in the as-of month.",
            "Locations, customer groups or regions have no sales in the as-of month (share of usual rows).",
            "vanished_share",
            keys=[f"{group.kind} {group.name}" for group in recent.silent_groups] if recent else None,
        ),
    ]


def levels(config: ClusteringConfig, recent: RecentSales | None) -> list[Expectation]:
    """Return what is expected of the quantities that each of them sells; see groups_and_rows()."""
    limits = config.data_quality
    return [
        bounded(
            "dfus_keep_their_level",
            "critical",
            "Few DFUs sell five times more or less than recently and than a year ago.",
            "Too many DFUs sell five times more or less than recently and than a year ago (share of the DFUs).",
            "off_level_share",
            high=limits.off_level_share,
            keys=recent.off_level_dfus() if recent else None,
        ),
        bounded(
            "no_dfu_is_absurd",
            "warning",
            "No DFU sells more than a hundred times what it usually sells.",
            "DFUs sell more than a hundred times what they usually sell (DFUs).",
            "absurd_dfus",
            high=0,
            keys=recent.absurd_dfus() if recent else None,
        ),
        bounded(
            "newest_month_is_no_copy",
            "critical",
            "DFUs sell exactly what they sold the month before no more often than usual.",
            "More DFUs than usual sell exactly what they sold the month before (rise of the share).",
            "copied_share_rise",
            high=limits.copied_share,
        ),
    ]
