"""What is shown of an address: never a user, a password or a part of either."""

import pytest

from dfu_clustering.addresses import UNREADABLE, described


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("postgresql://u:secret@db.example:5432/sales?sslmode=require", "postgresql://db.example:5432/sales"),
        ("postgresql://u:sec%40ret@db.example/sales", "postgresql://db.example/sales"),
        ("postgresql://postgres@localhost:5432/demo?host=%2Ftmp%2Fsecret", "postgresql://localhost:5432/demo"),
        ("postgresql://u:secret@[::1]:5432/sales", "postgresql://[::1]:5432/sales"),
        ("http://u:secret@127.0.0.1:4200/api#secret", "http://127.0.0.1:4200/api"),
    ],
)
def test_scheme_host_port_and_path_are_shown(address, shown):
    assert described(address) == shown


@pytest.mark.parametrize(
    "address",
    [
        "",
        "secret",
        "u:secret@host/db",
        "postgresql:u:secret@host/db",
        "postgresql://u:p@secret@host:5432/db",
        "postgresql://u:p@secret/x@host/db",
        "postgresql://u:se/cret@host/db",
        "postgresql://u:se?cret@host/db",
        "postgresql://u:se#cret@host/db",
        "postgresql://u:secret@host:port/db",
        "postgresql://u:secret@[host/db",
        "host=h password=secret",
    ],
)
def test_nothing_of_an_address_that_is_not_certain_is_shown(address):
    assert described(address) == UNREADABLE
