"""Threads that talk to one host, so that a host that hangs costs nobody else anything."""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import SimpleQueue
from time import monotonic


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
        self._over = False
        self._threads = [
            threading.Thread(target=self._run, name=f"{name}/{number}", daemon=True) for number in range(n)
        ]
        for thread in self._threads:
            thread.start()

    def do(self, work: Callable[[], object]) -> None:
        """Have something done, after what was given before. It must not raise."""
        self._work.put(work)

    def end(self) -> None:
        """Let the threads go once they have done what they are at; what waits is not done any more."""
        self._over = True
        for _ in self._threads:
            self._work.put(None)

    def join(self, until_s: float) -> bool:
        """Wait for the threads until ``time.monotonic()`` is so late, and say whether they have gone."""
        for thread in self._threads:
            thread.join(max(until_s - monotonic(), 0.0))
        return not any(thread.is_alive() for thread in self._threads)

    def _run(self) -> None:
        while (work := self._work.get()) is not None and not self._over:
            work()
