"""Reader of the Bitbrains traces (GWA-T-12): virtual machines of a data centre, with what they used every 5 minutes.

The data set has two traces, ``fastStorage`` of 1,250 machines and ``rnd`` of 500, each a folder of months
(``rnd/2013-7``, ``2013-8``, ``2013-9``) with a file for each machine, ``1.csv``, ``2.csv`` and so on. Its description
(http://gwa.ewi.tudelft.nl/datasets/gwa-t-12-bitbrains) says that ``rnd`` has 500 machines in three months of files: so
files of one number are taken for one machine, from month to month.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from functools import cached_property
from itertools import chain, islice, pairwise
from pathlib import Path
from typing import ClassVar, NamedTuple

import numpy as np

from policies.arrays import FloatArray
from policies.errors import UserError
from policies.requests import Demand, Group, Job, Resources, Task
from traces.hosts import TOO_MUCH
from traces.reading import sniff
from traces.reading.options import DEFAULT, ReadOptions
from traces.reading.rejects import OnBadRow, Rejects
from traces.reading.tables import Reader
from traces.trace import Arrival, Phase, Trace
from traces.units import MILLI

#: How long a sample stands for where no other follows, in seconds.
STEP_S = 300.0

#: Memory sizes are powers of two of it: the trace's KB has 1,024 bytes.
KB = 1024

COLUMNS = (
    "Timestamp [ms]",
    "CPU cores",
    "CPU capacity provisioned [MHZ]",
    "CPU usage [MHZ]",
    "CPU usage [%]",
    "Memory capacity provisioned [KB]",
    "Memory usage [KB]",
    "Disk read throughput [KB/s]",
    "Disk write throughput [KB/s]",
    "Network received throughput [KB/s]",
    "Network transmitted throughput [KB/s]",
)

_FILE = re.compile(r"(\d{1,9})\.csv(\.gz)?")
_MONTH = re.compile(r"(\d{4})-(\d{1,2})")


class Bitbrains(Trace):
    """A folder with a file for each virtual machine, ``1.csv`` or ``1.csv.gz`` and so on; or one of these files.

    Or a folder of months (``2013-8`` and so on) of such files, or a folder of such folders, whose machines then have
    the name of their trace before their number.

    A virtual machine is a job of one container that runs from the first sample in which it is on to the last. It asks
    for the most cores and memory that it was ever provisioned with, and uses what was measured, sample by sample;
    equal samples in a row are one phase.

    Notes
    -----
    A file is read twice: once to find out when its machine comes, and again when its turn has come. Memory is that of
    the names of all machines and the phases of one here; what runs keeps its own.
    """

    format: ClassVar[str] = "bitbrains"
    dataset: ClassVar[str] = "GWA-T-12 Bitbrains, virtual machines of a data centre"
    licence: ClassVar[str] = "no formal licence: the archive gives its traces to researchers and practitioners alike"
    credit: ClassVar[str] = (
        "GWA-T-12 Bitbrains, the Grid Workloads Archive; Shen, van Beek, Iosup, CCGrid 2015, "
        "http://gwa.ewi.tudelft.nl/datasets/gwa-t-12-bitbrains"
    )

    def __init__(self, path: Path, rejects: Rejects, options: ReadOptions = DEFAULT) -> None:
        super().__init__(path, rejects, options)
        self._share = 0.0

    def arrivals(self) -> Iterator[Arrival]:
        """Yield the virtual machines in order of their first samples, at one time in order of their numbers."""
        begins = self._begins
        self.rejects.begin()
        self.odd.clear()
        for done, (begin_s, _, machine) in enumerate(begins, start=1):
            samples = _samples(machine.months, self.rejects, self.odd)
            if samples is not None:
                yield _arrival(machine.name, begin_s - begins[0][0], samples, self.odd)
            self.odd["virtual machines that were never on, left out"] += samples is None
            self._share = done / len(begins)

    def progress(self) -> float:
        """Say which share of the files was read."""
        return self._share

    def assumptions(self) -> list[str]:
        """List units, what is not known, and how often the recording was odd."""
        return [
            "timestamps are seconds, whatever the header says; the first sample of all is time 0, and what ran then is "
            "submitted at it",
            "a core is the MHz that were provisioned by the number of cores; a KB is 1,024 bytes",
            f"a sample holds until the next one, the last one for {STEP_S:g} s",
            "bytes per disk request and how many are random are not known: 131,072 and none, the defaults",
            "there are no hosts, and nobody knows which machines shared one",
            *self._about_folders(),
            *self.counted(),
        ]

    def _about_folders(self) -> Iterator[str]:
        """Say what was made of folders of months."""
        if any(len(machine.months) > 1 for machine in self._machines):
            yield "files of one number in several months are of one virtual machine"
        for folder in self._left_out:
            yield f"{folder}: is no month as 2013-8 is, left out"

    def files(self) -> list[Path]:
        """List the files in order of their machines, and of each in order of time."""
        return [path for machine in self._machines for path in machine.months]

    @cached_property
    def _machines(self) -> list[_Machine]:
        """The virtual machines in order of their traces and numbers."""
        self._left_out: list[Path] = []
        if self.path.is_file():
            return [_Machine(self.path.name.partition(".")[0], [self.path])]
        found = _in_folder(self.path, "") or self._of_months(self.path, "")
        if not found:
            folders = sorted(path for path in self.path.iterdir() if path.is_dir()) if self.path.is_dir() else []
            found = [machine for folder in folders for machine in self._of_months(folder, f"{folder.name}/")]
        if not found:
            raise UserError(f"{self.path}: has no 1.csv or 1.csv.gz or the like")
        return found

    def _of_months(self, trace: Path, prefix: str) -> list[_Machine]:
        """Find the machines of a folder of months."""
        found: dict[str, _Machine] = {}
        others = []
        for _, month in sorted((_month(path), path) for path in trace.iterdir()) if trace.is_dir() else ():
            machines = _in_folder(month, prefix)
            if machines and not _MONTH.fullmatch(month.name):
                others.append(month)
                continue
            for name, months in machines:
                found.setdefault(name, _Machine(name, [])).months.extend(months)
        if found:
            self._left_out += others
        return sorted(found.values(), key=lambda machine: int(machine.name.removeprefix(prefix)))

    @cached_property
    def _begins(self) -> list[tuple[float, int, _Machine]]:
        """When each machine comes, its place among the others, and it, in order; those that never came are last."""
        begins = []
        for place, machine in enumerate(self._machines):
            # What is wrong with rows is told when they are read for good.
            samples = _samples(machine.months, Rejects(OnBadRow.SKIP), Counter())
            begins.append((np.inf if samples is None else float(samples.at_s[0]), place, machine))
        return sorted(begins)


class _Machine(NamedTuple):
    """A virtual machine and its files, in order of time."""

    name: str
    months: list[Path]


def _in_folder(folder: Path, prefix: str) -> list[_Machine]:
    """Find the machines of one month."""
    found = sorted((int(match[1]), path) for match, path in _files(folder))
    for (number, path), (again, other) in pairwise(found):
        if number == again:
            raise UserError(f"{other}: its machine is in {path.name}, too")
    return [_Machine(f"{prefix}{number}", [path]) for number, path in found]


def _month(path: Path) -> tuple[int, int]:
    """Say which month a folder is, before all others if it is none."""
    match = _MONTH.fullmatch(path.name)
    return (int(match[1]), int(match[2])) if match else (0, 0)


class _Samples(NamedTuple):
    """What was measured of a machine from when it was first on to when it was last, each of shape (n,)."""

    at_s: FloatArray
    cores: FloatArray
    mhz: FloatArray
    mhz_used: FloatArray
    memory: FloatArray  # this and the others in bytes, and bytes per second
    memory_used: FloatArray
    read: FloatArray
    write: FloatArray
    net: FloatArray


def _files(folder: Path) -> Iterator[tuple[re.Match[str], Path]]:
    for path in folder.iterdir() if folder.is_dir() else ():
        if match := _FILE.fullmatch(path.name):
            yield match, path


def _samples(months: list[Path], rejects: Rejects, odd: Counter[str]) -> _Samples | None:
    """Read the samples of a machine, None where it was never on."""
    pieces = []
    latest = 0.0
    readers = (Reader(path, rejects, required=COLUMNS, numbers=COLUMNS, delimiter=";") for path in months)
    for batch in chain.from_iterable(reader.batches() for reader in readers):
        columns = [batch.number(name) for name in COLUMNS]
        for name, values in zip(COLUMNS, columns, strict=True):
            batch.mark(~((values >= 0) & (values < TOO_MUCH)), f"{name} must be 0 or more", values)
        at_s = columns[0].copy()
        at_s[list(batch.bad)] = 0.0
        before = np.maximum.accumulate(np.concatenate(([latest], at_s[:-1])))
        batch.mark(columns[0] < before, "sampled before the row above it", columns[0])
        good = batch.reject(rejects)
        if good.size:
            pieces.append(np.array([column[good] for column in columns]))
            latest = float(pieces[-1][0, -1])
    if not pieces:
        return None
    table = np.concatenate(pieces, axis=1)
    # Of several rows of one time that counts in which the machine has the most: some files mix in rows of zeros.
    table = table[:, np.lexsort((-table[2], table[0]))]
    again = np.concatenate(([False], np.diff(table[0]) == 0))
    odd["samples of a time that had one already, ignored"] += int(again.sum())
    table = table[:, ~again]
    on = (table[1] > 0) & (table[2] > 0)
    if not on.any():
        return None
    first, last = np.flatnonzero(on)[[0, -1]]
    odd["samples before a virtual machine was on or after it was off for good, left out"] += int(
        first + on.size - 1 - last
    )
    table, on = table[:, first : last + 1], on[first : last + 1]
    odd["samples while a virtual machine was off in between, it uses nothing then"] += int((~on).sum())
    odd["samples in which a virtual machine was off and yet used something, ignored"] += int(
        table[3:, ~on].any(0).sum()
    )
    table[1:, ~on] = 0.0
    at_s, cores, mhz, mhz_used, _, memory, memory_used, read, write, received, sent = table
    return _Samples(
        at_s, cores, mhz, mhz_used, memory * KB, memory_used * KB, read * KB, write * KB, (received + sent) * KB
    )  # fmt: skip


def _arrival(name: str, submit_s: float, samples: _Samples, odd: Counter[str]) -> Arrival:
    at_s, cores, mhz, mhz_used, memory, memory_used, read, write, net = samples
    lasts_s = np.append(np.diff(at_s), STEP_S)
    odd["gaps between samples of more than one and a half steps, bridged"] += int((lasts_s > 1.5 * STEP_S).sum())
    on = cores > 0
    with np.errstate(over="ignore"):
        used = np.divide(mhz_used * cores, mhz, out=np.zeros_like(mhz), where=on)
    used = np.minimum(used, TOO_MUCH / MILLI)
    asked = Resources(round(cores.max() * MILLI), round(memory.max()))
    sizes = np.unique(np.array([cores, memory])[:, on], axis=1).shape[1]
    odd["virtual machines that were resized, they ask for the most they ever had"] += sizes > 1
    odd["samples with more CPU in use than was asked for"] += int((used > asked.cpu_milli / MILLI).sum())
    odd["samples with more memory in use than was asked for"] += int((memory_used > asked.memory_bytes).sum())

    table = np.array([used, memory_used, read, write, net])
    starts = np.flatnonzero(np.concatenate(([True], (table[:, 1:] != table[:, :-1]).any(axis=0))))
    run_s = float(lasts_s.sum())
    shares = np.add.reduceat(lasts_s, starts) / run_s
    phases = tuple(
        Phase(share, Demand(cpu, working_set, reads, writes, net_bps=through))
        for share, cpu, working_set, reads, writes, through in zip(
            shares.tolist(), *table[:, starts].tolist(), strict=True
        )
    )
    job = Job(name, submit_s, "service", (Group(Task(asked), 1),))
    return Arrival(job, (run_s,), (phases,))


def looks_like(path: Path) -> bool:
    """Say whether a path is such a file, a folder of them, of months of them, or of traces of months."""
    if path.is_file():
        return _is_machine(path)
    files = (file for folder in _folders(path, 2) for _, file in islice(_files(folder), 1))
    return any(map(_is_machine, islice(files, 1)))


def _folders(path: Path, storeys: int) -> Iterator[Path]:
    """Give a folder and those in it, so many storeys down."""
    yield path
    for folder in sorted(path.iterdir()) if storeys and path.is_dir() else ():
        yield from _folders(folder, storeys - 1)


def _is_machine(file: Path) -> bool:
    row = next(iter(sniff.first_rows(file, 1, delimiter=";")), [])
    return [name.strip() for name in row] == list(COLUMNS)


READER = Bitbrains
