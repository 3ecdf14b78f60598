"""Which schedulers a cell has, and which of them gets a job."""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from policies.cell import Commit, Conflict
from policies.errors import UserError
from policies.log import Log
from policies.placement import Placer
from policies.requests import Job
from policies.scheduling.concurrency import Concurrency, Exclusive, Optimistic
from policies.scheduling.disciplines import Discipline, fifo
from policies.scheduling.offers import Allocator, Offered, OfferRules
from policies.scheduling.partial_sync import PartialSync, Picture, Prefer
from policies.scheduling.quotas import Admission
from policies.scheduling.scheduler import DecisionTime, Patience, Pending, Scheduler
from policies.scheduling.sizing import AsRequested, Sizing
from policies.scheduling.world import Cell, Clock


@dataclass(frozen=True)
class Settings:
    """What a user may choose about schedulers, whatever the architecture.

    Attributes
    ----------
    schedulers : mapping
        How many schedulers each workload class has; 1 where it is not named.
    decision_time : DecisionTime
        How long they think.
    conflict, commit : Conflict, Commit
        How claims are judged.
    patience : Patience
        How long they keep trying.
    queue : Discipline
        In which order they take the jobs that wait.
    quotas : mapping
        How many millicores a user may have at a time; ``*`` stands for each that is not named.
    sizing : callable
        How many workers a MapReduce job gets.
    make_scheduler : callable
        Makes a scheduler, of the parameters of `Scheduler`: `Scheduler` itself, or one that also tells how it decides.
    """

    schedulers: Mapping[str, int] = field(default_factory=dict)
    decision_time: DecisionTime = field(default_factory=DecisionTime)
    conflict: Conflict = Conflict.FINE
    commit: Commit = Commit.INCREMENTAL
    patience: Patience = field(default_factory=Patience)
    queue: Discipline = field(default_factory=fifo)
    quotas: Mapping[str, int] = field(default_factory=dict)
    sizing: Sizing = field(default_factory=AsRequested)
    make_scheduler: Callable[..., Scheduler] = Scheduler


#: Gives each scheduler, by name, how it gets along with the others of its cell.
Concurrencies = Callable[[str], Concurrency]


@dataclass(frozen=True)
class Architecture:
    """A way to organise the schedulers of a cell.

    Attributes
    ----------
    group : callable
        The group of schedulers that serves a workload class.
    concurrencies : callable
        How the schedulers of one cell get along: given the user's settings and the world, once for each run.
    single : bool
        Whether a group is always one scheduler, whatever the settings say, on hosts that nobody else claims.
    preempt_gap : int, optional
        Containers whose priority is lower by at least this much may be ended to make room. None: nobody's.
    """

    group: Callable[[str], str]
    concurrencies: Callable[[Settings, Clock, Cell], Concurrencies]
    single: bool = False
    preempt_gap: int | None = None

    def check(self, settings: Settings) -> None:
        """Refuse settings that make no sense here.

        Raises
        ------
        UserError
            If the queue discipline promises room that others may take, or to parts of jobs.
        """
        if not settings.queue.promises:
            return
        if not self.single:
            raise UserError(
                "backfill promises room, and nobody else may claim it: it goes with --architecture monolithic "
                "or partitioned"
            )
        if settings.commit is not Commit.GANG:
            raise UserError("backfill promises room to whole jobs: it goes with --commit gang")


def monolithic(preempt: bool = False, preempt_gap: int = 1) -> Architecture:
    """One scheduler for all jobs; multi-path where decision times differ between workload classes.

    Parameters
    ----------
    preempt, preempt_gap : bool, int
        As in `shared_state`.
    """
    gap = _gap("monolithic", preempt, preempt_gap)

    def concurrencies(settings: Settings, clock: Clock, cell: Cell) -> Concurrencies:
        return lambda scheduler: Exclusive(settings.commit, preempts=preempt)

    return Architecture(group=lambda workload: "all", concurrencies=concurrencies, single=True, preempt_gap=gap)


