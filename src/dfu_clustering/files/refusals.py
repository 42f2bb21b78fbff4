"""What a file system refuses and only a person can change is bad input: no right to a folder, a path that is none."""

import errno

from dfu_clustering.errors import DataError, InputError

_REFUSED = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG}


def as_bad_input(error: OSError) -> InputError | None:
    """Return what to do about a file that may not be read or written; None where another try may help."""
    if error.errno not in _REFUSED:
        return None
    return DataError(
        "Files and folders that a program names must be there, and take or give what it writes or reads",
        found=f"{error.strerror or error}: {error.filename or 'an unnamed file'}",
        remedy="give this user the right to it, or name another place; DFU_CLUSTERING_VAR is where runs write",
    )
