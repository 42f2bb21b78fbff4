"""What may be shown of an address that may hold a user and a password, and which of them cannot be read for certain."""

from typing import Final
from urllib.parse import urlsplit

UNREADABLE: Final = "an address that cannot be read"
PERCENT_ENCODED: Final = "a sign such as @ : / ? # in user or password is percent-encoded, @ as %40"


def described(address: str) -> str:
    """Return scheme, host, port and path of an address and nothing else; UNREADABLE where these are not certain."""
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port
    except ValueError:  # brackets or a port that cannot be
        return UNREADABLE
    # an @ behind the host is one of a password, whose beginning was taken for the host
    if not host or is_ambiguous(address) or ("@" in address and "@" not in parts.netloc):
        return UNREADABLE
    named = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{named}{f':{port}' if port else ''}{parts.path}"


def is_ambiguous(address: str) -> bool:
    """Tell whether an address holds a second ``@``, so that a part of the password would be taken for the host."""
    return address.count("@") > 1