def _gap(architecture: str, preempt: bool, preempt_gap: int) -> int | None:
    if preempt_gap < 1:
        raise UserError(f"{architecture}: preempt_gap must be at least 1")
    if preempt_gap > 1 and not preempt:
        raise UserError(f"{architecture}: preempt_gap means something only with preempt=true")
    return preempt_gap if preempt else None


def partitioned(**shares: float) -> Architecture:
    """Give each workload class a scheduler and hosts of its own: no conflicts, and no use of what others leave idle.

    Parameters
    ----------
    **shares : float
        The share of the hosts that each workload class gets, relative to the others, as in ``batch=2,service=1``.
        Without any, batch and service get half each.

    Notes
    -----
    Hosts are dealt out one by one, each to the class that is furthest behind its share, so that every class gets the
    same mixture of machines.
    """
    shares = shares or {"batch": 1.0, "service": 1.0}
    if any(not share > 0 for share in shares.values()):
        raise UserError("partitioned: every share must be more than 0")
    total = sum(shares.values())

    def concurrencies(settings: Settings, clock: Clock, cell: Cell) -> Concurrencies:
        owned: dict[str, list[int]] = {workload: [] for workload in shares}
        for host in range(len(cell.snapshot())):
            owner = max(shares, key=lambda name: shares[name] / total * (host + 1) - len(owned[name]))
            owned[owner].append(host)
        return lambda scheduler: Exclusive(
            settings.commit, np.array(owned[scheduler.rpartition("/")[0]], dtype=np.int64)
        )

    def group(workload: str) -> str:
        if workload not in shares:
            raise UserError(f"partitioned: no share is given for workload class {workload!r}")
        return workload

    return Architecture(group=group, concurrencies=concurrencies, single=True)


def two_level(
    offer_batch: float = 1.0, offer_latency: float = 0.001, min_cpus: float = 0.0, filter_time: float = 0.0
) -> Architecture:
    """Schedulers per workload class that are offered what is free, one at a time, and hold it while they think (Mesos).

    Parameters
    ----------
    offer_batch : float
        Seconds that the allocator gathers before it makes an offer.
    offer_latency : float
        Seconds that an offer takes to arrive.
    min_cpus : float
        Fewer free cores in the whole cell are not offered.
    filter_time : float
        Seconds for which a scheduler that could place nothing from an offer is not made another.
    """

    def concurrencies(settings: Settings, clock: Clock, cell: Cell) -> Concurrencies:
        allocator = Allocator(clock, cell, OfferRules(offer_batch, offer_latency, min_cpus, filter_time))
        return lambda scheduler: Offered(allocator, settings.commit)

    return Architecture(group=lambda workload: workload, concurrencies=concurrencies)


def shared_state(count_releases: bool = False, preempt: bool = False, preempt_gap: int = 1) -> Architecture:
    """Schedulers per workload class that all see the whole cell and claim optimistically (Omega).

    Parameters
    ----------
    count_releases : bool
        Whether coarse conflict detection counts what ended on a host as a change, too.
    preempt : bool
        Whether a job that finds too little free room may take that of containers of lower priority, which are ended
        and submitted again. Of a conflict the higher priority then comes out the winner.
    preempt_gap : int
        By how much a priority must be lower.
    """
    gap = _gap("shared-state", preempt, preempt_gap)

    def concurrencies(settings: Settings, clock: Clock, cell: Cell) -> Concurrencies:
        coarse = settings.conflict is Conflict.COARSE and count_releases
        conflict = Conflict.COARSE_WITH_RELEASES if coarse else settings.conflict
        optimistic = Optimistic(conflict, settings.commit, preempt)
        return lambda scheduler: optimistic

    return Architecture(group=lambda workload: workload, concurrencies=concurrencies, preempt_gap=gap)


