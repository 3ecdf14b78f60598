"""What is decided about containers when hosts answer late, wrongly or not at all; the hosts here are no real ones."""

import threading
import time
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from experiments.running import choices
from policies.cell import Commit
from policies.log import Event, Log
from policies.placement import Placer
from policies.placement.scores import spread
from policies.requests import Demand, Group, Job, Resources, Task
from policies.scheduling import ARCHITECTURES, Settings
from policies.scheduling.scheduler import DecisionTime
from real import Rules
from real.clock import WallClock
from real.engine import EngineError
from real.labels import Ours
from real.running import fleet, host, looking
from real.running.fleet import Fleet
from real.running.host import Ended, Listed
from real.running.workers import Workers
from traces.hosts import Hosts, Profile
from traces.replay import Replay, ReplayOptions
from traces.trace import Arrival, steady

MIB = 2**20
OURS = Ours("tests", "fleet")
LOST_AFTER_S = 20.0
SILENCE = EngineError("h", "no answer in time")
ENDS = {
    "well": Ended(0, False, "", b""),
    "well though others ran out of memory": Ended(0, True, "", b""),
    "error": Ended(1, False, "", b""),
    "memory": Ended(137, True, "", b""),
    "with its Engine": Ended(143, False, "", b""),
    "with its host": Ended(255, False, "", b""),
}


class Time(WallClock):
    """A clock that is moved by hand."""

    def pass_on(self, seconds):
        end_s = self.now + seconds
        self._hear()
        while self.peek() <= end_s:
            self.step()
        self._now = end_s

    def wall_s(self):
        return self.now


class FakeHost:
    """A host that does nothing: what it is asked is kept for the test to answer."""

    def __init__(self, number, entry, clock, ours, listener, limits):
        self.number, self.entry, self.name, self.up = number, entry, entry.name, True
        self.launches, self.looks, self.lists, self.removals, self.fences, self.asked = [], [], [], [], [], []

    def launch(self, name, config, may_start, then):
        self.launches.append((name, may_start, then))

    def look_at_end(self, name, then):
        self.looks.append((name, then))

    def list(self, then):
        self.lists.append(then)

    def remove(self, name, then=lambda answer: None):
        self.removals.append((name, then))

    def fence(self, then):
        self.fences.append(then)

    def ask(self, work, then):
        self.asked.append(then)


class Sea:
    """A replay on hosts that are only said to be; containers that are started on a host are in its `runs`."""

    def __init__(self, monkeypatch, n_hosts=2, fence="", queue="fifo", **rules):
        monkeypatch.setattr(fleet, "DockerHost", FakeHost)
        monkeypatch.setattr(looking, "connect", lambda *_: None)
        silent = SimpleNamespace(follow=lambda name: None, forget=lambda name: None, counters=dict, close=lambda: None)
        monkeypatch.setattr(looking, "UseStreams", lambda _: silent)
        monkeypatch.setattr(fleet.flags, "created", lambda *_, **__: {})
        capacity = (1000, 1000 * MIB, 0, 0, 0)
        surveyed = [
            SimpleNamespace(
                entry=SimpleNamespace(name=f"h{n}", fence=fence, profile=Profile(units_per_s=1.0)), client=None,
                capacity=capacity, capacity_now=None, disk=None, scratch="",
            )
            for n in range(n_hosts)
        ]  # fmt: skip
        hosts = Hosts([f"h{n}" for n in range(n_hosts)], np.array([capacity] * n_hosts).T, np.ones(n_hosts, bool))
        self.clock, self.rows = Time(), []
        commit = Commit.GANG if queue == "backfill" else Commit.INCREMENTAL
        rules = Rules(**{"lost_after_s": LOST_AFTER_S} | rules)
        self.replay = Replay(
            self.clock, hosts, ARCHITECTURES["monolithic"](),
            Settings(decision_time=DecisionTime(0.0, 0.0), commit=commit, queue=choices.queue(queue)),
            lambda name: Placer(spread), Log([self.rows.extend]), ReplayOptions(audit=True),
            lambda replay: Fleet(self.clock, replay, surveyed, OURS, rules),
        )  # fmt: skip
        self.fleet = self.replay._hosting
        self.hosts = self.fleet._hosts
        self.replay._audit_steps()
        self.clock.process(self.fleet._look())

    def arrive(self, *arrivals):
        self.clock.process(self.replay._arrive(iter(arrivals)))
        self.clock.process(self.replay._change_hosts(()))
        self.clock.process(self.replay._sample(lambda now: None))
        self.clock.pass_on(0.1)

    def say(self, call, *args):
        """Have something happen as the clock hears of it."""
        self.clock.tell(call, *args)
        self.clock.pass_on(0.0)

    def launched(self, host, answer=None, start=True):
        """Answer the oldest launch, and say what container it was about and whether that was started."""
        name, may_start, then = self.hosts[host].launches.pop(0)
        started = start and may_start()
        self.say(then, answer)
        return name, started

    def listed(self, host, **states):
        then = self.hosts[host].lists.pop(0)
        self.say(then, [Listed(name.replace("_", "-"), state) for name, state in states.items()])

    def events(self, *which):
        self.replay._log.flush()
        which = which or (Event.STARTED, Event.FINISHED, Event.KILLED, Event.FAILED, Event.OUT_OF_MEMORY)
        return [row.event for row in self.rows if row.event in which]

    def allocated(self, host):
        return int(self.replay.snapshot().containers[host])

    def alive(self, host):
        return bool(self.replay.snapshot().alive[host])

    @property
    def is_over(self):
        return self.replay._over.triggered


