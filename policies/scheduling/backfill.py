"""EASY backfilling: jobs start in order of arrival, and later ones sooner where they delay nobody who was promised."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from math import inf
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from policies.arrays import FloatArray, IntArray
from policies.cell import ClusterView
from policies.requests import Group, Job, Task
from policies.scheduling.concurrency import Exclusive
from policies.scheduling.queues import Queue
from policies.scheduling.world import Cell, Clock, Watcher

if TYPE_CHECKING:
    from policies.scheduling.scheduler import Pending, Scheduler


class _Run:
    """What runs of a job."""

    __slots__ = ("parts", "tasks", "until_s")

    def __init__(self, until_s: float) -> None:
        self.until_s = until_s
        self.tasks = 0
        # What started and, as negative counts, what ended since: the sum is what runs.
        self.parts: list[tuple[Task, IntArray, IntArray]] = []


class Outlook(Watcher):
    """What runs in a cell, and when its users expect it to end.

    A container is expected to end `Job.estimate_s` after its start. One that runs longer is expected to end at any
    moment; when one without an estimate will, nobody knows. The estimate of a MapReduce job is for the workers that it
    asks for: with more it ends sooner than expected.

    Parameters
    ----------
    clock, cell : Clock, Cell
        The world, before anything runs in it.

    Attributes
    ----------
    changes : int
        Moves whenever what runs or a host changes.
    """

    def __init__(self, clock: Clock, cell: Cell) -> None:
        self._clock, self._cell = clock, cell
        self._runs: dict[Job, _Run] = {}
        self._releases: tuple[FloatArray, IntArray, IntArray] | None = None
        self.changes = 0
        cell.watch(self)

    def started(self, scheduler: str, job: Job, task: Task, hosts: IntArray, counts: IntArray) -> None:
        """Expect an end."""
        run = self._runs.get(job)
        if run is None:
            # All containers of a job start at once here: they are prefilled, or a gang.
            until_s = inf if job.estimate_s is None else self._clock.now + job.estimate_s
            run = self._runs[job] = _Run(until_s)
        run.parts.append((task, hosts, counts))
        run.tasks += int(counts.sum())
        self.hosts_changed()

    def ended(self, scheduler: str, job: Job, task: Task, hosts: IntArray, counts: IntArray) -> None:
        """Expect it no more."""
        run = self._runs[job]
        run.parts.append((task, hosts, -counts))
        run.tasks -= int(counts.sum())
        if not run.tasks:
            del self._runs[job]
        self.hosts_changed()

    def hosts_changed(self) -> None:
        """Look anew."""
        self.changes += 1
        self._releases = None

    def ends_s(self) -> FloatArray:
        """Give the different times at which something is expected to end, ascending, ``inf`` where nobody knows."""
        return np.unique(self._sorted()[0])

    def released(self, by_s: float) -> IntArray:
        """Give what will have come back by some time, shape (n_resources, n_hosts)."""
        at_s, hosts, amounts = self._sorted()
        some = int(at_s.searchsorted(by_s, side="right"))
        back = np.zeros_like(self._cell.snapshot().free)
        for row, amount in zip(back, amounts, strict=True):
            np.add.at(row, hosts[:some], amount[:some])
        return back

    def siblings(self, job: str, after_s: float) -> IntArray:
        """Give the hosts that will still hold containers of a job whose containers keep apart, shape (m,)."""
        held: Counter[int] = Counter()
        for other, run in self._runs.items():
            if other.id == job and run.until_s > after_s:
                for task, hosts, counts in run.parts:
                    if task.apart:
                        held.update(dict(zip(hosts.tolist(), counts.tolist(), strict=True)))
        return np.array([host for host, count in held.items() if count], dtype=np.int64)

    def _sorted(self) -> tuple[FloatArray, IntArray, IntArray]:
        """Give when, on which host, both of shape (m,), and how much will come back, shape (n_resources, m)."""
        if self._releases is None:
            view = self._cell.snapshot()
            at_s, hosts, amounts = (
                [np.empty(0)],
                [np.empty(0, np.int64)],
                [np.empty((len(view.resources), 0), np.int64)],
            )
            for run in self._runs.values():
                for task, where, counts in run.parts:
                    need = view.need(task)
                    assert need is not None, "what runs asks for what no host has"
                    at_s.append(np.full(where.size, run.until_s))
                    hosts.append(where)
                    amounts.append(need * counts)
            times = np.concatenate(at_s)
            order = times.argsort(kind="stable")
            self._releases = times[order], np.concatenate(hosts)[order], np.concatenate(amounts, axis=1)[:, order]
        return self._releases


class Promise(NamedTuple):
    """When a job can start at the latest, if nothing runs longer than expected.

    Attributes
    ----------
    job : Job
        Whose promise it is.
    at_s : float
        The time; ``inf`` where nobody knows when what is in its way ends.
    beside : ndarray of int, shape (n_resources, n_hosts)
        What will be free then beside the job, per row of the view it was promised on.
    """

    job: Job
    at_s: float
    beside: IntArray

    def room(self, view: ClusterView) -> ClusterView:
        """Give what others may have for as long as they like."""
        return view.with_free(np.minimum(view.free, self.beside))


class Room:
    """A view that many jobs are held against: how many of a kind of container fit is counted once.

    Unlike containers of a job are fitted in one after the other, each wherever there is room: some jobs that only a
    cleverer packing would fit in are said not to fit.

    Parameters
    ----------
    view : ClusterView
        The hosts.
    cell : Cell
        Knows where containers are that keep apart.
    """

    def __init__(self, view: ClusterView, cell: Cell) -> None:
        self._view, self._cell = view, cell
        self._slots: dict[Task, int] = {}
        self._unlike: dict[tuple[Group, ...], bool] = {}

    def fits(self, job: Job) -> bool:
        """Say whether all containers of a job fit, where they may be."""
        groups = job.groups
        if groups[0].task.apart and (siblings := self._cell.siblings(job.id)).size:
            return _fit(groups, self._view.barring(siblings))
        if len(groups) > 1:
            if groups not in self._unlike:
                self._unlike[groups] = _fit(groups, self._view)
            return self._unlike[groups]
        task, count = groups[0]
        slots = self._slots.get(task)
        if slots is None:
            slots = self._slots[task] = int(self._view.slots(task).sum())
        return slots >= count


def promise(job: Job, view: ClusterView, outlook: Outlook) -> Promise | None:
    """Find the earliest time at which a whole job fits, host by host, by what is expected to end.

    Only hosts count that are now as its containers demand, and on which none from which they keep apart will be left.

    Parameters
    ----------
    job : Job
        None of whose containers has a host; see `Room` for unlike ones.
    view : ClusterView
        The hosts it may have, as they are now.
    outlook : Outlook
        What is expected.

    Returns
    -------
    Promise or None
        None if the job does not fit even when everything has ended.
    """
    groups, ends_s = job.groups, [-inf, *outlook.ends_s().tolist()]

    def when(number: int) -> ClusterView:
        """Give the view once so many of `ends_s` have passed."""
        at_s, then = ends_s[number], view
        if number:
            then = then.with_free(view.free + outlook.released(at_s).take(view.index, axis=1))
        return then.barring(outlook.siblings(job.id, at_s)) if groups[0].task.apart else then

    first = bisect_left(range(len(ends_s)), True, key=lambda number: _fit(groups, when(number)))
    if first == len(ends_s):
        return None
    packed = _packed(groups, when(first), view)
    assert packed is not None, "what fits can be packed"
    return Promise(job, ends_s[first], packed.free)


def _fit(groups: tuple[Group, ...], view: ClusterView) -> bool:
    """Say whether all containers of a job fit, one kind after the other."""
    if len(groups) == 1:
        return int(view.slots(groups[0].task).sum()) >= groups[0].count
    return _packed(groups, view, view) is not None


def _packed(groups: tuple[Group, ...], view: ClusterView, now: ClusterView) -> ClusterView | None:
    """Give the view with a whole job in it, first on the hosts that have least room now; None if it does not fit.

    What is free now is the room for jobs that overtake, so as little as possible of it is promised away.
    """
    for task, count in groups:
        slots = view.slots(task)
        order = now.slots(task).argsort(kind="stable")
        ordered = slots[order]
        counts = np.empty_like(slots)
        counts[order] = np.clip(count - (ordered.cumsum() - ordered), 0, ordered)
        if counts.sum() < count:
            return None
        view = view.after(task, slice(None), counts)
    return view


class Backfill(Queue, Watcher):
    """Jobs start in order of arrival; a later one goes first if it does not delay the first one that has to wait.

    The first job that does not fit is promised the earliest time at which it will, by what is expected to end. A
    later job may start now if by its own estimate it ends before, or on room that will be left beside the promised
    job. A job without an estimate has only the latter. Where nobody knows when the promised job can start, because
    something without an estimate is in its way, room is kept for it all the same.

    What costs those who wait is for the first of them alone: only before a job that overtakes nobody must less
    important containers make room, where the scheduler pre-empts, and only it gets extra workers (see `sizing`). And of
    two submissions of a job whose containers keep apart, the later one overtakes the first only if it ends before.

    Notes
    -----
    Lifka, "The ANL/IBM SP scheduling system", JSSPP 1995; Mu'alem and Feitelson, IEEE TPDS 12(6), 2001. There,
    processors are alike, and the job keeps any of them; here it keeps room on certain hosts, chosen anew whenever
    something changes. Only jobs that fit are given to the scheduler, so waiting costs neither its time nor
    anybody's patience. Deciding takes time that is not in the promise: a job may find its scheduler busy with
    another. A job that cannot fit on all the hosts together is promised nothing, and holds nobody up.

    Parameters
    ----------
    scheduler : Scheduler
        Whose queue it is. Nobody else claims on its hosts, and it places whole jobs.
    outlook : Outlook
        What is expected in its cell.
    """

    def __init__(self, scheduler: Scheduler, outlook: Outlook) -> None:
        assert isinstance(scheduler.concurrency, Exclusive), "where others claim, no room can be promised"
        self._look, self._cell = scheduler.concurrency.look, scheduler.cell
        self._preempts = scheduler.concurrency.preempts
        self._clock, self._think_s, self._outlook = scheduler.clock, scheduler.decision_time, outlook
        self._line: dict[Pending, None] = {}  # in order of arrival, until they are placed or given up
        self._away: set[Pending] = set()  # those of them that the scheduler has, or will try again
        # Whom the scheduler got last, and `Outlook.changes` then.
        self._last: Pending | None = None
        self._changes = 0
        self._idle: Any = None
        self._promised: tuple[Pending, int, Promise | None] | None = None
        self._cell.watch(self)

    def put(self, pending: Pending) -> None:
        """Let a job wait at the tail, or where it was if it is to be tried again."""
        if pending.attempts and pending not in self._line:
            return  # it was tried again before its time, and is placed or given up
        self._line.setdefault(pending)
        self._away.discard(pending)
        self._wake()

    def get(self) -> Any:
        """Give an event whose value is the next job that may start."""
        if self._last is not None:
            if not self._last.unplaced:
                self._forget(self._last)
            elif self._changes != self._outlook.changes:
                # The room it was chosen for may have been promised away while it was thought about: that is no reason
                # to miss the next that comes.
                self._away.discard(self._last)
        event = self._idle = self._clock.event()
        self._wake()
        return event

    def take_all(self, taken: Pending) -> list[Pending]:
        """Take no other job: each has to wait for its turn."""
        return [taken]

    def dormant(self) -> int:
        """Say how many jobs nobody will try before something ends or a host changes."""
        return 0 if self._idle is None or self._away else len(self._line)

    def ended(self, scheduler: str, job: Job, task: Task, hosts: IntArray, counts: IntArray) -> None:
        """See who fits now."""
        self._wake()

    def hosts_changed(self) -> None:
        """See who fits now."""
        self._wake()

    def given_up(self, pending: Pending) -> None:
        """Promise it nothing any more."""
        if pending in self._line:
            self._forget(pending)

    def room(self, pending: Pending, view: ClusterView) -> ClusterView:
        """Give what a job may have now beside the job that was promised before it."""
        promised = self._promised_before(pending, view)
        if promised is None or self._ends_before(promised, pending, 0.0):
            return view
        # What was promised may have changed since this job was chosen to end before, even within the same instant.
        return view.barring(view.index) if _keep_apart(promised.job, pending.job) else promised.room(view)

    def overtakes(self, pending: Pending) -> bool:
        """Say whether a job goes before one that was promised room."""
        return self._promised_before(pending, self._look(self._cell)) is not None

    def _promised_before(self, pending: Pending, view: ClusterView) -> Promise | None:
        for other in self._line:
            if other is pending:
                break
            promised = self._promise(other, view)
            if promised is not None:
                return promised
        return None

    def _forget(self, pending: Pending) -> None:
        del self._line[pending]
        self._away.discard(pending)

    def _wake(self) -> None:
        if self._idle is None or len(self._line) == len(self._away):
            return
        chosen = self._choose()
        if chosen is not None:
            waiting, self._idle = self._idle, None
            self._last, self._changes = chosen, self._outlook.changes
            self._away.add(chosen)
            waiting.succeed(chosen)

    def _choose(self) -> Pending | None:
        view = self._look(self._cell)
        now = Room(view, self._cell)
        promised: Promise | None = None
        for pending in self._line:
            job, waits = pending.job, pending not in self._away
            there = waits and now.fits(job)
            if promised is None:
                if there or (self._preempts and waits and self._would_fit_in_place_of_others(job, view)):
                    return pending
                promised = self._promise(pending, view)
                if promised is not None:
                    beside = Room(promised.room(view), self._cell)
            elif there and (
                self._ends_before(promised, pending, self._think_s(pending))
                or (not _keep_apart(promised.job, job) and beside.fits(job))
            ):
                return pending
        return None

    def _would_fit_in_place_of_others(self, job: Job, view: ClusterView) -> bool:
        """Say whether a whole job fits if all containers that are less important than its own make room."""
        if job.groups[0].task.apart:
            view = view.barring(self._cell.siblings(job.id))
        for group in job.groups:
            *_, taken = 0, *self._cell.preemptable(group.task.priority)
            packed = _packed((group,), view.with_free(view.free + taken), view)
            if packed is None:
                return False
            view = packed.with_free(packed.free - taken)
        return True

    def _promise(self, pending: Pending, view: ClusterView) -> Promise | None:
        changes = self._outlook.changes
        if self._promised is None or self._promised[:2] != (pending, changes):
            self._promised = pending, changes, promise(pending.job, view, self._outlook)
        return self._promised[2]

    def _ends_before(self, promised: Promise, pending: Pending, think_s: float) -> bool:
        """Say whether a job that starts `think_s` from now is expected to end before a promise is due."""
        estimate_s = pending.job.estimate_s
        return estimate_s is not None and self._clock.now + think_s + estimate_s <= promised.at_s < inf


def _keep_apart(job: Job, other: Job) -> bool:
    """Say whether one of two jobs keeps the other from its hosts: both are submissions of one that keeps apart."""
    return job.id == other.id and other.groups[0].task.apart
