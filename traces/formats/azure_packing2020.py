"""Azure's trace for packing of 2020 (of the paper on Protean): requests for virtual machines in one zone, in SQLite.

The data base has two tables. ``vm`` has a row for each request: ``vmId, tenantId, vmTypeId, priority`` (0 high, 1 low),
``starttime`` and ``endtime`` in days since 14 days of collection began. ``vmType`` has a row for each machine type that
a type of virtual machine can be on: ``vmTypeId, machineId, core, memory, hdd, ssd, nic``, shares of one machine of that
type. Both are as the publisher's page says; which type a column has in the data base it does not say, so numbers that
are text are read, too.

What a virtual machine asks for
-------------------------------
How large the types of machines are is secret, and so is how many of each there were. We have one ledger, so all
requests are written as shares of one machine type, the one that most types of virtual machines can be on (at a tie the
lowest): the reference machine. A type that cannot be on it is converted by way of a machine type that it can be on: how
much larger than the reference that is, is the median of what types ask for that can be on both, for cores and memory
each by itself. Which machine types somebody may be on is not kept: anything may go anywhere it fits.
"""

from __future__ import annotations

import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import closing, contextmanager
from math import isfinite
from pathlib import Path
from statistics import median
from typing import Any, ClassVar, NamedTuple

import numpy as np
import pyarrow as pa

from policies.arrays import BoolArray
from policies.errors import UserError
from traces.reading import jobs
from traces.reading.arrays import arrow_of
from traces.reading.options import DEFAULT, ReadOptions
from traces.reading.reference import UNIT
from traces.reading.rejects import Rejects
from traces.reading.tables import GZIP_MAGIC, ZIP_MAGIC, Batch
from traces.trace import OPEN_ENDED, Arrival, Trace
from traces.units import EXACT, MILLI, thousandths

DAY_S = 86_400.0

#: When the recording ends, in days: later ends are not told.
END_DAYS = 90.0

MAGIC = b"SQLite format 3\0"

VM = ("vmId", "tenantId", "vmTypeId", "priority", "starttime", "endtime")
VM_TYPE = ("vmTypeId", "machineId", "core", "memory")
#: The column of what SQLite sorts requests by.
SORTED_BY = "starttime as SQLite reads it"

#: How many rows are taken from the data base at a time.
AT_ONCE = 2**14


