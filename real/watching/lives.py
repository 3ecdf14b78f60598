"""What ran on hosts from when to when, and the jobs that this was."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

from policies.errors import UserError
from policies.requests import IO_SIZE_BYTES, Demand, Group, Job, Resources, Task
from real import labels as label
from real.watching.use import Counters, limits_of
from traces.hosts import TOO_MUCH
from traces.trace import OPEN_ENDED, Arrival, steady
from traces.units import MILLI

#: What Docker gives a container for which nobody asks for shares; Compose and the Engine write either.
DEFAULT_SHARES = (0, 1024)
#: Shares that stand for a core, as in Kubernetes.
SHARES_A_CORE = 1024

#: Containers of a job that start within so many seconds came together.
TOGETHER_S = 1.0
#: What is measured over a shorter time says nothing.
SHORTEST_S = 0.1

#: Labels that say what a container is a replica of, of other people's tools.
_COMPOSE = ("com.docker.compose.project", "com.docker.compose.service")
_SWARM = "com.docker.swarm.service.name"

#: Restart policies of what is meant to be always there.
_KEPT_UP = ("always", "unless-stopped")


@dataclass(slots=True)
class Life:
    """A container from its start to its end; one that is started again has another life.

    Attributes
    ----------
    host, container, name : str
        Where it ran, its identifier there, and what it is called.
    labels : mapping
        All that it has.
    started_s, ended_s : float
        Seconds since the epoch, on our clock; the end is None while it runs.
    asked : Resources
        What it may use, or has shares for; 0 where nobody said.
    room : Resources
        What its host has; 0 where nobody knows.
    kept_up : bool
        Whether the Engine starts it again whenever it ends.
    first, last : Counters, optional
        The earliest and the latest measurement; ``taken_s`` on our clock.
    peak_bytes : int
        The largest working set that was seen.
    """

    host: str
    container: str
    name: str
    labels: Mapping[str, str]
    started_s: float
    ended_s: float | None = None
    asked: Resources = field(default_factory=Resources)
    room: Resources = field(default_factory=Resources)
    kept_up: bool = False
    first: Counters | None = None
    last: Counters | None = None
    peak_bytes: int = 0

    def measured(self, counters: Counters) -> None:
        """Take a measurement; one of an earlier life, and one that is known, are passed over."""
        if counters.taken_s < self.started_s - SHORTEST_S or counters == self.last:
            return
        self.first, self.last = self.first or counters, counters
        self.peak_bytes = max(self.peak_bytes, counters.memory_bytes)

    def demand(self, began_s: float) -> Demand | None:
        """Give what it used on the mean, and the most of memory; None where too little was measured.

        Parameters
        ----------
        began_s : float
            When the recording began: what was used before does not count.
        """
        if self.first is None or self.last is None:
            return None
        # What started while we watched began at 0, and needs no second measurement.
        since = self.first if self.started_s < began_s else Counters(0, 0, 0, 0, 0, 0, 0, 0, 0, self.started_s)
        last, elapsed_s = self.last, self.last.taken_s - since.taken_s
        if elapsed_s < SHORTEST_S:
            return None
        moved = last.read_bytes + last.written_bytes - since.read_bytes - since.written_bytes
        requests = last.reads + last.writes - since.reads - since.writes
        return Demand(
            (last.cpu_s - since.cpu_s) / elapsed_s,
            float(self.peak_bytes),
            (last.read_bytes - since.read_bytes) / elapsed_s,
            (last.written_bytes - since.written_bytes) / elapsed_s,
            moved / requests if requests and moved else float(IO_SIZE_BYTES),
            0.0,
            (last.net_bytes - since.net_bytes) / elapsed_s,
        )

    def as_line(self) -> str:
        """Write it as one line of JSON."""
        return json.dumps(asdict(self) | {each: getattr(self, each) for each in ("asked", "room", "first", "last")})

    @classmethod
    def of_line(cls, line: str) -> Life:
        """Read what `as_line` wrote."""
        plain = json.loads(line)
        for each, kind in (("asked", Resources), ("room", Resources), ("first", Counters), ("last", Counters)):
            plain[each] = plain[each] and kind(*plain[each])
        return cls(**plain)

    def job(self) -> tuple[str, str]:
        """Name its job and its run: by our labels, those of Compose or Swarm, or else by itself."""
        said = self.labels
        if label.JOB in said:
            return said[label.JOB], said.get(label.RUN, "")
        if all(name in said for name in _COMPOSE):
            return "/".join(said[name] for name in _COMPOSE), ""
        return said.get(_SWARM) or self.name, ""

    def workload(self) -> str:
        """Give its workload class: by our label, else whether it is kept up."""
        return self.labels.get(label.WORKLOAD) or ("service" if self.kept_up else "batch")


def asked_for(inspected: Mapping[str, Any]) -> Resources:
    """Give what a container asks for: by our labels, its limits or its shares; 0 where nobody said.

    Parameters
    ----------
    inspected : mapping
        What ``GET /containers/ID/json`` gives.
    """
    limits, said = limits_of(inspected), inspected["Config"].get("Labels") or {}
    shares = inspected["HostConfig"].get("CpuShares") or 0
    by_shares = 0 if shares in DEFAULT_SHARES else max(1, round(shares * MILLI / SHARES_A_CORE))
    return Resources(
        _number(said.get(label.CPU_MILLI)) or limits.cpu_milli or by_shares,
        _number(said.get(label.MEMORY_BYTES)) or limits.memory_bytes,
    )


def _number(text: str | None) -> int:
    return int(text) if text and text.isdigit() else 0


def life_of(host: str, inspected: Mapping[str, Any], started_s: float, room: Resources) -> Life:
    """Begin the life of a container as its Engine describes it."""
    config = inspected["Config"]
    kept_up = (inspected["HostConfig"].get("RestartPolicy") or {}).get("Name") in _KEPT_UP
    return Life(
        host,
        inspected["Id"],
        inspected["Name"].lstrip("/"),
        config.get("Labels") or {},
        started_s,
        asked=asked_for(inspected),
        room=room,
        kept_up=kept_up,
    )


def began_line(began_s: float) -> str:
    """Write when a recording began, for `read_journal`."""
    return json.dumps({"began_s": began_s})


def read_journal(path: Path) -> tuple[list[Life], float]:
    """Read what a recording that was cut off has left: of each life the last line, and when it began.

    Raises
    ------
    UserError
        Naming the file, and the line that is none; one that was cut off at the very end is passed over.
    """
    lives: dict[tuple[str, str, float], Life] = {}
    began_s = None
    try:
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    except OSError as error:
        raise UserError(f"{path}: {error.strerror or error}") from None
    for number, line in enumerate(lines, 1):
        if not line.endswith("\n"):
            break
        try:
            if line.startswith('{"began_s"'):
                began_s = float(json.loads(line)["began_s"])
                continue
            life = Life.of_line(line)
        except (ValueError, TypeError, KeyError):
            raise UserError(f"{path}:{number}: not a line of a recording") from None
        lives[life.host, life.container, life.started_s] = life
    if began_s is None:
        raise UserError(f"{path}: it was cut off before the recording began")
    return [life for life in lives.values() if life.ended_s is None or life.ended_s >= began_s], began_s


def arrivals_of(lives: Sequence[Life], began_s: float) -> tuple[list[Arrival], list[str]]:
    """Make a workload of what ran.

    Parameters
    ----------
    lives : sequence of Life
        In any order; one that still runs has no end.
    began_s : float
        When the recording began, in seconds since the epoch.

    Returns
    -------
    list of Arrival, list of str
        Jobs in order of submission, and what was assumed, one line each.

    Notes
    -----
    A job is what our labels, Compose or Swarm call one; its containers that start within `TOGETHER_S` of the first are
    one submission of it, later ones another. It is submitted when its first container starts: for how long somebody
    waited before, no Engine knows. Of our own containers a label says when they were submitted, since their run
    began; it began no later than the least difference between a container's start and that label.
    """
    # What made a host ready for a run is none of its jobs.
    lives = [life for life in lives if label.RUN not in life.labels or label.JOB in life.labels]
    began_runs = _runs(lives)
    at_s = {id(life): _submitted_s(life, began_s, began_runs) for life in lives}
    # Names before times, so that containers of a job lie side by side.
    ordered = sorted(lives, key=lambda life: (*life.job(), life.workload(), at_s[id(life)], life.host, life.container))
    arrivals = [
        (_arrival(together, max(0.0, round(at_s[id(together[0])] - began_s, 6)), began_s), _turn(together))
        for _, of_job in groupby(ordered, key=lambda life: (*life.job(), life.workload()))
        for together in _together(of_job, at_s)
    ]
    arrivals.sort(key=lambda arrival: (arrival[0].job.submit_s, arrival[1]))
    return [arrival for arrival, _ in arrivals], list(_assumed(lives, began_s))


def _turn(lives: Iterable[Life]) -> float:
    """Say whose turn it was of those that were submitted at once: ours are numbered as their hosts were decided."""
    return min(_number(life.labels.get(label.TASK)) or life.started_s for life in lives)


def _runs(lives: Iterable[Life]) -> dict[str, float]:
    """Say when runs of ours began at the latest."""
    began: dict[str, float] = {}
    for life in lives:
        since_s = _since_run_began(life)
        if since_s is not None:
            run = life.labels[label.RUN]
            began[run] = min(began.get(run, OPEN_ENDED), life.started_s - since_s)
    return began


def _since_run_began(life: Life) -> float | None:
    """Say when it was submitted, in its run's time; None where no label says it, or another attempt had it first."""
    said = life.labels
    if label.RUN not in said or said.get(label.ATTEMPT, "0") != "0":
        return None
    try:
        return float(said[label.SUBMITTED])
    except (KeyError, ValueError):
        return None


