"""Optimistic schedulers whose picture of the cell is refreshed part by part (ParSync)."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np

from policies.arrays import IntArray
from policies.cell import Claims, Commit, Conflict
from policies.scheduling.concurrency import worth_claiming
from policies.scheduling.world import Cell, Clock, Process

if TYPE_CHECKING:
    from policies.scheduling.scheduler import Pending, Scheduler


class Prefer(StrEnum):
    """Where a scheduler looks first."""

    QUALITY = "quality"  # everywhere: the best host by the policy, however old its row is
    LATENCY = "latency"  # among the hosts refreshed last, where a claim is most likely to hold
    ADAPTIVE = "adaptive"  # everywhere, until jobs wait too long


class Picture:
    """One scheduler's copy of the cell, of which another part is refreshed at every turn.

    Parameters
    ----------
    clock, cell : Clock, Cell
        The world.
    parts : int
        How many parts the hosts are dealt into.
    first : int
        The part that is refreshed first: schedulers take turns, so that no two refresh the same part at once.
    every_s : float
        How often a part is refreshed.
    """

    def __init__(self, clock: Clock, cell: Cell, parts: int, first: int, every_s: float) -> None:
        self._clock, self._live, self._every_s = clock, cell.snapshot(), every_s
        live = self._live
        hosts = np.arange(len(live))
        self._parts = [hosts[number::parts] for number in range(parts)]
        self._next = first % parts
        self.fresh: IntArray = hosts
        self._free, self._version, self._claimed = live.free.copy(), live.version.copy(), live.claimed.copy()
        self._demands = None if live.demands is None else live.demands.picture()
        self.view = live.with_columns(self._demands, free=self._free, version=self._version, claimed=self._claimed)

    def run(self) -> Process:
        """Refresh part after part, for ever."""
        while True:
            self.fresh = self._parts[self._next]
            self.refresh(self.fresh)
            self._next = (self._next + 1) % len(self._parts)
            yield self._clock.timeout(self._every_s)

    def refresh(self, hosts: IntArray) -> None:
        """Look at some hosts as they are now."""
        self._free[:, hosts] = self._live.free[:, hosts]
        self._version[hosts] = self._live.version[hosts]
        self._claimed[hosts] = self._live.claimed[hosts]
        if self._demands is not None and self._live.demands is not None:
            self._demands.refresh(hosts, self._live.demands)

    def as_seen(self, claims: Claims) -> Claims:
        """Date a claim to when its hosts were last looked at, which may be long ago."""
        seen = np.array([self._version[claims.hosts], self._claimed[claims.hosts]])
        return claims._replace(seen=seen, serial=-1)


class PartialSync:
    """Claim optimistically on a picture that is older in some parts than in others.

    Feng et al., "Scaling large production clusters with partitioned synchronization", USENIX ATC 2021. A scheduler
    learns of its own claims at once, of what others do when it is the part's turn.

    Parameters
    ----------
    picture : Picture
        What the scheduler sees.
    prefer : Prefer
        Where it looks first.
    patience_s : float
        The wait from which an adaptive scheduler prefers fresh hosts.
    conflict, commit : Conflict, Commit
        How claims are judged.
    """

    def __init__(self, picture: Picture, prefer: Prefer, patience_s: float, conflict: Conflict, commit: Commit) -> None:
        self._picture, self._prefer, self._patience_s = picture, prefer, patience_s
        self._conflict, self._commit = conflict, commit

    def place(self, scheduler: Scheduler, pending: Pending) -> Process:
        """Try once to place what is left of a job."""
        waited_s = scheduler.clock.now - pending.since_s
        picture = self._picture
        think_s = scheduler.begin(pending, picture.view)
        transaction = [picture.as_seen(claims) for claims in self._decide(scheduler, pending, waited_s)]
        yield scheduler.clock.timeout(think_s)
        if worth_claiming(transaction, pending, self._commit):
            outcome = yield scheduler.cell.commit(pending, transaction, self._conflict, self._commit)
            for claims in transaction:
                picture.refresh(claims.hosts)
            pending.granted(outcome)
        scheduler.settle(pending)

    def _decide(self, scheduler: Scheduler, pending: Pending, waited_s: float) -> list[Claims]:
        view = self._picture.view
        hurried = self._prefer is Prefer.ADAPTIVE and waited_s > self._patience_s
        if self._prefer is not Prefer.LATENCY and not hurried:
            return scheduler.plan(pending, view)
        first = scheduler.plan(pending, view.part(self._picture.fresh))
        left = list(pending.wanted)
        for claims in first:
            left[claims.group] -= claims.tasks
            view = view.after(claims.task, claims.hosts, claims.counts)
        return first + scheduler.plan(pending, view, left)
