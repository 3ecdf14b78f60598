"""The lives of containers, one by one: where each was placed, when it ran and how it ended; told by the log's rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from heapq import heappop, heappush

from experiments.measures.starts import ROUNDING
from policies.errors import UserError
from policies.log import Event, Row

#: How containers may leave their host.
ENDS = (Event.FINISHED, Event.KILLED, Event.PREEMPTED, Event.OUT_OF_MEMORY, Event.FAILED)

_ENDS = frozenset(ENDS)
_STARTED, _LAUNCHED, _PREFILLED = Event.STARTED, Event.LAUNCHED, Event.PREFILLED


@dataclass(slots=True, eq=False)
class Life:
    """One container on one host.

    Attributes
    ----------
    job, workload : str
        Whose it is.
    scheduler : str
        Who placed it; empty where it was there from the beginning.
    again : bool
        Whether its job had been submitted before.
    host : int
        Where.
    lane : int
        Its place among the containers of the host: the lowest that was free, from 0.
    placed_s : float
        When it got its host.
    began_s : float or None
        When it ran; None as long as it is on its way.
    ended_s : float
        When it left its host; infinite while it is there.
    how : Event or None
        How it left; None while it is there.
    alone_s : float
        How long it would have run with the host to itself; 0 where nobody knows.
    decision : int
        Which attempt placed it, for whoever counts them; -1 for none.
    first : bool
        Whether it is the first of those that were placed there together.
    """

    job: str
    workload: str
    scheduler: str
    again: bool
    host: int
    lane: int
    placed_s: float
    began_s: float | None
    ended_s: float = float("inf")
    how: Event | None = None
    alone_s: float = 0.0
    decision: int = -1
    first: bool = False

    @property
    def since_s(self) -> float:
        """When it ran or, if it does not yet, when it got its host."""
        return self.placed_s if self.began_s is None else self.began_s


class Lives:
    """Follows containers through the rows of a log that tells of every host (``--detail tasks``).

    The log does not tell containers of one job on one host apart. Those that end are told by how long they ran: they
    are the ones that began as long ago. Of several that are launched there, the first to be launched is the first to
    run. Memory is that of the containers that live.
    """

    def __init__(self) -> None:
        self._living: dict[tuple[str, str, int], list[Life]] = {}
        self._free: dict[int, list[int]] = {}  # lanes of a host below its highest that are free
        self._lanes: dict[int, int] = {}  # how many lanes a host has

    def take(self, row: Row, decision: int = -1) -> list[Life]:
        """Take the next row.

        Parameters
        ----------
        row : Row
            Of one host.
        decision : int
            The attempt that places containers, if the row tells of such.

        Returns
        -------
        list of Life
            Those that end with it.

        Raises
        ------
        UserError
            If containers leave a host that never came there: the log is not whole.
        """
        event = row.event
        if event is _STARTED or event is _LAUNCHED or event is _PREFILLED:
            self._come(row, decision)
        elif event in _ENDS:
            return self._go(row)
        return []

    def left(self) -> Iterator[Life]:
        """Give those that are still there."""
        for lives in self._living.values():
            yield from lives

    def _come(self, row: Row, decision: int) -> None:
        there = self._living.setdefault((row.job, row.scheduler, row.host), [])
        count = row.tasks
        if row.event is _STARTED:
            for life in there:
                if not count:
                    return
                if life.began_s is None:
                    life.began_s = row.t_s
                    count -= 1
        began_s = None if row.event is _LAUNCHED else row.t_s
        for number in range(count):
            lane = self._lane(row.host)
            there.append(
                Life(row.job, row.workload, row.scheduler, row.again, row.host, lane, row.t_s, began_s,
                     decision=decision, first=number == 0)
            )  # fmt: skip

    def _go(self, row: Row) -> list[Life]:
        whose = row.job, row.scheduler, row.host
        there = self._living.get(whose, [])
        if len(there) < row.tasks:
            raise UserError(
                f"the log is not whole: containers of job {row.job!r} left host {row.host} that never came there"
            )
        since_s = row.t_s - row.seconds
        near = ROUNDING * max(row.t_s, 1.0)
        going: list[Life] = []
        for life in there:
            if len(going) == row.tasks:
                break
            if abs(life.since_s - since_s) <= near:
                going.append(life)
        if len(going) < row.tasks:
            going = sorted(there, key=lambda life: abs(life.since_s - since_s))[: row.tasks]
        if len(going) == len(there):
            del self._living[whose]
        else:
            gone = set(map(id, going))
            self._living[whose] = [life for life in there if id(life) not in gone]
        free = self._free.setdefault(row.host, [])
        for life in going:
            life.ended_s, life.how, life.alone_s = row.t_s, Event(row.event), row.alone_s
            heappush(free, life.lane)
        return going

    def _lane(self, host: int) -> int:
        free = self._free.get(host)
        if free:
            return heappop(free)
        lane = self._lanes.get(host, 0)
        self._lanes[host] = lane + 1
        return lane