def _submitted_s(life: Life, began_s: float, began_runs: Mapping[str, float]) -> float:
    since_s = _since_run_began(life)
    submitted_s = life.started_s if since_s is None else began_runs[life.labels[label.RUN]] + since_s
    return max(began_s, submitted_s)


def _together(lives: Iterable[Life], at_s: Mapping[int, float]) -> Iterator[list[Life]]:
    """Part containers of a job by when they came."""
    held: list[Life] = []
    for life in lives:
        if held and at_s[id(life)] - at_s[id(held[0])] > TOGETHER_S:
            yield held
            held = []
        held.append(life)
    if held:
        yield held


def _arrival(lives: Sequence[Life], submit_s: float, began_s: float) -> Arrival:
    """Make a job of containers that came together; those that ask for the same, and run as long, are one group."""
    alike: dict[tuple[Task, float], list[Demand | None]] = {}
    for life in lives:
        demand = life.demand(began_s)
        ran_s = OPEN_ENDED if life.ended_s is None else max(0.0, life.ended_s - max(life.started_s, began_s))
        alike.setdefault((_task(life, demand), round(ran_s, 3)), []).append(demand)
    uses = []
    for demands in alike.values():
        known = [demand for demand in demands if demand is not None]
        mean = Demand(*(sum(values) / len(known) for values in zip(*known, strict=True))) if known else None
        uses.append(None if mean is None else steady(mean))
    name, _ = lives[0].job()
    groups = tuple(Group(task, len(demands)) for (task, _), demands in alike.items())
    user = lives[0].labels.get(label.USER, "")
    job = Job(name, submit_s, lives[0].workload(), groups, user=user)
    return Arrival(job, tuple(ran_s for _, ran_s in alike), tuple(uses) if any(uses) else ())


