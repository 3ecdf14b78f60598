"""A second pair of eyes on the books. It shares no code with the ledger and uses none of its arithmetic."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence

from policies.cell.claims import Claims
from policies.cell.view import ClusterView
from policies.requests import Task


def check(
    view: ClusterView,
    running: Iterable[tuple[Task, Sequence[int], Sequence[int]]],
    recorded: Iterable[tuple[Task, Sequence[int], Sequence[int]]] = (),
    smaller: Collection[int] = (),
) -> None:
    """Assert that the books say exactly what runs, and that no scheduler overfilled a host.

    Parameters
    ----------
    view : ClusterView
        The books.
    running : iterable of (task, hosts, counts)
        Everything that holds room and was claimed by a scheduler, as the world knows it.
    recorded : iterable of (task, hosts, counts)
        The same for what was put where a trace recorded it, which may overfill a host.
    smaller : collection of int
        Hosts that have become smaller than what they held.

    Raises
    ------
    AssertionError
        With a sentence that says which host's books are wrong, and how.
    """
    held: dict[tuple[str, int], int] = {}
    containers: dict[int, int] = {}
    as_recorded = set()
    for claimed, everything in ((True, running), (False, recorded)):
        for task, hosts, counts in everything:
            for host, count in zip(map(int, hosts), map(int, counts), strict=True):
                assert count > 0, f"host {host} is said to run {count} containers of a kind"
                containers[host] = containers.get(host, 0) + count
                if not claimed:
                    as_recorded.add(host)
                for field, amount in task.need._asdict().items():
                    resource = field.split("_")[0]
                    held[resource, host] = held.get((resource, host), 0) + count * amount
    for row, resource in enumerate(view.resources):
        for host in range(len(view)):
            booked, real = int(view.allocated[row][host]), held.pop((resource, host), 0)
            assert booked == real, f"host {host}: {booked} of {resource} is booked, {real} is in use"
            if view.alive[host] and host not in as_recorded and host not in smaller:
                whole = int(view.capacity[row][host])
                assert not booked > whole, f"host {host} holds {booked} of {resource}, and it has only {whole}"
    left = {key: amount for key, amount in held.items() if amount}
    assert not left, f"in use but in no book: {left}"
    for host in range(len(view)):
        booked, real = int(view.containers[host]), containers.pop(host, 0)
        assert booked == real, f"host {host}: {booked} containers are booked, {real} run"
    assert not containers, f"containers on hosts that the cell does not have: {containers}"


def check_evictions(
    view: ClusterView,
    came: Iterable[Claims],
    went: Iterable[tuple[Task, Sequence[int], Sequence[int]]],
    gap: int,
) -> None:
    """Assert that containers went only for more important ones, as many as had to, and none that could have stayed.

    Parameters
    ----------
    view : ClusterView
        The books, those who came and went included.
    came : iterable of Claims
        What a transaction was granted.
    went : iterable of (task, hosts, counts)
        Who was ended to make room for it.
    gap : int
        By how much less important they must be.

    Raises
    ------
    AssertionError
        With a sentence that says on which host somebody was wronged.
    """
    highest: dict[int, int] = {}
    for claims in came:
        for host in map(int, claims.hosts):
            highest[host] = max(highest.get(host, claims.task.priority), claims.task.priority)
            for field, amount in claims.task.need._asdict().items():
                if amount:
                    free = int(view.free[view.resources.index(field.split("_")[0])][host])
                    assert not free < 0, f"host {host}: {-free} of {field} too little was taken for who came"
    for task, hosts, counts in went:
        for host, count in zip(map(int, hosts), map(int, counts), strict=True):
            assert count > 0, f"host {host}: {count} containers of a kind are said to have made room"
            assert host in highest, f"host {host}: containers were ended where nobody came"
            by = highest[host] - task.priority
            assert by >= gap, f"host {host}: priority {task.priority} made room for {highest[host]}, a gap of {by}"
            needs = {field.split("_")[0]: amount for field, amount in task.need._asdict().items()}
            lacks = [name for row, name in enumerate(view.resources) if view.free[row][host] < needs[name]]
            assert lacks, (
                f"host {host}: a container of priority {task.priority} was ended although it could have stayed"
            )


def check_constraints(attributes: Sequence[Mapping[str, str]], placed: Iterable[tuple[Task, Sequence[int]]]) -> None:
    """Assert that no container is on a host that its constraints exclude.

    Parameters
    ----------
    attributes : sequence of mapping
        What each host is like, as the world knows it.
    placed : iterable of (task, hosts)
        What schedulers placed since those hosts became as they are.

    Raises
    ------
    AssertionError
        Naming the host and the constraint.
    """
    for task, hosts in placed:
        for host in hosts:
            for name, operator, value in task.constraints:
                has = [attributes[host][name]] if name in attributes[host] else []
                demanded = [value] if isinstance(value, str) else list(value)
                if operator in ("<", ">"):
                    numbers = [int(text) for text in has + demanded if re.fullmatch(r"-?\d+", text)]
                    fine = len(numbers) == 2 and numbers[0] != numbers[1]
                    fine = fine and (numbers == sorted(numbers)) == (operator == "<")
                elif operator in ("exists", "absent"):
                    fine = len(has) == (operator == "exists")
                else:
                    fine = bool(set(has) & set(demanded)) == (operator in ("=", "in"))
                assert fine, f"host {host} has {name} {has}, and a container there wants it {operator} {value!r}"


def check_apart(
    running: Iterable[tuple[str, Task, Sequence[int], Sequence[int]]],
    recorded: Iterable[tuple[str, Task, Sequence[int], Sequence[int]]] = (),
) -> None:
    """Assert that no container which keeps apart was placed beside another of its job.

    Parameters
    ----------
    running : iterable of (job, task, hosts, counts)
        Everything that schedulers placed and that still runs.
    recorded : iterable of (job, task, hosts, counts)
        The same for what a trace recorded, which may be anywhere, but is company too.

    Raises
    ------
    AssertionError
        Naming the job and the host.
    """
    company: dict[tuple[str, int], int] = {}
    chosen = set()
    for claimed, everything in ((True, running), (False, recorded)):
        for job, task, hosts, counts in everything:
            if task.apart:
                for host, count in zip(hosts, counts, strict=True):
                    company[job, host] = company.get((job, host), 0) + count
                    if claimed:
                        chosen.add((job, host))
    for job, host in sorted(chosen):
        together = company[job, host]
        assert together == 1, f"host {host} holds {together} containers of job {job}, which keep apart"