class AzurePacking2020(Trace):
    """The data base, or a folder with nothing else that is called ``*.sqlite`` or ``*.db``.

    A virtual machine is a job of one container, of the class service if its priority is high, else batch. It runs for
    as long as it was there; what was there before the collection began is submitted at time 0 with what is left.

    Parameters
    ----------
    path : Path
        The data base; it is only read.
    rejects : Rejects
        What to do with rows of either table that cannot be used; they are named by their rowids.
    options : ReadOptions
        Its ``reference`` is the machine that amounts are shares of.

    Notes
    -----
    SQLite sorts on disk; the types are kept in memory.
    """

    format: ClassVar[str] = "azure_packing2020"
    dataset: ClassVar[str] = "Azure trace for packing 2020 (AzurePackingTraceV1): 14 days of requests in one zone"
    licence: ClassVar[str] = "CC-BY 4.0 (Azure/AzurePublicDataset)"
    credit: ClassVar[str] = (
        "Microsoft Azure; Hadary et al., Protean: VM Allocation Service at Scale, OSDI 2020, "
        "https://github.com/Azure/AzurePublicDataset"
    )

    def __init__(self, path: Path, rejects: Rejects, options: ReadOptions = DEFAULT) -> None:
        super().__init__(path, rejects, options)
        self._reference = options.reference or UNIT
        self._machine = ""  # the reference machine among the machine types, once it is known
        self._share = 0.0

    def arrivals(self) -> Iterator[Arrival]:
        """Yield the virtual machines in order of their start times, at one time as they stand in the data base."""
        self.rejects.begin()
        self.odd.clear()
        return jobs.arrivals(self._blocks())

    def progress(self) -> float:
        """Say which share of the rows was read."""
        return self._share

    def end_s(self) -> float:
        """Give the time beyond which no end is told."""
        return END_DAYS * DAY_S

    def assumptions(self) -> list[str]:
        """List units, what is left out, and how often the recording was odd."""
        return [
            self._reference.note(),
            f"all requests are shares of a machine of type {self._machine}" if self._machine else
            "all requests are shares of a machine of the type that most types of virtual machines can be on",
            "which types of machines a virtual machine can be on is not used, nor are hdd, ssd and nic",
            "times are days since the collection began; an end is told for the first 90 days",
            "priority 0 (high) is priority 1 and the class service, 1 (low) is priority 0 and the class batch",
            "the user is the tenant",
            "virtual machines of low priority may have been evicted: they run for as long as they did",
            "there are no hosts, and what virtual machines used was not recorded: as much as they ask for",
            *self.counted(),
        ]  # fmt: skip

    def files(self) -> list[Path]:
        """Give the data base."""
        return [_data_base(self.path)]

    def _blocks(self) -> Iterator[pa.RecordBatch]:
        path = _data_base(self.path)
        with _opened(path) as base:
            types = _types(path, base, self.rejects, self.odd)
            self._machine = types.machine
            [(count,)] = base.execute("SELECT count(*) FROM vm")
            # A number that is text would be sorted as text.
            wanted = f"SELECT rowid, {', '.join(VM)}, CAST(starttime AS REAL) FROM vm ORDER BY 8, rowid"
            rows = base.execute(wanted)
            done = 0
            while some := rows.fetchmany(AT_ONCE):
                yield self._block(_batch(path, some), types)
                done += len(some)
                self._share = done / max(count, 1)

    def _block(self, batch: Batch, types: _Types) -> pa.RecordBatch:
        self.rejects.read += len(batch)
        # Without an end is who has none, not whose end is no number.
        start, end = batch.number("starttime"), batch.number("endtime", missing=np.inf)
        sorted_by = batch.number(SORTED_BY)
        priority = batch.number("priority")
        no_end = np.array(batch.columns["endtime"].is_null().to_pylist(), dtype=bool)
        names, tenants, kinds = batch.column("vmId"), batch.column("tenantId"), batch.text("vmTypeId")
        needs = np.array([types.needs.get(kind, (np.nan, np.nan)) for kind in kinds], dtype=np.float64).reshape(-1, 2)
        batch.require("vmId", "vmTypeId")
        batch.mark(~np.isfinite(start) | (np.abs(start) > EXACT), "starttime must be a number of days", start)
        batch.mark(~np.isclose(start, sorted_by, rtol=1e-12, atol=0.0), "SQLite reads another starttime", start)
        batch.mark(~(no_end | (np.isfinite(end) & (end < EXACT))), "endtime must be a number of days, or NULL", end)
        batch.mark(~(end >= np.maximum(start, 0.0)), "endtime must not be before starttime, nor before 0", end)
        batch.mark(~((priority == 0) | (priority == 1)), "priority must be 0 (high) or 1 (low)", priority)
        batch.mark(np.isnan(needs[:, 0]), "vmTypeId has no row in vmType", kinds)
        most = EXACT / (self._reference.cores * MILLI), EXACT / self._reference.memory_bytes
        large: BoolArray = np.logical_or.reduce(needs >= most, axis=1)
        batch.mark(large, "its type asks for more than any machine has", kinds)
        good = batch.reject(self.rejects)

        before = start[good] < 0
        self.odd["virtual machines from before the collection, submitted at time 0 with what is left"] += int(
            before.sum()
        )
        self.odd["virtual machines that were still there after 90 days, how long they run is not known"] += int(
            no_end[good].sum()
        )
        elsewhere = [kinds[row] in types.converted for row in good.tolist()]
        self.odd["virtual machines that cannot be on the reference machine, converted"] += sum(elsewhere)
        as_is = [kinds[row] in types.alone for row in good.tolist()]
        self.odd[
            "virtual machines of which no type can be on the reference machine, taken for shares of it all the same"
        ] += sum(as_is)
        # As SQLite reads it, which may differ in the last digit where it is a text, and has sorted by.
        submit, high = np.maximum(sorted_by[good], 0.0), priority[good] == 0
        rows = arrow_of(good)
        return jobs.block(
            good.size,
            submit_s=submit * DAY_S,
            job=names.take(rows),
            user=tenants.take(rows),
            workload=["service" if one else "batch" for one in high.tolist()],
            priority=high.astype(np.int64),
            duration_s=np.where(no_end[good], OPEN_ENDED, np.maximum(end[good] - submit, 0.0) * DAY_S),
            cpu_milli=thousandths(needs[good, 0] * self._reference.cores),
            memory_bytes=np.rint(needs[good, 1] * self._reference.memory_bytes),
        )


class _Types(NamedTuple):
    """The types of virtual machines.

    Attributes
    ----------
    machine : str
        The reference machine.
    needs : dict of str to (float, float)
        What each asks for of it: cores and memory.
    converted, alone : set of str
        Those that cannot be on it, and are converted; and those that no other type connects with it, which are not.
    """

    machine: str
    needs: dict[str, tuple[float, float]]
    converted: set[str]
    alone: set[str]