def job(name="j", tasks=1, run_s=5.0):
    asked = Job(name, 0.0, "batch", (Group(Task(Resources(400, 10 * MIB)), tasks),))
    return Arrival(asked, (run_s,), (steady(Demand(0.1, 4.0 * MIB)),))


@pytest.fixture
def sea(monkeypatch):
    made = Sea(monkeypatch)
    made.arrive(job())
    return made


def happened(sea, action, name="towtank-fleet-1", host=0):
    sea.say(sea.fleet.happened, sea.hosts[host], action, name, {})


@pytest.mark.parametrize(
    ("end", "event"),
    [
        ("well", Event.FINISHED),
        ("well though others ran out of memory", Event.FINISHED),
        ("error", Event.FAILED),
        ("memory", Event.OUT_OF_MEMORY),
        ("with its Engine", Event.FAILED),  # while its Engine is well, somebody else ended it
    ],
)
def test_how_a_container_ended_is_what_its_engine_says(sea, end, event):
    name, _ = sea.launched(0)
    happened(sea, "die", name)
    sea.say(sea.hosts[0].looks.pop()[1], ENDS[end])

    assert sea.events() == [Event.STARTED, event]
    assert sea.allocated(0) == 0


@pytest.mark.parametrize("end", ["with its Engine", "with its host"])
def test_who_ended_while_nobody_listened_may_have_ended_with_its_engine(sea, end):
    sea.launched(0)
    sea.clock.pass_on(1.0)
    sea.say(sea.fleet.came_back, sea.hosts[0])
    sea.listed(0, towtank_fleet_1="exited")
    sea.say(sea.hosts[0].looks.pop()[1], ENDS[end])

    assert sea.events() == [Event.STARTED, Event.KILLED]


def test_an_end_that_is_heard_before_the_answer_to_the_start_is_looked_at_after_it(sea):
    happened(sea, "die")
    assert sea.hosts[0].looks == []
    sea.launched(0)
    sea.say(sea.hosts[0].looks.pop()[1], ENDS["well"])

    assert sea.events() == [Event.STARTED, Event.FINISHED]


def test_what_was_never_started_goes_elsewhere_at_once_and_is_not_started_afterwards(monkeypatch):
    sea = Sea(monkeypatch, restarts=0)  # it is no failure of the container
    sea.arrive(job())
    sea.hosts[0].up = False
    sea.say(sea.fleet.went_down, sea.hosts[0], "h0 is gone")
    assert sea.events() == [Event.KILLED]
    assert sea.allocated(0) == 0

    sea.clock.pass_on(11.0)
    assert len(sea.hosts[1].launches) == 1
    assert sea.launched(0) == ("towtank-fleet-1", False)
    assert sea.launched(1) == ("towtank-fleet-2", True)
    assert sea.events() == [Event.KILLED, Event.STARTED]


def test_what_may_run_on_a_host_that_is_silent_keeps_its_room(sea):
    sea.launched(0, SILENCE)
    sea.clock.pass_on(11.0)

    assert sea.events() == []
    assert sea.allocated(0) == 1
    assert not sea.alive(0)
    assert sea.hosts[1].launches == []


