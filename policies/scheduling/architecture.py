"""Which schedulers a cell has, and which of them gets a job."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from policies.cell import Commit, Conflict
from policies.log import Log
from policies.placement import Placer
from policies.requests import Job
from policies.scheduling.concurrency import Concurrency, Exclusive, Optimistic
from policies.scheduling.scheduler import DecisionTime, Patience, Pending, Scheduler
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
    """

    schedulers: Mapping[str, int] = field(default_factory=dict)
    decision_time: DecisionTime = field(default_factory=DecisionTime)
    conflict: Conflict = Conflict.FINE
    commit: Commit = Commit.INCREMENTAL
    patience: Patience = field(default_factory=Patience)


@dataclass(frozen=True)
class Architecture:
    """A way to organise the schedulers of a cell.

    Attributes
    ----------
    group : callable
        The group of schedulers that serves a workload class.
    concurrency : callable
        How they get along, given the user's settings.
    single : bool
        Whether a group is always one scheduler, whatever the settings say.
    """

    group: Callable[[str], str]
    concurrency: Callable[[Settings], Concurrency]
    single: bool = False


def monolithic() -> Architecture:
    """One scheduler for all jobs; multi-path where decision times differ between workload classes."""
    return Architecture(
        group=lambda workload: "all",
        concurrency=lambda settings: Exclusive(settings.commit),
        single=True,
    )


def shared_state(count_releases: bool = False) -> Architecture:
    """Schedulers per workload class that all see the whole cell and claim optimistically (Omega).

    Parameters
    ----------
    count_releases : bool
        Whether coarse conflict detection counts what ended on a host as a change, too.
    """

    def concurrency(settings: Settings) -> Concurrency:
        coarse = settings.conflict is Conflict.COARSE and count_releases
        return Optimistic(Conflict.COARSE_WITH_RELEASES if coarse else settings.conflict, settings.commit)

    return Architecture(group=lambda workload: workload, concurrency=concurrency)


#: The architectures by the names the command line knows; their parameters are those of the function.
ARCHITECTURES: Mapping[str, Callable[..., Architecture]] = {
    "monolithic": monolithic,
    "shared-state": shared_state,
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
        scheduler.queue.put(pending)
        return pending

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
        return Scheduler(
            name,
            self._clock,
            self._cell,
            self._placer(name),
            self._architecture.concurrency(self._settings),
            self._settings.decision_time,
            self._settings.patience,
            self._log,
        )
