"""The queue disciplines that come with Towtank, by the names the command line knows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from policies.scheduling.backfill import Backfill, Outlook
from policies.scheduling.queues import FairShare, Fifo, Priority, Queue
from policies.scheduling.world import Cell, Clock

if TYPE_CHECKING:
    from policies.scheduling.scheduler import Scheduler

#: Gives each scheduler of a cell its queue.
Queues = Callable[["Scheduler"], Queue]


@dataclass(frozen=True)
class Discipline:
    """In which order schedulers take the jobs that wait.

    Attributes
    ----------
    queues : callable
        How the schedulers of one cell queue: given the world, once for each run, before anything runs in it.
    promises : bool
        Whether room is promised to jobs, which must then be placed whole, by a scheduler that has its hosts alone.
    """

    queues: Callable[[Clock, Cell], Queues]
    promises: bool = False


def fifo() -> Discipline:
    """First come, first served; a job that is tried again joins at the tail."""
    return Discipline(lambda clock, cell: Fifo)


def priority() -> Discipline:
    """Most important job first, by its most important container, and first come first served among equals."""
    return Discipline(lambda clock, cell: Priority)


def fair_share() -> Discipline:
    """Smallest dominant share first, of what each user's containers hold, and first come first served within (DRF)."""
    return Discipline(lambda clock, cell: FairShare)


def backfill() -> Discipline:
    """In order of arrival, later jobs sooner where by their estimates they do not delay the first that waits (EASY)."""
    return Discipline(lambda clock, cell: partial(Backfill, outlook=Outlook(clock, cell)), promises=True)


#: The disciplines by the names the command line knows; their parameters are those of the function.
DISCIPLINES: Mapping[str, Callable[..., Discipline]] = {
    "fifo": fifo,
    "priority": priority,
    "fair-share": fair_share,
    "backfill": backfill,
}
