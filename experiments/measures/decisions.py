"""What schedulers decided in a run, whether another run decided the same, and if not, why."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from policies.log import Event, Row

#: How containers leave their host, as a sentence says it.
LEAVES = {
    Event.FINISHED: "had finished",
    Event.KILLED: "had been lost",
    Event.PREEMPTED: "had been pre-empted",
    Event.OUT_OF_MEMORY: "had run out of memory",
    Event.FAILED: "had failed",
}
HOST_CHANGES = {
    Event.HOST_JOINED: "had joined",
    Event.HOST_LOST: "had been lost",
    Event.HOST_RESIZED: "had changed its size",
    Event.HOST_RELABELLED: "had changed its labels",
}

#: The two runs that are compared, as sentences call them.
TANK, SEA = "in the tank", "at sea"


@dataclass(slots=True)
class Decision:
    """One attempt at a job, whatever came of it.

    Attributes
    ----------
    t_s : float
        When the scheduler began to think.
    job, scheduler : str
        Whose containers, and who decided.
    attempt : int
        Which attempt at the job it was.
    until_s : float
        When it had thought.
    before, after : int
        How many of the run's `Decisions.happened` had happened when it began to think, and when it had thought.
    conflicted : int
        Containers whose claim failed.
    hosts : Counter of int
        How many containers went to which host; empty where none found room.
    """

    t_s: float
    job: str
    scheduler: str
    attempt: int
    until_s: float
    before: int
    after: int = -1
    conflicted: int = 0
    hosts: Counter[int] = field(default_factory=Counter)

    def same_as(self, other: Decision) -> bool:
        """Whether the other one differs in nothing but its time."""
        return self.whose == other.whose and self.conflicted == other.conflicted and self.hosts == other.hosts

    @property
    def whose(self) -> tuple[str, str, int]:
        return self.job, self.scheduler, self.attempt


class End(NamedTuple):
    """Containers that left their host.

    Attributes
    ----------
    t_s : float
        When.
    event : Event
        How.
    job : str
        Whose they were.
    host : int
        Which host.
    tasks : int
        How many.
    seconds, alone_s : float
        How long they ran, and would have run with their host to themselves (0: unknown).
    """

    t_s: float
    event: Event
    job: str
    host: int
    tasks: int
    seconds: float
    alone_s: float


class Happened(NamedTuple):
    """Something that may change what is decided next: who came, who was placed, who left, which host changed."""

    event: Event
    job: str
    host: int = -1


class Decisions:
    """Keeps every decision of a run; a sink of its log's rows, as they were written or as files give them back.

    Attributes
    ----------
    decisions : list of Decision
        In the order in which schedulers began to think.
    ends : list of End
        Of containers that a scheduler placed.
    happened : list of (Happened, int)
        What happened, and to how many containers.
    happened_s : list of float
        When.
    starts : list of (float, str, int, int)
        Containers that began to run: time, job, host, how many.
    jobs : dict
        Every job that was submitted.
    """

    def __init__(self) -> None:
        self.decisions: list[Decision] = []
        self.ends: list[End] = []
        self.happened: list[tuple[Happened, int]] = []
        self.happened_s: list[float] = []
        self.starts: list[tuple[float, str, int, int]] = []
        self.jobs: dict[str, None] = {}
        self._thoughts: dict[tuple[str, str], Decision] = {}  # the latest of each scheduler about each job
        self._open: Decision | None = None  # whose hosts are not all told yet
        self._left = 0

    def __call__(self, rows: list[Row]) -> None:
        """Take a batch of rows."""
        for row in rows:
            event = Event(row.event)
            if event is Event.ATTEMPTED:
                until_s = row.t_s + row.seconds
                decision = Decision(row.t_s, row.job, row.scheduler, row.attempt, until_s, len(self.happened))
                self._thoughts[row.scheduler, row.job] = decision
                self.decisions.append(decision)
            elif event is Event.COMMITTED or event is Event.CONFLICTED:
                self._open, self._left = self._thoughts[row.scheduler, row.job], row.tasks
                self._open.conflicted, self._open.after = row.conflicted, len(self.happened)
            elif event is Event.LAUNCHED or event is Event.STARTED:
                self._take_hosts(row, event)
            elif event in LEAVES:
                for host, count in _where(row):
                    self._happen(row.t_s, Happened(event, row.job, host), count)
                    if row.scheduler:
                        self.ends.append(End(row.t_s, event, row.job, host, count, row.seconds, row.alone_s))
            elif event in HOST_CHANGES:
                self._happen(row.t_s, Happened(event, "", row.host), 1)
            elif event is Event.SUBMITTED:
                self.jobs[row.job] = None
                self._happen(row.t_s, Happened(event, row.job), row.tasks)

    def _happen(self, t_s: float, what: Happened, count: int) -> None:
        self.happened.append((what, count))
        self.happened_s.append(t_s)

    def seen(self, decision: Decision, *, late: bool) -> list[tuple[Happened, int]]:
        """Give what had happened when a scheduler looked at the cell: when it began to think or, late, when it had."""
        if not late:
            return self.happened[: decision.before]
        # Of a decision that came to nothing there is no row.
        after = decision.after if decision.after >= 0 else bisect_right(self.happened_s, decision.until_s)
        return self.happened[:after]

    def _take_hosts(self, row: Row, event: Event) -> None:
        """Take the hosts of a transaction, which follow it; or containers that were on their way and run now."""
        places = list(_where(row))
        decided = self._open is not None and self._left > 0 and self._open.job == row.job
        if decided:
            assert self._open is not None
            self._left -= row.tasks
            for host, count in places:
                self._open.hosts[host] += count
                self._happen(row.t_s, Happened(Event.COMMITTED, row.job, host), count)
        if event is Event.STARTED:
            self.starts += [(row.t_s, row.job, host, count) for host, count in places]

    def by_job(self) -> dict[str, Counter[int]]:
        """Give how many containers of each job went to which host, all transactions together."""
        hosts: dict[str, Counter[int]] = {}
        for decision in self.decisions:
            if decision.hosts:
                hosts.setdefault(decision.job, Counter()).update(decision.hosts)
        return hosts


def _where(row: Row) -> Iterator[tuple[int, int]]:
    """Give hosts and counts of a row; as files have it, each host has a row of its own."""
    if row.where is None:
        yield row.host, row.tasks
    else:
        yield from zip(row.where[0].tolist(), row.where[1].tolist(), strict=True)


class Difference(NamedTuple):
    """The first decision that differs between two runs.

    Attributes
    ----------
    number : int
        Which decision it is, from 1.
    tank, sea : Decision or None
        What was decided; None where that run had ended.
    why : str
        One sentence: what was decided here and there, and what was different before.
    """

    number: int
    tank: Decision | None
    sea: Decision | None
    why: str


class JobPlaces(NamedTuple):
    """Where the containers of one job went in two runs: hosts and how many."""

    job: str
    tank: Counter[int]
    sea: Counter[int]


class Comparison(NamedTuple):
    """How alike the decisions of two runs are.

    Attributes
    ----------
    places : list of JobPlaces
        Of every job that was placed in at least one of them.
    jobs_share : float or None
        Share of those jobs whose containers went to the same hosts, equally many to each; None without such jobs.
    containers_share : float or None
        Share of containers that found their like: Σ over jobs and hosts of the smaller number / the larger of the
        numbers of all containers.
    first : Difference or None
        The first decision that differs; None where the sequences are equal.
    """

    places: list[JobPlaces]
    jobs_share: float | None
    containers_share: float | None
    first: Difference | None


def compare(tank: Decisions, sea: Decisions, hosts: Sequence[str], *, late: bool = False) -> Comparison:
    """Compare the decisions of two runs of the same workload on the same hosts.

    Parameters
    ----------
    tank, sea : Decisions
        What was decided.
    hosts : sequence of str
        What hosts are called.
    late : bool
        Whether schedulers look at the cell when they have thought, as pessimistic ones do, and not before.
    """
    here, there = tank.by_job(), sea.by_job()
    places = [JobPlaces(job, here.get(job, Counter()), there.get(job, Counter())) for job in {**here, **there}]
    containers = max(sum(place.tank.total() for place in places), sum(place.sea.total() for place in places))
    return Comparison(
        places,
        sum(place.tank == place.sea for place in places) / len(places) if places else None,
        sum((place.tank & place.sea).total() for place in places) / containers if containers else None,
        _first_difference(tank, sea, hosts, late),
    )


def _first_difference(tank: Decisions, sea: Decisions, hosts: Sequence[str], late: bool) -> Difference | None:
    ours, theirs = tank.decisions, sea.decisions
    common = min(len(ours), len(theirs))
    number = next((n for n in range(common) if not ours[n].same_as(theirs[n])), common)
    if number == len(ours) == len(theirs):
        return None
    here = ours[number] if number < len(ours) else None
    there = theirs[number] if number < len(theirs) else None
    return Difference(number + 1, here, there, f"Decision {number + 1}: {_why(tank, here, sea, there, hosts, late)}")


def _why(
    tank: Decisions, here: Decision | None, sea: Decisions, there: Decision | None, hosts: Sequence[str], late: bool
) -> str:  # fmt: skip
    """Say what differs, and what was different before: the nearest cause that the logs show."""
    told = "; ".join(_told(one, where, hosts) for one, where in ((here, TANK), (there, SEA)) if one is not None)
    if here is None or there is None or here.job != there.job:
        for decision, other, where in ((here, sea, SEA), (there, tank, TANK)):
            if decision is not None and (never := _never(decision, other, where)):
                return f"{told}: {never}."
    if here is None or there is None:
        return f"{told}: {TANK if here is None else SEA} nothing more was decided."
    before = _before(tank, here, sea, there, hosts, late)
    if here.whose != there.whose:
        return f"{told}: {before or 'the same had happened before, and schedulers were done in another order'}."
    if bool(here.conflicted) != bool(there.conflicted):
        where, decision = (TANK, here) if here.conflicted else (SEA, there)
        conflict = f"{decision.conflicted} of its containers conflicted {where} only"
        return f"{told}: {conflict}{f', since {before}' if before else ''}."
    return f"{told}: {before or SAME_BOOKS}."


SAME_BOOKS = (
    "the same had happened before in both, so what differed is what was measured of the hosts, the time, or chance"
)


def _told(decision: Decision, where: str, hosts: Sequence[str]) -> str:
    places = ", ".join(f"{count} to {hosts[host]}" for host, count in sorted(decision.hosts.items())) or "none placed"
    by = f"{decision.scheduler}, attempt {decision.attempt}"
    return f"{where} at {decision.t_s:.3f} s job {decision.job!r} ({by}): {places}"


def _never(decision: Decision, other: Decisions, where: str) -> str:
    """Say that a job was not placed in the other run, if so."""
    if not decision.hosts or any(one.job == decision.job and one.hosts for one in other.decisions):
        return ""
    return f"{where} job {decision.job!r} was never {'placed' if decision.job in other.jobs else 'submitted'}"


def _before(
    tank: Decisions, here: Decision, sea: Decisions, there: Decision, hosts: Sequence[str], late: bool
) -> str:  # fmt: skip
    """Name what had happened in one run and not in the other when each looked at the cell, or took up the job.

    Of several things that is the first which concerns a host or a job that was decided about, else the first.
    """
    same_job = here.whose == there.whose
    late = late and same_job
    concerned_hosts, concerned_jobs = here.hosts.keys() | there.hosts.keys(), {here.job, there.job}
    seen, seen_there = tank.seen(here, late=late), sea.seen(there, late=late)
    found: list[tuple[bool, int, str]] = []
    for one, other, where, elsewhere in ((seen, seen_there, TANK, SEA), (seen_there, seen, SEA, TANK)):
        more: Counter[Happened] = Counter()
        for what, count in one:
            more[what] += count
        for what, count in other:
            more[what] -= count
        for place, (what, count) in enumerate(one):
            # Who waits behind a job does not change what becomes of it.
            if more[what] > 0 and not (same_job and what.event is Event.SUBMITTED):
                concerned = what.host in concerned_hosts or (what.host < 0 and what.job in concerned_jobs)
                words = _as_words(what, min(count, more[what]), hosts)
                found.append((not concerned, place, f"{where} {words} before, {elsewhere} not yet"))
    return min(found)[2] if found else ""


def _as_words(what: Happened, count: int, hosts: Sequence[str]) -> str:
    if what.event is Event.SUBMITTED:
        return f"job {what.job!r} had been submitted"
    if what.event in HOST_CHANGES:
        return f"host {hosts[what.host]} {HOST_CHANGES[what.event]}"
    containers = f"{count} container{'s' * (count > 1)} of job {what.job!r}"
    if what.event is Event.COMMITTED:
        return f"{containers} had been placed on {hosts[what.host]}"
    return f"{containers} {LEAVES[what.event]} on {hosts[what.host]}"
