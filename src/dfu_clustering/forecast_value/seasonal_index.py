"""A DFU's own seasonal index as known at a month, and the same shrunk towards its group.

The index says which multiple of the mean month each calendar month sells. One DFU shows it in three years at most, with
much noise; the DFUs of a group show it together. By how much a DFU's own index counts is the empirical-Bayes weight

    w = tau / (tau + s^2 / n_blocks)

tau being how far the indices of the group's DFUs differ beyond noise, s^2 how far a DFU's years differ from each other.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from dfu_clustering.arrays import Flags, Floats, Integers
from dfu_clustering.features.demand_block import YEAR_MONTHS, Block, Values, mean_of, ratio_of

MOST_BLOCKS: Final = 3
LARGEST_RATIO: Final = 4.0  # of a month to the mean of its block


@dataclass(frozen=True, eq=False)
class OwnIndex:
    """Seasonal indices of DFUs, each of its own history.

    Attributes:
        index: (12, n_dfus) January to December; NaN where there is no block.
        n_blocks: (n_dfus,) years of 12 months behind it, 0 to MOST_BLOCKS.
        within_variance: (n_dfus,) s^2, variance of the ratios of a calendar month between the blocks, mean of the
            calendar months; NaN where there are fewer than two.
    """

    index: Floats
    n_blocks: Integers
    within_variance: Floats


@dataclass(frozen=True, eq=False)
class ShrunkIndex:
    """Seasonal indices of DFUs, shrunk towards the mean index of their groups.

    Attributes:
        index: (12, n_dfus) January to December; 1 where nobody has an index.
        weight: (n_dfus,) 0 to 1, by how much a DFU's own index counts.
    """

    index: Floats
    weight: Floats


def own_index(by_month: Block, history_months: Integers, as_of_calendar_month: int) -> OwnIndex:
    """Return the seasonal index of every DFU as of the last month of a grid.

    Up to three blocks of 12 months that end there count; a block counts where it lies wholly in the DFU's history and
    has demand. Demand by the block's mean, clipped to 0..4, is averaged by calendar month.

    Args:
        by_month: (n_months, n_dfus) units a month, the as-of month last; months before the newest 36 do not matter.
        history_months: (n_dfus,) months from the first sale to the as-of month.
        as_of_calendar_month: Calendar month 1..12 of the last row.
    """
    ratios, counts = _ratios_of_blocks(by_month, history_months)
    n_blocks = counts.sum(axis=0)
    total = np.where(counts[:, None], ratios, 0.0).sum(axis=0)
    index = ratio_of(total, np.broadcast_to(n_blocks, total.shape).astype(np.float64), otherwise=np.nan)
    squares = np.where(counts[:, None], np.square(ratios - index), 0.0).sum(axis=0)
    within = ratio_of(mean_of(squares), np.maximum(n_blocks - 1, 0).astype(np.float64), otherwise=np.nan)
    january_first = np.roll(index, as_of_calendar_month, axis=0)  # the last row is the as-of month's
    return OwnIndex(january_first, n_blocks, within)


def shrunk_index(own: OwnIndex, group: Integers) -> ShrunkIndex:
    """Shrink the DFUs' own indices towards the mean index of their groups, as far as they are noise.

    s^2 of a DFU is the mean of its own and its group's; where it has one block, its group's. Where nobody has two
    blocks nothing tells season from noise, and the mean of the group is all that counts. A DFU without an index of its
    own has that of its group; a group without any has that of all DFUs.

    Args:
        own: Of n_dfus DFUs.
        group: (n_dfus,) any numbers; equal numbers are one group.
    """
    _, code = np.unique(group, return_inverse=True)
    known = own.n_blocks > 0
    mean = _group_means(own.index, code, known)
    noise = _noise(own, code)
    tau = _variance_between(own, mean, noise, code, known)
    weight = np.where(known, ratio_of(tau[code], tau[code] + noise, otherwise=0.0), 0.0)
    index = weight * np.where(known, own.index, 0.0) + (1 - weight) * mean[:, code]
    return ShrunkIndex(index, weight)


def _ratios_of_blocks(by_month: Block, history_months: Integers) -> tuple[Floats, Flags]:
    """Return (n_blocks, 12, n_dfus) demand by the mean of its block, and (n_blocks, n_dfus) which of them count."""
    n_dfus = by_month.shape[1]
    most = min(MOST_BLOCKS, len(by_month) // YEAR_MONTHS)
    ratios = np.zeros((most, YEAR_MONTHS, n_dfus))
    counts: Flags = np.zeros((most, n_dfus), dtype=np.bool_)
    for back in range(most):
        end = len(by_month) - back * YEAR_MONTHS
        block = by_month[end - YEAR_MONTHS : end]
        mean = mean_of(block)
        counts[back] = (history_months >= (back + 1) * YEAR_MONTHS) & (mean > 0)
        ratios[back] = np.minimum(ratio_of(block, np.broadcast_to(mean, block.shape), otherwise=0.0), LARGEST_RATIO)
    return ratios, counts


def _group_means(index: Floats, code: Integers, known: Flags) -> Floats:
    """Return the (12, n_groups) mean index of each group; that of all where none of its DFUs has one."""
    of_all = index[:, known].mean(axis=1) if known.any() else np.ones(YEAR_MONTHS)
    count = _by_group(known, code)
    totals = (_by_group(np.where(known, month, 0.0), code) for month in index)
    return np.array([ratio_of(total, count, otherwise=mean) for total, mean in zip(totals, of_all, strict=True)])


def _noise(own: OwnIndex, code: Integers) -> Values:
    """Return the (n_dfus,) variance that noise gives each index, s^2 / n_blocks; infinite where nobody knows it."""
    repeated = own.n_blocks > 1
    of_dfu = np.where(repeated, own.within_variance, 0.0)
    of_all = float(of_dfu[repeated].mean()) if repeated.any() else np.inf
    of_group = ratio_of(_by_group(of_dfu, code), _by_group(repeated, code), otherwise=of_all)[code]
    return np.where(repeated, (of_dfu + of_group) / 2, of_group) / np.maximum(own.n_blocks, 1)


def _variance_between(own: OwnIndex, mean: Floats, noise: Values, code: Integers, known: Flags) -> Values:
    """Return tau of each group: the variance between its DFUs' indices less what noise gives them, at least 0."""
    squares = np.where(known, np.square(own.index - mean[:, code]), 0.0).mean(axis=0)
    count = _by_group(known, code)
    between = ratio_of(_by_group(squares, code), count - 1, otherwise=0.0)
    of_noise = ratio_of(_by_group(np.where(known, noise, 0.0), code), count, otherwise=np.inf)
    return np.maximum(between - of_noise, 0.0)


def _by_group(of_dfu: Floats | Flags, code: Integers) -> Floats:
    """Return the (n_groups,) sums of (n_dfus,) values."""
    return np.bincount(code, weights=of_dfu).astype(np.float64)
