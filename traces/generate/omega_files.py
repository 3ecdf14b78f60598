"""The input files of the Omega paper's lightweight simulator: what ran at the beginning, and what jobs are drawn from.

As the README files of https://github.com/google/cluster-scheduler-simulator (``traces/``) describe them, columns with
blanks between them:

- the state of the cell (``*init-cluster-state*.log``), one row a job with 8 columns, ``11``, time, job, whether it is
  of production, scheduling class, containers, cores of all of them, bytes of all of them; and for each that ended one
  more row with 6 columns, ``12``, when it ended, job, production, class, and a number that means nothing;
- three distributions (``*interarrival*.log`` in seconds, ``*csizes*.log`` in containers, ``*runtimes*.log`` in
  seconds), one row a job that was seen: cluster, assignment policy, 0 for batch and 1 for service, the number.

Nobody recorded a list of jobs: it is drawn, each quantity from the numbers that were seen, independently of the others.
What a container asks for is drawn from the jobs of its class that ran at the beginning.

We draw the numbers as they are. The simulator keeps a thousand quantiles, between which it interpolates to numbers up
to three times as large, and multiplies requests by 0.7.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import ClassVar, NamedTuple

import numpy as np

from policies.arrays import FloatArray
from policies.errors import UserError
from policies.requests import Group, Job, Resources, Task
from traces.generate.drawing import Generated
from traces.generate.laws import Empirical
from traces.generate.spec import ClassSpec, WorkloadSpec
from traces.reading.blanks import single_blanks
from traces.reading.options import DEFAULT, ReadOptions
from traces.reading.rejects import OnBadRow, Rejects
from traces.reading.tables import Batch, Reader
from traces.trace import OPEN_ENDED, Arrival, Trace
from traces.units import EXACT, MILLI, thousandths

#: Seed of the jobs where they are read as if they had been recorded.
SEED = 1
#: How long jobs arrive: what the simulator runs for.
SPAN_S = 86_400.0

CELL = "state of the cell"
#: What the files are, and what their names have in them.
FILES = {CELL: "init-cluster-state", "interarrival_s": "interarrival", "tasks": "csizes", "duration_s": "runtimes"}

CELL_COLUMNS = ("event", "time", "job", "production", "scheduling class", "containers", "cores", "bytes")
COLUMNS = ("cluster", "assignment policy", "scheduler", "value")
CLASSES = ("batch", "service")

THERE, ENDED = 11, 12
#: Scheduling classes whose production jobs are services.
SERVICE_CLASSES = (2, 3)

_SIX_COLUMNS = re.compile(rb"^((?:[^ \n]+ ){5}[^ \n]+)$", re.MULTILINE)


class OmegaFiles(Trace):
    """A cell and jobs as the simulator's files have them.

    Parameters
    ----------
    path : Path
        The folder; the files may be in folders in it, gzipped or plain.
    rejects : Rejects
        Takes rows that cannot be used.
    seed : int
        Fixes the jobs.
    change : callable, optional
        Gives the workload that is drawn from what the files say.

    Notes
    -----
    Memory is that of the numbers in the files, not of the jobs that are drawn.
    """

    format: ClassVar[str] = "omega"
    dataset: ClassVar[str] = "input files of the Omega lightweight simulator"
    licence: ClassVar[str] = "3-clause BSD, as the simulator"
    credit: ClassVar[str] = (
        "https://github.com/google/cluster-scheduler-simulator; Schwarzkopf, Konwinski, Abd-El-Malek, Wilkes, Omega, "
        "EuroSys 2013"
    )

    def __init__(
        self,
        path: Path,
        rejects: Rejects,
        options: ReadOptions = DEFAULT,
        seed: int = SEED,
        change: Callable[[WorkloadSpec], WorkloadSpec] = lambda spec: spec,
    ) -> None:
        super().__init__(path, rejects, options)
        self._seed, self._change = seed, change
        self._drawn: Generated | None = None

    def arrivals(self) -> Iterator[Arrival]:
        """Yield jobs that are drawn, in order of submission."""
        self.rejects.begin()
        self.odd.clear()
        files = _files(self.path)
        cell = _cell(files[CELL], self.rejects)
        endless = sum(job.run_s == OPEN_ENDED for job in cell.jobs)
        self.odd["jobs at the beginning whose end is not there, they run without end"] = endless
        self.odd["ends of jobs that were not there at the beginning, ignored"] = cell.unknown
        spec = _spec(files, cell, self.rejects, self.path)
        self._drawn = Generated(self._change(spec), self._seed, Rejects())
        return self._drawn.arrivals()

    def prefill_anywhere(self) -> Iterator[Arrival]:
        """Yield what ran at the beginning."""
        # What is wrong with rows is told with the jobs.
        cell = _cell(_files(self.path)[CELL], Rejects(OnBadRow.SKIP))
        for job in cell.jobs:
            cpu_milli = int(thousandths(np.array([job.cores]))[0])
            group = Group(Task(Resources(cpu_milli, math.ceil(job.memory_bytes))), job.tasks)
            yield Arrival(Job(job.id, 0.0, job.workload, (group,)), (job.run_s,))

    def progress(self) -> float | None:
        """Say which share of the span has gone by."""
        return None if self._drawn is None else self._drawn.progress()

    def assumptions(self) -> list[str]:
        """Say what was drawn from what, and what the simulator does otherwise."""
        span_s = SPAN_S if self._drawn is None else self._drawn.spec.span_s
        return [
            f"jobs are drawn with seed {self._seed} from the numbers in the files, for {span_s:g} s; times between "
            "jobs, containers, run times and requests independently of each other",
            "what containers ask for is drawn from the jobs that ran at the beginning, of their class where there are "
            "such; the simulator takes 0.7 of it and leaves out what its machines cannot hold",
            "all that ran at the beginning is there, placed anywhere; the simulator stops at 60 % of its CPU",
            "a service is who is of production and of scheduling class 2 or 3",
            f"{MILLI:,} millicores are a core: less than one of them is one",
            "the machines are not in the files",
            *self.counted(),
        ]

    def files(self) -> list[Path]:
        """List the state of the cell and the three distributions."""
        return [*_files(self.path).values()]


class _Job(NamedTuple):
    """A job that ran at the beginning, and what each of its containers asks for."""

    id: str
    workload: str
    tasks: int
    cores: float
    memory_bytes: float
    run_s: float


class _Cell(NamedTuple):
    """What ran at the beginning, and how many others are said to have ended."""

    jobs: list[_Job]
    unknown: int


def found(path: Path) -> dict[str, list[Path]]:
    """Find the files of each kind by their names, in a folder or in the folders in it."""
    files = [file for pattern in ("*", "*/*") for file in path.glob(pattern)] if path.is_dir() else []
    named = re.compile(r".*\.log(\.gz)?")
    logs = sorted(file for file in files if named.fullmatch(file.name) and file.is_file())
    return {kind: [file for file in logs if part in file.name] for kind, part in FILES.items()}


def _files(path: Path) -> dict[str, Path]:
    one_each = {}
    for kind, files in found(path).items():
        if len(files) != 1:
            which = f": {files[0].name}, {files[1].name}" if files else f", the file of {kind.removesuffix('_s')}"
            raise UserError(f"{path}: has {'several' if files else 'no'} *{FILES[kind]}*.log{which}")
        one_each[kind] = files[0]
    return one_each


def _cell(file: Path, rejects: Rejects) -> _Cell:
    """Read what ran at the beginning."""
    there: dict[str, _Job] = {}
    ends_s: dict[str, float] = {}
    numbers = tuple(name for name in CELL_COLUMNS if name != "job")
    for batch in Reader(file, rejects, names=CELL_COLUMNS, numbers=numbers, delimiter=" ", rewrite=_padded).batches():
        event, at_s, production, kind = (
            batch.number(name) for name in ("event", *CELL_COLUMNS[1:2], *CELL_COLUMNS[3:5])
        )
        tasks, cores, memory = (batch.number(name, missing=0.0) for name in CELL_COLUMNS[5:])
        is_there = event == THERE
        batch.require("job")
        batch.mark(~(is_there | (event == ENDED)), f"event must be {THERE} or {ENDED}", event)
        batch.mark(~((at_s >= 0) & (at_s < EXACT)), "time must be 0 or more", at_s)
        batch.mark(~np.isin(production, (0, 1)), "production must be 0 or 1", production)
        batch.mark(~np.isin(kind, (0, 1, 2, 3)), "scheduling class must be 0, 1, 2 or 3", kind)
        whole = (tasks >= 1) & (tasks < 2**31) & (np.rint(tasks) == tasks)
        batch.mark(is_there & ~whole, "containers must be a whole number from 1", tasks)
        for name, values, most in (("cores", cores, EXACT / MILLI), ("bytes", memory, EXACT)):
            batch.mark(is_there & ~((values >= 0) & (values < most)), f"{name} must be 0 or more", values)
        names = batch.text("job")
        for row in is_there.nonzero()[0].tolist():
            if row in batch.bad:
                continue
            name, n = names[row], tasks[row]
            if name in there:
                batch.bad[row] = ("the job is there twice", name)
                continue
            workload = CLASSES[bool(production[row]) and kind[row] in SERVICE_CLASSES]
            there[name] = _Job(name, workload, int(n), float(cores[row] / n), float(memory[row] / n), OPEN_ENDED)
        for row in batch.reject(rejects).tolist():
            if not is_there[row]:
                ends_s[names[row]] = float(at_s[row])
    jobs = [job._replace(run_s=ends_s.get(name, OPEN_ENDED)) for name, job in there.items()]
    return _Cell(jobs, len(ends_s.keys() - there.keys()))


def _padded(lines: bytes) -> bytes:
    """Give rows of 6 columns two more."""
    return _SIX_COLUMNS.sub(rb"\1  ", single_blanks(lines))


def _spec(files: dict[str, Path], cell: _Cell, rejects: Rejects, path: Path) -> WorkloadSpec:
    """Make a workload of the distributions, and of what containers asked for that ran at the beginning."""
    seen = {kind: _distribution(files[kind], rejects, kind) for kind in FILES if kind != CELL}
    classes = []
    for workload, name in enumerate(CLASSES):
        values = {kind: tuple(by_class[workload].tolist()) for kind, by_class in seen.items()}
        if not any(values.values()):
            continue
        for kind, numbers in values.items():
            if not numbers:
                raise UserError(f"{files[kind]}: has no rows of {name} jobs, and others have")
        like = [job for job in cell.jobs if job.workload == name] or cell.jobs
        if not like:
            raise UserError(f"{files[CELL]}: no job is there at the beginning, which says what containers ask for")
        requests = {"cpus": [job.cores for job in like], "memory_bytes": [job.memory_bytes for job in like]}
        laws = {kind: Empirical(tuple(numbers)) for kind, numbers in (values | requests).items()}
        try:
            classes.append(ClassSpec(name, **laws))  # type: ignore[arg-type]
        except ValueError as error:
            raise UserError(f"{path}: {name}: {error}") from None
    if not classes:
        raise UserError(f"{path}: has no rows in its distributions")
    return WorkloadSpec(SPAN_S, tuple(classes))


def _distribution(file: Path, rejects: Rejects, kind: str) -> tuple[FloatArray, FloatArray]:
    """Read the numbers that were seen, of batch jobs and of services."""
    pieces: tuple[list[FloatArray], list[FloatArray]] = ([], [])
    whose: tuple[str, ...] | None = None
    reader = Reader(file, rejects, names=COLUMNS, numbers=COLUMNS[2:], delimiter=" ", rewrite=single_blanks)
    for batch in reader.batches():
        scheduler, values = batch.number("scheduler"), batch.number("value")
        batch.require("cluster", "assignment policy")
        batch.mark(~np.isin(scheduler, (0, 1)), "scheduler must be 0 (batch) or 1 (service)", scheduler)
        most = 2.0**31 if kind == "tasks" else float(EXACT)
        batch.mark(~((values >= 0) & (values < most)), "the number must be 0 or more, and not without bounds", values)
        whose = _mark_others(batch, whose)
        good = batch.reject(rejects)
        for of, numbers in enumerate(pieces):
            numbers.append(values[good][scheduler[good] == of])
    batch_jobs, services = (np.concatenate([*numbers, np.empty(0)]) for numbers in pieces)
    return batch_jobs, services


def _mark_others(batch: Batch, whose: tuple[str, ...] | None) -> tuple[str, ...] | None:
    """Mark rows of another cluster or policy than the first good one's, and give that."""
    for row, owner in enumerate(zip(batch.text("cluster"), batch.text("assignment policy"), strict=True)):
        if row in batch.bad:
            continue
        whose = whose or owner
        if owner != whose:
            batch.bad[row] = ("another cluster or assignment policy than the first row", " ".join(owner))
    return whose
