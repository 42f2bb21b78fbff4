import os
import subprocess
import sys

import numpy as np
from threadpoolctl import threadpool_info

from dfu_clustering.preprocessing.determinism import single_threaded

PROGRAM = """
import hashlib
import numpy as np
from dfu_clustering.clusters.model import fit_clusters
from dfu_clustering.config.loading import load_config
from dfu_clustering.clusters.k_selection import select_k

space = np.random.default_rng(1).normal(size=(4000, 8))
config = load_config(k_range=(4, 4), n_init=5, gap_references=2)
selection, centroids = select_k(space, volume=np.ones(4000), config=config)
model = fit_clusters(space, space[:12], min_cluster_size_pct=1.0)
parts = [centroids.tobytes(), repr(selection.model_dump(mode="json")).encode(), model.centroids.tobytes()]
print(hashlib.sha256(b"".join(parts)).hexdigest())
"""


def test_the_numbers_of_openmp_and_blas_threads_do_not_change_a_bit():
    # without the limit the same program prints another digest for each number of OpenMP threads
    digests = [_run({"OMP_NUM_THREADS": n, "OPENBLAS_NUM_THREADS": n}) for n in ("1", "4")]
    assert len(digests[0]) == 64
    assert digests[0] == digests[1]


def test_the_limit_ends_with_the_block():
    np.ones((2, 2)) @ np.ones((2, 2))
    before = {pool["filepath"]: pool["num_threads"] for pool in threadpool_info()}
    with single_threaded():
        assert {pool["num_threads"] for pool in threadpool_info()} == {1}
    assert {pool["filepath"]: pool["num_threads"] for pool in threadpool_info()} == before


def _run(threads: dict[str, str]) -> str:
    program = [sys.executable, "-c", PROGRAM]
    done = subprocess.run(program, env=os.environ | threads, capture_output=True, text=True, check=True, timeout=120)
    return done.stdout.strip()
