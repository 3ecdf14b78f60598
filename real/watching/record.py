"""Recording what runs on Docker hosts, so that the tank can replay it."""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import docker

from policies.errors import UserError
from policies.requests import Resources
from real.engine import ANSWER_S, EngineError, connect, explained
from real.watching.hosts import HOST_S
from real.watching.lives import Life, arrivals_of, began_line, life_of, read_journal
from real.watching.use import UseStreams, epoch_s
from traces.inventory import HostEntry
from traces.trace import Arrival
from traces.units import MILLI

#: Seconds between two looks at what is used, and between two questions whether an Engine is there.
LOOK_S, PING_S = 1.0, 3.0
#: Seconds after which an Engine that went away is tried again.
AGAIN_S = 2.0
#: Seconds in which events of the past arrive, after the line to an Engine is there again.
REPLAY_S = 1.0
#: Seconds after which what is known of a container that still runs is written to the journal.
JOURNAL_S = 60.0
#: Events that are remembered, many more than an Engine keeps.
REMEMBERED = 1024
#: Seconds between the start that an Engine tells of by an event and the one that it remembers.
SAME_START_S = 0.5

#: What a container of a lost machine is said to have ended with, once its Engine is back: its end is not known.
LOST_EXIT = 255

_NANO = 10**9

_EVENTS = ("create", "start", "die", "destroy")


class Recording(NamedTuple):
    """What was recorded.

    Attributes
    ----------
    arrivals : list of Arrival
        Jobs, in order of submission.
    containers : int
        How many lives of containers these are.
    span_s : float
        How long the recording lasted.
    notes : list of str
        What was assumed, and what was lost.
    """

    arrivals: list[Arrival]
    containers: int
    span_s: float
    notes: list[str]


def recovered(journal: Path) -> Recording:
    """Give what a recording that was killed has left; what ran then still runs, as far as is known.

    Raises
    ------
    UserError
        If the file is none, or nothing was recorded yet.
    """
    lives, began_s = read_journal(journal)
    known_s = [life.ended_s or (life.last.taken_s if life.last else life.started_s) for life in lives]
    arrivals, notes = arrivals_of(lives, began_s)
    return Recording(arrivals, len(lives), max([began_s, *known_s]) - began_s, notes)


class Recorder:
    """Watches hosts, each in a thread of its own, from `start` to `finish`.

    Parameters
    ----------
    entries : sequence of HostEntry
        The hosts.
    labels : sequence of str
        Only containers with all of these labels are recorded, ``KEY`` or ``KEY=VALUE``.
    journal : Path, optional
        Where each life is written as it begins and ends, so that little is lost with this process.
    say : callable
        Is told, in one line, when a host goes away and when it is back.

    Notes
    -----
    Run times are as they were: what neighbours did to a container is in them, since nobody but the container knows its
    work. A replay is meant without contention; with it, containers are slowed down twice.

    An Engine tells of starts and ends as they happen, and keeps the last 256 of these. Where it could not be heard,
    what it lists afterwards fills the gap: what started and was removed meanwhile may be missing, and ends that
    nobody knows are taken to be the last moment at which the container was seen.

    The hosts' clocks may differ: all times are put on ours, by what each Engine says the time is. Memory grows with the
    number of containers that are recorded, by some kilobytes each.
    """

    def __init__(
        self,
        entries: Sequence[HostEntry],
        labels: Sequence[str] = (),
        journal: Path | None = None,
        say: Callable[[str], None] = lambda line: None,
    ) -> None:
        self._ending = threading.Event()
        self._journal = journal.open("w", encoding="utf-8") if journal else None
        self._writing = threading.Lock()
        self._watches = [_Watch(entry, labels, self._ending, self._write, say) for entry in entries]
        self.began_s = time.time()

    def start(self) -> None:
        """Begin; every host must answer.

        Raises
        ------
        EngineError, UserError
            Of the first that does not.
        """
        for watch in self._watches:
            watch.start()
        deadline_s = time.monotonic() + HOST_S
        for watch in self._watches:
            if not watch.answered.wait(max(0.0, deadline_s - time.monotonic())):
                watch.error = EngineError(watch.entry.name, "no answer in time")
            if watch.error is not None:
                self._close()
                raise watch.error
        self.began_s = time.time()
        self._put(began_line(self.began_s))

    @property
    def running(self) -> int:
        """How many containers are known to run."""
        return sum(watch.running for watch in self._watches)

    def finish(self) -> Recording:
        """End, and give what was recorded."""
        span_s = time.time() - self.began_s
        self._ending.set()
        for watch in self._watches:
            watch.join(2 * ANSWER_S)
        lives = [life for watch in self._watches for life in list(watch.lives)]
        lives = [life for life in lives if life.ended_s is None or life.ended_s >= self.began_s]
        self._close()
        arrivals, notes = arrivals_of(lives, self.began_s)
        notes += [note for watch in self._watches for note in watch.notes()]
        return Recording(arrivals, len(lives), span_s, notes)

    def _close(self) -> None:
        self._ending.set()
        with self._writing:
            if self._journal is not None:
                self._journal.close()
                self._journal = None

    def _write(self, life: Life) -> None:
        self._put(life.as_line())

    def _put(self, line: str) -> None:
        with self._writing:
            if self._journal is not None:
                self._journal.write(line + "\n")
                self._journal.flush()


