"""Claims: what a scheduler would like to have, and what became of it."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from policies.arrays import IntArray
from policies.requests import Resources, Task


class Conflict(Enum):
    """When a claim no longer holds at commit."""

    FINE = "fine"  # the containers no longer fit, or may no longer be there
    COARSE = "coarse"  # somebody else claimed on that host since the snapshot
    COARSE_WITH_RELEASES = "coarse-with-releases"  # anything at all changed on that host since the snapshot


class Commit(Enum):
    """What happens to a transaction of which some claims do not hold."""

    INCREMENTAL = "incremental"  # those that hold are kept
    GANG = "gang"  # all or nothing; of a MapReduce job, all the workers it asked for


class Claims(NamedTuple):
    """Containers of one kind on chosen hosts, decided against one snapshot.

    Attributes
    ----------
    task : Task
        What each of the containers asks for.
    hosts : ndarray of int, shape (m,)
        Different hosts, in no particular order.
    counts : ndarray of int, shape (m,)
        How many containers on each, at least 1.
    seen : ndarray of int, shape (2, m)
        Rows ``version`` and ``claimed`` of those hosts in the snapshot.
    serial : int
        How many times anybody had claimed in the cell when the snapshot was taken.
    tasks : int
        How many containers in all.
    group : int
        Which group of its job the containers belong to.
    """

    task: Task
    hosts: IntArray
    counts: IntArray
    seen: IntArray
    serial: int
    tasks: int
    group: int = 0

    def only(self, counts: IntArray) -> Claims:
        """Give the same claim for fewer containers: `counts` on each of the hosts, which may be none."""
        some = counts > 0
        return self._replace(
            hosts=self.hosts[some], counts=counts[some], seen=self.seen[:, some], tasks=int(counts.sum())
        )


class Eviction(NamedTuple):
    """Room that the world must make on a host, since more was granted there than is free.

    Attributes
    ----------
    host : int
        Where.
    short : Resources
        What the host has too little of now that the newcomers are in the books; 0 where they ask for nothing.
    highest : int
        Containers of this priority and lower ones may go; enough of them are there.

    Notes
    -----
    The books say what is missing in all, not what one transaction added, and room stays taken until the world
    confirms that a container ended. So where ending takes time, nothing else is needed: meanwhile the host has less
    than nothing free, and only those may claim there who may evict as well. The world deducts from `short` what
    those hold that it already told to end, chooses among the others (`policies.cell.preemption.victims`), and
    starts the newcomers when nothing is missing any longer.
    """

    host: int
    short: Resources
    highest: int


class Outcome(NamedTuple):
    """What became of a transaction."""

    accepted: tuple[Claims, ...]  # as granted: possibly fewer containers than were claimed
    placed: int  # containers granted
    conflicted: int  # containers whose claim failed its test; under gang all of the transaction
    evictions: tuple[Eviction, ...] = ()  # room that must be made for those granted, each host once
