"""A trace whose jobs come faster, and run as long as they did: more load for the same machines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from math import inf
from typing import Any, ClassVar

from traces.changed.changed import Changed, Traced
from traces.trace import Trace


class Denser(Changed):
    """A trace of which all submission times are divided by one factor; run times are as they were.

    So is who comes after whom, what runs at the beginning, and what machines do and when. The recording ends sooner by
    the factor, since nothing is submitted behind that. What was submitted again (an earlier attempt had failed) is so
    sooner, too, be the earlier attempt at its end or not.

    Parameters
    ----------
    trace : Trace
        With its own arrival rate.
    rate : float
        The factor; below 1 for fewer jobs in the same time.

    Raises
    ------
    ValueError
        If the factor is not a finite number above 0.
    """

    format: ClassVar[str] = "denser"

    def __init__(self, trace: Trace, rate: float) -> None:
        if not 0 < rate < inf:
            raise ValueError(f"rate {rate} is not a number above 0")
        super().__init__(trace)
        self._rate = rate

    def _changed(self, jobs: Iterable[Traced]) -> Iterator[Traced]:
        rate = self._rate
        return (
            (arrival._replace(job=arrival.job._replace(submit_s=arrival.job.submit_s / rate)), origin)
            for arrival, origin in jobs
        )

    def change(self) -> dict[str, Any]:
        """Say by what submission times are divided."""
        return {"change": self.format, "rate": self._rate}

    def end_s(self) -> float | None:
        """Say when the recording ends."""
        end_s = self._trace.end_s()
        return None if end_s is None else end_s / self._rate

    def _notes(self) -> list[str]:
        return [
            f"--rate {self._rate:g}: submission times are divided by it; run times, what runs at the beginning, and "
            "when machines come, go and change are as they were"
        ]
