"""Threads that talk to one host, so that a host that hangs costs nobody else anything."""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import SimpleQueue


class Workers:
    """A few threads that do one thing after the other, and end with the process, whatever they wait for.

    Parameters
    ----------
    name : str
        What the threads are called.
    n : int
        How many there are.

    Notes
    -----
    `concurrent.futures` waits for its threads when the interpreter exits, and would wait for a host that hangs.
    """

    def __init__(self, name: str, n: int) -> None:
        self._work: SimpleQueue[Callable[[], object] | None] = SimpleQueue()
        self._n = n
        for number in range(n):
            threading.Thread(target=self._run, name=f"{name}/{number}", daemon=True).start()

    def do(self, work: Callable[[], object]) -> None:
        """Have something done, after what was given before. It must not raise."""
        self._work.put(work)

    def end(self) -> None:
        """Let the threads go once they have done what they were given."""
        for _ in range(self._n):
            self._work.put(None)

    def _run(self) -> None:
        while (work := self._work.get()) is not None:
            work()
