"""The beginning of a run, when the cell fills up: it is left out of the metrics, and how long it takes is estimated."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, floor, log10
from typing import TYPE_CHECKING

import numpy as np

from policies.arrays import FloatArray
from policies.log import Event, Row

if TYPE_CHECKING:
    from experiments.results.frames import Frames
    from experiments.results.study import RunKey

#: Values that are averaged before MSER looks for the end of the warm-up.
BATCH = 5

#: A warm-up that is a smaller share of the run is not worth a word.
SMALL = 0.02

#: Fewer batches than these say nothing about where a series settles.
LEAST_BATCHES = 10

# Once per row: Python 3.11 takes several times longer to reach a member of an enumeration.
ATTEMPTED, COMMITTED, CONFLICTED, SCHEDULER = Event.ATTEMPTED, Event.COMMITTED, Event.CONFLICTED, Event.SCHEDULER
HELD, RELEASED, WORKFLOW_CAME, WORKFLOW_ENDED = Event.HELD, Event.RELEASED, Event.WORKFLOW_CAME, Event.WORKFLOW_ENDED
SUBMISSIONS = frozenset((Event.SUBMITTED, Event.INFEASIBLE, Event.OVER_QUOTA))


class WarmUp:
    """Leaves out of a log what belongs to the beginning of a run.

    Jobs that were submitted before the end of the warm-up count neither then nor later, even if they are submitted
    again; so what is submitted, scheduled, pending and given up still adds up among the others. What schedulers do from
    then on counts, whoever it is for: thinking, of an attempt that goes on then its rest, and transactions, by when
    they were committed. So do looks at the hosts. Workflows are left out if they came before, and so are jobs that wait
    for others to end and are not submitted yet.

    Parameters
    ----------
    end_s : float
        When the warm-up ends.
    """

    def __init__(self, end_s: float) -> None:
        self._end_s = end_s
        self._jobs: set[str] = set()
        self._held: set[str] = set()
        self._workflows: set[str] = set()

    def counted(self, rows: Sequence[Row]) -> list[Row]:
        """Give the rows that count, some of them changed so that only what counts of them is left."""
        kept: list[Row] = []
        end_s, jobs = self._end_s, self._jobs
        for row in rows:
            event = row[1]
            if row[0] < end_s:
                self._before(row, kept)
            elif event is WORKFLOW_ENDED:
                if row.job not in self._workflows:
                    kept.append(row)
            elif event is RELEASED:
                if row.job not in self._held:
                    kept.append(row)
            elif row[2] not in jobs or not row[2]:
                kept.append(row)
            elif event is ATTEMPTED:
                kept.append(row._replace(attempt=0))  # the wait is the job's, the thinking is the scheduler's
            elif event is COMMITTED or event is CONFLICTED:
                kept.append(row._replace(tasks=0, remaining=-1))
        return kept

    def _before(self, row: Row, kept: list[Row]) -> None:
        event = row.event
        if event in SUBMISSIONS:
            self._jobs.add(row.job)
        elif event is HELD:
            self._held.add(row.job)
        elif event is WORKFLOW_CAME:
            self._workflows.add(row.job)
        elif event is SCHEDULER:
            kept.append(row)
        elif event is ATTEMPTED and row.t_s + row.seconds > self._end_s:
            rest_s = row.t_s + row.seconds - self._end_s
            kept.append(row._replace(t_s=self._end_s, seconds=rest_s, attempt=0))


def mser(values: Sequence[float] | FloatArray, batch: int = BATCH) -> int | None:
    r"""Say how many values at the beginning of a series are better left out of its mean.

    Parameters
    ----------
    values : sequence of float
        One after the other, evenly spaced in time or in number.
    batch : int
        How many of them are averaged first.

    Returns
    -------
    int or None
        A multiple of `batch`; None where the series is too short to say: the best place lies in its second half, or
        there are fewer than `LEAST_BATCHES` batches.

    Notes
    -----
    MSER-5: of the means :math:`Y_1, \dots, Y_m` of batches of five, the first :math:`d` are left out for which
    :math:`\sum_{i>d} (Y_i - \bar Y_{>d})^2 / (m - d)^2`, the square of the standard error of what is left, is least.
    K. P. White, "An effective truncation heuristic for bias reduction in simulation output", Simulation 69 (1997);
    batches of five and the bound at one half: White, Cobb and Spratt, "A comparison of five steady-state truncation
    heuristics for simulation", Winter Simulation Conference 2000.

    Examples
    --------
    >>> settled = [0.0, 1.0] * 50
    >>> mser([9.0, 7.0, 8.0, 6.0, 5.0, *settled]), mser(settled), mser(range(100))
    (5, 0, None)
    """
    series = np.asarray(values, dtype=float)
    m = series.size // batch
    if m < LEAST_BATCHES:
        return None
    means = series[: m * batch].reshape(m, batch).mean(axis=1)
    # About the middle of the series, so that sums of squares do not drown in rounding.
    about = means - means.mean()
    left = np.arange(m, 0, -1)
    sums, squares = (np.cumsum(powers[::-1])[::-1] for powers in (about, about**2))
    errors = np.maximum(squares - sums**2 / left, 0.0) / left.astype(float) ** 2
    # What is left of a few batches at the end is alike by chance.
    best = int(np.argmin(errors[: m - LEAST_BATCHES // 2 + 1]))
    return best * batch if best <= m // 2 else None


def advice(frames: Frames) -> str:
    """Say how long runs warm up, from the logs of those of the lowest seed; empty where there is nothing to say.

    There is nothing where there is no log, where what was seen is settled from the beginning or after the warm-up that
    was left out already, and where a run goes on until its last container ended: that has no state to settle in.
    """
    if frames.study.until_s is None or not frames.has_log():
        return ""
    until_s, left_out_s = frames.study.until_s, frames.study.warm_up_s
    settled = [(what, at_s) for key in frames.firsts for what, at_s in _settles_s(frames, key)]
    # Where one run cannot tell, what others tell of it is no advice for all.
    unsettled = list(dict.fromkeys(what for what, at_s in settled if at_s is None))
    longest: dict[str, float] = {}
    for what, at_s in settled:
        if at_s is not None and what not in unsettled:
            longest[what] = max(longest.get(what, 0.0), at_s)
    late = {what: at_s for what, at_s in longest.items() if at_s > max(left_out_s, SMALL * until_s)}
    said = []
    if late:
        told = " and ".join(f"{what} settle after about {_about(at_s)} s" for what, at_s in late.items())
        said.append(f"{told} of {until_s:g} s (MSER-5): --warm-up {_about(max(late.values()))}s leaves that out")
    if unsettled:
        said.append(f"whether {' and '.join(unsettled)} settle within {until_s:g} s cannot be told (MSER-5)")
    return f"Warm-up: {'; '.join(said)}." if said else ""


def _about(time_s: float) -> str:
    """Give two digits, the rest being chance, and the next larger: what is left out shall be over."""
    step = 10.0 ** (floor(log10(time_s)) - 1)
    return f"{ceil(time_s / step) * step:g}"


def _settles_s(frames: Frames, key: RunKey) -> list[tuple[str, float | None]]:
    """Give what was looked at in a run, and when it settles; None where that cannot be told."""
    cores = f"cpu_{frames.looked_at(key)}"
    busy = frames.levels(key, [cores])
    attempts = frames.log(key, ["t_s", "event", "attempt", "age_s"])
    first = attempts[(attempts["event"] == "attempted") & (attempts["attempt"] == 1)]
    found: list[tuple[str, float | None]] = []
    for what, t_s, values in (("the cores in use", busy["t_s"], busy[cores]), ("waits", first["t_s"], first["age_s"])):
        cut = mser(values.to_numpy(dtype=float))
        found.append((what, None if cut is None else float(t_s.iloc[cut]) if cut else 0.0))
    return found
