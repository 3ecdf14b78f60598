"""Many hosts at a time, what others hold of them, and what is cleaned up."""

import threading
import time
from types import SimpleNamespace

import pytest
from docker.errors import APIError, NotFound
from requests import Response

from policies.errors import UserError
from policies.requests import Resources
from real import labels as label
from real.engine import EngineError
from real.watching import hosts
from real.watching.hosts import leftovers, on_each, remove, taken
from traces.inventory import HostEntry

H1, H2 = (HostEntry(name, f"tcp://{name}:2375") for name in ("h1", "h2"))

MINE = {label.OWNER: "me", label.RUN: "r1"}
THEIRS = {label.OWNER: "you", label.RUN: "r2"}
#: Of a container that somebody made of our image.
OF_OUR_IMAGE = {label.IMAGE: "load"}


def frame(cores, memory_bytes):
    return {
        "read": "2026-11-24T12:00:01Z",
        "preread": "2026-11-24T12:00:00Z",
        "cpu_stats": {"cpu_usage": {"total_usage": 10**9 + round(cores * 10**9)}},
        "precpu_stats": {"cpu_usage": {"total_usage": 10**9}},
        "memory_stats": {"usage": memory_bytes, "stats": {}},
    }


class Engine:
    """What an Engine has, and what was taken away."""

    def __init__(self, containers=(), volumes=(), images=(), busy=()):
        self.things = {"container": dict(containers), "volume": dict(volumes), "image": dict(images)}
        self.busy = busy

    def close(self):
        pass

    def _list(self, kind, filters):
        wanted = [text.partition("=") for text in filters["label"]]
        return [
            (name, labels)
            for name, labels in self.things[kind].items()
            if all(key in labels and (not sign or labels[key] == value) for key, sign, value in wanted)
        ]

    def containers(self, all, filters):
        found = self._list("container", filters)
        return [{"Id": name, "Names": [f"/{name}"], "Labels": labels, "State": "running"} for name, labels in found]

    def volumes(self, filters):
        return {"Volumes": [{"Name": name, "Labels": labels} for name, labels in self._list("volume", filters)] or None}

    def images(self, filters):
        found = self._list("image", filters)
        return [{"Id": name, "RepoTags": [f"{name}:1"], "Labels": labels} for name, labels in found]

    def inspect_volume(self, name):
        return {"Labels": self.things["volume"][name]}

    def _remove(self, kind, name):
        if name in self.busy:
            answer = Response()
            answer.status_code = 409
            raise APIError("conflict", answer, f"{name} is in\nuse")
        if self.things[kind].pop(name, None) is None:
            raise NotFound("gone")

    def remove_container(self, name, v, force):
        self._remove("container", name)

    def remove_volume(self, name):
        self._remove("volume", name)

    def remove_image(self, name):
        self._remove("image", name)


@pytest.fixture
def engine(monkeypatch):
    made = Engine(
        containers={
            "mine": MINE,
            "theirs": THEIRS,
            "bystander": {},
            "image's": OF_OUR_IMAGE,
            "old": MINE | {label.RUN: "r0"},
        },
        volumes={"v-mine": MINE, "v-bystander": {}},
        images={"load": OF_OUR_IMAGE, "other": {}},
    )
    monkeypatch.setattr(hosts, "connect", lambda *_: made)
    return made


def left(engine):
    return {name for things in engine.things.values() for name in things}


def test_an_owner_finds_what_is_hers_and_nothing_else(engine):
    assert {item.name for item in leftovers(H1, "me")} == {"mine", "old", "v-mine"}
    assert {item.name for item in leftovers(H1, "me", "r1")} == {"mine", "v-mine"}
    assert {item.name for item in leftovers(H1, None, "r2")} == {"theirs"}
    assert leftovers(H1, "nobody") == []


def test_nothing_of_a_bystander_is_touched_whoever_cleans(engine):
    failed = remove(H1, leftovers(H1, None, images=True))

    assert failed == []
    assert left(engine) == {"bystander", "image's", "v-bystander", "other"}


def test_an_engine_that_lists_what_is_not_ours_is_not_believed(engine, monkeypatch):
    monkeypatch.setattr(engine, "_list", lambda kind, filters: list(engine.things[kind].items()))

    with pytest.raises(AssertionError, match="no such label"):
        leftovers(H1, None)


def test_what_is_gone_meanwhile_is_no_failure_and_what_is_in_use_is_named(engine):
    found = leftovers(H1, None, images=True)
    del engine.things["container"]["mine"]
    engine.busy = ("load",)

    assert remove(H1, found) == ["host h1: image load:1: load is in use"]
    assert left(engine) == {"bystander", "image's", "v-bystander", "load", "other"}


def test_a_volume_that_somebody_else_made_meanwhile_stays(engine):
    found = leftovers(H1, "me")
    engine.things["volume"]["v-mine"] = {}

    remove(H1, found)

    assert "v-mine" in left(engine)


def test_a_host_that_hangs_keeps_nobody_waiting_and_is_named():
    end = threading.Event()

    def ask(entry):
        if entry is H1:
            end.wait(10.0)
        return entry.name

    began_s = time.monotonic()
    hung, fine = on_each([H1, H2], ask, limit_s=0.05)
    waited_s = time.monotonic() - began_s
    end.set()

    assert fine == "h2"
    assert isinstance(hung, EngineError)
    assert "host h1: no answer" in str(hung)
    assert waited_s < 5.0


def test_errors_of_hosts_are_answers_and_our_own_bugs_are_not():
    def refuses(entry):
        raise OSError("refused")

    def misled(entry):
        raise UserError("host h1: no such context")

    assert "h1" in str(on_each([H1], refuses)[0])
    assert isinstance(on_each([H1], misled)[0], UserError)
    with pytest.raises(ZeroDivisionError):
        on_each([H1, H2], lambda entry: 1 / 0)


def test_others_hold_their_limits_and_where_they_have_none_what_they_use():
    configs = {
        "limited": {"NanoCpus": 500_000_000, "Memory": 1000},
        "free": {},
        "half": {"Memory": 300},
        "gone": None,
        "ended": {"NanoCpus": 10**9},
    }
    measured = {"free": frame(0.25, 70), "half": frame(0.1, 99)}

    def inspect(name):
        if configs[name] is None:
            raise NotFound("gone")
        return {"HostConfig": configs[name], "State": {"Running": name != "ended"}}

    def stats(name, stream):
        if name not in measured:
            raise NotFound("gone")
        return measured[name]

    client = SimpleNamespace(inspect_container=inspect, stats=stats)

    held = taken(client, [{"Id": name} for name in configs])  # the list says of one too long that it runs

    assert held == Resources(cpu_milli=500 + 250 + 100, memory_bytes=1000 + 70 + 300)
    assert taken(client, []) == Resources()
