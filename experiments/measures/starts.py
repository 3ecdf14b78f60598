"""How long containers take from when they are placed to when they run."""

from __future__ import annotations

from array import array
from collections import defaultdict

import numpy as np

from experiments.measures.statistics import Metric, quantile
from policies.log import Row

#: A time that is the difference of two others is known to this part of them.
ROUNDING = 1e-9


class Starts:
    """Follows containers that were launched until they start.

    The log does not tell containers of one job and host apart: the first that was launched there is the first to start.

    Attributes
    ----------
    launched : dict
        Those that have not started, by job and host: when they were launched, and how many, in that order.
    """

    def __init__(self) -> None:
        self.launched: defaultdict[tuple[str, int], list[tuple[float, int]]] = defaultdict(list)
        self._took_s = array("d")
        self._counts = array("q")  # how many containers took each of them

    def launch(self, row: Row) -> None:
        """Take note that containers are on their way."""
        for host, count in _each(row):
            self.launched[row.job, host].append((row.t_s, count))

    def started(self, row: Row) -> None:
        """Take note that containers run: a row of one or of many."""
        for host, count in _each(row):
            for since_s, began in self._take(row.job, host, count):
                self._took_s.append(row.t_s - since_s)
                self._counts.append(began)

    def ended_early(self, row: Row) -> None:
        """Take note that containers ended before their time, perhaps before they began.

        They are told by when they were launched: the row says how long ago that was, if they did not begin.
        """
        for host, count in _each(row):
            self._take(row.job, host, count, row.t_s - row.seconds)

    def _take(self, job: str, host: int, count: int, since_s: float | None = None) -> list[tuple[float, int]]:
        """Strike off so many that were launched first, or then: when they were, and how many."""
        taken, left = [], []
        for launched_s, there in self.launched.get((job, host), ()):
            it_is = since_s is None or abs(launched_s - since_s) <= ROUNDING * max(launched_s, 1.0)
            going = min(count, there) if it_is else 0
            count -= going
            if going:
                taken.append((launched_s, going))
            if there > going:
                left.append((launched_s, there - going))
        if left:
            self.launched[job, host] = left
        elif taken:
            del self.launched[job, host]
        return taken

    def result(self) -> dict[str, Metric]:
        """Give the metrics; None where nothing was launched and started."""
        if not self._took_s:
            return {"start_mean_s": None, "start_p90_s": None}
        each = np.array(self._took_s).repeat(self._counts)
        return {"start_mean_s": float(each.mean()), "start_p90_s": quantile(each, 0.9)}


def _each(row: Row) -> list[tuple[int, int]]:
    """Give the hosts of a row, and how many containers on each."""
    hosts, counts = row.where
    return list(zip(hosts.tolist(), counts.tolist(), strict=True))