def partial_sync(
    parts: int = 4, sync: float = 0.5, prefer: str = Prefer.ADAPTIVE.value, patience: float = 1.5
) -> Architecture:
    """Let schedulers claim optimistically on a picture of the cell that is refreshed part by part (ParSync).

    Parameters
    ----------
    parts : int
        How many parts the hosts are dealt into.
    sync : float
        Seconds after which the next part of a scheduler's picture is refreshed.
    prefer : str
        ``quality``: the best host wherever it is; ``latency``: fresh hosts first; ``adaptive``: the one until jobs
        wait too long, then the other.
    patience : float
        Seconds of waiting that are too long.
    """
    if parts < 1 or not sync > 0:
        raise UserError("partial-sync: parts must be at least 1 and sync more than 0")
    if prefer not in list(Prefer):
        raise UserError(f"partial-sync: prefer is one of {', '.join(Prefer)}, not {prefer!r}")

    def concurrencies(settings: Settings, clock: Clock, cell: Cell) -> Concurrencies:
        turn = itertools.count()

        def concurrency(scheduler: str) -> Concurrency:
            picture = Picture(clock, cell, parts, next(turn), sync)
            clock.process(picture.run())
            return PartialSync(picture, Prefer(prefer), patience, settings.conflict, settings.commit)

        return concurrency

    return Architecture(group=lambda workload: workload, concurrencies=concurrencies)


#: The architectures by the names the command line knows; their parameters are those of the function.
ARCHITECTURES: Mapping[str, Callable[..., Architecture]] = {
    "monolithic": monolithic,
    "partitioned": partitioned,
    "two-level": two_level,
    "shared-state": shared_state,
    "partial-sync": partial_sync,
}


class Dispatcher:
    """Makes the schedulers of a cell as they are needed and hands jobs to them.

    Parameters
    ----------
    architecture : Architecture
        How they are organised.
    settings : Settings
        What the user chose.
    placer : callable
        Gives the placer of the scheduler of that name.
    clock, cell : Clock, Cell
        The world.
    log : Log
        What schedulers tell.

    Raises
    ------
    UserError
        If the settings make no sense with the architecture.
    """

    def __init__(
        self,
        architecture: Architecture,
        settings: Settings,
        placer: Callable[[str], Placer],
        clock: Clock,
        cell: Cell,
        log: Log,
    ) -> None:
        self._architecture, self._settings, self._placer = architecture, settings, placer
        self._clock, self._cell, self._log = clock, cell, log
        architecture.check(settings)
        self._concurrency = architecture.concurrencies(settings, clock, cell)
        self._queue = settings.queue.queues(clock, cell)
        self._admission = Admission(cell, settings.quotas) if settings.quotas else None
        self._groups: dict[str, list[Scheduler]] = {}
        if not architecture.single:
            for workload in settings.schedulers:
                self._group(workload)

    def submit(self, job: Job) -> Pending:
        """Let a job wait for its scheduler."""
        group = self._group(job.workload)
        # crc32, not hash(): the same job goes to the same scheduler in every process.
        scheduler = group[zlib.crc32(job.id.encode()) % len(group)] if len(group) > 1 else group[0]
        pending = Pending(job, scheduler.name, self._clock.now)
        if self._admission is None:
            scheduler.queue.put(pending)
        else:
            self._admission.submit(pending, scheduler.queue)
        return pending

    def over_quota(self, job: Job) -> bool:
        """Say whether a job alone is more than its user may ever have, so that it would wait for ever."""
        return self._admission is not None and self._admission.exceeded_by(job)

    def dormant(self) -> int:
        """Say how many jobs nobody will try before something ends or a host changes."""
        dormant = sum(scheduler.queue.dormant() for group in self._groups.values() for scheduler in group)
        return dormant + (self._admission.dormant() if self._admission is not None else 0)

    def _group(self, workload: str) -> list[Scheduler]:
        name = self._architecture.group(workload)
        group = self._groups.get(name)
        if group is None:
            many = 1 if self._architecture.single else self._settings.schedulers.get(workload, 1)
            group = self._groups[name] = [self._scheduler(f"{name}/{number}") for number in range(many)]
            for scheduler in group:
                self._clock.process(scheduler.run())
        return group

    def _scheduler(self, name: str) -> Scheduler:
        return self._settings.make_scheduler(
            name,
            self._clock,
            self._cell,
            self._placer(name),
            self._concurrency(name),
            self._settings.decision_time,
            self._settings.patience,
            self._queue,
            self._log,
            self._settings.sizing,
            self._admission,
        )
