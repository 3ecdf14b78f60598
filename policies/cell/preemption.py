"""Room taken from less important containers: books that know who holds what, and who has to go."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from policies.arrays import BoolArray, IntArray
from policies.cell.claims import Claims, Commit, Conflict, Eviction, Outcome
from policies.cell.ledger import Ledger
from policies.cell.view import ClusterView
from policies.requests import RESOURCES, Resources, Task

if TYPE_CHECKING:
    from policies.sharing import Disk


class PreemptiveLedger(Ledger):
    """Books in which a claim may count on the room of containers of lower priority.

    A claim holds as long as what is free and what may be taken suffice; with coarse conflict detection nobody may
    have claimed on the host besides. Which containers have to go is not the books' business: `commit` says where
    how much room must be made (`Eviction`), the world chooses, ends, and releases.

    Parameters
    ----------
    capacity, alive, attributes, disks, demands : array_like
        As in `Ledger`.
    gap : int
        By how much the priority of a container must be lower for its room to be taken, at least 1: like never
        takes from like, so that whoever is sent away by one who was sent away ends a chain that can only go down.

    Raises
    ------
    ValueError
        As in `Ledger`, and if the gap is less than 1.

    Notes
    -----
    Borg keeps its production jobs from pre-empting each other by bands of priorities (Verma et al., EuroSys 2015,
    section 2.5). A gap as wide as the band does so, too, though the band's lower end then spares the band below.
    """

    def __init__(
        self,
        capacity: IntArray,
        alive: Sequence[bool] | BoolArray | None = None,
        attributes: Sequence[Mapping[str, str]] = (),
        *,
        gap: int = 1,
        disks: Sequence[Disk | None] = (),
        demands: bool = False,
    ) -> None:
        if gap < 1:
            raise ValueError(f"a gap of {gap} would let containers take the room of their like")
        super().__init__(capacity, alive, attributes, disks=disks, demands=demands)
        self._gap = gap
        self._held: dict[int, IntArray] = {}  # priority: what its containers hold, (n_resources, n_hosts)

    def preemptable(self, priority: int) -> Iterator[IntArray]:
        """Yield what may be taken from others for a container of this priority, as the books are now.

        Yields
        ------
        ndarray of int, shape (n_resources, n_hosts)
            What the least important containers hold; then what they and the next hold; and so on.
        """
        taken = np.zeros_like(self._free)
        for held in self._below(priority):
            if held.any():
                taken = taken + held
                yield taken

    def commit(
        self,
        transaction: Sequence[Claims],
        conflict: Conflict,
        commit: Commit,
        *,
        job: str = "",
        gang: int | None = None,
    ) -> Outcome:
        """Grant what still holds of a transaction, and say what must make room for it; else as `Ledger.commit`."""
        claimed = sum(claims.tasks for claims in transaction)
        if gang is not None and claimed > gang:
            (claims,) = transaction  # workers are alike, and were placed together
            transaction = [self._without_evictions_for_extra(claims, gang)]
        outcome = super().commit(transaction, conflict, commit, job=job, gang=gang)
        conflicted = claimed - outcome.placed
        return outcome._replace(conflicted=conflicted, evictions=self._evictions(outcome.accepted))

    def release(self, task: Task, hosts: IntArray, counts: IntArray, job: str = "") -> int:
        """Give back the room of containers that ended, and say how many they are."""
        self._hold(task, hosts, -counts)
        return super().release(task, hosts, counts, job)

    # -- inside ---------------------------------------------------------------------------------------------

    def _below(self, priority: int) -> list[IntArray]:
        """Give what is held by those who may be ended for a container of this priority, the least important first."""
        return [self._held[other] for other in sorted(self._held) if other + self._gap <= priority]

    def _room(self, view: ClusterView, claims: Claims) -> IntArray:
        lower = self._below(claims.task.priority)
        if not lower:
            return super()._room(view, claims)
        there = view.rows(claims.hosts)
        taken = sum(held.take(claims.hosts, axis=1) for held in lower)
        return there.with_free(there.free + taken).slots(claims.task)

    def _without_evictions_for_extra(self, claims: Claims, requested: int) -> Claims:
        """Give of a claim with extra workers what idle room holds, and at least as many as were requested.

        Nobody makes room for extra workers.
        """
        idle = np.minimum(claims.counts, self.snapshot().slots(claims.task, claims.hosts))
        missing = max(requested - int(idle.sum()), 0)
        up_to = np.minimum((claims.counts - idle).cumsum(), missing)
        return claims.only(idle + np.diff(up_to, prepend=0))

    def _come(self, task: Task, hosts: IntArray, counts: IntArray, tasks: int, job: str) -> None:
        super()._come(task, hosts, counts, tasks, job)
        self._hold(task, hosts, counts)

    def _hold(self, task: Task, hosts: IntArray, counts: IntArray) -> None:
        held = self._held.get(task.priority)
        if held is None:
            held = self._held[task.priority] = np.zeros_like(self._free)
        held[:, hosts] += self._amounts(task) * counts

    def _amounts(self, task: Task) -> IntArray:
        """Give what one container takes, shape (n_resources, 1)."""
        return self._steps[task].go[: len(self.resources)]

    def _evictions(self, accepted: Sequence[Claims]) -> tuple[Eviction, ...]:
        """Say where more is in the books than there is, of what the newcomers ask for."""
        evictions: dict[int, Eviction] = {}
        for claims in accepted:
            short = -self._free.take(claims.hosts, axis=1) * (self._amounts(claims.task) > 0)
            for column in np.flatnonzero(short.max(axis=0) > 0).tolist():
                host, highest = int(claims.hosts[column]), claims.task.priority - self._gap
                missing = [0] * len(RESOURCES)
                for axis, amount in zip(self._axes, short[:, column].tolist(), strict=True):
                    missing[axis] = max(amount, 0)
                if host in evictions:
                    # Claims of several kinds, of which one may ask for what the other does not.
                    _, already, other = evictions[host]
                    missing, highest = list(map(max, missing, already)), max(highest, other)
                evictions[host] = Eviction(host, Resources(*missing), highest)
        return tuple(evictions.values())


class Resident(NamedTuple):
    """Containers on a host that may be ended."""

    task: Task
    since_s: float
    count: int  # type: ignore[assignment]  # as in `Group`


def victims(short: Resources, residents: Sequence[Resident]) -> list[int]:
    """Choose who has to go from a host, with the least harm: the least important, and none who could stay.

    Parameters
    ----------
    short : Resources
        What the host has too little of.
    residents : sequence of Resident
        Who may have to go, in the order in which they came.

    Returns
    -------
    list of int
        How many of each of the residents.

    Raises
    ------
    ValueError
        If there would be too little even if all went.

    Notes
    -----
    All are taken to go, and then, the most important first, as many are spared as the others leave room for: nobody
    goes for whom it would be enough that all less important ones go, and of those who go none is dispensable. A
    container is more important if its priority is higher; of equal ones, if it has run for longer, since more would
    be lost. Kubernetes spares in the same order (``SelectVictimsOnNode`` of its default pre-emption).

    Examples
    --------
    >>> two_cores, one_core = Resources(2000), Resources(1000)
    >>> victims(Resources(1500), [Resident(Task(one_core), 5.0, 3), Resident(Task(two_cores), 9.0, 1)])
    [0, 1]
    >>> victims(Resources(1500), [Resident(Task(one_core, 0), 5.0, 3), Resident(Task(two_cores, 1), 9.0, 1)])
    [2, 0]
    """
    wanted = [axis for axis, amount in enumerate(short) if amount > 0]
    spare = {axis: sum(who.count * who.task.need[axis] for who in residents) - short[axis] for axis in wanted}
    if any(amount < 0 for amount in spare.values()):
        raise ValueError(f"there is less than {short} to be taken from {residents}")
    going = [0] * len(residents)
    for number in sorted(range(len(residents)), key=lambda n: (-residents[n].task.priority, residents[n].since_s)):
        task, _, count = residents[number]
        stay = min([count, *(spare[axis] // task.need[axis] for axis in wanted if task.need[axis])])
        for axis in wanted:
            spare[axis] -= stay * task.need[axis]
        going[number] = count - stay
    return going