@pytest.mark.parametrize(
    ("state", "events"),
    [
        ("running", [Event.STARTED]),
        ("paused", [Event.STARTED]),
        ("created", []),
        ("removing", []),
        ("exited", []),
    ],
)
def test_after_a_silence_the_engine_says_what_became_of_a_container(sea, state, events):
    sea.launched(0, SILENCE)
    sea.clock.pass_on(1.0)
    sea.hosts[0].lists.clear()
    sea.say(sea.fleet._ask_what_became, sea.hosts[0])
    sea.listed(0, towtank_fleet_1=state)

    engine = sea.hosts[0]
    assert sea.events() == events
    assert sea.allocated(0) == 1
    assert sea.alive(0) == (state in ("running", "paused"))
    assert len(engine.launches) == (state == "created")
    assert len(engine.looks) == (state == "exited")


def test_what_is_gone_from_its_engine_ended_with_it(sea):
    sea.launched(0)
    sea.clock.pass_on(1.0)
    sea.say(sea.fleet.came_back, sea.hosts[0])
    sea.listed(0)

    assert sea.events() == [Event.STARTED, Event.KILLED]


def test_a_list_that_is_older_than_a_start_tells_nothing_of_it(sea):
    sea.say(sea.fleet.came_back, sea.hosts[0])
    sea.clock.pass_on(0.2)
    sea.launched(0)
    sea.listed(0)

    assert sea.events() == [Event.STARTED]
    assert sea.allocated(0) == 1


def test_who_is_given_up_is_started_nowhere_else_and_removed_if_it_runs_after_all(sea):
    sea.launched(0, SILENCE)
    sea.hosts[0].up = False
    sea.clock.pass_on(LOST_AFTER_S + 2.0)
    assert sea.events() == [Event.KILLED]
    assert sea.hosts[1].launches == []
    assert sea.is_over

    happened(sea, "start")
    assert [name for name, _ in sea.hosts[0].removals] == ["towtank-fleet-1"]
    assert sea.events() == [Event.KILLED]


def test_a_host_that_could_not_make_a_container_gets_nothing_until_it_can(sea):
    sea.launched(0, SILENCE, start=False)
    assert sea.events() == [Event.KILLED]
    assert not sea.alive(0)

    sea.launched(0, SILENCE, start=False)  # it is tried out again
    sea.clock.pass_on(1.1)
    assert not sea.alive(0)
    assert sea.launched(0) == ("towtank-fleet-1", False)
    assert sea.alive(0)
    assert [name for name, _ in sea.hosts[0].removals] == ["towtank-fleet-1"]


def test_a_container_that_will_not_start_is_removed_before_it_counts_as_failed(sea):
    sea.launched(0, EngineError("h0", "no such runtime", 400))
    assert sea.events() == []
    assert sea.allocated(0) == 1

    sea.say(sea.hosts[0].removals.pop()[1], None)
    assert sea.events() == [Event.FAILED]
    assert sea.allocated(0) == 0


def test_what_a_fence_has_ended_is_done_elsewhere_and_not_before(monkeypatch):
    sea = Sea(monkeypatch, fence="off")
    sea.arrive(job())
    sea.launched(0)
    sea.hosts[0].up = False
    sea.say(sea.fleet.went_down, sea.hosts[0], "h0 is gone")
    sea.clock.pass_on(5.0)
    assert sea.events() == [Event.STARTED]

    sea.say(sea.hosts[0].fences.pop(), "")
    sea.clock.pass_on(0.1)
    assert sea.events() == [Event.STARTED, Event.KILLED]
    assert len(sea.hosts[1].launches) == 1


def test_a_fence_that_fails_frees_nothing(monkeypatch):
    sea = Sea(monkeypatch, fence="off")
    sea.arrive(job())
    sea.launched(0)
    sea.hosts[0].up = False
    sea.say(sea.fleet.went_down, sea.hosts[0], "h0 is gone")
    sea.say(sea.hosts[0].fences.pop(), "no such plug")

    assert sea.events() == [Event.STARTED]
    assert any("could not be fenced: no such plug" in note for note in sea.fleet.noted())


def test_a_host_gets_nothing_new_while_it_is_being_fenced(monkeypatch):
    sea = Sea(monkeypatch, fence="off")
    sea.arrive(job())
    sea.launched(0)
    sea.say(sea.fleet.went_down, sea.hosts[0], "h0 was silent")
    sea.clock.pass_on(0.1)
    sea.say(sea.fleet.came_back, sea.hosts[0])
    sea.listed(0, towtank_fleet_1="running")

    assert not sea.alive(0)
    sea.say(sea.hosts[0].fences.pop(), "")
    sea.listed(0)
    assert sea.alive(0)


