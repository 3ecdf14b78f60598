"""What traces made of other traces have in common."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from traces.hosts import Hosts
from traces.trace import Arrival, Recorded, Trace


class Origin(NamedTuple):
    """Where a job came from.

    Attributes
    ----------
    source : int
        Which of the traces that were read, counted from 1; see `sources`.
    job : str
        Its name there.
    submit_s : float
        When it was submitted there.
    """

    source: int
    job: str
    submit_s: float


#: A job, and where it came from.
Traced = tuple[Arrival, Origin]


class Changed(Trace):
    """A trace made of others; what is not changed is as in the first of them.

    Parameters
    ----------
    *traces : Trace
        At least one; each may itself be a changed one.
    """

    def __init__(self, *traces: Trace) -> None:
        first = traces[0]
        super().__init__(first.path, first.rejects, first.options)
        self._traces, self._trace = traces, first

    # A class says once and for all what its data set is; here it is that of what was read.
    @property
    def dataset(self) -> str:  # type: ignore[override]
        """What the data sets are called."""
        return self._together("dataset")

    @property
    def licence(self) -> str:  # type: ignore[override]
        """On which terms they may be used."""
        return self._together("licence")

    @property
    def credit(self) -> str:  # type: ignore[override]
        """The credit that is asked for."""
        return self._together("credit")

    def _together(self, name: str) -> str:
        return "; ".join(dict.fromkeys(text for trace in self._traces if (text := getattr(trace, name))))

    def arrivals(self) -> Iterator[Arrival]:
        """Yield the jobs in order of submission."""
        return (arrival for arrival, _ in self.traced())

    def traced(self) -> Iterator[Traced]:
        """Yield the jobs in order of submission, each with where it came from."""
        return self._changed(traced(self._trace))

    @abstractmethod
    def _changed(self, jobs: Iterable[Traced]) -> Iterator[Traced]:
        """Change the jobs of the first trace."""

    @abstractmethod
    def change(self) -> dict[str, Any]:
        """Say what is done to the trace, for a machine: the name of the change and its parameters."""

    def prefill(self) -> Iterator[Recorded]:
        """Yield what runs at time 0 on its recorded host."""
        return self._trace.prefill()

    def prefill_anywhere(self) -> Iterator[Arrival]:
        """Yield what runs at time 0 on hosts that nobody knows."""
        return self._trace.prefill_anywhere()

    def hosts(self) -> Hosts | None:
        """Give the data set's own machines."""
        return self._trace.hosts()

    def end_s(self) -> float | None:
        """Say when the recording ends."""
        return self._trace.end_s()

    def progress(self) -> float | None:
        """Say which share of the input is read."""
        return self._trace.progress()

    def assumptions(self) -> list[str]:
        """List what was assumed about the trace, and what was changed."""
        return [*self._trace.assumptions(), *self._notes(), *self.counted()]

    def _notes(self) -> list[str]:
        """Say for a person what was changed."""
        return []

    def files(self) -> list[Path]:
        """List the files that make up the traces."""
        return [file for trace in self._traces for file in trace.files()]

    def sources(self) -> list[Trace]:
        """List the traces that are read, as `Origin.source` counts them."""
        return [source for trace in self._traces for source in sources(trace)]

    def changes(self) -> list[dict[str, Any]]:
        """List all that was done to what was read, in order."""
        return [*changes(self._trace), self.change()]


def traced(trace: Trace) -> Iterator[Traced]:
    """Yield the jobs of any trace, each with where it came from."""
    if isinstance(trace, Changed):
        return trace.traced()
    return ((arrival, Origin(1, arrival.job.id, arrival.job.submit_s)) for arrival in trace.arrivals())


def sources(trace: Trace) -> list[Trace]:
    """List the traces that are read for a trace: those that it is made of, or itself."""
    return trace.sources() if isinstance(trace, Changed) else [trace]


def changes(trace: Trace) -> list[dict[str, Any]]:
    """List all that was done to what is read, in order; nothing for a trace as it was recorded."""
    return trace.changes() if isinstance(trace, Changed) else []
