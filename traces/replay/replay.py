"""A workload meets a cell: jobs arrive, schedulers decide, containers run, hosts come and go; in any world."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from math import nan
from typing import Any

import numpy as np
import simpy

from policies.arrays import IntArray
from policies.cell import Claims, ClusterView, Commit, Conflict, Ledger, Outcome, PreemptiveLedger
from policies.cell.audit import check_evictions
from policies.cell.preemption import Resident, victims
from policies.errors import UserError
from policies.log import Event, Log
from policies.placement import Placer
from policies.requests import Group, Job, Task
from policies.scheduling import Architecture, Dispatcher, Pending, Settings
from policies.scheduling.world import Process, Watcher
from traces.hosts import HostEvent, Hosts
from traces.replay.audit import Audit
from traces.replay.containers import Running, Waiting, as_requested_s, by_run_time, one_or_each, run_s_with
from traces.replay.dependencies import Dependencies
from traces.replay.hosting import Hosting
from traces.replay.workflows import Workflows
from traces.trace import Arrival, Behaviour, Recorded, RunTime

#: Looks at every host's load in a run; when there are twice as many, they become half as frequent.
SAMPLES = 240

#: How long what failed waits before it is submitted again: doubled each time, up to the most, as Kubernetes does with
#: containers that fail again and again.
BACK_OFF_S, LONGEST_BACK_OFF_S = 10.0, 300.0


@dataclass(frozen=True)
class ReplayOptions:
    """How a run goes, apart from who schedules what on which hosts.

    Attributes
    ----------
    until_s : float, optional
        When it ends; without, when nothing is left to happen.
    sample_s : float
        How often the load of every host is looked at, to begin with.
    restart_lost : bool
        Whether containers that lose their host are submitted again, from the beginning. False where the trace
        itself tells what was submitted again. (What was pre-empted always is: no trace knows of that.)
    audit : bool
        Whether the books are checked after every event. Slow.
    """

    until_s: float | None = None
    sample_s: float = 1.0
    restart_lost: bool = True
    audit: bool = False


class _Answer(simpy.Event):
    """An event that has happened already: whoever waits for it goes on at once, and the heap of events has no part."""

    def __init__(self, env: simpy.Environment, value: Any) -> None:
        self.env, self.callbacks = env, None  # type: ignore[assignment]  # as SimPy leaves events that it processed
        self._ok, self._value = True, value


class Replay:
    """A cell and everything that happens in it. A world is a replay with its own clock and its own hosting.

    Parameters
    ----------
    env : simpy.Environment
        The clock, and who runs the schedulers.
    hosts : Hosts
        The machines.
    architecture, settings : Architecture, Settings
        Who schedules, and how.
    placer : callable
        Gives the placer of the scheduler of that name.
    log : Log
        Where it is written down.
    options : ReplayOptions
        How the run goes.
    hosting : callable
        Given the replay, gives what lets containers run on hosts.
    measure_s : float, optional
        How often the use of hosts is measured for those who decide, in seconds; without, nobody measures, and every
        container is taken to use what it asks for.
    """

    def __init__(
        self,
        env: simpy.Environment,
        hosts: Hosts,
        architecture: Architecture,
        settings: Settings,
        placer: Callable[[str], Placer],
        log: Log,
        options: ReplayOptions,
        hosting: Callable[[Any], Hosting],
        measure_s: float | None = None,
    ) -> None:
        self.env = env
        gap = self._preempt_gap = architecture.preempt_gap
        books = Ledger if gap is None else partial(PreemptiveLedger, gap=gap)
        self.ledger = books(
            hosts.capacity, hosts.alive, hosts.attributes, disks=hosts.disks, demands=measure_s is not None
        )
        self._measure_s = measure_s
        self._hosting = hosting(self)
        self.snapshot = self.ledger.snapshot if measure_s is None else self._dated_snapshot
        self.claims = self.ledger.claims
        self.siblings = self.ledger.siblings
        self.preemptable = self.ledger.preemptable
        self._hosts = hosts
        self._fits_somewhere: dict[Task, bool] = {}
        self._audit = Audit(hosts)
        self._log, self._options = log, options
        log.levels = self._levels()
        self._waiting: dict[Job, Waiting] = {}
        self._running: dict[Running, None] = {}
        # Who is on each host, and how many, in the order in which they came; kept only where some may have to go.
        self._on: list[dict[Running, int]] | None = None if gap is None else [{} for _ in range(len(hosts))]
        self._dependencies = Dependencies()
        self._workflows = Workflows()
        self._failures: dict[Job, int] = {}  # how often those that are submitted again failed before
        self._backing_off = 0  # jobs that will be submitted again
        self._failing = 0  # those of them that have been so often, and were while nobody else would end
        self._all_arrived = self._all_hosts_changed = False
        self._over = self.env.event()
        self._watchers: list[Watcher] = []
        self._dispatcher = Dispatcher(architecture, settings, placer, self.env, self, log)

    def _levels(self) -> tuple[float, ...]:
        """Give the state of the cell, as it is written with each row."""
        used = self._hosting.levels()
        return self.ledger.levels() + used if used else self.ledger.levels()

    def _dated_snapshot(self) -> ClusterView:
        """Give the cell as it is now, with measurements as old as they are."""
        self.ledger.set_time(self.env.now)
        return self.ledger.snapshot()

    # -- before the run -------------------------------------------------------------------------------------

    def prefill_recorded(self, recorded: Iterable[Recorded]) -> int:
        """Let containers run from the beginning on the hosts where a trace recorded them.

        Returns
        -------
        int
            How many hosts hold more than they have: the recorded scheduler overcommitted, ours do not.
        """
        for entry in recorded:
            hosts, counts = np.unique(entry.hosts, return_counts=True)
            parts = by_run_time(hosts, counts, entry.run_s, entry.hosts)
            self._prefill(entry.as_arrival().job, entry.task, hosts, counts, parts, entry.behaviour, recorded=True)
        return int((self.snapshot().free < 0).any(axis=0).sum())

    def prefill(self, arrivals: Iterable[Arrival], placer: Placer, source: str) -> None:
        """Let jobs run from the beginning, placed by `placer` whoever schedules the rest.

        Raises
        ------
        UserError
            If they do not fit, or a job of them comes later than at the beginning.
        """
        for arrival in arrivals:
            job = arrival.job
            if job.submit_s > 0:
                raise UserError(f"{source}: job {job.id!r} is submitted at {job.submit_s:g} s; prefill is there at 0")
            for group, runs, behaviour in zip(job.groups, arrival.run_s, arrival.each_behaviour(), strict=True):
                view = self.snapshot()
                if group.task.apart:
                    view = view.barring(self.siblings(job.id))
                hosts, counts = placer.place(view, group.task, group.count)
                if counts.sum() < group.count:
                    raise UserError(
                        f"{source}: job {job.id!r} finds no room for {group.count - counts.sum()} containers"
                    )
                parts = by_run_time(hosts, counts, runs)
                self._prefill(job, group.task, hosts, counts, parts, behaviour, recorded=False)

    def _prefill(
        self,
        job: Job,
        task: Task,
        hosts: IntArray,
        counts: IntArray,
        parts: Iterable[tuple[IntArray, IntArray, float]],
        behaviour: Behaviour,
        *,
        recorded: bool,
    ) -> None:
        self.ledger.place(task, hosts, counts, job.id)
        for part_hosts, part_counts, run_s in parts:
            self._run(Running(job, "", task, part_hosts, part_counts, run_s, 0.0, recorded, behaviour))
        self._log.say(
            0.0,
            Event.PREFILLED,
            job=job.id,
            workload=job.workload,
            tasks=int(counts.sum()),
            levels=self._levels(),
            where=(hosts, counts),
        )
        for watcher in self._watchers:
            watcher.started("", job, task, hosts, counts)
        self._kill_for_memory()

    # -- the run --------------------------------------------------------------------------------------------

    def run(self, arrivals: Iterator[Arrival], tick: Callable[[float], None] = lambda now: None) -> float:
        """Replay a workload.

        Parameters
        ----------
        arrivals : iterator of Arrival
            In order of submission; taken one at a time.
        tick : callable
            Told the time now and then.

        Returns
        -------
        float
            The horizon: `until_s`, or when the last thing happened.
        """
        env, until_s = self.env, self._options.until_s
        env.process(self._arrive(arrivals))
        env.process(self._change_hosts(self._hosts.events))
        env.process(self._sample(tick))
        if self._measure_s is not None:
            env.process(self._measure(self._measure_s))
        if self._options.audit:
            self._audit_steps()
        env.run(until=self._over if until_s is None else until_s)
        horizon_s = self._log.last_s if until_s is None else until_s
        for waiting in self._waiting.values():
            if not waiting.pending.attempts:
                self._say_of(waiting.pending, Event.UNATTEMPTED, tasks=waiting.pending.unplaced)
        self._log.flush()
        return horizon_s

    def _arrive(self, arrivals: Iterator[Arrival]) -> Process:
        env = self.env
        for arrival in arrivals:
            wait_s = arrival.job.submit_s - env.now
            if wait_s > 0:
                yield env.timeout(wait_s)
            if arrival.workflow and self._workflows.came(arrival, env.now):
                self._log.say(env.now, Event.WORKFLOW_CAME, job=arrival.workflow)
            if self._dependencies.holds(arrival):
                self._say_of_job(arrival.job, Event.HELD)
            else:
                self._submit(arrival)
        self._all_arrived = True
        self._end_if_over()

    def _end_if_over(self) -> None:
        """End the run if it has no other end, and nothing will end, nor be tried any more."""
        if self._all_arrived and not self._hosting.will_end and not self._over.triggered and self._nobody_tries():
            self._over.succeed()

    def _nobody_tries(self) -> bool:
        """Say whether nothing waits, or only for something to end, once nothing will."""
        waiting = len(self._waiting)
        # Who fails again and again beside those who stay does not keep a run going: it may fail for ever.
        settled = self._all_hosts_changed and not self._hosting.awaits_hosts
        if self._backing_off > (self._failing if settled else 0):
            return False
        return not waiting or (settled and waiting == self._dispatcher.dormant())

    def _submit(self, arrival: Arrival) -> None:
        job = arrival.job
        for group in job.groups:
            if not self._fits_on_some_host(group.task):
                self._say_of_job(job, Event.INFEASIBLE)
                return
        if self._dispatcher.over_quota(job):
            self._say_of_job(job, Event.OVER_QUOTA)
            return
        given_s = 0.0 if job.mapreduce is None else as_requested_s(arrival)
        pending = self._dispatcher.submit(job)
        self._waiting[job] = Waiting(pending, arrival.run_s, [0] * len(job.groups), arrival.behaviours)
        self._say_of(pending, Event.SUBMITTED, tasks=pending.unplaced, remaining=pending.unplaced, seconds=given_s)

    def _say_of_job(self, job: Job, event: Event) -> None:
        """Write a row about a job that no scheduler has."""
        self._log.say(
            self.env.now,
            event,
            job=job.id,
            workload=job.workload,
            again=job.resubmission,
            tasks=job.tasks,
            remaining=job.tasks,
        )

    def _fits_on_some_host(self, task: Task) -> bool:
        fits = self._fits_somewhere.get(task)
        if fits is None:
            fits = self._fits_somewhere[task] = self._hosts.could_hold(task)
        return fits

    def notes(self) -> list[str]:
        """Say what a reader of the results must know of the run, one line each: of most, nothing."""
        return []

    # -- what schedulers ask for (`policies.scheduling.world.Cell`) -------------------------------------------

    def commit(self, pending: Pending, transaction: Sequence[Claims], conflict: Conflict, commit: Commit) -> Any:
        """Ask the books for a transaction and start what is granted."""
        outcome = self.ledger.commit(transaction, conflict, commit, job=pending.job.id, gang=pending.unplaced)
        remaining = max(pending.unplaced - outcome.placed, 0)  # less than none: extra workers came
        self._say_of(
            pending,
            Event.CONFLICTED if outcome.conflicted else Event.COMMITTED,
            tasks=outcome.placed,
            conflicted=outcome.conflicted,
            remaining=remaining,
        )
        if outcome.evictions:
            self._evict(outcome)
        _, run_s, used, behaviours = self._waiting[pending.job]
        if outcome.placed > pending.unplaced:
            run_s = run_s_with(outcome.placed, pending.job, run_s)
        for claims in outcome.accepted:
            begin = used[claims.group]
            used[claims.group] = begin + claims.tasks
            behaviour = behaviours[claims.group] if behaviours else None
            self._start(pending, claims, run_s[claims.group], begin, behaviour)
        if not remaining:
            del self._waiting[pending.job]
        self._kill_for_memory()
        if not remaining:
            self._end_if_over()
        return _Answer(self.env, outcome)

    def watch(self, watcher: Watcher) -> None:
        """Tell a watcher from now on; those that came first are told first."""
        self._watchers.append(watcher)

    def give_up(self, pending: Pending) -> None:
        """Forget a job that nobody will try again to place."""
        del self._waiting[pending.job]
        self._say_of(pending, Event.ABANDONED, tasks=pending.unplaced, remaining=pending.unplaced)
        for watcher in self._watchers:
            watcher.given_up(pending)
        self._end_if_over()

    def _say_of(
        self,
        pending: Pending,
        event: Event,
        *,
        tasks: int,
        conflicted: int = 0,
        remaining: int = -1,
        seconds: float = 0.0,
        levels: tuple[float, ...] | None = None,
        where: Any = None,
    ) -> None:
        """Write a row about a job that a scheduler has."""
        now, job = self.env.now, pending.job
        self._log.say(
            now, event, job.id, job.workload, pending.scheduler, job.resubmission, pending.attempts, tasks, conflicted,
            remaining, seconds, now - pending.since_s, -1, levels, where,
        )  # fmt: skip

    # -- containers -----------------------------------------------------------------------------------------

    def _start(self, pending: Pending, claims: Claims, run_s: RunTime, begin: int, behaviour: Behaviour) -> None:
        now, job = self.env.now, pending.job
        theirs_s = run_s if isinstance(run_s, float) else run_s[begin : begin + claims.tasks]
        for hosts, counts, one_s in by_run_time(claims.hosts, claims.counts, theirs_s):
            self._run(Running(job, pending.scheduler, claims.task, hosts, counts, one_s, now, behaviour=behaviour))
        self._say_of(
            pending,
            Event.STARTED if self._hosting.starts_at_once else Event.LAUNCHED,
            tasks=claims.tasks,
            seconds=run_s if isinstance(run_s, float) else nan,
            levels=self._levels(),
            where=(claims.hosts, claims.counts),
        )
        for watcher in self._watchers:
            watcher.started(pending.scheduler, job, claims.task, claims.hosts, claims.counts)

    def _run(self, started: Running) -> None:
        for running in self._hosting.parts(started):
            self._running[running] = None
            if self._on is not None:
                for host, count in zip(running.hosts.tolist(), running.counts.tolist(), strict=True):
                    self._on[host][running] = count
            self._hosting.start(running)

    # -- what hosting tells ----------------------------------------------------------------------------------

    def began(self, *begun: Running) -> None:
        """Take note that containers run that were on their way to their host."""
        now, levels = self.env.now, self._levels()
        for running in begun:
            running.since_s, job = now, running.job
            self._log.say(
                now, Event.STARTED, job.id, job.workload, running.scheduler, job.resubmission, 0,
                int(running.counts.sum()), 0, -1, running.run_s, now - job.submit_s,
                int(running.hosts[0]) if running.hosts.size == 1 else -1, levels, (running.hosts, running.counts),
            )  # fmt: skip
        # Only now may some of them have to go again: nobody is written to have ended before the row that it began.
        self._kill_for_memory()
        self._end_if_over()  # what has no end is not waited for once it runs

    def finished(self, running: Running, alone_s: float) -> None:
        """Let containers go that came to their end; those that were cut off before are there no longer.

        Parameters
        ----------
        running : Running
            Those that started together.
        alone_s : float
            How long they take with their host to themselves, in seconds.
        """
        if running.hosts.size:
            del self._running[running]
            if self._on is not None:
                for host in running.hosts.tolist():
                    del self._on[host][running]
            tasks = self._leave(running, Event.FINISHED, running.hosts, running.counts, alone_s)
            for arrival in self._dependencies.finished(running.job, tasks):
                self._say_of_job(arrival.job, Event.RELEASED)
                self._submit(arrival._replace(job=arrival.job._replace(submit_s=self.env.now)))
            if self._workflows:
                self._say_if_ended(running.job, tasks)
        self._end_if_over()

    def _say_if_ended(self, job: Job, tasks: int) -> None:
        """Write a row if the workflow came to its end with these containers of a job."""
        ended = self._workflows.finished(job, tasks, self.env.now)
        if ended is not None:
            self._log.say(
                self.env.now,
                Event.WORKFLOW_ENDED,
                job=ended.name,
                tasks=ended.jobs,
                seconds=ended.critical_path_s,
                age_s=ended.makespan_s,
            )

    def use_changed(self, host: int) -> None:
        """Take note that what is used of a host changed, though nobody came or went."""
        self._log.say(self.env.now, Event.USE_CHANGED, host=host, levels=self._levels())
        self._kill_for_memory()

    def _cut(self, running: Running, hosts: IntArray, counts: IntArray) -> None:
        """Let some of the containers that started together end before the others."""
        left = dict(zip(running.hosts.tolist(), running.counts.tolist(), strict=True))
        for host, count in zip(hosts.tolist(), counts.tolist(), strict=True):
            left[host] -= count
            if not left[host]:
                del left[host]
            if self._on is not None:
                self._on[host][running] = left.get(host, 0)
                if host not in left:
                    del self._on[host][running]
        running.hosts, running.counts = np.array([*left], dtype=np.int64), np.array([*left.values()], dtype=np.int64)
        self._hosting.cut(running, int(running.counts.sum()))
        if not left:
            del self._running[running]

    def _leave(self, running: Running, why: Event, hosts: IntArray, counts: IntArray, alone_s: float = 0.0) -> int:
        """Give back the room of containers and say so, and how many they are."""
        tasks = self.ledger.release(running.task, hosts, counts, running.job.id)
        self._say_left(running, why, hosts, counts, tasks, alone_s)
        return tasks

    def _say_left(
        self, running: Running, why: Event, hosts: IntArray, counts: IntArray, tasks: int, alone_s: float = 0.0
    ) -> None:
        """Write that containers gave back their room, and tell who watches."""
        now, job = self.env.now, running.job
        self._log.say(
            now, why, job.id, job.workload, running.scheduler, job.resubmission, 0, tasks, 0, -1,
            now - running.since_s, now - job.submit_s, int(hosts[0]) if hosts.size == 1 else -1, self._levels(),
            (hosts, counts), alone_s,
        )  # fmt: skip
        for watcher in self._watchers:
            watcher.ended(running.scheduler, job, running.task, hosts, counts)

    def _submit_again(self, ended: Iterable[tuple[Running, int]]) -> list[Job]:
        """Submit containers that ended before their time, from the beginning; those of one job together."""
        submitted = []
        jobs: dict[Job, dict[tuple[Task, Behaviour], list[tuple[float, int]]]] = {}
        for running, tasks in ended:
            kinds = jobs.setdefault(running.job, {})
            kinds.setdefault((running.task, running.behaviour), []).append((running.run_s, tasks))
        for job, kinds in jobs.items():
            groups = tuple(Group(task, sum(tasks for _, tasks in runs)) for (task, _), runs in kinds.items())
            again = Job(job.id, self.env.now, job.workload, groups, True, job.user, job.estimate_s)
            behaviours = tuple(behaviour for _, behaviour in kinds)
            self._submit(Arrival(again, tuple(one_or_each(runs) for runs in kinds.values()), behaviours))
            submitted.append(again)
        return submitted

    def _kill_for_memory(self) -> None:
        """End containers where there is less memory than is used, and submit them again after a while."""
        while must_go := self._hosting.overflow():
            for running, tasks, can_come_again in must_go:
                self.failed(running, tasks, Event.OUT_OF_MEMORY, comes_again=can_come_again)

    def failed(self, running: Running, tasks: int, why: Event, *, comes_again: bool) -> None:
        """Let go of containers of one host that ended before their time.

        Parameters
        ----------
        running : Running
            Those that started together, on one host.
        tasks : int
            How many of them ended.
        why : Event
            What is written.
        comes_again : bool
            Whether they are submitted again after a while, from the beginning.
        """
        host, counts = running.hosts, np.array([tasks])
        self._cut(running, host, counts)
        self._leave(running, why, host, counts)
        if comes_again:
            self._back_off(running, tasks)

    def failures(self, job: Job) -> int:
        """Say how often what a job submits again failed before."""
        return self._failures.get(job, 0)

    def _back_off(self, running: Running, tasks: int) -> None:
        """Submit containers again after a while that is longer the more often they failed."""
        before = self._failures.get(running.job, 0)
        wait_s = min(BACK_OFF_S * 2 ** min(before, 16), LONGEST_BACK_OFF_S)
        # Where somebody will end, there will be more room another time.
        hopeless = wait_s == LONGEST_BACK_OFF_S and not self._hosting.will_end
        self._backing_off += 1
        self._failing += hopeless

        def again(_: simpy.Event) -> None:
            self._backing_off -= 1
            self._failing -= hopeless
            for job in self._submit_again([(running, tasks)]):
                self._failures[job] = before + 1

        self.env.timeout(wait_s).callbacks.append(again)

    def _evict(self, outcome: Outcome) -> None:
        """End those who must make room for what was granted, and submit them again."""
        assert self._on is not None
        going: dict[Running, list[tuple[int, int]]] = {}
        for host, short, highest in outcome.evictions:
            there = [(running, n) for running, n in self._on[host].items() if running.task.priority <= highest]
            counts = victims(short, [Resident(running.task, running.since_s, n) for running, n in there])
            for (running, _), count in zip(there, counts, strict=True):
                if count:
                    going.setdefault(running, []).append((host, count))
        gone = [(running, *np.array(where).T) for running, where in going.items()]
        # Written when all of them have gone: before, the books have more on a host than it holds.
        tasks = [self.ledger.release(running.task, hosts, counts, running.job.id) for running, hosts, counts in gone]
        for (running, hosts, counts), left in zip(gone, tasks, strict=True):
            self._cut(running, hosts, counts)
            self._say_left(running, Event.PREEMPTED, hosts, counts, left)
        self._submit_again((running, left) for (running, _, _), left in zip(gone, tasks, strict=True))
        if self._options.audit:
            assert self._preempt_gap is not None
            went = [(running.task, hosts.tolist(), counts.tolist()) for running, hosts, counts in gone]
            check_evictions(self.snapshot(), outcome.accepted, went, self._preempt_gap)

    # -- hosts ----------------------------------------------------------------------------------------------

    def _change_hosts(self, events: Iterable[HostEvent]) -> Process:
        for event in events:
            if event.t_s > self.env.now:
                yield self.env.timeout(event.t_s - self.env.now)
            was_alive = bool(self.snapshot().alive[event.host])
            if event.attributes is not None:
                self._relabel(event.host, event.attributes)
            if event.attributes is None or event.capacity is not None or event.alive != was_alive:
                self._resize(event.host, event.alive, event.capacity)
                if not event.alive:
                    self.lose(event.host)
            self._tell_hosts_changed()
        self._all_hosts_changed = True

    def set_host(self, host: int, *, alive: bool, capacity: Sequence[int] | None = None) -> None:
        """Let a host join, leave or change its size. What is on one that left keeps its room until it is lost."""
        self._resize(host, alive, capacity)
        self._tell_hosts_changed()

    def _resize(self, host: int, alive: bool, capacity: Sequence[int] | None) -> None:
        was_alive = bool(self.snapshot().alive[host])
        self.ledger.set_host(host, alive=alive, capacity=capacity)
        self._hosting.set_host(host, alive=alive, capacity=capacity)
        self._audit.resized(host)
        what = (Event.HOST_RESIZED if was_alive else Event.HOST_JOINED) if alive else Event.HOST_LOST
        self._log.say(self.env.now, what, host=host, levels=self._levels())
        if alive:
            self._kill_for_memory()

    def _tell_hosts_changed(self) -> None:
        for watcher in self._watchers:
            watcher.hosts_changed()

    def _relabel(self, host: int, changes: Mapping[str, str | None]) -> None:
        """Let a host have other attributes. What runs there stays, whatever it demanded of its host."""
        self.ledger.set_attributes(host, changes)
        self._log.say(self.env.now, Event.HOST_RELABELLED, host=host)
        self._audit.relabelled(host, changes, self.env.now)

    def lose(self, host: int) -> None:
        """End what runs on a host that went away, now that it is certain that it runs no longer."""
        lost = []
        for running in self._hosting.on(host, self._running):
            gone = running.hosts == host
            if not gone.any():
                continue
            hosts, counts = running.hosts[gone], running.counts[gone]
            self._cut(running, hosts, counts)
            self._leave(running, Event.KILLED, hosts, counts)
            lost.append((running, int(counts.sum())))
        if self._options.restart_lost:
            self._submit_again(lost)

    def _measure(self, every_s: float) -> Process:
        """Tell the books, at regular intervals, what hosts were seen to use: what is decided upon is never newer."""
        while True:
            yield self.env.timeout(every_s)
            self.ledger.measured(self.env.now, self._hosting.measured())

    # -- looking --------------------------------------------------------------------------------------------

    def _sample(self, tick: Callable[[float], None]) -> Process:
        """Look at every host's load, ever more rarely: a run of any length has enough looks, and not too many."""
        every_s, number, looks, view = self._options.sample_s, 0, 0, self.snapshot()
        while True:
            load = (view.allocated * view.per_capacity).astype(np.float32)
            load[view.capacity == 0] = np.nan
            if self._hosting.names:
                load = np.concatenate((load, self._hosting.load().astype(np.float32)))
            self._log.say(self.env.now, Event.SAMPLED, seconds=every_s, where=load)
            tick(self.env.now)
            self._end_if_over()  # a queue may have gone to sleep since the last container ended
            looks += 1
            if looks == 2 * SAMPLES:
                # Every second look of the finer grid is on the coarser one.
                every_s, number, looks = 2 * every_s, number // 2, SAMPLES
            number += 1
            yield self.env.timeout(max(number * every_s - self.env.now, 0.0))

    def _audit_steps(self) -> None:
        """Have the books checked after every event, whatever clock it is."""
        step = self.env.step

        def audited() -> None:
            step()
            self.check()

        self.env.step = audited  # type: ignore[method-assign]

    def check(self) -> None:
        """Assert that the books say what runs, and that it runs where it may and as fast as it may."""
        self._audit.check(self.snapshot(), self._running)
        self._hosting.check()
