"""Packages that are loaded while a run waits: all that are named are there, and one that is broken stops nothing."""

import importlib.util
import subprocess
import sys

import pytest

from tasks.support import imports

LOAD = """
import sys, threading
from tasks.support import imports
imports._LATER = ("no_such_package", "json.tool")
imports.load_meanwhile()
imports.load_meanwhile()
started = [thread for thread in threading.enumerate() if thread.name == "imports"]
assert len(started) <= 1, started
for thread in started:
    thread.join()
print("json.tool" in sys.modules, "no_such_package" in sys.modules)
"""


@pytest.mark.parametrize("name", imports._LATER)
def test_what_is_loaded_meanwhile_can_be_found(name):
    assert importlib.util.find_spec(name) is not None


def test_package_that_cannot_be_loaded_stops_neither_the_others_nor_the_run():
    ran = subprocess.run([sys.executable, "-c", LOAD], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["True", "False"]
