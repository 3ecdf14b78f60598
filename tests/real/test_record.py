"""A recording hears of what starts and ends, also of what it could not hear at the time."""

import queue
import time
from datetime import UTC, datetime

import pytest
from docker.errors import NotFound
from requests.exceptions import ConnectionError as Refused

from policies.errors import UserError
from real.engine import EngineError, explained
from real.watching import record
from real.watching.record import Recorder, recovered
from traces.inventory import HostEntry

HOST = HostEntry("h1", "tcp://h1:2375", cpus=0.8, memory_bytes=2**29)

#: How far the Engine's clock is ahead of ours.
AHEAD_S = 5000.0


def written(at_s):
    """A time of ours, as the Engine writes it."""
    return datetime.fromtimestamp(at_s + AHEAD_S, UTC).isoformat()


class Engine:
    """An Engine with a clock of its own that keeps its events, and may go away and come back."""

    def __init__(self):
        self.there = {}  # what inspection tells
        self.past = []
        self.lines = []  # of those that listen
        self.up = True

    # -- what is done to it

    def start(self, name, labels=None):
        """Start a container, and say when that was."""
        at_s = time.time()
        self._tell(name, "create", at_s - 0.001)
        state = {"Running": True, "StartedAt": written(at_s), "FinishedAt": written(-AHEAD_S), "ExitCode": 0}
        self.there[name] = {
            "Id": name,
            "Name": f"/{name}",
            "Config": {"Labels": labels or {}},
            "HostConfig": {"NanoCpus": 200_000_000, "Memory": 1000},
            "State": state,
        }
        self._tell(name, "start", at_s)
        return at_s

    def end(self, name, exit_code=0, removed=False):
        at_s = time.time()
        self.there[name]["State"] |= {"Running": False, "FinishedAt": written(at_s), "ExitCode": exit_code}
        self._tell(name, "die", at_s)
        if removed:
            del self.there[name]
            self._tell(name, "destroy", at_s + 0.001)
        return at_s

    def go_away(self):
        self.up = False
        for line in self.lines:
            line.put(None)
        self.lines = []

    def come_back(self, forgetful=False):
        if forgetful:
            self.past = []
        self.up = True

    def _tell(self, name, action, at_s):
        event = {
            "Action": action,
            "timeNano": round((at_s + AHEAD_S) * 1e9),
            "Actor": {"ID": name, "Attributes": {"name": name, "image": "i"}},
        }
        self.past.append(event)
        if self.up:
            for line in self.lines:
                line.put(event)

    # -- what is asked of it

    def connect(self, entry, timeout_s=5.0):
        if not self.up:
            raise explained(entry.name, Refused("refused"))
        return self

    def close(self):
        pass

    def ping(self):
        if not self.up:
            raise Refused("refused")

    def info(self):
        return {"SystemTime": written(time.time()), "NCPU": 2, "MemTotal": 2**34}

    def events(self, since, filters, decode):
        line = queue.SimpleQueue()
        for event in self.past:
            if event["timeNano"] >= since * 10**9:
                line.put(event)
        self.lines.append(line)
        return Line(line)

    def containers(self, all, filters):
        return [{"Id": name} for name, each in self.there.items() if all or each["State"]["Running"]]

    def inspect_container(self, name):
        if name not in self.there:
            raise NotFound("gone")
        return self.there[name]

    def stats(self, name, stream, decode):
        yield {
            "read": written(time.time()),
            "cpu_stats": {"cpu_usage": {"total_usage": 10**6}},
            "memory_stats": {"usage": 500},
        }


class Line:
    def __init__(self, line):
        self._line = line

    def __iter__(self):
        return iter(self._line.get, None)

    def close(self):
        self._line.put(None)


@pytest.fixture
def engine(monkeypatch):
    made = Engine()
    monkeypatch.setattr(record, "connect", made.connect)
    monkeypatch.setattr(record, "AGAIN_S", 0.02)
    monkeypatch.setattr(record, "REPLAY_S", 0.05)
    monkeypatch.setattr(record, "LOOK_S", 0.04)
    monkeypatch.setattr(record, "PING_S", 0.05)
    return made


@pytest.fixture
def recorder(engine):
    """Started by the test; ended here whatever happens."""
    made = Recorder([HOST])
    yield made
    made._ending.set()


def until(true):
    ends_s = time.monotonic() + 5.0
    while not true():
        assert time.monotonic() < ends_s
        time.sleep(0.005)


def lives(recorder):
    recorder.finish()
    return {life.name: life for watch in recorder._watches for life in watch.lives}


def close_to(at_s):
    # What is left of the clocks' difference is what a question takes to be answered.
    return pytest.approx(at_s, abs=0.1)


