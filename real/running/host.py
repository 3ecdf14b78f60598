"""One Docker host in use: calls that block run in threads, and what comes of them is told to the clock."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from time import monotonic, sleep
from typing import Any, NamedTuple, Protocol, TypeVar

import docker

from real.clock import WallClock
from real.engine import ANSWER_S, WORK_S, EngineError, connect, explained
from real.labels import Ours
from real.running.workers import Workers
from real.watching.hosts import remove_container
from traces.inventory import HostEntry

T = TypeVar("T")

#: Containers that are started at once on one host: more only make each start slower (about 0.3 CPU-seconds each).
STARTS_AT_ONCE = 4


@dataclass(frozen=True)
class Limits:
    """How long a host may take before it is taken to have failed.

    Attributes
    ----------
    answer_s : float
        To answer what needs no work, in seconds.
    work_s : float
        To make, start or remove a container, in seconds.
    heartbeat_s, ping_s : float
        How often it is asked whether it is there, and how long it has to answer that, in seconds.
    missed_pings : int
        Pings in a row without an answer after which it counts as down.
    fence_s : float
        How long its fence may take, in seconds.
    """

    answer_s: float = ANSWER_S
    work_s: float = WORK_S
    heartbeat_s: float = 1.0
    ping_s: float = 2.0
    missed_pings: int = 3
    fence_s: float = 60.0


class Listener(Protocol):
    """Who is told, by the clock, what happens on a host."""

    def happened(self, host: DockerHost, action: str, name: str, attributes: Mapping[str, str]) -> None:
        """Hear that something happened to a container of this run."""
        ...

    def others_changed(self, host: DockerHost) -> None:
        """Hear that a container started or ended that is not of this run."""
        ...

    def went_down(self, host: DockerHost, why: str) -> None:
        """Hear that a host answers no longer."""
        ...

    def came_back(self, host: DockerHost) -> None:
        """Hear that a host answers again; what happened meanwhile nobody told."""
        ...


class Ended(NamedTuple):
    """How a container ended, as its Engine says.

    Attributes
    ----------
    exit_code : int
        255 also where the Engine knows nothing better: its host had lost power.
    out_of_memory : bool
        Whether the kernel's killer was at work. On cgroup v1 it is also said of others below the same parent.
    error : str
        Why it would not start; empty where it did.
    output : bytes
        What it wrote, or the last part of it (`real.running.flags.LOG`).
    """

    exit_code: int
    out_of_memory: bool
    error: str
    output: bytes


class Listed(NamedTuple):
    """A container of the run as an Engine lists it."""

    name: str
    state: str  # created, running, exited, …


class DockerHost:
    """A host of a run.

    Parameters
    ----------
    number : int
        Its number in the cell.
    entry : HostEntry
        How it is reached.
    clock : WallClock
        Who is told.
    ours : Ours
        What of the containers there belongs to this run.
    listener : Listener
        Who hears what happens.
    limits : Limits
        How long it may take.
    """

    def __init__(
        self, number: int, entry: HostEntry, clock: WallClock, ours: Ours, listener: Listener, limits: Limits
    ) -> None:
        self.number, self.entry, self.ours = number, entry, ours
        self.name = entry.name
        #: Whether it answers. What is asked of a host that is down waits for its time limit, in its own threads.
        self.up = True
        self._clock, self._listener, self._limits = clock, listener, limits
        self._starting = Workers(f"{entry.name}/start", STARTS_AT_ONCE)
        self._answering = Workers(f"{entry.name}/answer", 2)
        self._quick = connect(entry, limits.answer_s)
        self._slow = connect(entry, limits.work_s)
        self._over = threading.Event()
        self._ear: object = None  # the thread that may speak for the Engine's events
        self._stream: Any = None

    # -- asking ---------------------------------------------------------------------------------------------

    def launch(
        self,
        name: str,
        config: Mapping[str, Any],
        may_start: Callable[[], bool],
        then: Callable[[EngineError | None], None],
    ) -> None:
        """Have a container made and started.

        Parameters
        ----------
        name : str
            What the Engine calls it.
        config : mapping
            What it is (`real.running.flags.created`).
        may_start : callable
            Asked in another thread once the container is made: from then on it may run, whatever comes of the call.
        then : callable
            Told why it does not run, or None.
        """
        self._ask(self._starting, lambda: self._launch(name, config, may_start), then)

    def _launch(self, name: str, config: Mapping[str, Any], may_start: Callable[[], bool]) -> None:
        # A call that was given up may have been carried out, or will be: names are unique, so there is never a second.
        client, until_s = self._slow, monotonic() + self._limits.work_s
        while True:
            if self._over.is_set():
                raise EngineError(self.name, "the run is over")
            with suppress_status(409):
                client.create_container_from_config(config, name)
            with suppress_status(404):
                there = client.inspect_container(name)
                break
            if monotonic() > until_s:
                raise EngineError(self.name, f"it has been making a container for {self._limits.work_s:g} s")
            sleep(0.5)  # a call that was given up still makes it
        self._refuse_others(there)
        if there["State"]["Status"] == "created" and may_start() and not self._over.is_set():
            client.start(there["Id"])

    def _refuse_others(self, there: Mapping[str, Any]) -> None:
        if not self.ours.labels().items() <= (there["Config"]["Labels"] or {}).items():
            raise EngineError(self.name, f"container {there['Name'].lstrip('/')} is there, and not of this run", 409)

    def look_at_end(self, name: str, then: Callable[[Ended | EngineError], None]) -> None:
        """Have it found out how a container ended, and then remove it."""

        def work() -> Ended:
            state, output = self._quick.inspect_container(name)["State"], b""
            with suppress(docker.errors.APIError):  # how it ended is known also where its output is lost
                output = self._quick.logs(name)
            return Ended(int(state["ExitCode"]), bool(state["OOMKilled"]), state["Error"], output)

        def after(answer: Ended | EngineError) -> None:
            if not isinstance(answer, EngineError):
                self.remove(name)
            then(answer)

        self._ask(self._answering, work, after)

    def list(self, then: Callable[[list[Listed] | EngineError], None]) -> None:
        """Have the containers of this run listed."""
        self._ask(self._answering, lambda: listed(self._quick, self.ours), then)

    def remove(self, name: str, then: Callable[[EngineError | None], None] = lambda answer: None) -> None:
        """Have a container of this run ended, if it runs, and removed; what cannot be done now is done at the end."""
        self._ask(self._answering, lambda: self._remove(name), then)

    def _remove(self, name: str) -> None:
        there = self._slow.inspect_container(name)
        self._refuse_others(there)
        remove_container(self._slow, there["Id"])

    def fence(self, then: Callable[[str], None]) -> None:
        """Have it made sure that nothing runs on the host any more; `then` is told why it is not, or an empty text."""

        def run() -> None:
            command, limit_s = self.entry.fence, self._limits.fence_s
            try:
                done = subprocess.run(command, shell=True, capture_output=True, text=True, timeout=limit_s)
            except (OSError, subprocess.TimeoutExpired) as error:
                self._clock.tell(then, " ".join(str(error).split()))
                return
            words = (done.stderr or done.stdout).split()
            self._clock.tell(then, " ".join(words) or f"exit code {done.returncode}" if done.returncode else "")

        threading.Thread(target=run, name=f"{self.name}/fence", daemon=True).start()

    def ask(self, work: Callable[[docker.APIClient], T], then: Callable[[T | EngineError], None]) -> None:
        """Have something quick asked of the Engine; `then` is told the answer."""
        self._ask(self._answering, lambda: work(self._quick), then)

    def _ask(self, workers: Workers, work: Callable[[], T], then: Callable[[T | EngineError], None]) -> None:
        def do() -> None:
            answer: Any
            try:
                answer = work()
            except Exception as error:
                answer = explained(self.name, error)
                if not isinstance(answer, EngineError):
                    self._clock.tell(_fail, answer)
                    return
            self._clock.tell(then, answer)

        workers.do(do)

    # -- hearing --------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Listen from now on."""
        threading.Thread(target=self._watch, name=f"{self.name}/pulse", daemon=True).start()

    def end(self) -> None:
        """Listen no longer, and begin nothing more."""
        self._over.set()
        self._close_stream()
        self._starting.end()
        self._answering.end()

    def join(self, until_s: float) -> bool:
        """Wait for calls under way until ``time.monotonic()`` is so late, and say whether they have come to an end."""
        return self._starting.join(until_s) and self._answering.join(until_s)

    def _watch(self) -> None:
        """Ask again and again whether the host is there: a stream of events can fall silent for ever."""
        missed, pulse = 0, None
        while not self._over.is_set():
            began_s = monotonic()
            try:
                if pulse is None:
                    pulse = connect(self.entry, self._limits.ping_s)
                pulse.ping()
            except Exception as error:
                pulse = None  # what hangs on a connection stays there
                missed += 1
                if self.up and missed >= self._limits.missed_pings:
                    self._tell_down(str(explained(self.name, error)))
            else:
                missed, self.up = 0, True
                if self._ear is None:
                    self._listen()
            self._over.wait(max(self._limits.heartbeat_s - (monotonic() - began_s), 0.0))

    def _tell_down(self, why: str) -> None:
        self.up = False
        self._close_stream()
        self._clock.tell(self._listener.went_down, self, why)

    def _listen(self) -> None:
        """Hear the Engine's events in a thread of its own, from now on."""
        self._ear = ear = object()
        threading.Thread(target=self._hear, args=(ear,), name=f"{self.name}/events", daemon=True).start()

    def _hear(self, ear: object) -> None:
        with suppress(Exception):  # however a stream ends, the heartbeat opens another
            # The library sets no time limit on events, whatever the client's: an Engine that freezes now keeps us.
            client = connect(self.entry, self._limits.answer_s)
            stream = client.events(decode=True, filters={"type": "container"})
            if self._ear is ear:
                self._stream = stream
                # Between the last stream and this one, nobody listened.
                self._clock.tell(self._listener.came_back, self)
            for event in stream:
                if self._ear is not ear:
                    break
                self._pass_on(event)
        if self._ear is ear:
            self._ear = self._stream = None

    def _pass_on(self, event: Mapping[str, Any]) -> None:
        action, attributes = event.get("Action", ""), event.get("Actor", {}).get("Attributes", {})
        if action not in ("start", "die"):
            return
        mine = self.ours.labels().items() <= attributes.items()
        if mine:
            self._clock.tell(self._listener.happened, self, action, attributes.get("name", ""), attributes)
        else:
            self._clock.tell(self._listener.others_changed, self)

    def _close_stream(self) -> None:
        stream, self._ear, self._stream = self._stream, None, None
        if stream is not None:
            with suppress(Exception):  # over ssh a stream cannot be closed; its thread ends with the process
                stream.close()


def listed(client: docker.APIClient, ours: Ours) -> list[Listed]:
    """List containers that are ours, whatever state they are in."""
    return [
        Listed(entry["Names"][0].lstrip("/"), entry["State"])
        for entry in client.containers(all=True, filters=ours.filters())
        if entry["Names"]  # one that is being removed has none
    ]


@contextmanager
def suppress_status(status: int) -> Iterator[None]:
    """Go on after an Engine's answer with this HTTP status."""
    try:
        yield
    except docker.errors.APIError as error:
        if error.status_code != status:
            raise


def _fail(error: Exception) -> None:
    raise error
