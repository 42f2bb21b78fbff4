"""What segments are worth: verdicts of panels, how often chance alone seems to pay, and how long it takes.

``panels``: one JSON line a file, with the ratios of WAPE and RMSSE of every arm to the base, and what was found.
``shuffled``: as often as --runs says, the segments of a file's DFUs are given to other DFUs; ``runs_with_pays`` counts
the runs in which an arm that uses segments is said to pay. ``size``: seconds for a generated panel.
"""

import argparse
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import joblib
import numpy as np

from dfu_clustering.config.loading import load_config
from dfu_clustering.demo.generated import generate_panel
from dfu_clustering.forecast_value.arms import BY_NAME
from dfu_clustering.forecast_value.evaluation import Design, evaluate
from dfu_clustering.forecast_value.known_groups import KnownGroups
from dfu_clustering.forecast_value.origins import DEFAULT_HORIZON_MONTHS, rolling_origins
from dfu_clustering.forecast_value.paired import overlap_of
from dfu_clustering.forecast_value.verdict import Verdict, judge
from dfu_clustering.sales.files import read_sales
from dfu_clustering.sales.long_form import LongForm, MonthlySales, monthly_sales
from dfu_clustering.standalone.segmenting import read_months
from dfu_clustering.steps.measure_forecast_value import Extent, known_of, measure_forecast_value, segments_of

CONFIG = load_config()
BY_SEGMENT = ("recommended", "index to segment", "segment")
WITH_CONTROLS = ("base", *BY_SEGMENT, *(BY_NAME[name].control or "base" for name in BY_SEGMENT))


def measured(sold: MonthlySales, options: argparse.Namespace, name: str) -> tuple[Verdict, float]:
    """Return the verdict of sales, and the seconds that it took."""
    start = time.perf_counter()
    read = read_months(sold, CONFIG)
    extent = Extent(seeds=options.seeds, workers=options.workers)
    verdict = measure_forecast_value(read, CONFIG, extent, source=name, measured_at=datetime.now(UTC))
    return verdict, time.perf_counter() - start


def figures(verdict: Verdict, seconds: float) -> dict[str, object]:
    """Return one line."""
    errors = {of.name: of.errors for of in verdict.scores}
    return {
        "panel": verdict.source,
        "dfus": verdict.n_dfus,
        "seconds": round(seconds),
        "origins": len(verdict.origins),
        "decided_by": verdict.decided_by,
        "base": {measure: round(value or 0, 4) for measure, value in errors["base"].items()},
        "wape_by_base": {of.name: round(of.by_base["wape"] or 0, 4) for of in verdict.scores},
        "rmsse_by_base": {of.name: round(of.by_base["rmsse"] or 0, 4) for of in verdict.scores},
        "found": {arm.name: arm.finding for arm in verdict.judged},
        "sentence": verdict.sentence,
    }


def shuffled(path: Path, options: argparse.Namespace) -> Iterator[dict[str, object]]:
    """Yield what is found in each run, then how often anything was said to pay."""
    panel = read_months(read_sales(path), CONFIG).panel
    origins = rolling_origins(panel.demand.shape[1], horizon_months=DEFAULT_HORIZON_MONTHS)
    known = known_of(panel, origins, CONFIG, None)
    true_segments = {origin: segments_of(known, panel, CONFIG)(origin) for origin in origins}
    arms = tuple(BY_NAME[name] for name in dict.fromkeys(WITH_CONTROLS))
    design = Design(origins, DEFAULT_HORIZON_MONTHS, options.seeds, options.workers, arms)
    overlapping = overlap_of(DEFAULT_HORIZON_MONTHS, int(np.diff(origins).min()))
    runs_with_pays = 0
    for run in range(options.runs):
        others = np.random.default_rng([run, 99]).permutation(len(panel.dfu_ck))
        given = {origin: KnownGroups(segments.code[:, others]) for origin, segments in true_segments.items()}
        _, judged = judge(evaluate(known, design, given.__getitem__), overlapping=overlapping)
        found = {arm.name: arm.finding for arm in judged}
        runs_with_pays += "pays" in found.values()
        yield {"run": run, "found": found}
    yield {"panel": path.name, "runs": options.runs, "runs_with_pays": runs_with_pays}


def lines(options: argparse.Namespace) -> Iterator[dict[str, object]]:
    """Yield the lines of a claim."""
    if options.claim == "size":
        sales = generate_panel(options.dfus, options.months, 77003).sales.select(LongForm().columns)
        yield figures(*measured(monthly_sales(sales, LongForm(), source="archetypes"), options, "archetypes"))
    for path in options.files:
        if options.claim == "panels":
            yield figures(*measured(read_sales(path), options, path.name))
        elif options.claim == "shuffled":
            yield from shuffled(path, options)


def main() -> None:
    """Parse the arguments and print one JSON line each."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("claim", choices=("panels", "shuffled", "size"))
    arguments.add_argument("files", type=Path, nargs="*")
    arguments.add_argument("--seeds", type=int, default=3)
    arguments.add_argument("--runs", type=int, default=40)
    arguments.add_argument("--dfus", type=int, default=5000)
    arguments.add_argument("--months", type=int, default=60)
    arguments.add_argument("--workers", type=int, default=joblib.cpu_count())
    options = arguments.parse_args()
    for line in lines(options):
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
