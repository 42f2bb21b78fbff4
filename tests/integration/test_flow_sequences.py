"""Random sequences of real flow processes that are stopped, killed, retried and overtaken: the newest labels stay.

The model knows the runs by the order in which they began, as the processes themselves do.
"""

import random
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from dfu_clustering.runs.ledger import Ledger
from dfu_clustering.runs.run import short_run_id
from tests.integration.fault_site import QUICK, ROOT, FaultRun, FaultSite, fault_site
from tests.integration.prefect_server import wait_until

pytestmark = [pytest.mark.integration, pytest.mark.slow]

SEQUENCES = 10
ACTIONS = 5
MONTHS = ("2026-07", "2026-08")


@pytest.fixture(scope="module")
def faults(tmp_path_factory, tracking_store):
    with fault_site(tmp_path_factory.mktemp("sequences"), tracking_store) as faults:
        yield faults


@dataclass(eq=False)
class Begun:
    """A run that was begun, in this order.

    Attributes:
        number: How many were begun before.
        older: Whether it may replace a later month.
        dry: Whether it is a dry run, because a later month was published when it began.
        seen: Lines of the ledger when it began.
    """

    run: FaultRun
    month: str
    number: int
    older: bool
    dry: bool
    seen: int


class Sequence:
    """Flow runs on one warehouse, and what the ledger must say of them."""

    def __init__(self, faults: FaultSite, var: Path, seed: int) -> None:
        self.faults, self.var, self.random = faults, var, random.Random(seed)
        self.begun: list[Begun] = []
        self.lines: list[tuple[Begun, bool]] = []  # run, and whether it was put back
        faults.put_old_labels()

    def begin(self) -> Begun:
        """Start a run and let it come as far as its clusters, then stop it."""
        month, older = self.random.choice(MONTHS), self.random.random() < 0.3
        later = bool(self.lines) and self.lines[-1][0].month > month
        parameters = {"as_of_month": month, "publish_older_month": older, **QUICK}
        run = FaultRun(self.faults, self.var, parameters=parameters)
        begun = Begun(run, month, len(self.begun), older, later and not older, len(self.lines))
        self.begun.append(begun)
        run.start()
        run.wait_until(lambda: "train_model" in run.finished_steps())
        run.send(signal.SIGSTOP)
        return begun

    def act(self) -> None:
        waiting = [one for one in self.begun if not any(one is line for line, _ in self.lines)]
        action = self.random.choice(["begin", "continue", "kill and retry", "restore"])
        if action == "restore" and self.lines:
            self.restore(self.random.choice(self.lines)[0])
        elif action in ("begin", "restore") or not waiting:
            self.begin()
        else:
            self.carry_on(self.random.choice(waiting), kill=action == "kill and retry")
        self.check()

    def carry_on(self, one: Begun, *, kill: bool) -> None:
        if kill or not one.run.is_running():
            if one.run.is_running():
                one.run.kill()
            one.run.retry()
        else:
            one.run.send(signal.SIGCONT)
        state = one.run.wait()
        assert state["type"] == "COMPLETED", one.run.log.read_text()[-3000:]
        allowed = self.may_publish(one)
        assert (state["name"] == "NotPublished") == (not allowed and not one.dry), (state, one)
        if allowed and not one.dry:
            self.lines.append((one, False))

    def may_publish(self, one: Begun) -> bool:
        if not self.lines:
            return True
        newest, restored = self.lines[-1]
        if newest.month > one.month and not one.older:
            return False
        if len(self.lines) == one.seen:
            return True
        return not restored and (newest.month < one.month or newest.number < one.number)

    def restore(self, one: Begun) -> None:
        command = [sys.executable, str(ROOT / "scripts" / "restore_assignments.py"), "--run", short_run_id(one.run.id)]
        done = subprocess.run(
            command, env=one.run.environment, capture_output=True, text=True, timeout=300, check=False
        )
        assert done.returncode == 0, done.stderr
        self.lines.append((one, True))

    def check(self) -> None:
        found = Ledger(self.var / "runs").publications()
        expected = [(short_run_id(one.run.id), restored) for one, restored in self.lines]
        assert [(line.run.rpartition("-")[2], line.restored) for line in found] == expected
        labels = self.faults.labels()
        labels.pop("", None)
        assert not found or labels == found[-1].labels

    def end(self) -> None:
        for one in self.begun:
            if one.run.is_running():
                one.run.kill()


@pytest.mark.parametrize("seed", range(SEQUENCES))
def test_dim_dfu_has_the_newest_labels_by_the_rules_after_each_action(faults, tmp_path, seed):
    sequence = Sequence(faults, tmp_path, seed)
    try:
        sequence.begin()
        sequence.carry_on(sequence.begin(), kill=False)
        sequence.check()
        for _ in range(ACTIONS):
            sequence.act()
    finally:
        sequence.end()
    wait_until(lambda: not any(one.run.is_running() for one in sequence.begun), 30, lambda: "a run is left")