def _task(life: Life, demand: Demand | None) -> Task:
    """Give what it asks for: what nobody said is what was measured, at least something, and no more than it had."""
    cpu_milli, memory_bytes = life.asked[:2]
    if demand is not None:
        cpu_milli = cpu_milli or min(round(demand.cpu_cores * MILLI), life.room.cpu_milli or TOO_MUCH)
        memory_bytes = memory_bytes or min(life.peak_bytes, life.room.memory_bytes or TOO_MUCH)
    said = life.labels.get(label.PRIORITY, "0")
    priority = int(said) if said.lstrip("-").isdigit() else 0
    return Task(Resources(max(1, cpu_milli), memory_bytes), priority)


def _assumed(lives: Sequence[Life], began_s: float) -> Iterator[str]:
    counts = {
        "ran already when the recording began: submitted at 0, with what was left of their time": sum(
            life.started_s < began_s for life in lives
        ),
        "still ran when it ended: their duration is inf, so that `towtank run` needs --until": sum(
            life.ended_s is None for life in lives
        ),
        "have no CPU limit and no shares: they ask for what they used on the mean": sum(
            not life.asked.cpu_milli for life in lives
        ),
        "have no memory limit: they ask for the most that they were seen to have": sum(
            not life.asked.memory_bytes for life in lives
        ),
        "were not there for long enough to be measured: nothing is said of what they use": sum(
            life.demand(began_s) is None for life in lives
        ),
    }
    yield from (f"{count} of {len(lives)} containers {text}" for text, count in counts.items() if count)
    measured = [life.last for life in lives if life.last is not None]
    if measured and not any(last.reads or last.writes for last in measured):
        yield (
            "no Engine counted any use of disks: there was none, or else a kernel with cgroup v1 counts only on disks "
            "for which some cgroup has a limit"
        )
