"""What a load container printed, read back."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

#: A limit of memory that is no limit: cgroup v1 writes the largest number of whole pages.
NO_LIMIT_BYTES = 2**62


class Cgroup(NamedTuple):
    """What the kernel really grants a container, as its control group says.

    Attributes
    ----------
    cores : int
        On which it may run.
    cpu_shares, cpu_weight : int, optional
        What it weighs for the CPU, of which version 1 has the first and version 2 the second.
    cpu_quota_cores : float, optional
        The most that it may use; None without a limit.
    memory_bytes : int, optional
        The most that it may have; None without a limit.
    io_weight : int, optional
        What it weighs for the disk, which counts only if the disk's scheduler looks at weights.
    files : Mapping
        Text of all files that were found, by name.
    """

    cores: int
    cpu_shares: int | None
    cpu_weight: int | None
    cpu_quota_cores: float | None
    memory_bytes: int | None
    io_weight: int | None
    files: Mapping[str, str]


class Report(NamedTuple):
    """How far a container came, as of the last line that it printed.

    Attributes
    ----------
    cgroup : Cgroup, optional
        None if it printed nothing.
    began_s : float, optional
        When its work began, in seconds since 1970 by its host's clock; None if it did not.
    share : float
        Which part of its work was done, 0 to 1.
    wall_s, cpu_s : float
        How long that took, and how much CPU time of all its threads.
    units : int
        Units of computation that they did, which are `calibrated` a second.
    read_bytes, written_bytes : int
        What it moved meanwhile, past the page cache.
    done : bool
        Whether it came to the end of its work.
    """

    cgroup: Cgroup | None = None
    began_s: float | None = None
    share: float = 0.0
    wall_s: float = 0.0
    cpu_s: float = 0.0
    units: int = 0
    read_bytes: int = 0
    written_bytes: int = 0
    done: bool = False


def parse(log: bytes) -> Report:
    """Read the log of a container that ran.

    Parameters
    ----------
    log : bytes
        What it printed, perhaps cut off, and perhaps with lines of somebody else, which are passed over.

    Examples
    --------
    >>> parse(b'{"event": "began", "epoch_s": 12.5}').began_s
    12.5
    """
    report = Report()
    for event in _events(log):
        match event.pop("event"):
            case "cgroup":
                report = report._replace(cgroup=_cgroup(**event))
            case "began":
                report = report._replace(began_s=event["epoch_s"])
            case "progress":
                report = report._replace(**event)
            case "done":
                report = report._replace(**event, done=True)
    return report


def calibrated(log: bytes) -> float | None:
    """Read how many units of computation a core does in a second; None if the container did not say.

    Examples
    --------
    >>> calibrated(b'{"event": "calibrated", "units_per_s": 600000.0}')
    600000.0
    """
    for event in _events(log):
        if event["event"] == "calibrated":
            return float(event["units_per_s"])
    return None


def device(log: bytes) -> str:
    """Read on which device a host's scratch folder is; empty if the container did not say.

    Examples
    --------
    >>> device(b'{"event": "device", "path": "/dev/sda1"}')
    '/dev/sda1'
    """
    return next((str(event["path"]) for event in _events(log) if event["event"] == "device"), "")


def _events(log: bytes) -> Iterator[dict[str, Any]]:
    for line in log.decode(errors="replace").splitlines():
        try:
            event = json.loads(line)
        except ValueError:
            continue
        if isinstance(event, dict) and "event" in event:
            yield event


def _cgroup(cores: int, files: Mapping[str, str]) -> Cgroup:
    return Cgroup(
        cores,
        _number(files.get("cpu.shares")),
        _number(files.get("cpu.weight")),
        _quota_cores(files),
        _limit(files.get("memory.limit_in_bytes") or files.get("memory.max")),
        # Each file of weights begins with that of a disk of which nothing else is said: "100" or "default 100".
        _number(files.get("blkio.bfq.weight") or files.get("io.bfq.weight") or files.get("io.weight") or ""),
        files,
    )


def _number(text: str | None) -> int | None:
    words = (text or "").split()[:2]
    return next((int(word) for word in words if word.isdecimal()), None)


def _limit(text: str | None) -> int | None:
    limit = _number(text)
    return None if limit is None or limit >= NO_LIMIT_BYTES else limit


def _quota_cores(files: Mapping[str, str]) -> float | None:
    """Give the quota over its period: two files of version 1 (-1: none), one of version 2 (max: none)."""
    together = f"{files.get('cpu.cfs_quota_us', '')} {files.get('cpu.cfs_period_us', '')}".strip()
    quota, _, period = (together or files.get("cpu.max", "")).partition(" ")
    return int(quota) / int(period) if quota.isdecimal() and period.isdecimal() else None
