"""Reader of the Standard Workload Format (SWF 2.2): logs of parallel machines, as the Parallel Workloads Archive has.

A log is one text file: header comments that begin with ``;``, then one line a job of 18 fields with blanks between
them, -1 where something is not known (https://www.cs.huji.ac.il/labs/parallel/workload/swf.html).

How a line becomes a job
------------------------
- N processors are N containers of one core: a processor is not a node, and the format does not say which processors of
  a job shared one. The allocated number counts, or the requested one where that is not known. All of them start
  together only under ``--commit gang``.
- A container asks for the requested memory of a processor, or for what was used, or for `UNKNOWN_MEMORY_BYTES`.
- It runs for the run time. Where that is not known it is the CPU time, if there is one; otherwise 0 for a job that
  failed or was cancelled, taken to have been so before it began; otherwise it never ends.
- It uses the average CPU time of a processor, over the run time, and the used memory, where there are any.
- Lines of status 2, 3 and 4 tell of parts of a job that was interrupted; the job has a line of its own beside them.
- A job whose preceding job stands above it comes after that one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import numpy as np
import pyarrow as pa

from policies.arrays import BoolArray, FloatArray, IntArray
from policies.errors import UserError
from traces.hosts import Hosts, range_names, sizes
from traces.reading import jobs, sniff
from traces.reading.arrays import arrow_of, numpy_of
from traces.reading.blanks import single_blanks
from traces.reading.late import Window
from traces.reading.options import DEFAULT, ReadOptions
from traces.reading.rejects import OnBadRow, Rejects
from traces.reading.tables import Batch, Reader
from traces.trace import OPEN_ENDED, Arrival, Trace
from traces.units import EXACT, MILLI

FIELDS = (
    "job number", "submit time", "wait time", "run time", "allocated processors", "average CPU time", "used memory",
    "requested processors", "requested time", "requested memory", "status", "user", "group", "executable", "queue",
    "partition", "preceding job", "think time",
)  # fmt: skip
#: Fields that are read as numbers; the user is a name, and of the others nothing is used.
NUMBERS = (*FIELDS[:2], *FIELDS[3:11], "preceding job")

#: What stands for a number that nobody knows.
UNKNOWN = -1.0
FAILED, CANCELLED = 0, 5
#: Status of a line that tells of a part of a job.
PARTIAL = (2, 3, 4)

#: The format's kilobyte.
KB = 1024
#: What a processor's container asks for where the line says neither what was requested nor what was used.
UNKNOWN_MEMORY_BYTES = 2**30

#: How many rows a row may be late by.
WINDOW_ROWS = 2**15

#: More nodes, or processors of one, than this are a slip of the pen.
MOST_NODES, MOST_PROCESSORS = 2**20, 2**31
#: Memory of a host is at most this, so that sums over hosts stay within 64 bits.
MOST_HOST_MEMORY_BYTES = 2**42

_HEADER = re.compile(r";\s*([A-Za-z]+):\s*(.*?)\s*")
_BLANK_ROW = b" " * (len(FIELDS) - 1)


class Swf(Trace):
    """A log in the Standard Workload Format, gzipped or plain; or a folder with one log in it.

    Lines stand in order of submission, or nearly: what comes late by no more than `WINDOW_ROWS` lines is put where it
    belongs.

    Notes
    -----
    Memory does not grow with the log, but for eight bytes a job where jobs have preceding jobs.
    """

    format: ClassVar[str] = "swf"
    dataset: ClassVar[str] = "a log of the Parallel Workloads Archive, Standard Workload Format"
    licence: ClassVar[str] = "no formal licence: the archive makes its logs freely available to researchers"
    credit: ClassVar[str] = (
        "Parallel Workloads Archive, https://www.cs.huji.ac.il/labs/parallel/workload/, and whom the log's header "
        "acknowledges"
    )

    def __init__(self, path: Path, rejects: Rejects, options: ReadOptions = DEFAULT) -> None:
        super().__init__(sniff.the_one(path, looks_like, "log in the Standard Workload Format"), rejects, options)
        self._reader = _reader(self.path, rejects)
        self._window = Window("submit_s", WINDOW_ROWS)
        self._above: _Numbers | None = None  # of jobs; not kept before some job has a preceding one
        self._lines = 0
        self._largest_bytes = 0.0  # memory that a processor was asked for

    def arrivals(self) -> Iterator[Arrival]:
        """Yield the jobs in order of submission."""
        self.rejects.begin()
        self.odd.clear()
        self._window = Window("submit_s", WINDOW_ROWS)
        return jobs.arrivals(self._window.sorted(self._blocks()))

    def progress(self) -> float:
        """Say which share of the file was read."""
        return self._reader.progress()

    def hosts(self) -> Hosts | None:
        """Give the nodes that the header speaks of; None where it does not.

        ``MaxProcs`` processors stand in ``MaxNodes`` nodes, as evenly as can be; where only one of them is said, a node
        has one processor. The format does not say how much memory a node has: for each processor it is taken to have
        the most that any job asks for, for which the log is read once more.
        """
        header = _header(self.path)
        nodes, processors = _count(header, "MaxNodes", self.path), _count(header, "MaxProcs", self.path)
        nodes, processors = nodes or processors, max(processors or 0, nodes or 0)
        if not nodes:
            return None
        if nodes > MOST_NODES or processors > MOST_PROCESSORS:
            raise UserError(f"{self.path}: its header speaks of more nodes or processors than any machine has")
        before = Swf(self.path, Rejects(OnBadRow.SKIP))
        for _ in before._blocks():
            pass
        cores = np.full(nodes, processors // nodes, dtype=np.float64)
        cores[: processors % nodes] += 1
        memory_bytes = np.minimum(cores * before._largest_bytes, MOST_HOST_MEMORY_BYTES)
        return Hosts(range_names(nodes), sizes(cores * MILLI, memory_bytes), np.ones(nodes, dtype=bool))

    def assumptions(self) -> list[str]:
        """List what the log says of itself, units, what is not known or not used, and how often it was odd."""
        header = _header(self.path)
        said = [f"{name}: {header[name]}" for name in ("Computer", "Installation", "Acknowledge") if header.get(name)]
        late = self._window.late
        return [
            *([f"the header says {'; '.join(said)}"] if said else ()),
            *self._shortened(header),
            "a job of N processors is N containers of one core, the allocated number or else the requested one; all of "
            "them start together only under --commit gang",
            f"memory is that of a processor, a KB is {KB:,} bytes",
            "--hosts trace: MaxProcs of the header in MaxNodes nodes; the format does not say how much memory these "
            "have, for each processor it is the most that any job asks for",
            "wait times, groups, executables, queues, partitions and think times after a preceding job are not used; "
            "the log's end is that of its last job",
            *self.counted(),
            *([f"{self.path}: rows that came late, put in order: {late:,}"] if late else ()),
        ]

    def _shortened(self, header: dict[str, str]) -> Iterator[str]:
        """Say if there are fewer jobs than the header speaks of: the head of a log keeps the header of the whole."""
        said = re.match(r"\d{1,18}", header.get("MaxRecords") or header.get("MaxJobs", ""))
        if said and self._lines and int(said[0]) != self._lines:
            yield f"the header speaks of {int(said[0]):,} jobs, and there are {self._lines:,} lines"

    def _blocks(self, batches: int | None = None) -> Iterator[pa.RecordBatch]:
        """Yield the jobs that can be used, of the first so many batches or of all."""
        latest, self._above, self._lines = 0.0, None, 0
        for number, batch in enumerate(self._reader.batches()):
            if number == batches:
                return
            if self._above is None and (batch.number("preceding job", missing=UNKNOWN) > 0).any():
                self._above = _Numbers()
                for rows in Swf(self.path, Rejects(OnBadRow.SKIP))._blocks(number):
                    self._above.add(numpy_of(rows["job"].cast(pa.int64())))
            rows, latest = self._checked(batch, latest)
            self._lines += len(batch)
            yield rows

    def _checked(self, batch: Batch, latest: float) -> tuple[pa.RecordBatch, float]:
        """Give the jobs that can be used, and the latest time of submission up to here."""
        columns = {name: batch.number(name) for name in NUMBERS}
        number, submit_s, status = columns["job number"], columns["submit time"], columns["status"]
        partial = np.isin(status, PARTIAL)
        for name, values in columns.items():
            known = (values >= 0) & (values < EXACT)
            batch.mark(~(known | (values == UNKNOWN)), f"{name} must be 0 or more, or -1 for unknown", values)
        batch.mark(~((number >= 0) & (np.rint(number) == number)), "job number must be a whole number", number)
        batch.mark(~(partial | (submit_s >= 0)), "submit time must be 0 or more", submit_s)
        for name in ("allocated processors", "requested processors"):
            values = columns[name]
            fine = (np.rint(values) == values) & (values < 2**31)
            batch.mark(~fine, f"{name} must be a whole number, and no more than any machine has", values)
        for name in ("used memory", "requested memory"):
            batch.mark(columns[name] * KB >= EXACT, f"{name} is more than any machine has", columns[name])
        batch.mark(
            ~partial & (submit_s < self._window.handed_on),
            "submitted before rows that stand too far above it",
            submit_s,
        )
        user = batch.column("user")
        # Last, since a row that is put aside says nothing about the order of the others.
        good = batch.good()
        is_job = good & ~partial
        in_order = np.where(is_job, submit_s, 0.0)
        top = np.maximum.accumulate(np.concatenate(([latest], in_order)))
        after = self._after(columns["preceding job"], number, is_job, late=submit_s < top[:-1])
        self.odd["lines of parts of jobs (status 2, 3, 4), left out: their jobs have lines of their own"] += int(
            (good & partial).sum()
        )
        batch.reject(self.rejects)
        return self._block({name: values[is_job] for name, values in columns.items()},
                           user.filter(arrow_of(is_job)), after.filter(arrow_of(is_job))), float(top[-1])  # fmt: skip

    def _block(self, columns: dict[str, FloatArray], user: pa.Array, after: pa.Array) -> pa.RecordBatch:
        """Make jobs of the lines that are jobs."""
        import pyarrow.compute as pc  # which the conversion of numbers has imported anyway

        processors = self._processors(columns["allocated processors"], columns["requested processors"])
        cpu_s, status = columns["average CPU time"], columns["status"]
        run_s = self._run_s(columns["run time"], cpu_s, status)
        asked, used = columns["requested memory"], columns["used memory"]
        neither = (asked <= 0) & (used <= 0)
        request = np.ceil(np.where(asked > 0, asked, used) * KB)
        request[neither] = UNKNOWN_MEMORY_BYTES
        self._largest_bytes = max(self._largest_bytes, float(request.max(initial=0.0)))
        estimate_s = columns["requested time"]
        with np.errstate(over="ignore"):
            cores = np.divide(cpu_s, run_s, out=np.zeros_like(run_s), where=(cpu_s > 0) & (run_s > 0))
        measured = (cpu_s > 0) & (run_s > 0) & (run_s < OPEN_ENDED)
        for text, which in (
            ("jobs whose line does not say how much memory they asked for, they ask for what they used",
             (asked <= 0) & (used > 0)),
            (f"jobs whose line says nothing of memory, their containers ask for {UNKNOWN_MEMORY_BYTES >> 30} GiB each",
             neither),
            ("jobs that used more memory than they asked for", (asked > 0) & (used > asked)),
            ("jobs with more CPU time of a processor than they ran, which is all of it", cores > 1),
            ("jobs that ran for longer than they asked for", (estimate_s > 0) & (run_s > estimate_s)),
            ("jobs that ran for no time", run_s == 0),
        ):  # fmt: skip
            self.odd[text] += int(which.sum())
        return jobs.block(
            run_s.size, submit_s=columns["submit time"], job=_digits(columns["job number"]), tasks=processors,
            duration_s=run_s, cpu_milli=MILLI, memory_bytes=request,
            user=pc.if_else(pc.equal(user, "-1"), "", user),
            estimate_s=np.where(estimate_s > 0, estimate_s, np.nan),
            # Who uses memory that was measured uses a whole core, if nobody measured that.
            cpu_cores=np.where(measured, np.minimum(cores, 1.0), np.where(used > 0, 1.0, np.nan)),
            used_memory_bytes=np.where(used > 0, used * KB, request), after=after,
        )  # fmt: skip

    def _processors(self, allocated: FloatArray, requested: FloatArray) -> FloatArray:
        processors = np.where(allocated > 0, allocated, requested)
        nobody = processors <= 0
        self.odd["jobs that had another number of processors than they asked for"] += int(
            ((allocated > 0) & (requested > 0) & (allocated != requested)).sum()
        )
        self.odd["jobs that had no processors, as many as they asked for"] += int(
            ((allocated <= 0) & (requested > 0)).sum()
        )
        self.odd["jobs of which nobody said how many processors, taken as 1"] += int(nobody.sum())
        return np.where(nobody, 1.0, processors)

    def _run_s(self, run_s: FloatArray, cpu_s: FloatArray, status: FloatArray) -> FloatArray:
        unknown = run_s == UNKNOWN
        by_cpu = unknown & (cpu_s > 0)
        never_began = unknown & ~by_cpu & np.isin(status, (FAILED, CANCELLED))
        endless = unknown & ~by_cpu & ~never_began
        self.odd["jobs whose run time is not known, their CPU time"] += int(by_cpu.sum())
        self.odd["jobs that failed or were cancelled before they began, they run for 0 s"] += int(never_began.sum())
        self.odd["jobs whose run time is not known, nor their CPU time, they run without end"] += int(endless.sum())
        return np.select([by_cpu, never_began, endless], [cpu_s, 0.0, OPEN_ENDED], run_s)

    def _after(self, preceding: FloatArray, number: FloatArray, is_job: BoolArray, late: BoolArray) -> pa.Array:
        """Give the preceding job of each, as text, where it is there."""
        import pyarrow.compute as pc

        if self._above is None:
            return pc.if_else(arrow_of(np.zeros(number.size, dtype=bool)), "", "")
        wanted = is_job & (preceding > 0)
        rows = is_job.nonzero()[0]
        there, first = np.unique(number[rows], return_index=True)
        wants = np.where(wanted, preceding, UNKNOWN)
        above = self._above.has(wants)
        if there.size:
            place = np.minimum(there.searchsorted(wants), there.size - 1)
            above |= (there[place] == wants) & (rows[first[place]] < np.arange(number.size))
        self._above.add(there.astype(np.int64))
        self.odd["jobs whose preceding job does not stand above them, they come after nobody"] += int(
            (wanted & ~(above & ~late)).sum()
        )
        return pc.if_else(arrow_of(wanted & above & ~late), _digits(np.where(wanted, preceding, 0.0)), "")


class _Numbers:
    """A set of whole numbers that only grows."""

    def __init__(self) -> None:
        self._parts: list[IntArray] = []  # each sorted, each at least twice as long as the next

    def add(self, numbers: IntArray) -> None:
        """Add numbers."""
        part = np.unique(numbers)
        while self._parts and self._parts[-1].size < 2 * part.size:
            part = np.union1d(self._parts.pop(), part)
        self._parts.append(part)

    def has(self, numbers: FloatArray) -> BoolArray:
        """Say of each number whether it was added."""
        found = np.zeros(numbers.size, dtype=bool)
        for part in self._parts:
            if part.size:
                found |= part[np.minimum(part.searchsorted(numbers), part.size - 1)] == numbers
        return found


def _digits(numbers: FloatArray) -> pa.Array:
    """Write whole numbers."""
    return arrow_of(numbers.astype(np.int64)).cast(pa.string())


def _reader(path: Path, rejects: Rejects) -> Reader:
    return Reader(path, rejects, names=FIELDS, numbers=NUMBERS, delimiter=" ", rewrite=_rows)


def _rows(lines: bytes) -> bytes:
    """Make rows with single blanks of lines, and blank rows of comments and empty lines."""
    rows = single_blanks(lines)
    if b";" not in rows and b"\n\n" not in rows and not rows.startswith(b"\n"):
        return rows
    ended = rows.endswith(b"\n")
    each = rows.removesuffix(b"\n").split(b"\n")
    return b"\n".join(_BLANK_ROW if not row or row.startswith(b";") else row for row in each) + b"\n" * ended


def _header(path: Path) -> dict[str, str]:
    """Read the header comments: ``; Name: value``, the first of each name."""
    header: dict[str, str] = {}
    for line in sniff.head(path).splitlines():
        if not line.lstrip().startswith(";"):
            if line.strip():
                break
            continue
        if match := _HEADER.fullmatch(line.strip()):
            header.setdefault(match[1], match[2])
    return header


def _count(header: dict[str, str], name: str, path: Path) -> int | None:
    """Give a number of the header; of one with the numbers of each partition behind it, that of all."""
    if name not in header:
        return None
    match = re.match(r"\d{1,18}(?!\d)", header[name])
    if match is None:
        raise UserError(f"{path}: {name} of the header is not a number: {header[name][:100]!r}")
    return int(match[0])


def looks_like(path: Path) -> bool:
    """Say whether a file has lines of 18 numbers with blanks between them, or a folder such files."""
    if path.is_dir():
        return any(looks_like(file) for file in sorted(path.iterdir()) if file.is_file())
    *lines, _ = [*sniff.head(path).splitlines(), ""]
    rows = [line.split() for line in lines if line.strip() and not line.lstrip().startswith(";")][:20]
    return bool(rows) and all(len(row) == len(FIELDS) and _is_number(row[0]) and _is_number(row[1]) for row in rows[:3])


def _is_number(text: str) -> bool:
    return re.fullmatch(r"-?\d{1,18}(\.\d*)?", text) is not None


READER = Swf
