"""Host files: machines in a table, one row each; read for a run, and written beside a trace that is kept."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Sequence
from math import inf
from pathlib import Path

import numpy as np

from policies.errors import UserError
from policies.requests import DEVICE_MICRO, RESOURCES
from policies.sharing.disk import DISKS, Disk, disk_named
from traces.hosts import TOO_MUCH, HostEvent, Hosts, Profile, sizes
from traces.labels import read_labels, write_labels
from traces.units import GPU_MILLI, MILLI
from traces.whole import written_whole

COLUMNS = ("host", "cpus", "memory_bytes", "gpus", "joins_s", "leaves_s", "labels", "disk_class", "net_bps")

#: Columns of a host file that the tank does not model yet; they may stand there and are named in a note.
LATER_COLUMNS = ("images",)

#: What a host file has no words for, by what it is called where it is counted.
_NEVER = "hosts are never there: left out"
_AGAIN = "times a host left and came back: it is written as there in between"
_RESIZED = "changes of a host's size: its first size is written"
_RELABELLED = "changes of a host's attributes: its first attributes are written"
_PROFILED = "hosts of which starts or rates were measured: such measurements are left out"
_DISK = "hosts with a disk that no class describes: left without"


def read_hosts(path: Path) -> tuple[Hosts, list[str]]:
    """Read a host file, CSV or Parquet.

    Columns: ``host, cpus, memory_bytes`` and optionally ``gpus, joins_s, leaves_s, labels, disk_class, net_bps`` and
    `LATER_COLUMNS`.

    Returns
    -------
    Hosts, list of str
        The hosts, and a note for each column that is read but not modelled yet.

    Raises
    ------
    UserError
        Naming the file and the column or row.
    """
    known = (*COLUMNS, *LATER_COLUMNS)
    from traces.reading import tables  # only where there is a file: Arrow costs a tenth of a start-up

    table = tables.read_whole(path, required=known[:3], optional=known[3:])
    names = table.text("host")
    columns = {
        "cpus": table.number("cpus"),
        "memory_bytes": table.number("memory_bytes"),
        "gpus": table.number("gpus", missing=0.0),
        "joins_s": table.number("joins_s", missing=0.0),
        "leaves_s": table.number("leaves_s", missing=np.inf),
        "net_bps": table.number("net_bps", missing=0.0),
    }
    for name in ("cpus", "memory_bytes", "gpus", "joins_s", "net_bps"):
        values = columns[name]
        table.mark(~(np.isfinite(values) & (values >= 0)), f"{name} must be 0 or more", values)
    for name, per_unit in (("cpus", MILLI), ("memory_bytes", 1), ("gpus", GPU_MILLI), ("net_bps", 1)):
        table.mark(columns[name] >= TOO_MUCH / per_unit, f"{name} is more than any machine has", columns[name])
    joins, leaves = columns["joins_s"], columns["leaves_s"]
    table.mark(~(leaves > joins), "leaves_s must be later than joins_s", leaves)
    table.mark(np.array([not name for name in names]), "host is empty", names)
    first = {name: row for row, name in reversed(list(enumerate(names)))}
    again = np.array([first[name] != row for row, name in enumerate(names)])
    table.mark(again, "the host is there twice", names)
    attributes = []
    for row, text in enumerate(table.text("labels") if table.has("labels") else ()):
        try:
            attributes.append(read_labels(text))
        except ValueError as error:
            table.bad.setdefault(row, (str(error), text))
    disks: list[Disk | None] = []
    for row, text in enumerate(table.text("disk_class")):
        try:
            disks.append(disk_named(text) if text else None)
        except UserError as error:
            table.bad.setdefault(row, (str(error), ""))
    table.refuse()
    events = [HostEvent(float(t), host, True) for host, t in enumerate(joins) if t > 0]
    events += [HostEvent(float(t), host, False) for host, t in enumerate(leaves) if t < np.inf]
    capacity = sizes(columns["cpus"] * MILLI, columns["memory_bytes"], columns["gpus"] * GPU_MILLI)
    capacity[RESOURCES.index("net")] = np.rint(columns["net_bps"])
    capacity[RESOURCES.index("disk")] = [DEVICE_MICRO if disk else 0 for disk in disks]
    hosts = Hosts(names, capacity, joins <= 0, sorted(events), attributes, disks if any(disks) else ())
    notes = [f"{path}: column {name} is not modelled yet" for name in LATER_COLUMNS if table.has(name)]
    return hosts, notes


def write_hosts(hosts: Hosts, path: Path) -> Counter[str]:
    """Write machines as `read_hosts` reads them.

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
    try:
        with written_whole(path) as part, part.open("w", newline="", encoding="utf-8") as file:
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
    except ValueError as error:
        raise UserError(f"{path}: a host has {error}, which a host file has no way to write") from None
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
