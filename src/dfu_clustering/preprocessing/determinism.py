"""One thread for every numeric library, so that the last bit of a sum does not depend on the number of cores."""

from collections.abc import Iterator
from contextlib import contextmanager

from threadpoolctl import threadpool_limits


@contextmanager
def single_threaded() -> Iterator[None]:
    """Keep BLAS (in the whole process) and OpenMP (in the calling thread) to one thread inside the ``with`` block.

    Libraries that split a sum over threads add its parts in an order that depends on their number. Work is spread
    over cores by running whole, independent computations side by side instead.
    """
    with threadpool_limits(limits=1):
        yield


def limit_this_thread() -> None:
    """Keep the calling thread to one OpenMP thread for good; meant as the initializer of a pool inside the block.

    The number of OpenMP threads is a setting of each thread that new threads do not inherit.
    """
    threadpool_limits(limits=1, user_api="openmp")
