"""One container of a run on its host."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf
from threading import Lock
from typing import Any

from real.running.host import DockerHost
from traces.replay.containers import Running


class Berth:
    """The place of a container on its host, from when it is granted until the container has ended.

    Attributes
    ----------
    running : Running
        The container, by itself.
    host : DockerHost
        Where it is.
    name : str
        What its Engine calls it.
    asked, config : mapping
        What its Engine was asked for of the CPU, and in all.
    launches : int
        How often it was launched.
    launching, ending : bool
        Whether its Engine was asked to launch it, or how it ended, and has not answered yet.
    may_run : bool
        Whether its Engine was asked to start it, so that it may run whatever the answer is.
    died : bool
        Whether it ended before the answer to its launch was heard.
    began, ended : bool
        Whether it ran, and whether we have done with it.
    known_s : float
        When it was launched, or last heard of: what was asked before tells nothing of it.
    unsure_since_s : float
        Since when nobody knows how it is; ``inf`` while that is known.
    """

    __slots__ = (
        "asked", "began", "config", "died", "ended", "ending", "host", "known_s", "launches", "launching", "may_run",
        "name", "running", "unsure_since_s",
    )  # fmt: skip

    #: Held to decide whether a container is started, which a worker does, or started elsewhere.
    _deciding = Lock()

    def __init__(self, running: Running, host: DockerHost, name: str) -> None:
        self.running, self.host, self.name = running, host, name
        self.launching = self.may_run = self.died = self.began = self.ending = self.ended = False
        self.launches, self.known_s, self.unsure_since_s = 0, 0.0, inf
        self.asked: Mapping[str, int] = {}
        self.config: Mapping[str, Any] = {}

    def may_start(self) -> bool:
        """Say whether it is still wanted here; if so, it may run from now on. From any thread."""
        with self._deciding:
            self.may_run = self.may_run or not self.ended
            return not self.ended

    def take_back(self) -> bool:
        """Say whether it is certain that it does not run and will not, so that it may be started elsewhere."""
        with self._deciding:
            self.ended = self.ended or not self.may_run
            return not self.may_run
