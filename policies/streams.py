"""Named random streams: one seed fixes a run, and one purpose never disturbs another."""

from __future__ import annotations

import zlib

import numpy as np


def stream(seed: int, *purpose: str) -> np.random.Generator:
    """Give the random stream of one purpose in the run with this seed.

    Streams of different purposes are independent, so adding a policy or a scheduler does not shift the
    arrivals: policies are compared on common random numbers.

    Parameters
    ----------
    seed : int
        The run's seed, not negative.
    *purpose : str
        What the numbers are for, from the general to the particular, for instance ``"placement", "batch/0"``.

    Examples
    --------
    >>> stream(1, "arrivals", "batch").random() == stream(1, "arrivals", "batch").random()
    True
    >>> stream(1, "arrivals", "batch").random() == stream(1, "arrivals", "service").random()
    False
    """
    # crc32, not hash(): the built-in hash of a string differs from one process to the next.
    key = tuple(zlib.crc32(word.encode()) for word in purpose)
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=key)))