def test_what_others_hold_is_asked_once_at_a_time_and_once_more_if_it_changed_meanwhile(sea):
    for _ in range(5):
        sea.say(sea.fleet.others_changed, sea.hosts[1])
    assert len(sea.hosts[1].asked) == 1

    sea.say(sea.hosts[1].asked.pop(), (700, 500 * MIB, 0, 0, 0))
    assert len(sea.hosts[1].asked) == 1
    sea.say(sea.hosts[1].asked.pop(), (700, 500 * MIB, 0, 0, 0))
    assert sea.hosts[1].asked == []
    assert sea.events(Event.HOST_RESIZED) == [Event.HOST_RESIZED]
    assert sea.replay.snapshot().capacity[0].tolist() == [1000, 700]


def test_a_host_that_becomes_smaller_than_what_it_holds_keeps_it(sea):
    sea.launched(0)
    sea.say(sea.fleet.others_changed, sea.hosts[0])
    sea.say(sea.hosts[0].asked.pop(), (100, 5 * MIB, 0, 0, 0))

    assert sea.allocated(0) == 1
    assert sea.events() == [Event.STARTED]


def test_a_host_that_failed_not_long_ago_is_waited_for(monkeypatch):
    sea = Sea(monkeypatch, n_hosts=1, queue="backfill")  # who tries no more before something changes
    sea.arrive(job())
    sea.hosts[0].up = False
    sea.say(sea.fleet.went_down, sea.hosts[0], "h0 is gone")
    sea.clock.pass_on(LOST_AFTER_S - 2.0)
    assert not sea.is_over

    sea.clock.pass_on(5.0)
    assert sea.is_over


def test_a_bug_in_a_thread_ends_the_run(monkeypatch):
    monkeypatch.setattr(host, "connect", lambda *_: None)
    clock = WallClock()
    one = host.DockerHost(0, SimpleNamespace(name="h"), clock, OURS, None, host.Limits())
    one.ask(lambda client: 1 / 0, print)

    with pytest.raises(ZeroDivisionError):
        clock.run(until=30.0)
    one.end()
    assert one.join(time.monotonic() + 30.0)


def test_when_a_run_is_over_what_waits_is_not_begun_and_what_hangs_is_not_waited_for():
    began, goes_on, done = threading.Event(), threading.Event(), []
    workers = Workers("w", 1)
    workers.do(lambda: (began.set(), goes_on.wait(30.0)))
    workers.do(lambda: done.append(1))
    began.wait(30.0)

    workers.end()
    assert not workers.join(time.monotonic())
    goes_on.set()
    assert workers.join(time.monotonic() + 30.0)
    assert done == []


