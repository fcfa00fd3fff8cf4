"""Pictures of different people offered as the same spot: how many are refused.

People are those of pairs of the kind "other", two a pair; each one's picture is compared with those of the
next three, so that nobody is in more than a few pairs.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from datetime import date
from multiprocessing import get_context
from typing import Any

import cv2

from benchmarks import second_visits
from benchmarks.environment import source_digest
from benchmarks.visit_pairs import KINDS, SETTINGS, make_pair
from benchmarks.visit_score import analyze, judgement
from densitometry import follow

KIND = KINDS["other"]
PARTNERS = 3


def compare_strangers(setting: str, pairs: int, first_seed: int, jobs: int) -> Iterator[dict[str, Any]]:
    """Yield a row for each comparison of two people.

    Args:
        setting: name of a setting of `visit_pairs`, or `second_visits.SETTING`.
        pairs: how many comparisons, at least.
        first_seed: seed of the first two people.
        jobs: processes.
    """
    couples = max(2, -(-pairs // (2 * PARTNERS)))
    todo = [(setting, first_seed + number) for number in range(couples)]
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        patches = [patch for couple in pool.map(_couple, todo) for patch in couple]
    for i in range(len(patches)):
        for step in range(1, PARTNERS + 1):
            j = (i + step) % len(patches)
            yield _row(setting, first_seed, f"{i}-{j}", follow.compare_visits(patches[i], patches[j]))


def _couple(job: tuple[str, int]) -> list[follow.Patch]:
    """Photograph two people and trace their hairs."""
    cv2.setNumThreads(1)
    setting, seed = job
    if setting == second_visits.SETTING:
        pair = second_visits.make_pair(KIND, seed)
    else:
        pair = make_pair(KIND, SETTINGS[setting], seed)
    return [follow.patch_of(analyze(shots[0], zoom_told=True)) for shots in pair.visits]


def _row(setting: str, seed: int, name: str, found: follow.Comparison) -> dict[str, Any]:
    return {
        "kind": KIND.name,
        "setting": setting,
        "seed": seed,
        "replicates": 1,
        "name": name,
        "day": date.today().isoformat(),
        "source": source_digest(),
        **judgement(found),
    }