class _Watch(threading.Thread):
    """One host. All that is known of it is changed in this thread alone."""

    def __init__(
        self,
        entry: HostEntry,
        labels: Sequence[str],
        ending: threading.Event,
        write: Callable[[Life], None],
        say: Callable[[str], None],
    ) -> None:
        super().__init__(name=f"record {entry.name}", daemon=True)
        self.entry, self._ending, self._write, self._say = entry, ending, write, say
        self._labels = list(labels)
        self.answered = threading.Event()
        self.error: Exception | None = None
        self.lives: list[Life] = []
        self._open: dict[str, Life] = {}  # by container
        self._listed: dict[str, Life] = {}  # the latest of a container that a list told of: an event may tell again
        self._created: dict[str, Mapping[str, Any]] = {}  # inspected when they were made: some are gone soon
        self._began_ns = self._heard_ns = 0  # when we began, and the latest event, on the Engine's clock
        self._heard: deque[tuple[str, str, int]] = deque(maxlen=REMEMBERED)  # a replay tells again
        self._seen_s = 0.0  # when the Engine was last heard, on ours
        self._gone = self._guessed = 0

    @property
    def running(self) -> int:
        """How many of its containers are known to run."""
        return len(self._open)

    def notes(self) -> list[str]:
        """Say what was lost."""
        said = []
        if self._gone:
            said.append(
                f"host {self.entry.name} could not be heard ({self._gone}×): what started and was removed "
                "meanwhile may be missing"
            )
        if self._guessed:
            said.append(f"of {self._guessed} containers of host {self.entry.name} the end is not known: when last seen")
        return said

    def run(self) -> None:
        """Watch until told to stop, again and again if the Engine goes away."""
        while not self._ending.is_set():
            try:
                self._watch()
            except Exception as error:
                cause = explained(self.entry.name, error)
                if not self.answered.is_set():
                    self.error = cause
                    self.answered.set()
                    return
                if not isinstance(cause, EngineError):
                    raise
                self._gone += 1
                self._say(f"{cause}; its containers are recorded again once it answers")
                while not self._ending.wait(AGAIN_S):
                    with suppress(EngineError, UserError):
                        connect(self.entry).close()
                        break

    def _watch(self) -> None:
        """Watch while the Engine is there."""
        client = connect(self.entry)
        asked_s = time.time()
        info = client.info()
        theirs_s = epoch_s(info["SystemTime"])
        self._ahead_s = theirs_s - (asked_s + time.time()) / 2
        self._room = Resources(
            round(MILLI * (self.entry.cpus or info["NCPU"])), self.entry.memory_bytes or info["MemTotal"]
        )
        streams = UseStreams(client)
        if not self._began_ns:
            self._began_ns = self._heard_ns = int(theirs_s * _NANO)
        filters: dict[str, list[str]] = {"type": ["container"], "event": list(_EVENTS)}
        if self._labels:
            filters["label"] = self._labels
        # From a second before the last that was heard: events are not quite in order.
        events = client.events(since=self._heard_ns // _NANO - 1, filters=filters, decode=True)
        heard: queue.SimpleQueue[Any] = queue.SimpleQueue()
        threading.Thread(target=_pump, args=(events, heard), name="events", daemon=True).start()
        try:
            absent = self._reconcile(client, streams)
            if self.answered.is_set():
                self._say(f"host {self.entry.name}: it answers again")
            self.answered.set()
            settled_s = time.monotonic() + REPLAY_S
            looked_s = pinged_s = written_s = time.monotonic()
            while not self._ending.is_set():
                with suppress(queue.Empty):
                    event = heard.get(timeout=LOOK_S / 4)
                    if event is None:
                        raise EngineError(self.entry.name, "its events ended")
                    self._hear(client, streams, event)
                now_s = time.monotonic()
                if now_s > settled_s:
                    self._end_absent(absent)
                if now_s > looked_s + LOOK_S:
                    looked_s = now_s
                    self._look(streams)
                    for container in self._open:
                        streams.follow(container)  # again, if its stream has ended
                if now_s > pinged_s + PING_S:
                    # Events may be silent for ever where a network is cut.
                    pinged_s = now_s
                    client.ping()
                    self._seen_s = time.time()
                if now_s > written_s + JOURNAL_S:
                    written_s = now_s
                    for life in self._open.values():
                        self._write(life)
            while not heard.empty() and (event := heard.get()) is not None:
                self._hear(client, streams, event)
            self._end_absent(absent)
        finally:
            self._look(streams)
            streams.close()
            # Over ssh a stream cannot be closed: its thread is a daemon, and nobody hears it any more.
            with suppress(docker.errors.DockerException, OSError, AttributeError, UnboundLocalError):
                events.close()
            client.close()

    def _reconcile(self, client: docker.APIClient, streams: UseStreams) -> list[Life]:
        """Learn what runs by a list; give those that are there no more, of which events may yet tell."""
        first = not self.answered.is_set()
        since_s, self._seen_s = self._seen_s, time.time()
        absent = dict(self._open)
        filters = {"label": self._labels} if self._labels else None
        for entry in client.containers(all=not first, filters=filters):
            if (inspected := _inspected(client, entry["Id"])) is None:
                continue
            state, container = inspected["State"], inspected["Id"]
            started_s = epoch_s(state["StartedAt"]) - self._ahead_s
            absent.pop(container, None)
            life = self._open.get(container)
            if life is not None and (not state["Running"] or abs(life.started_s - started_s) > SAME_START_S):
                self._end_as(life, state, since_s)
                if abs(life.started_s - started_s) <= SAME_START_S:
                    continue
                life = None
            if life is None and (state["Running"] or started_s > since_s):
                life = self._listed[container] = self._begin(
                    streams, life_of(self.entry.name, inspected, started_s, self._room)
                )
                if not state["Running"]:
                    self._end_as(life, state, since_s)
            if state["Running"]:
                streams.follow(container)
        return list(absent.values())

    def _end_absent(self, absent: list[Life]) -> None:
        """End what is there no more, and of which no event has told when it ended."""
        while absent:
            life = absent.pop()
            if life.ended_s is None:
                self._end(life, max(life.started_s, life.last.taken_s if life.last else 0.0), guessed=True)

    def _end_as(self, life: Life, state: Mapping[str, Any], since_s: float) -> None:
        """End a life as its Engine remembers it, which it does not after a crash."""
        ended_s = epoch_s(state["FinishedAt"]) - self._ahead_s
        known = ended_s >= life.started_s and state["ExitCode"] != LOST_EXIT
        self._end(life, ended_s if known else max(life.started_s, since_s), guessed=not known)

    def _begin(self, streams: UseStreams, life: Life) -> Life:
        self.lives.append(life)
        self._open[life.container] = life
        streams.forget(life.container)  # of an earlier life
        streams.follow(life.container)
        self._write(life)
        return life

    def _end(self, life: Life, ended_s: float, guessed: bool = False) -> None:
        life.ended_s = ended_s
        self._guessed += guessed
        if self._open.get(life.container) is life:
            del self._open[life.container]
        self._write(life)

    def _hear(self, client: docker.APIClient, streams: UseStreams, event: Mapping[str, Any]) -> None:
        """Take an event, unless it was taken before."""
        mark = (event["Actor"]["ID"], event["Action"], event["timeNano"])
        if event["timeNano"] < self._began_ns or mark in self._heard:
            return
        self._heard.append(mark)
        self._heard_ns = max(self._heard_ns, event["timeNano"])
        container, at_s = event["Actor"]["ID"], event["timeNano"] / _NANO - self._ahead_s
        self._seen_s = time.time()
        life = self._open.get(container)
        if event["Action"] == "create":
            # Now: a container of `docker run --rm true` is gone by the time that it has started.
            if (inspected := _inspected(client, container)) is not None:
                self._created[container] = inspected
        elif event["Action"] == "start":
            listed = self._listed.pop(container, None)
            if listed is not None and abs(listed.started_s - at_s) <= SAME_START_S:
                return
            if life is not None:  # its end was lost
                self._end(life, at_s, guessed=True)
            inspected = self._created.get(container) or _inspected(client, container)
            self._begin(streams, life_of(self.entry.name, inspected or _told(event), at_s, self._room))
        elif event["Action"] == "die" and life is not None and life.started_s <= at_s:
            self._look(streams)
            streams.forget(container)
            self._end(life, at_s)
        elif event["Action"] == "destroy":
            self._created.pop(container, None)

    def _look(self, streams: UseStreams) -> None:
        """Take what was measured of those that run."""
        latest = streams.counters()
        for container, life in self._open.items():
            if container in latest:
                counters = latest[container]
                life.measured(counters._replace(taken_s=counters.taken_s - self._ahead_s))


def _pump(events: Any, heard: queue.SimpleQueue[Any]) -> None:
    """Hand on events as they come, and None when no more will."""
    try:
        for event in events:
            heard.put(event)
    except Exception as error:
        if not isinstance(explained("", error), EngineError | ValueError | AttributeError):
            raise
    finally:
        heard.put(None)


def _inspected(client: docker.APIClient, container: str) -> Mapping[str, Any] | None:
    """Describe a container; None where it is gone already."""
    try:
        return client.inspect_container(container)
    except docker.errors.NotFound:
        return None


def _told(event: Mapping[str, Any]) -> Mapping[str, Any]:
    """Describe a container that is gone by what an event says of it: its name and labels, no limits."""
    said = event["Actor"]["Attributes"]
    return {
        "Id": event["Actor"]["ID"],
        "Name": said.get("name", event["Actor"]["ID"][:12]),
        "Config": {"Labels": {key: value for key, value in said.items() if key not in ("name", "image")}},
        "HostConfig": {},
    }