class Storm(RuleBasedStateMachine):
    """Engines that do what they like with what they are asked, and answer when they like, or not at all."""

    def __init__(self):
        super().__init__()
        self.patch = pytest.MonkeyPatch()
        self.sea = Sea(self.patch, n_hosts=2)
        # What is on each host in truth; a container of a job may run on one host at a time.
        self.there = [{}, {}]
        self.jobs = {}  # of which job each container is
        self.late = []  # calls that nobody waits for any longer, and which may still be carried out

    def teardown(self):
        self.patch.undo()

    @initialize(jobs=st.integers(1, 3), tasks=st.integers(1, 2))
    def arrive(self, jobs, tasks):
        self.tasks = tasks
        self.sea.arrive(*[job(f"j{n}", tasks) for n in range(jobs)])

    @invariant()
    def nothing_is_done_twice(self):
        """Of a job's containers no more run, or have come to their end, than it has; the books are looked at anyway."""
        self.jobs |= {name: berth.running.job.id for name, berth in self.sea.fleet._berths.items()}
        self.sea.replay._log.flush()
        there = [row.job for row in self.sea.rows if row.event is Event.FINISHED]
        there += [self.jobs[name] for run in self._run() for name in run]
        assert all(there.count(name) <= self.tasks for name in there)

    def _run(self):
        """Give those that run, by host."""
        return [[name for name, state in there.items() if state == "running"] for there in self.there]

    @precondition(lambda self: any(host.launches for host in self.sea.hosts))
    @rule(data=st.data(), fate=st.sampled_from(["starts", "refused", "nothing", "made", "started", "late start"]))
    def launch(self, data, fate):
        number = data.draw(st.sampled_from([n for n, host in enumerate(self.sea.hosts) if host.launches]))
        host, there = self.sea.hosts[number], self.there[number]
        name, may_start, then = host.launches.pop(0)
        if fate == "refused":
            self.sea.say(then, EngineError("h", "no", 500))
            return
        if fate == "nothing":
            self.sea.say(then, SILENCE)
            return
        there.setdefault(name, "created")
        if fate == "made":
            self.sea.say(then, SILENCE)
            return
        if there[name] == "created" and may_start():
            if fate == "late start":
                self.late.append((number, name))
            else:
                there[name] = "running"
        self.sea.say(then, None if fate == "starts" else SILENCE)

    @precondition(lambda self: self.late)
    @rule()
    def start_late(self):
        number, name = self.late.pop(0)
        if self.there[number].get(name) == "created":
            self.there[number][name] = "running"
            if self.sea.hosts[number].up:
                self.sea.say(self.sea.fleet.happened, self.sea.hosts[number], "start", name, {})

    @precondition(lambda self: any(self._run()))
    @rule(data=st.data(), heard=st.booleans())
    def end(self, data, heard):
        number, name = data.draw(st.sampled_from([(n, name) for n, run in enumerate(self._run()) for name in run]))
        self.there[number][name] = "exited"
        if heard and self.sea.hosts[number].up:
            self.sea.say(self.sea.fleet.happened, self.sea.hosts[number], "die", name, {})

    @rule(number=st.integers(0, 1), answers=st.booleans(), how=st.sampled_from(sorted(ENDS)))
    def look(self, number, answers, how):
        if self.sea.hosts[number].looks:
            name, then = self.sea.hosts[number].looks.pop(0)
            if not answers:
                self.sea.say(then, SILENCE)
            elif name not in self.there[number]:
                self.sea.say(then, EngineError("h", "no such container", 404))
            elif self.there[number][name] == "exited":
                del self.there[number][name]
                self.sea.say(then, ENDS[how])

    @rule(number=st.integers(0, 1), answers=st.booleans())
    def list(self, number, answers):
        if self.sea.hosts[number].lists:
            found = [Listed(name, state) for name, state in self.there[number].items()]
            self.sea.say(self.sea.hosts[number].lists.pop(0), found if answers else SILENCE)

    @rule(number=st.integers(0, 1), answers=st.booleans())
    def remove(self, number, answers):
        if self.sea.hosts[number].removals:
            name, then = self.sea.hosts[number].removals.pop(0)
            if not answers:
                self.sea.say(then, SILENCE)
                return
            self.late = [late for late in self.late if late != (number, name)]
            gone = self.there[number].pop(name, None)
            self.sea.say(then, None if gone else EngineError("h", "no such container", 404))

    @rule(number=st.integers(0, 1))
    def go_down(self, number):
        host = self.sea.hosts[number]
        if host.up:
            host.up = False
            self.sea.say(self.sea.fleet.went_down, host, "it is gone")

    @rule(number=st.integers(0, 1))
    def come_back(self, number):
        host = self.sea.hosts[number]
        if not host.up:
            host.up = True
            self.sea.say(self.sea.fleet.came_back, host)

    @rule(seconds=st.sampled_from([0.3, 1.5, 11.0, LOST_AFTER_S + 1.0]))
    def wait(self, seconds):
        self.sea.clock.pass_on(seconds)

    @rule()
    def settle(self):
        """When hosts do at once what they are asked and nothing fails any more, the run ends and nothing is left."""
        for number in (0, 1):
            self.come_back(number)
        for _ in range(400):
            if self.sea.is_over:
                break
            for number, engine in enumerate(self.sea.hosts):
                for name, may_start, then in [engine.launches.pop(0) for _ in engine.launches[:]]:
                    self.there[number].setdefault(name, "created")
                    if self.there[number][name] == "created" and may_start():
                        self.there[number][name] = "running"
                    self.sea.say(then, None)
                for _ in engine.removals[:]:
                    self.remove(number, True)
                for _ in engine.lists[:]:
                    self.list(number, True)
                for name in self._run()[number]:
                    self.there[number][name] = "exited"
                    self.sea.say(self.sea.fleet.happened, engine, "die", name, {})
                for _ in engine.looks[:]:
                    self.look(number, True, "well")
            self.sea.clock.pass_on(1.0)
        assert self.sea.is_over
        assert self.sea.fleet.will_end == 0
        for number in (0, 1):
            for name, _ in self.sea.hosts[number].removals:
                self.there[number].pop(name, None)
            assert "running" not in self.there[number].values()


TestStorm = Storm.TestCase
TestStorm.settings = settings(
    max_examples=60, stateful_step_count=30, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