def _types(path: Path, base: sqlite3.Connection, rejects: Rejects, odd: Counter[str]) -> _Types:
    """Read the types, and choose the reference machine."""
    machines: dict[str, dict[str, tuple[float, float]]] = defaultdict(dict)  # of each, the types that can be on it
    for rowid, kind, machine, *amounts in base.execute(
        f"SELECT rowid, {', '.join(VM_TYPE)} FROM vmType ORDER BY rowid"
    ):
        rejects.read += 1
        core, memory = map(_amount, amounts)
        if core < 0 or memory < 0 or kind is None or machine is None:
            text = ", ".join(map(str, (kind, machine, *amounts)))
            reason = "a row of vmType has a type, a machine, and shares of its core and memory, 0 or more"
            rejects.reject(path, rowid or 0, reason, text)
            continue
        rejects.accepted += 1
        kinds = machines[_text(machine)]
        odd["types that are there twice for one type of machine, the first counts"] += _text(kind) in kinds
        odd["types that ask for more than a whole machine"] += max(core, memory) > 1
        kinds.setdefault(_text(kind), (core, memory))
    if not machines:
        return _Types("", {}, set(), set())
    reference = min(machines, key=lambda name: (-len(machines[name]), _in_order(name)))
    types = _Types(reference, dict(machines[reference]), set(), set())
    # How much larger than the reference machine others are, for cores and memory.
    ratios = {name: _larger(kinds, machines[reference]) for name, kinds in machines.items()}
    for name in sorted(machines, key=lambda name: (ratios[name] is None, -len(machines[name]), _in_order(name))):
        ratio = ratios[name]
        for kind, (core, memory) in machines[name].items():
            if kind not in types.needs:
                types.needs[kind] = (core, memory) if ratio is None else (core * ratio[0], memory * ratio[1])
                (types.alone if ratio is None else types.converted).add(kind)
    return types


def _larger(
    kinds: dict[str, tuple[float, float]], reference: dict[str, tuple[float, float]]
) -> tuple[float, float] | None:
    """Say how many reference machines one machine is, for cores and memory; None if no type can be on both."""
    both = [(reference[kind], need) for kind, need in kinds.items() if kind in reference]
    found = [
        [there[axis] / here[axis] for there, here in both if here[axis] > 0 and there[axis] > 0] for axis in (0, 1)
    ]
    return (median(found[0]), median(found[1])) if all(found) else None


def _in_order(name: str) -> tuple[int, str]:
    """Make a key by which 2 comes before 10."""
    return len(name), name


def _amount(value: Any) -> float:
    try:
        amount = float(value)
    except (TypeError, ValueError, OverflowError):
        return -1.0
    return amount if isfinite(amount) else -1.0


def _text(value: Any) -> str:
    return value.decode(errors="backslashreplace") if isinstance(value, bytes) else str(value)


def _batch(path: Path, rows: list[tuple[Any, ...]]) -> Batch:
    rowids, *values = zip(*rows, strict=True)
    columns = {name: _column(column, name in VM[:3]) for name, column in zip((*VM, SORTED_BY), values, strict=True)}
    return Batch(path, columns, np.array([rowid or 0 for rowid in rowids], dtype=np.int64))  # a view has none


def _column(values: tuple[Any, ...], text: bool) -> pa.Array:
    """Make texts or numbers of what a column has, whatever types it has; numbers that are none become texts."""
    if not text:
        try:
            return pa.array(values, pa.float64())
        except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
            pass
    return pa.array([None if value is None or value == "" else _text(value) for value in values], pa.string())


def _data_base(path: Path) -> Path:
    if not path.is_dir():
        return path
    found = sorted(file for file in path.iterdir() if file.suffix in (".sqlite", ".sqlite3", ".db"))
    if len(found) != 1:
        raise UserError(f"{path}: has {len(found)} files called *.sqlite or *.db instead of one")
    return found[0]


def _begin(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(len(MAGIC))
    except OSError:
        return b""  # SQLite says what is wrong


@contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a data base to read it only, and say in one line what is wrong with it."""
    if _begin(path).startswith((GZIP_MAGIC, ZIP_MAGIC)):
        raise UserError(f"{path}: is packed: unpack it first (unzip, gunzip)")
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as base:
            base.text_factory = lambda data: data.decode(errors="backslashreplace")
            for table, columns in (("vm", VM), ("vmType", VM_TYPE)):
                there = {name.lower() for _, name, *_ in base.execute(f"PRAGMA table_info({table})")}
                if not there:
                    raise UserError(f"{path}: has no table {table}")
                # SQLite does not tell capital letters from others in names, and takes a name that it does not know
                # for a text in some places.
                for name in columns:
                    if name.lower() not in there:
                        raise UserError(f"{path}: table {table} has no column {name}")
            yield base
    except (sqlite3.Error, MemoryError) as error:  # what a damaged file says of its sizes may be anything
        told = str(error).splitlines()
        raise UserError(f"{path}: {told[0] if told else 'damaged'}") from None


def looks_like(path: Path) -> bool:
    """Say whether a path is a data base with the two tables, or a folder with one."""
    try:
        file = _data_base(path)
        if _begin(file) != MAGIC:
            return False
        with _opened(file):
            return True
    except UserError:
        return False


READER = AzurePacking2020
