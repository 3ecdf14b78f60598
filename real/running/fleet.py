"""The hosting of the sea: containers run on Docker hosts, which may fail them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from math import inf
from time import monotonic
from typing import Any

import numpy as np

from policies.arrays import FloatArray
from policies.log import Event
from policies.requests import RESOURCES, Resources
from policies.sharing import Isolation, device_micro
from policies.sharing.isolation import Shares
from real.clock import WallClock
from real.engine import EngineError
from real.labels import Ours
from real.load import command, image, report
from real.running import flags
from real.running.berth import Berth
from real.running.host import DockerHost, Ended, Limits, Listed
from real.running.looking import Looking
from real.running.survey import Surveyed
from traces.replay import Replay
from traces.replay.containers import Running
from traces.trace import OPEN_ENDED, Behaviour
from traces.units import MILLI

#: How often what hosts use is looked at, in seconds: Engines tell it once a second.
LOOK_S = 1.0
#: How often every Engine is asked what it has of this run, in seconds: a stream of events can fall silent unnoticed.
RECONCILE_S = 30.0

#: How often a container whose start came to nothing is started again on its host before it counts as failed.
LAUNCHES = 3

#: How long calls that are under way when a run ends may take to come to their end, in seconds.
PATIENCE_S = 5.0

#: Exit codes of containers that ended with their Engine: ended by it, killed, or nobody knows.
WITH_ITS_ENGINE = (143, 137, 255)


@dataclass(frozen=True)
class Rules:
    """How containers are run, and what is done about hosts and containers that fail.

    Attributes
    ----------
    isolation : Isolation
        How hosts keep containers from each other.
    network : str
        The network of containers.
    restarts : int
        How often a container that failed is submitted again.
    lost_after_s : float
        After how many seconds without an answer about a container, or from its whole host, the run goes on without it.
    limits : Limits
        How long a host may take for what it is asked.
    command : callable
        Says what a container is told to do, given what it uses, what it asks for, how long it runs and how fast cores
        are: `real.load.command.run`.
    """

    isolation: Isolation = field(default_factory=Shares)
    network: str = "none"
    restarts: int = 3
    lost_after_s: float = 120.0
    limits: Limits = field(default_factory=Limits)
    command: Callable[[Behaviour, Resources, float, float], list[str]] = command.run


class Fleet:
    """Lets containers run on Docker hosts.

    Parameters
    ----------
    clock : WallClock
        The clock, which is told what happens.
    replay : Replay
        The run.
    surveyed : sequence of Surveyed
        The hosts, in the order of the cell.
    ours : Ours
        By what containers of this run are known.
    rules : Rules
        How they are run.

    Attributes
    ----------
    will_end : int
        How many containers have an end to come.

    Notes
    -----
    A host that answers no longer gets nothing new, and what was started there keeps its room: it may still run. When
    the host is back, its Engine is asked what became of every container. Containers are started elsewhere only once it
    is certain that they do not run: their Engine says so, the host's fence does, or we never asked to start them.

    A ping is no sign of health, since a host whose disk hangs answers it. Where a container could not be made in time
    it is tried out whether one can before anything new goes there.
    """

    starts_at_once = False

    def __init__(
        self, clock: WallClock, replay: Replay, surveyed: Sequence[Surveyed], ours: Ours, rules: Rules
    ) -> None:
        self._clock, self._replay, self._rules, self._ours = clock, replay, rules, ours
        self._surveyed = surveyed
        limits = rules.limits
        self._hosts = [DockerHost(number, one.entry, clock, ours, self, limits) for number, one in enumerate(surveyed)]
        self._looking = Looking(surveyed, replay.ledger.resources, limits.work_s)
        self.names = self._looking.names
        self._sizes = [one.capacity for one in surveyed]
        self._down_since: dict[int, float] = {}  # hosts that get nothing new
        self._trials: dict[int, Berth] = {}  # what is made on hosts only to see whether they can
        self._fencing: set[int] = set()
        self._asked_size: dict[int, bool] = {}  # who was asked what others hold, and whether that has changed since
        self._berths: dict[str, Berth] = {}
        self._of: dict[Running, Berth] = {}
        self._serial = 0
        self.will_end = 0
        self._reconciled_s = 0.0
        self._notes: list[str] = []
        self._said: Counter[str] = Counter()

    # -- the run ----------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Listen to all hosts from now on, and look at what they use."""
        for host in self._hosts:
            host.begin()
        self._clock.process(self._look())

    def end(self) -> None:
        """Listen no longer, and let what is under way come to its end: nothing is begun any more."""
        for host in self._hosts:
            host.end()
        self._looking.close()
        until_s = monotonic() + PATIENCE_S
        self._notes += [
            f"host {host.name}: it was still busy with a container when the run ended; if it leaves one there, "
            f"towtank hosts clean INVENTORY --run {self._ours.run} removes it"
            for host in self._hosts
            if not host.join(until_s)
        ]

    def noted(self) -> list[str]:
        """Say what a reader of the results must know, one line each."""
        counted = [text if count == 1 else f"{text} ({count} containers)" for text, count in self._said.items()]
        if self._clock.late_s > 0.5:
            counted.append(
                f"things happened up to {self._clock.late_s:.2g} s after their time: this machine was too busy"
            )
        return self._notes + counted

    # -- what the replay asks for (`traces.replay.hosting.Hosting`) ----------------------------------------------

    def parts(self, running: Running) -> Sequence[Running]:
        """Give what ends together: every container by itself."""
        alone = []
        for n, count in enumerate(running.counts.tolist()):
            for _ in range(count):
                one = running.part(slice(n, n + 1))
                one.counts = np.ones(1, dtype=np.int64)
                alone.append(one)
        return alone

    def start(self, running: Running) -> None:
        """Have a container launched on its host."""
        self._serial += 1
        host = self._hosts[int(running.hosts[0])]
        berth = Berth(running, host, f"towtank-{self._ours.run}-{self._serial}")
        self._berths[berth.name] = self._of[running] = berth
        if running.run_s != OPEN_ENDED:
            self.will_end += 1
        self._describe(berth)
        self._launch(berth)

    def cut(self, running: Running, left: int) -> None:
        """Let a container leave before its end."""
        berth = self._of.get(running)
        if berth is not None and not berth.ended:
            self._gone(berth)
            if berth.host.up:  # when it is back it is asked what it has, and what is of no use is removed
                berth.host.remove(berth.name)

    def on(self, host: int, running: Iterable[Running]) -> list[Running]:
        """Give, of those that run, all that are on a host."""
        return [berth.running for berth in self._berths.values() if berth.host.number == host]

    def overflow(self) -> Sequence[tuple[Running, int, bool]]:
        """Say who must end for want of memory: here that is the kernel's business."""
        return ()

    def set_host(self, number: int, *, alive: bool, capacity: Sequence[int] | None) -> None:
        """Take note that a host joined, left or changed its size."""

    def levels(self) -> tuple[float, ...]:
        """Give what is used of the cell, as `levels_of` says."""
        return self._looking.levels

    def load(self) -> FloatArray:
        """Give what is used of every host now / its capacity, shape (len(names), n_hosts); NaN where it is down."""
        used, capacity = self._looking.used, self._replay.ledger.snapshot().capacity[self._looking.rows]
        return np.divide(used, capacity, out=np.full(used.shape, np.nan), where=capacity > 0)

    def measured(self) -> FloatArray:
        """Give the mean use of every host since the last time, shape (n_resources, n_hosts); NaN where it is down."""
        usage = self._looking.mean()
        usage[:, [not host.up for host in self._hosts]] = np.nan
        return usage

    def check(self) -> None:
        """Assert that nothing is amiss."""
        assert set(self._of.values()) == set(self._berths.values()), "a container is known by half"
        finite = sum(berth.running.run_s != OPEN_ENDED for berth in self._berths.values())
        assert finite == self.will_end, "somebody's end is not waited for"

    # -- launching ------------------------------------------------------------------------------------------

    def _describe(self, berth: Berth) -> None:
        """Say what its Engine is to be asked for."""
        running, host = berth.running, berth.host
        job, task = running.job, running.task
        one = self._surveyed[host.number]
        cores = max(
            (phase.demand.cpu_cores for phase in command.phases(running.behaviour, running.task.need)), default=0.0
        )
        berth.asked = flags.cpu_flags(self._rules.isolation, task.need.cpu_milli, cores, job.workload != "batch")
        berth.config = flags.created(
            one.client,
            image.tag(),
            self._rules.command(running.behaviour, task.need, running.run_s, one.entry.profile.units_per_s),
            flags.labels_of(self._ours, job, task, self._serial, self._replay.failures(job)),
            berth.asked,
            task.need.memory_bytes,
            command.threads(running.behaviour, task.need),
            one.scratch,
            self._rules.network,
        )

    def _launch(self, berth: Berth) -> None:
        berth.launching = True
        berth.launches += 1
        berth.known_s = self._clock.now
        berth.host.launch(berth.name, berth.config, berth.may_start, partial(self._launched, berth))

    def _launched(self, berth: Berth, answer: EngineError | None) -> None:
        berth.launching = False
        berth.known_s = self._clock.now
        if berth.ended:
            self._launched_in_vain(berth, answer)
        elif answer is None:
            self._began(berth)
            if berth.died:
                self._look_at_end(berth, with_engine=False)
        elif answer.answered:
            self._make_sure(berth, str(answer))
        else:
            self._distrust(berth.host)
            if berth.take_back():
                # At the most it is made, and nobody will start it: that it never ran is its host's fault.
                self._failed(berth, Event.KILLED, comes_again=True)
                self._try_out(berth)
            else:
                # Nobody knows whether it was started, nor whether it will be.
                self._unsure(berth)
                self._ask_what_became(berth.host)

    def _launched_in_vain(self, berth: Berth, answer: EngineError | None) -> None:
        """Hear what came of the launch of a container that was given up meanwhile, or that was only to be tried."""
        host = berth.host
        answered = answer is None or answer.answered
        if answered:
            host.remove(berth.name)
        if self._trials.get(host.number) is not berth:
            return
        del self._trials[host.number]
        if answered:
            self._use_again(host)
        elif host.up:
            self._later(partial(self._try_out, berth))

    def _try_out(self, berth: Berth) -> None:
        """See whether a host that was too slow can make a container by now: one that is not wanted any more."""
        host = berth.host
        if host.up and host.number not in self._trials:
            self._trials[host.number] = berth
            host.launch(berth.name, berth.config, berth.may_start, partial(self._launched, berth))

    def _began(self, berth: Berth) -> None:
        if berth.ended:
            return
        if not berth.began:
            berth.began = True
            self._replay.began(berth.running)
        berth.known_s, berth.unsure_since_s = self._clock.now, inf
        self._use_again(berth.host)

    # -- ends -----------------------------------------------------------------------------------------------

    def happened(self, host: DockerHost, action: str, name: str, attributes: Mapping[str, str]) -> None:
        """Hear that a container of this run started or ended."""
        berth = self._berths.get(name)
        if berth is None:
            if action == "start":  # one that was given up, by a call that nobody waited for any longer
                host.remove(name)
        elif action == "start":
            self._began(berth)
        elif action == "die":
            if berth.launching:
                berth.died = True  # or it would not start, as the answer will say
            else:
                self._look_at_end(berth, with_engine=False)

    def _look_at_end(self, berth: Berth, *, with_engine: bool) -> None:
        if not berth.ending:
            berth.ending = True
            berth.host.look_at_end(berth.name, partial(self._ended, berth, with_engine))

    def _ended(self, berth: Berth, with_engine: bool, answer: Ended | EngineError) -> None:
        berth.ending = False
        if berth.ended:
            return
        if isinstance(answer, EngineError):
            if answer.status == 404:
                self._failed(berth, Event.KILLED)  # somebody removed it
            else:
                self._unsure(berth)
                self._retry(berth.host)
            return
        self._began(berth)
        told = report.parse(answer.output)
        self._compare(berth, told)
        if told.began_s is not None:
            # From the program's own watch: what the Engine takes to start and to end it is no slowdown.
            berth.running.since_s = self._clock.now - told.wall_s
        if answer.exit_code == 0:
            self._gone(berth)
            self._replay.finished(berth.running, self._alone_s(berth))
        elif answer.exit_code == 137 and (answer.out_of_memory or self._is_greedy(berth.running)):
            # Under version 1 the flag alone may be somebody else's, and it is missed of who ends right after the start.
            self._failed(berth, Event.OUT_OF_MEMORY)
        elif with_engine and answer.exit_code in WITH_ITS_ENGINE:
            self._failed(berth, Event.KILLED)
        else:
            why = answer.error or f"exit code {answer.exit_code}"
            self._note(f"host {berth.host.name}: a container of job {berth.running.job.id!r} ended with {why}")
            self._failed(berth, Event.FAILED)

    def _failed(self, berth: Berth, why: Event, *, comes_again: bool | None = None) -> None:
        self._gone(berth)
        if comes_again is None:
            comes_again = self._replay.failures(berth.running.job) < self._rules.restarts
        self._replay.failed(berth.running, 1, why, comes_again=comes_again)

    def _gone(self, berth: Berth) -> None:
        """Take note that a container is there no longer, or at least none of ours."""
        berth.take_back()
        berth.ended = True
        del self._berths[berth.name], self._of[berth.running]
        self._looking.forget(berth.host.number, berth.name)
        if berth.running.run_s != OPEN_ENDED:
            self.will_end -= 1

    def _compare(self, berth: Berth, told: report.Report) -> None:
        """Hold what the kernel says about a container against what was asked for."""
        kernel, host = told.cgroup, berth.host.name
        if kernel is None:
            return
        shares, quota = berth.asked["cpu_shares"], berth.asked.get("cpu_quota", 0) / flags.PERIOD_US or None
        if kernel.cpu_shares is not None and kernel.cpu_shares != shares:
            self._note(f"host {host}: asked for {shares} CPU shares, its kernel says {kernel.cpu_shares}")
        if kernel.cpu_weight is not None:
            self._note(f"host {host}: {shares} CPU shares are a weight of {kernel.cpu_weight} there (cgroup v2)")
        if kernel.cpu_quota_cores != quota:
            self._note(f"host {host}: asked for a limit of {quota} cores, its kernel says {kernel.cpu_quota_cores}")

    def _note(self, text: str) -> None:
        self._said[text] += 1

    # -- how long they take alone -----------------------------------------------------------------------------

    def _is_greedy(self, running: Running) -> bool:
        limit_bytes = flags.memory_limit(running.task.need.memory_bytes)
        return any(
            phase.demand.memory_bytes > limit_bytes for phase in command.phases(running.behaviour, running.task.need)
        )

    def _alone_s(self, berth: Berth) -> float:
        """Say how long a container takes with its host to itself: a host may be smaller than what it would use."""
        one = self._surveyed[berth.host.number]
        capacity = dict(zip(RESOURCES, one.capacity, strict=True))
        cap = berth.asked.get("cpu_quota", 0) / flags.PERIOD_US or inf
        alone_s = 0.0
        for share, demand in command.phases(berth.running.behaviour, berth.running.task.need):
            needs = {
                "cpu": demand.cpu_cores * MILLI,
                "disk": device_micro(demand, 1, one.disk) if one.disk else 0.0,
            }
            there = {"cpu": min(capacity["cpu"], cap * MILLI), "disk": capacity["disk"]}
            slowest = max([1.0, *(need / there[name] for name, need in needs.items() if need and there[name])])
            alone_s += share * berth.running.run_s * slowest
        return alone_s

    # -- hosts that fail --------------------------------------------------------------------------------------

    def went_down(self, host: DockerHost, why: str) -> None:
        """Hear that a host answers no longer: nothing new goes there, and what is there may still run."""
        self._notes.append(f"at {self._clock.now:.1f} s {why}")
        self._distrust(host)
        self._trials.pop(host.number, None)
        for berth in self._at(host):
            if berth.take_back():
                self._failed(berth, Event.KILLED, comes_again=True)
            else:
                self._unsure(berth)
        if host.entry.fence and host.number not in self._fencing:
            self._fencing.add(host.number)
            host.fence(partial(self._fenced, host))

    def _fenced(self, host: DockerHost, failure: str) -> None:
        self._fencing.discard(host.number)
        if failure:
            self._notes.append(f"at {self._clock.now:.1f} s host {host.name} could not be fenced: {failure}")
        else:
            self._notes.append(f"at {self._clock.now:.1f} s host {host.name} was fenced")
            self._replay.lose(host.number)
        if host.up:
            self._ask_what_became(host)

    def _at(self, host: DockerHost) -> list[Berth]:
        return [berth for berth in self._berths.values() if berth.host is host]

    def _distrust(self, host: DockerHost) -> None:
        """Let nothing new go to a host."""
        if self._is_alive(host):
            self._down_since[host.number] = self._clock.now
            self._replay.set_host(host.number, alive=False)

    @property
    def awaits_hosts(self) -> bool:
        """Whether a host may come back that failed not so long ago."""
        return any(self._clock.now - since_s <= self._rules.lost_after_s for since_s in self._down_since.values())

    def _unsure(self, berth: Berth) -> None:
        berth.unsure_since_s = min(berth.unsure_since_s, self._clock.now)

    def _give_up(self) -> None:
        """Go on without containers of which nobody knew anything for too long."""
        limit_s = self._rules.lost_after_s
        too_long = [
            berth
            for berth in self._berths.values()
            if self._clock.now - berth.unsure_since_s > limit_s and berth.host.number not in self._fencing
        ]
        for berth in too_long:
            self._note(
                f"host {berth.host.name}: what became of a container nobody knew for {limit_s:g} s; it was given up, "
                "and started nowhere else"
            )
            self._failed(berth, Event.KILLED, comes_again=False)
            self._try_out(berth)

    def _is_alive(self, host: DockerHost) -> bool:
        return bool(self._replay.snapshot().alive[host.number])

    def _use_again(self, host: DockerHost) -> None:
        """Let a host have new containers, if it answers and starts what it has."""
        number = host.number
        if not host.up or self._is_alive(host) or number in self._trials or number in self._fencing:
            return
        if all(berth.unsure_since_s == inf for berth in self._at(host)):
            self._down_since.pop(number, None)
            self._replay.set_host(number, alive=True, capacity=self._sizes[number])

    def came_back(self, host: DockerHost) -> None:
        """Hear that a host answers again, and find out what became of its containers."""
        self._ask_what_became(host)
        # An Engine tells of an end a few milliseconds before its lists know of it: whoever came between heard neither.
        self._retry(host)
        self.others_changed(host)

    def _ask_what_became(self, host: DockerHost) -> None:
        host.list(partial(self._reconcile, host, self._clock.now))

    def _reconcile(self, host: DockerHost, asked_s: float, answer: list[Listed] | EngineError) -> None:
        """Hold what an Engine has of this run against what we know."""
        if isinstance(answer, EngineError):
            self._retry(host)
            return
        there = {one.name: one for one in answer}
        for name, one in there.items():
            if name not in self._berths and one.state not in ("removing", "dead"):
                host.remove(name)  # an attempt that was given up
        for berth in self._at(host):
            state = there[berth.name].state if berth.name in there else ""
            if berth.launching or berth.known_s > asked_s:
                continue  # its own answer tells, or has told, what is newer
            if state in ("exited", "dead"):
                self._look_at_end(berth, with_engine=True)
            elif state == "removing":
                self._unsure(berth)
                self._retry(host)
            elif state not in ("", "created"):
                self._began(berth)
            elif berth.began:
                self._failed(berth, Event.KILLED)
            else:
                self._launch_again(berth)
        self._use_again(host)

    def _launch_again(self, berth: Berth) -> None:
        if berth.launches < LAUNCHES:
            self._launch(berth)
            return
        self._make_sure(
            berth, f"host {berth.host.name}: a container did not start though that was tried {LAUNCHES} times"
        )

    def _make_sure(self, berth: Berth, why: str) -> None:
        """Remove a container that would not start: a call that was given up may still start it."""
        if berth.take_back():
            berth.host.remove(berth.name)
            self._note(why)
            self._failed(berth, Event.FAILED)
            return
        berth.launching = True
        berth.host.remove(berth.name, partial(self._removed, berth, why))

    def _removed(self, berth: Berth, why: str, answer: EngineError | None) -> None:
        berth.launching = False
        berth.known_s = self._clock.now
        if berth.ended:
            return
        # What is not there, or somebody else's, is none of ours that could run.
        if answer is not None and answer.status not in (404, 409):
            self._unsure(berth)
            self._retry(berth.host)
            return
        self._note(why)
        self._failed(berth, Event.FAILED)

    def _retry(self, host: DockerHost) -> None:
        """Ask again a little later what became of the containers of a host, unless it is down: it may come back."""

        def again() -> None:
            if host.up:
                self._ask_what_became(host)

        self._later(again)

    def _later(self, call: Callable[[], None]) -> None:
        self._clock.timeout(LOOK_S).callbacks.append(lambda _: call())

    def others_changed(self, host: DockerHost) -> None:
        """Hear that containers of others came or went: what they hold is not ours to give."""
        if host.number in self._asked_size:
            # An Engine takes a second or two to answer, and may have many that come and go.
            self._asked_size[host.number] = True
            return
        self._asked_size[host.number] = False
        host.ask(self._surveyed[host.number].capacity_now, partial(self._resized, host))

    def _resized(self, host: DockerHost, answer: tuple[int, ...] | EngineError) -> None:
        changed_since = self._asked_size.pop(host.number)
        if not isinstance(answer, EngineError) and answer != self._sizes[host.number]:
            self._sizes[host.number] = answer
            if self._is_alive(host):
                self._replay.set_host(host.number, alive=True, capacity=answer)
        if changed_since:
            self.others_changed(host)

    # -- looking ----------------------------------------------------------------------------------------------

    def _look(self) -> Any:
        while True:
            yield self._clock.timeout(LOOK_S)
            now = self._clock.now
            running = [(berth.host.number, berth.name) for berth in self._berths.values() if berth.began]
            self._looking.look(now, running, self._replay.ledger.snapshot().capacity)
            self._replay.use_changed(-1)
            self._give_up()
            if now - self._reconciled_s >= RECONCILE_S:
                self._reconciled_s = now
                for host in self._hosts:
                    if host.up:
                        self._ask_what_became(host)
