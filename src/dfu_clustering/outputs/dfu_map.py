"""The map of the DFUs: the two directions of the space along which they differ most, turned as last month's map was."""

from typing import Final

import numpy as np
import pandas as pd
from sklearn.decomposition import PCA

from dfu_clustering.arrays import Floats, Integers
from dfu_clustering.files.keys import places_of
from dfu_clustering.preprocessing.determinism import single_threaded

_MAP_POINTS: Final = 4000
_LEAST_SHARED: Final = 3  # DFUs of both maps, below which nothing says how one lies to the other


def map_of(
    space: Floats, dfu_ck: "pd.Series[str]", cluster_id: Integers, before: pd.DataFrame | None
) -> tuple[pd.DataFrame, tuple[float, float]]:
    """Return a sample of the DFUs on the plane of the first two principal components.

    The axes of that plane have no sign, and change places where they explain nearly as much, so a map may flip or turn
    from month to month although no DFU has moved. So it is turned, or mirrored, to lie as near as it can to the map
    before (orthogonal Procrustes over the DFUs of that map); distances on it stay what they are.

    Args:
        space: (n_dfus, n_columns) in which DFUs are compared.
        dfu_ck: (n_dfus,) keys.
        cluster_id: (n_dfus,) numbers of their labels.
        before: dfu_ck, x, y of the published map; None: there is none, and the axes are the components.

    Returns:
        dfu_ck, cluster_id, x, y of at most 4,000 DFUs, evenly over the keys; and the shares (0-1) of the variance of
        the space along x and y.
    """
    with single_threaded(), np.errstate(invalid="ignore"):  # of shares of no variance, where all DFUs are one point
        components = PCA(n_components=min(2, *space.shape), svd_solver="full").fit(space)
    plane, shares = np.zeros((len(space), 2)), np.zeros(2)
    plane[:, : components.n_components_] = components.transform(space)
    shares[: components.n_components_] = np.nan_to_num(components.explained_variance_ratio_)
    turn = np.eye(2) if before is None else _turn(plane, dfu_ck, before)
    rows = np.linspace(0, len(space) - 1, min(_MAP_POINTS, len(space))).astype(np.int64)  # evenly over the keys
    points = plane[rows] @ turn
    table = {
        "dfu_ck": dfu_ck.to_numpy()[rows],
        "cluster_id": cluster_id[rows],
        "x": points[:, 0],
        "y": points[:, 1],
    }
    along_x, along_y = (np.square(turn).T @ shares).tolist()  # components are uncorrelated
    return pd.DataFrame(table), (along_x, along_y)


def _turn(plane: Floats, dfu_ck: "pd.Series[str]", before: pd.DataFrame) -> Floats:
    """Return the (2, 2) rotation, with a reflection where one is needed, that lays the plane on the map before.

    Q = U V' of the singular values of A' B, with A the points now and B those before, each about its mean, is what
    minimises |A Q - B| (Schönemann 1966).
    """
    place = places_of(before["dfu_ck"], dfu_ck)
    if np.count_nonzero(place >= 0) < _LEAST_SHARED:
        return np.eye(2)
    now, then = plane[place[place >= 0]], before.loc[place >= 0, ["x", "y"]].to_numpy(np.float64)
    left, _, right = np.linalg.svd((now - now.mean(axis=0)).T @ (then - then.mean(axis=0)))
    turn: Floats = left @ right
    return turn
