"""What is kept of any number of jobs in bounded memory: a sample of them, and how many came when."""

from __future__ import annotations

import numpy as np

from policies.arrays import FloatArray, IntArray

#: Lengths of time that jobs are counted in, seconds; each is a whole number of times the one before.
LADDER = (1.0, 10.0, 60.0, 600.0, 3600.0, 21600.0, 86400.0, 864000.0)

#: Times are tried for being whole multiples of these, in seconds, the longest first.
STEPS = (300.0, 60.0, 10.0, 1.0)

#: So many stretches of time with jobs in them are counted apart, before the next longer ones are.
MOST_BINS = 2**20


class Sample:
    """A simple random sample of rows, without replacement: all of them while there is room.

    Parameters
    ----------
    columns : int
        Numbers in a row.
    size : int
        How many rows are kept at most; up to a half more while it is being filled.
    rng : numpy.random.Generator
        Which rows are kept: those to which the smallest random numbers fall.
    """

    def __init__(self, columns: int, size: int, rng: np.random.Generator) -> None:
        self._size, self._rng = size, rng
        self._rows: list[FloatArray] = [np.zeros((0, columns))]
        self._keys: list[FloatArray] = [np.zeros(0)]
        self._held, self._limit = 0, np.inf

    def add(self, rows: FloatArray) -> None:
        """Offer more rows, shape (n, columns)."""
        keys = self._rng.random(len(rows))
        lucky = keys < self._limit
        self._rows.append(rows[lucky])
        self._keys.append(keys[lucky])
        self._held += int(lucky.sum())
        if self._held > 1.5 * self._size:
            self._thin()

    def _thin(self) -> None:
        rows, keys = np.concatenate(self._rows), np.concatenate(self._keys)
        if keys.size > self._size:
            self._limit = float(np.partition(keys, self._size)[self._size])
            rows, keys = rows[keys < self._limit], keys[keys < self._limit]
        self._rows, self._keys, self._held = [rows], [keys], keys.size

    def rows(self) -> FloatArray:
        """Give the sample, shape (at most `size`, columns), in the order in which the rows came."""
        self._thin()
        return self._rows[0]


class Counts:
    """How many jobs came in each second or, where that would be too many numbers, in each of `LADDER`'s longer bins."""

    def __init__(self) -> None:
        self.width_s = LADDER[0]
        self._bins: list[FloatArray] = []
        self._counts: list[FloatArray] = []
        self._held = 0

    def add(self, times_s: FloatArray) -> None:
        """Count more times."""
        # Numbers of bins are whole floats: no time of a file is too large for them.
        bins, how_many = np.unique(np.floor(times_s / self.width_s), return_counts=True)
        self._append(bins, how_many.astype(np.float64))
        if self._held > MOST_BINS:
            self._append(*self._merged())
            while self._held > MOST_BINS // 2 and self.width_s < LADDER[-1]:
                longer = LADDER[LADDER.index(self.width_s) + 1]
                bins, counts = self.at(longer)
                self.width_s, self._bins, self._counts, self._held = longer, [bins], [counts], bins.size

    def _append(self, bins: FloatArray, counts: FloatArray) -> None:
        self._bins.append(bins)
        self._counts.append(counts)
        self._held += bins.size

    def _merged(self) -> tuple[FloatArray, FloatArray]:
        bins, counts = self.at(self.width_s)
        self._bins, self._counts, self._held = [], [], 0
        return bins, counts

    def at(self, width_s: float) -> tuple[FloatArray, FloatArray]:
        """Give the numbers of the bins of this width in which jobs came, rising, and how many did.

        Parameters
        ----------
        width_s : float
            Seconds, a whole number of times `width_s` of the counts.
        """
        if not self._bins:
            return np.zeros(0), np.zeros(0)
        bins = np.floor(np.concatenate(self._bins) / round(width_s / self.width_s))
        return sums(bins, np.concatenate(self._counts))


def sums(keys: FloatArray, amounts: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Add up the amounts of each key, and give the keys in order and the sums."""
    different, which = np.unique(keys, return_inverse=True)
    return different, summed(which, amounts, different.size)


def summed(places: IntArray, amounts: FloatArray, size: int) -> FloatArray:
    """Give the sum of the amounts at each of `size` places."""
    total: FloatArray = np.bincount(places, weights=amounts, minlength=size)  # type: ignore[assignment]
    return total