def test_starts_and_ends_are_told_in_our_time_whatever_the_engines_clock(engine, recorder):
    recorder.start()
    started_s = engine.start("a")
    until(lambda: recorder.running == 1)
    ended_s = engine.end("a", removed=True)
    until(lambda: recorder.running == 0)

    life = lives(recorder)["a"]

    assert (life.started_s, life.ended_s) == (close_to(started_s), close_to(ended_s))
    assert life.asked[:2] == (200, 1000)


def test_what_runs_before_is_listed_with_its_true_start(engine, recorder):
    started_s = engine.start("old")
    recorder.start()

    assert recorder.running == 1
    assert lives(recorder)["old"].started_s == close_to(started_s)


def test_what_is_told_and_listed_is_one_life(engine, recorder):
    recorder.start()
    for _ in range(3):
        engine.start("a")
        until(lambda: recorder.running == 1)
        engine.go_away()
        engine.come_back()
        until(lambda: engine.lines)
        engine.end("a")
        until(lambda: recorder.running == 0)

    assert recorder.finish().containers == 3


def test_what_came_and_went_while_nobody_could_hear_is_found_afterwards(engine, recorder):
    recorder.start()
    engine.start("stays")
    engine.start("ends")
    engine.start("removed")
    until(lambda: recorder.running == 3)
    engine.go_away()
    ended_s = engine.end("ends"), engine.end("removed", removed=True)
    engine.start("short")
    engine.end("short", removed=True)
    engine.start("new")
    engine.come_back()
    until(lambda: len(recorder._watches[0].lives) == 5 and recorder.running == 2)

    found = lives(recorder)

    assert set(found) == {"stays", "ends", "removed", "short", "new"}
    assert (found["ends"].ended_s, found["removed"].ended_s) == (close_to(ended_s[0]), close_to(ended_s[1]))
    assert found["stays"].ended_s is found["new"].ended_s is None
    assert any("h1" in note for note in recorder.finish().notes)


def test_an_engine_that_forgot_its_events_is_asked_for_what_is_left(engine, recorder):
    recorder.start()
    engine.start("stays")
    engine.start("removed")
    engine.start("lost")
    until(lambda: recorder.running == 3)
    engine.go_away()
    engine.end("removed", removed=True)
    engine.end("lost", exit_code=255)
    engine.start("new")
    engine.come_back(forgetful=True)
    until(lambda: engine.lines and recorder.running == 2)

    found = lives(recorder)

    assert found["stays"].ended_s is found["new"].ended_s is None
    # Nobody knows when these ended: no later than they were looked for, no earlier than they were seen.
    assert all(found[name].started_s <= found[name].ended_s <= time.time() for name in ("removed", "lost"))
    assert any("of 2 containers" in note for note in recorder.finish().notes)


def test_a_host_that_does_not_answer_at_first_is_an_error(engine, recorder):
    engine.up = False

    with pytest.raises(EngineError, match="h1"):
        recorder.start()


def test_a_recording_that_is_killed_leaves_what_ended_and_what_ran(engine, tmp_path):
    journal = tmp_path / "journal"
    recorder = Recorder([HOST], journal=journal)
    recorder.start()
    engine.start("a")
    engine.start("b")
    until(lambda: recorder.running == 2)
    engine.end("a")
    until(lambda: recorder.running == 1)

    found = recovered(journal)
    recorder.finish()

    assert found.containers == 2
    assert sorted(each.run_s[0] < 5 for each in found.arrivals) == [False, True]


def test_a_journal_that_is_none_is_named(tmp_path):
    with pytest.raises(UserError, match="nowhere"):
        recovered(tmp_path / "nowhere")


def test_what_is_there_no_more_has_ended_though_the_recording_ends_at_once(engine, monkeypatch):
    monkeypatch.setattr(record, "REPLAY_S", 3600.0)
    said = []
    recorder = Recorder([HOST], say=said.append)
    recorder.start()
    engine.start("removed")
    until(lambda: recorder.running == 1)
    engine.go_away()
    engine.end("removed", removed=True)
    engine.come_back(forgetful=True)
    until(lambda: len(said) == 2)

    assert lives(recorder)["removed"].ended_s is not None


def test_what_does_not_have_the_labels_is_not_asked_for(engine):
    asked = []
    engine.containers = lambda all, filters: asked.append(filters) or []
    engine.events = lambda since, filters, decode: asked.append(filters) or Line(queue.SimpleQueue())
    recorder = Recorder([HOST], ["team=a", "tier"])

    recorder.start()
    recorder.finish()

    assert [filters["label"] for filters in asked] == [["team=a", "tier"]] * 2
