"""How certain jobs were placed in one run, as plain values for JSON and for the table that a person reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from policies.cell import Commit
from policies.log import Event, Row
from policies.placement.explain import Considered, Decision, Reason
from policies.requests import DEVICE_MICRO, RESOURCES
from policies.scheduling.explained import Attempt, Explainer
from traces.labels import write_constraints

#: What a resource is called in plain values, and how many of the books' units are one of these.
PLAIN = {
    "cpu": ("cpus", 1000.0),
    "memory": ("memory_bytes", 1),
    "gpu": ("gpus", 1000.0),
    "disk": ("disk_s_per_s", float(DEVICE_MICRO)),  # device time; 1 is a disk that never rests
    "net": ("net_bps", 1),
}

#: What several of a resource are called.
MANY = {"cpu": "cores", "gpu": "GPUs", "disk": "disks"}

#: What the log may say of a job as a whole, and how it is told.
TOLD = {
    Event.SUBMITTED: "submitted",
    Event.PREFILLED: "in place from the beginning",
    Event.INFEASIBLE: "turned away: no host could ever hold it",
    Event.OVER_QUOTA: "turned away: it alone is more than its user's quota",
    Event.ABANDONED: "given up",
    Event.UNATTEMPTED: "not thought about before the run was over",
}


class Explanation:
    """How some jobs were placed in one run: a sink of its log, and what its schedulers tell.

    Parameters
    ----------
    jobs : sequence of str
        Their identifiers.
    commit : Commit
        How claims are judged.
    hosts : sequence of str
        Names of the hosts.
    """

    def __init__(self, jobs: Sequence[str], commit: Commit, hosts: Sequence[str]) -> None:
        self.explainer = Explainer(jobs, commit)
        self._hosts = hosts
        self._happened: dict[str, list[dict[str, Any]]] = {job: [] for job in jobs}

    def __call__(self, rows: list[Row]) -> None:
        """Take a batch of rows, and keep what they say of the jobs as a whole."""
        for row in rows:
            if row.job in self._happened and row.event in TOLD:
                what = {"t_s": row.t_s, "what": TOLD[Event(row.event)], "containers": row.tasks}
                self._happened[row.job].append(what)

    def as_plain(self) -> list[dict[str, Any]]:
        """Give all that is known of each job; nothing happened to one that never came."""
        return [
            {
                "job": job,
                "happened": self._happened[job],
                "attempts": [_attempt(attempt, self._hosts) for attempt in attempts],
                "attempts_left_out": self.explainer.left_out[job],
            }
            for job, attempts in self.explainer.attempts.items()
        ]


def _attempt(attempt: Attempt, hosts: Sequence[str]) -> dict[str, Any]:
    decided_s, ended_s = attempt.decided_s, attempt.ended_s
    return {
        "attempt": attempt.number,
        "scheduler": attempt.scheduler,
        "submitted_s": attempt.submitted_s,
        "began_s": attempt.began_s,
        "decided_s": decided_s,
        "ended_s": ended_s,
        # How old what the scheduler had seen was when it claimed.
        "snapshot_age_s": None if decided_s is None or ended_s is None else ended_s - decided_s,
        "claimed": attempt.claimed,
        "containers": attempt.wanted,
        "decisions": [_decision(decision, hosts) for decision in attempt.decisions],
    }


def _decision(decision: Decision, hosts: Sequence[str]) -> dict[str, Any]:
    return {
        "containers": decision.wanted,
        "request": _plain({name: n for name, n in zip(RESOURCES, decision.task.need, strict=True) if n}),
        "hosts": [_host(one, hosts) for one in decision.hosts],
        "verdicts": {_said(reason): many for reason, many in decision.reasons},
    }


def _host(one: Considered, hosts: Sequence[str]) -> dict[str, Any]:
    short = [f"{name} short by {amount(name, value)}" for name, value in one.short.items()]
    exact = f"{one.reason.verdict}: {', '.join(short)}" if one.reason.resources else _said(one.reason)
    return {
        "host": hosts[one.host],
        "free": _plain(one.free),
        "verdict": exact,
        "score": one.score,
        "terms": dict(one.terms),
        "placed": one.placed,
        "conflicted": None if one.granted is None else one.placed - one.granted,
    }


def _said(reason: Reason) -> str:
    """Say what turned a host away, without how much it was short of."""
    if reason.constraint is not None:
        return f"{reason.verdict} {write_constraints([reason.constraint])}"
    return f"{reason.verdict}: {', '.join(reason.resources)}" if reason.resources else str(reason.verdict)


def _plain(amounts: Mapping[str, int]) -> dict[str, float]:
    """Give amounts of resources in plain units."""
    plain: dict[str, float] = {}
    for name, value in amounts.items():
        called, whole = PLAIN[name]
        plain[called] = value if whole == 1 else value / whole
    return plain


def amount(name: str, value: int) -> str:
    """Write an amount of a resource, in the units of the books, for a person.

    Examples
    --------
    >>> amount("cpu", 1500), amount("memory", 3 * 2**29), amount("memory", 7), amount("gpu", 500)
    ('1.5 cores', '1.5 GiB', '7 B', '0.5 GPUs')
    >>> amount("disk", 250_000), amount("net", 2**20)
    ('0.25 disks', '1 MiB/s')
    """
    if name in ("memory", "net"):
        power = min(max(abs(value).bit_length() - 1, 0) // 10, 4)
        per_s = "/s" if name == "net" else ""
        return f"{value / 1024**power:.4g} {('B', 'KiB', 'MiB', 'GiB', 'TiB')[power]}{per_s}"
    return f"{value / PLAIN[name][1]:.4g} {MANY[name]}"
