"""Panels of which it is known what their segments are worth."""

import numpy as np

from dfu_clustering.features.panel import Panel
from dfu_clustering.features.sales_facts import SalesFacts


def panel_of(demand: np.ndarray) -> Panel:
    """Return the panel of (n_dfus, n_months) demand from January 2020 on."""
    keys = np.array([f"I{i:04d}_G_L" for i in range(len(demand))], dtype=object)
    newest = np.datetime64("2020-01", "M") + demand.shape[1] - 1
    return Panel(keys, np.ascontiguousarray(demand.T, dtype=np.float64).T, newest, SalesFacts())


def planted_seasons(n_dfus: int, *, seed: int, n_months: int = 45, noise: float = 0.4) -> tuple[Panel, np.ndarray]:
    """Return short histories with one of four seasons each, and (n_dfus,) which of them.

    A DFU shows its season in one to three years of much noise; those that share it show it clearly.
    """
    rng = np.random.default_rng(seed)
    group = rng.integers(0, 4, n_dfus)
    angle = (np.arange(n_months) - 3 * group[:, None] - 1) / 6 * np.pi
    season = np.exp(1.1 * np.cos(angle))
    level = rng.lognormal(4, 1, (n_dfus, 1))
    demand = level * season * rng.gamma(1 / noise**2, noise**2, season.shape)
    start = rng.integers(0, 12, (n_dfus, 1))
    return panel_of(np.where(np.arange(n_months) >= start, demand, 0)), group


def pure_noise(n_dfus: int, *, seed: int, n_months: int = 45, noise: float = 0.5) -> Panel:
    """Return DFUs that differ in nothing but their level."""
    rng = np.random.default_rng(seed)
    return panel_of(rng.lognormal(4, 1, (n_dfus, 1)) * rng.gamma(1 / noise**2, noise**2, (n_dfus, n_months)))


def short_lives(n_dfus: int, *, seed: int, n_months: int = 72, life_months: int = 34) -> Panel:
    """Return DFUs that come and go, with one of four seasons each: no DFU shows its season for three years."""
    rng = np.random.default_rng(seed)
    month = np.arange(n_months)
    season = np.exp(1.1 * np.cos((month - 3 * rng.integers(0, 4, (n_dfus, 1)) - 1) / 6 * np.pi))
    demand = rng.lognormal(4, 1, (n_dfus, 1)) * season * rng.gamma(4.0, 0.25, season.shape)
    start = rng.integers(6 - life_months, n_months - 12, (n_dfus, 1))
    return panel_of(np.where((month >= start) & (month < start + life_months), demand, 0))
