"""Follicular units: roots that come out of one opening."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree
from scipy.spatial.distance import squareform

from densitometry.model import FloatArray

# Roots of one opening are staggered along the lie of the hair, because more or less of each shaft shows.
_ALONG_SHARE = 0.75
# Hairs of one opening lie nearly alike: a distance grows with the angle, and would double at this one.
_ANGLE_DOUBLES_RAD = np.pi
_OPPOSITE = 1e-6


def group_units(roots_um: FloatArray, directions: FloatArray, radius_um: float) -> NDArray[np.int64]:
    """Return the unit of each root, (K,) from 1, numbered by the first root of each unit.

    Average linkage is cut at `radius_um`, so that a row of neighbours does not run together into one unit
    as it would by nearest neighbours. Distances count less along the hairs than across, and more between
    hairs that lie apart.

    Args:
        roots_um: (K, 2) places of the roots [µm].
        directions: (K, 2) unit vectors from the root along the shaft.
        radius_um: mean distance within a unit at most [µm].

    Source: Sokal & Michener 1958 (unweighted average linkage).
    """
    count = len(roots_um)
    if count == 0:
        return np.empty(0, np.int64)
    pairs = cKDTree(roots_um).query_pairs(2.0 * radius_um / _ALONG_SHARE, output_type="ndarray")
    graph = coo_matrix((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(count, count))
    _, island = connected_components(graph, directed=False)
    raw = np.empty(count, np.int64)
    used = 0
    for members in _groups(island):
        if len(members) == 1:
            labels = np.ones(1, np.int64)
        else:
            distances = _distances(roots_um[members], directions[members])
            labels = fcluster(linkage(squareform(distances), "average"), radius_um, "distance").astype(
                np.int64
            )
        raw[members] = used + labels
        used += int(labels.max())
    _, first, inverse = np.unique(raw, return_index=True, return_inverse=True)
    rank = np.empty(len(first), np.int64)
    rank[np.argsort(first)] = np.arange(1, len(first) + 1)
    return rank[inverse]


def _groups(labels: NDArray[np.int32]) -> list[NDArray[np.int64]]:
    order = np.argsort(labels, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(labels[order])) + 1)


def _distances(roots_um: FloatArray, directions: FloatArray) -> FloatArray:
    """Return the (K, K) symmetric distances of roots, shortened along the mean direction of each pair."""
    gap = roots_um[:, None] - roots_um[None]
    cosine = np.clip(directions @ directions.T, -1.0, 1.0)
    lie = directions[:, None] + directions[None]
    norm = np.linalg.norm(lie, axis=2, keepdims=True)
    lie = np.divide(lie, norm, out=np.zeros_like(lie), where=norm > _OPPOSITE)
    along = np.sum(gap * lie, axis=2)
    across_squared = np.maximum(0.0, np.sum(gap * gap, axis=2) - along**2)
    distance = np.sqrt(across_squared + (_ALONG_SHARE * along) ** 2)
    # Direction is known up to which end is the root: only the angle between the lines speaks.
    angle = np.arccos(np.abs(cosine))
    distance *= 1.0 + angle / _ANGLE_DOUBLES_RAD
    np.fill_diagonal(distance, 0.0)
    return np.asarray((distance + distance.T) / 2, np.float64)
