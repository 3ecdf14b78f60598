"""Writing machines as a host file, so that a trace that is kept in the native format can be run on its own."""

from __future__ import annotations

import csv
import os
from collections import Counter
from collections.abc import Sequence
from math import inf
from pathlib import Path

from policies.errors import UserError
from policies.requests import RESOURCES
from policies.sharing.disk import DISKS, Disk, disk_named
from traces.hosts import HostEvent, Hosts, Profile
from traces.labels import write_labels
from traces.units import GPU_MILLI, MILLI

COLUMNS = ("host", "cpus", "memory_bytes", "gpus", "joins_s", "leaves_s", "labels", "disk_class", "net_bps")

#: What a host file has no words for, by what it is called where it is counted.
_NEVER = "hosts are never there: left out"
_AGAIN = "times a host left and came back: it is written as there in between"
_RESIZED = "changes of a host's size: its first size is written"
_RELABELLED = "changes of a host's attributes: its first attributes are written"
_PROFILED = "hosts of which starts or rates were measured: such measurements are left out"
_DISK = "hosts with a disk that no class describes: left without"


def write_hosts(hosts: Hosts, path: Path) -> Counter[str]:
    """Write machines as `traces.hosts.read_hosts` reads them.

    Parameters
    ----------
    hosts : Hosts
        All that are ever there.
    path : Path
        A CSV file; it is there only once it is whole.

    Returns
    -------
    Counter of str
        What a host file cannot say, in words, and how often it was so.

    Raises
    ------
    UserError
        If the file cannot be written, or a name cannot be read back.

    Notes
    -----
    A host is there from when it joins first until it leaves for the last time.
    """
    odd: Counter[str] = Counter()
    events: dict[int, list[HostEvent]] = {}
    for event in hosts.events:
        events.setdefault(event.host, []).append(event)
    disk, net = RESOURCES.index("disk"), RESOURCES.index("net")
    part = path.with_name(f"{path.name}.part")
    try:
        with part.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(COLUMNS)
            for host, name in enumerate(hosts.names):
                joins_s, leaves_s = _stay(hosts, host, events.get(host, ()), odd)
                if not joins_s < leaves_s:
                    odd[_NEVER] += 1
                    continue
                if not name or not {"\n", "\r", "\0"}.isdisjoint(name):
                    raise UserError(f"{path}: a host file has no way to write the name {name!r}")
                cpu_milli, memory_bytes, gpu_milli = hosts.capacity[:3, host].tolist()
                labels = write_labels(hosts.attributes[host]) if hosts.attributes else ""
                disk_class = _class_of(hosts.disks[host]) if hosts.disks and hosts.capacity[disk, host] else ""
                odd[_DISK] += disk_class is None
                odd[_PROFILED] += bool(hosts.profiles) and hosts.profiles[host] != Profile()
                writer.writerow(
                    (
                        name, cpu_milli / MILLI, memory_bytes, gpu_milli / GPU_MILLI, joins_s,
                        "" if leaves_s == inf else leaves_s, labels, disk_class,
                        int(hosts.capacity[net, host]) or "",
                    )
                )  # fmt: skip
        os.replace(part, path)
    except ValueError as error:
        raise UserError(f"{path}: a host has {error}, which a host file has no way to write") from None
    except OSError as error:
        raise UserError(f"{path}: {error.strerror or error}") from None
    finally:
        part.unlink(missing_ok=True)
    return +odd


def _stay(hosts: Hosts, host: int, events: Sequence[HostEvent], odd: Counter[str]) -> tuple[float, float]:
    """Say when a host joins first and leaves for the last time."""
    alive, size = bool(hosts.alive[host]), tuple(hosts.capacity[:, host].tolist())
    joins_s, leaves_s = (0.0 if alive else inf), inf
    for event in events:
        if event.capacity is not None and tuple(event.capacity) != size:
            odd[_RESIZED] += 1
            size = tuple(event.capacity)
        odd[_RELABELLED] += bool(event.attributes)
        if event.alive == alive:
            continue
        alive = event.alive
        if not alive:
            leaves_s = event.t_s
        elif joins_s == inf:
            joins_s = event.t_s
        else:
            odd[_AGAIN] += 1
            leaves_s = inf
    return joins_s, leaves_s


def _class_of(disk: Disk | None) -> str | None:
    """Name the class of a disk; None for one that has no name and cannot be told from what it can do."""
    if disk is None:
        return ""
    for name, known in DISKS.items():
        if disk == known:
            return name
    try:
        text = f"{disk.read_bps}:{disk.read_seq_iops}:{disk.read_rand_iops}"
        return text if disk_named(text) == disk else None
    except UserError:
        return None
