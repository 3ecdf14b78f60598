"""What was measured of many containers, as means over windows of time: memory does not grow with the samples."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa

from policies.arrays import FloatArray, IntArray
from policies.requests import Demand
from policies.sharing import DISKS, device_time
from policies.sharing.disk import PAGE_BYTES
from traces.reading.arrays import filled, numpy_of
from traces.trace import Behaviour, Phase

#: Bytes per second that take all the time of a disk, where a share of its time is all that is known: random reads of a
#: page on a hard disk. Random, so that it makes no difference to a head who else reads.
FULL_DISK_BPS = float(1.0 / device_time(1.0, 0.0, PAGE_BYTES, 1.0, DISKS["HDD"]))

#: So many sums are kept apart before they are added up.
APART = 2**20
#: Windows that a container may have: more are no time.
MOST_WINDOWS = 2**31


class Windows:
    """Adds up samples of many containers.

    Parameters
    ----------
    window_s : float
        How long a window is.
    kinds : int
        How many things a sample tells.

    Notes
    -----
    Memory is that of one row for each window in which a container was measured, however many samples that are.
    """

    def __init__(self, window_s: float, kinds: int) -> None:
        self.window_s = window_s
        self._numbers: dict[str, int] = {}
        self._first_s: FloatArray = np.empty(0)
        self._last_s: FloatArray = np.empty(0)
        self._most: FloatArray = np.empty((kinds, 0))
        self._keys: list[IntArray] = [np.empty(0, dtype=np.int64)]
        self._sums: list[FloatArray] = [np.empty((2 * kinds, 0))]
        self._apart = 0

    def add(self, names: pa.Array, at_s: FloatArray, values: FloatArray) -> None:
        """Take samples.

        Parameters
        ----------
        names : pyarrow.Array of strings
            Whose they are.
        at_s : ndarray of shape (n,)
            When, from 0 and less than `MOST_WINDOWS` windows.
        values : ndarray of shape (kinds, n)
            What, NaN where it was not measured.
        """
        if not at_s.size:
            return
        encoded = filled(names).dictionary_encode()
        known = [self._numbers.setdefault(name, len(self._numbers)) for name in encoded.dictionary.to_pylist()]
        whose = np.array(known, dtype=np.int64)[numpy_of(encoded.indices)]
        self._grow()
        np.minimum.at(self._first_s, whose, at_s)
        np.maximum.at(self._last_s, whose, at_s)
        for most, kind in zip(self._most, values, strict=True):
            np.fmax.at(most, whose, kind)
        key = whose * MOST_WINDOWS + (at_s // self.window_s).astype(np.int64)
        measured = ~np.isnan(values)
        keys, sums = _added(key, np.concatenate((np.where(measured, values, 0.0), measured)))
        self._keys.append(keys)
        self._sums.append(sums)
        self._apart += keys.size
        if self._apart > max(APART, self._keys[0].size):
            self._add_up()

    def of(self, name: str) -> tuple[FloatArray, FloatArray]:
        """Give the windows in which a container was measured.

        Returns
        -------
        ndarray of shape (m,), ndarray of shape (kinds, m)
            When they begin, in order, and the means of what was measured in each; NaN where something was not.
        """
        if self._apart:
            self._add_up()
        number = self._numbers.get(name, -1)
        first, last = np.searchsorted(self._keys[0], [number * MOST_WINDOWS, (number + 1) * MOST_WINDOWS])
        sums, counts = np.split(self._sums[0][:, first:last], 2)
        means: FloatArray = np.full(sums.shape, np.nan)
        np.divide(sums, counts, out=means, where=counts > 0)
        return (self._keys[0][first:last] % MOST_WINDOWS).astype(np.float64) * self.window_s, means

    def __iter__(self) -> Iterator[str]:
        """Give the names of the containers in the order in which they first came."""
        return iter(self._numbers)

    def __contains__(self, name: str) -> bool:
        return name in self._numbers

    def span_s(self, name: str) -> tuple[float, float]:
        """Give the times of a container's first and last sample."""
        number = self._numbers[name]
        return float(self._first_s[number]), float(self._last_s[number])

    def most(self, name: str) -> FloatArray:
        """Give the most that was ever measured of a container, shape (kinds,); NaN of what never was."""
        most: FloatArray = self._most[:, self._numbers[name]]
        return most

    @property
    def end_s(self) -> float:
        """When the last sample of all was taken; infinite where there is none."""
        return float(self._last_s.max(initial=-np.inf)) if self._numbers else np.inf

    def _grow(self) -> None:
        """Make room for names that came, in steps that double."""
        room = self._first_s.size
        if len(self._numbers) > room:
            more = max(2 * len(self._numbers), 1024) - room
            self._first_s = np.append(self._first_s, np.full(more, np.inf))
            self._last_s = np.append(self._last_s, np.full(more, -np.inf))
            self._most = np.concatenate((self._most, np.full((self._most.shape[0], more), np.nan)), axis=1)

    def _add_up(self) -> None:
        keys, sums = _added(np.concatenate(self._keys), np.concatenate(self._sums, axis=1))
        self._keys, self._sums, self._apart = [keys], [sums], 0


def _added(key: IntArray, values: FloatArray) -> tuple[IntArray, FloatArray]:
    """Add up the columns of each key."""
    keys, place = np.unique(key, return_inverse=True)
    place = place.reshape(-1)
    sums: FloatArray = np.empty((values.shape[0], keys.size))
    for row, those in zip(sums, values, strict=True):
        row[:] = np.bincount(place, weights=those, minlength=keys.size)
    return keys, sums


def phases(begins_s: FloatArray, demands: Sequence[Demand], begin_s: float, end_s: float) -> Behaviour:
    """Make a behaviour of what a container used from several times on.

    Parameters
    ----------
    begins_s : ndarray of shape (m,)
        From when on it used each of `demands`, until the next; in order.
    demands : sequence of Demand
        What.
    begin_s, end_s : float
        From when to when it ran: what was measured before or after that does not count, and before the first
        measurement it used the same as then.

    Returns
    -------
    Behaviour
        Equal demands in a row are one phase; None where nothing was measured, or nothing within that time.
    """
    if not (begin_s < end_s < np.inf):
        return None
    first = int(np.searchsorted(begins_s, begin_s, "right")) - 1
    last = int(np.searchsorted(begins_s, end_s))
    first = max(first, 0)
    if first >= last:
        return None
    made: list[Phase] = []
    edges = [begin_s, *begins_s[first + 1 : last].tolist(), end_s]
    for demand, since_s, until_s in zip(demands[first:last], edges[:-1], edges[1:], strict=True):
        share = (until_s - since_s) / (end_s - begin_s)
        if made and made[-1].demand == demand:
            made[-1] = Phase(made[-1].share + share, demand)
        else:
            made.append(Phase(share, demand))
    return tuple(made)


def held(values: FloatArray, missing: float) -> FloatArray:
    """Let what was measured hold until it is measured again, `missing` before.

    Examples
    --------
    >>> held(np.array([np.nan, 1.0, np.nan, 2.0]), 0.0).tolist()
    [0.0, 1.0, 1.0, 2.0]
    """
    given = ~np.isnan(values)
    last = np.maximum.accumulate(np.where(given, np.arange(values.size), -1))
    return np.where(last >= 0, values[last], missing)
