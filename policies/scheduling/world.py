"""What a world hands to a scheduler. A scheduler never knows which world it is in."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from typing import Any, Protocol

from policies.arrays import IntArray
from policies.cell import Claims, ClusterView, Commit, Conflict
from policies.requests import Job, Task

#: A process in SimPy's sense: it yields events and is resumed with their values.
Process = Generator[Any, Any, Any]


class Clock(Protocol):
    """Time, and a way to wait for it. A ``simpy.Environment`` is one."""

    @property
    def now(self) -> float:
        """Give the time in seconds."""
        ...

    def timeout(self, delay: float) -> Any:
        """Give an event that happens `delay` seconds from now."""
        ...

    def event(self) -> Any:
        """Give an event that happens when its ``succeed(value)`` is called."""
        ...

    def process(self, generator: Process) -> Any:
        """Let a process run beside the others."""
        ...


class Watcher:
    """Is told by a cell what happens in it, once it stands in the books. What is not overridden, nobody minds.

    Containers that are there from the beginning belong to no scheduler: its name is empty.
    """

    def started(self, scheduler: str, job: Job, task: Task, hosts: IntArray, counts: IntArray) -> None:
        """Hear that `counts` containers on `hosts`, arrays of shape (m,), run from now on."""

    def ended(self, scheduler: str, job: Job, task: Task, hosts: IntArray, counts: IntArray) -> None:
        """Hear that `counts` containers on `hosts`, arrays of shape (m,), run no longer."""

    def given_up(self, pending: Any) -> None:
        """Hear that nobody will try again to place what is left of a job."""

    def hosts_changed(self) -> None:
        """Hear that a host joined, left, or changed its size or its attributes."""


class Cell(Protocol):
    """The books, and the hosts behind them."""

    def snapshot(self) -> ClusterView:
        """Give the cell as it is now."""
        ...

    def claims(self, task: Task, hosts: IntArray, counts: IntArray, group: int) -> Claims:
        """Write down what was decided on the present snapshot."""
        ...

    def siblings(self, job: str) -> IntArray:
        """Give the hosts that hold containers of a job whose containers keep apart."""
        ...

    def preemptable(self, priority: int) -> Iterator[IntArray]:
        """Yield what may be taken from others for a container of this priority, shape (n_resources, n_hosts).

        First what the least important hold, then what they and the next hold, and so on.
        """
        ...

    def commit(self, pending: Any, transaction: Sequence[Claims], conflict: Conflict, commit: Commit) -> Any:
        """Ask for a transaction; gives an event whose value is the `Outcome`. What is granted starts.

        If it was granted room that others hold (`Outcome.evictions`), those are ended before, and submitted again.
        """
        ...

    def watch(self, watcher: Watcher) -> None:
        """Tell a watcher from now on; those that came first are told first."""
        ...

    def give_up(self, pending: Any) -> None:
        """Take note that nobody will try again to place what is left of a job."""
        ...
