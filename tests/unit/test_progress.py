"""Progress: log lines where there is no terminal."""

import logging

from dfu_clustering.files.progress import progress


def test_five_log_lines_whatever_the_number_of_units(caplog):
    with caplog.at_level(logging.INFO, logger="dfu_clustering"), progress("reading rows", 1000) as advance:
        for _ in range(1000):
            advance(1)
    assert [record.getMessage() for record in caplog.records] == [
        f"reading rows done={done} of=1000" for done in (200, 400, 600, 800, 1000)
    ]


def test_empty_work_is_no_error(caplog):
    with caplog.at_level(logging.INFO, logger="dfu_clustering"), progress("reading rows", 0):
        pass
    assert caplog.records == []
