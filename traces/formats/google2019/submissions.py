"""Jobs, from lives that were submitted together, and what runs already when the trace begins."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

import numpy as np
import pyarrow as pa

from policies.requests import Constraint, Demand, Group, Job, Resources, Task
from traces.formats.google2019.collections import Collections
from traces.formats.google2019.lives import Columns, as_batch
from traces.formats.google2019.tables import NONE, SECOND_US, changes
from traces.reading.arrays import numpy_of
from traces.trace import Arrival, Behaviour, Recorded, RunTime, steady
from traces.units import MILLI

#: Priorities from here on are the production tier (120 to 359) and monitoring (from 360 on): what we call a service.
#: Below are the free tier (to 99), best-effort batch (100 to 115) and mid (116 to 119); Wilkes et al., "Google
#: cluster-usage traces v3", 2020, and Tirmazi et al., "Borg: the next generation", EuroSys 2020.
SERVICE_PRIORITY = 120

#: Containers of one collection that are submitted at most this long after one another are one submission.
TOGETHER_US = 1_000_000

#: Lives in this order are those of each collection together, what runs at time 0 first, then as they were submitted.
BY_COLLECTION = ("job", "waits", "again", "submit", "index")

#: What makes containers unlike.
_KEYS = ("cpu", "memory", "priority", "wants", "used_cpu", "used_memory")
#: Lives in this order are submissions in order of time, and equal containers together.
BY_SUBMISSION = ("head", "job", "again", *_KEYS, "index")
_KEPT = (*BY_SUBMISSION, "run_s", "user", "apart", "resubmission")


class Submissions:
    """Finds out which lives were submitted together.

    Parameters
    ----------
    collections : Collections
        What was said of them as a whole.
    odd : Counter of str
        What is odd, and how often.

    Attributes
    ----------
    running : list of dict of str to ndarray
        Lives that run at time 0, put aside; complete when all others were given.
    count : int
        How many others there are.

    Notes
    -----
    Memory is that of a block of lives, and of what runs at time 0.
    """

    def __init__(self, collections: Collections, odd: Counter[str]) -> None:
        self._collections, self._odd = collections, odd
        self.running: list[Columns] = []
        self.count = 0

    def found(self, lives: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Give lives, which come in the order `BY_COLLECTION`, what is said of the submission that they are part of."""
        last_job, last_again, last_submit, head, again = -1, -1, 0, 0, 0
        ran = -1  # the last collection of which something runs at time 0
        early_us, early = 0, 0
        for block in lives:
            if not block.num_rows:
                continue
            columns = {name: numpy_of(block[name]) for name in block.schema.names}
            said = self._collections.of(columns["job"])
            columns |= {"user": said.user, "apart": said.apart.astype(np.int64)}
            waits = columns["waits"] > 0
            if not waits.all():
                self.running.append({name: column[~waits] for name, column in columns.items()})
                columns = {name: column[waits] for name, column in columns.items()}
            running = np.append(self.running[-1]["job"] if not waits.all() else [], ran).astype(np.int64)
            ran = int(running.max())
            job, submit = columns["job"], columns["submit"]
            if not job.size:
                continue
            new_job = changes(job)
            new_job[0] = job[0] != last_job
            begins = new_job | changes(columns["again"])
            begins[0] = new_job[0] or columns["again"][0] != last_again
            begins |= np.diff(submit, prepend=last_submit) > TOGETHER_US
            number = np.cumsum(begins)
            columns["head"] = np.concatenate(([head], submit[begins]))[number]
            # A job stands with its first submission first, unless it runs at time 0.
            repeated = (~new_job | np.isin(job, running)).astype(np.int64)
            columns["resubmission"] = np.concatenate(([again], repeated[begins]))[number]
            last_job, last_again, last_submit = int(job[-1]), int(columns["again"][-1]), int(submit[-1])
            head, again = int(columns["head"][-1]), int(columns["resubmission"][-1])
            late = submit - columns["head"]
            early_us, early = max(early_us, int(late.max())), early + int((late > 0).sum())
            self.count += job.size
            after = [text for text, waiting in zip(said.after, waits.tolist(), strict=True) if waiting]
            kept = as_batch({name: columns[name] for name in _KEPT})
            yield kept.append_column("after", pa.array(after, pa.string()))
        self._odd[f"containers submitted up to {early_us / SECOND_US:.3g} s early, with the first of their job"] += (
            early
        )


class Making:
    """Makes jobs of lives.

    Parameters
    ----------
    users : list of str
        By their numbers.
    demands : list of tuple of Constraint
        Sets of constraints by their numbers.
    """

    def __init__(self, users: list[str], demands: list[tuple[Constraint, ...]]) -> None:
        self._users, self._demands = users, demands

    def arrivals(self, lives: Iterable[pa.RecordBatch]) -> Iterator[Arrival]:
        """Make jobs of lives in the order `BY_SUBMISSION`; memory is that of the largest submission, and a block."""
        held: list[pa.RecordBatch] = []
        for block in lives:
            if not block.num_rows:
                continue
            begins = np.flatnonzero(_begin(block))
            if held and _same(held[-1], block):
                if begins.size == 1:
                    held.append(block)
                    continue
                yield from self._made([*held, block.slice(0, int(begins[1]))])
                begins = begins[1:]
            elif held:
                yield from self._made(held)
            if begins.size > 1:
                yield from self._made([block.slice(int(begins[0]), int(begins[-1] - begins[0]))])
            held = [block.slice(int(begins[-1]))]
        if held:
            yield from self._made(held)

    def _made(self, blocks: list[pa.RecordBatch]) -> Iterator[Arrival]:
        """Make jobs of whole submissions."""
        rows = pa.Table.from_batches(blocks).combine_chunks().to_batches()[0]
        columns = {name: numpy_of(rows[name]) for name in _KEPT}
        begins = _begin(rows)
        differs = begins.copy()
        for name in _KEYS:
            differs |= changes(columns[name])
        starts = np.flatnonzero(differs)
        ends = np.append(starts[1:], begins.size)
        run_s = columns["run_s"]
        run_s.flags.writeable = False
        groups = [
            (self._group(columns, start, end - start), _run_time(run_s[start:end]), _behaviour(columns, start))
            for start, end in zip(starts.tolist(), ends.tolist(), strict=True)
        ]
        firsts = np.flatnonzero(begins[starts])
        for first, last in zip(firsts.tolist(), [*firsts[1:].tolist(), starts.size], strict=True):
            own, row = groups[first:last], int(starts[first])
            whole = Job(
                str(columns["job"][row]),
                float(columns["head"][row] / SECOND_US),
                # The most important part speaks for a job whose parts differ.
                workload(max(group.task.priority for group, *_ in own)),
                tuple(group for group, *_ in own),
                bool(columns["resubmission"][row]),
                self._user(columns, row),
            )
            uses = tuple(use for *_, use in own)
            after = tuple(dict.fromkeys(rows["after"][row].as_py().split()))
            yield Arrival(whole, tuple(runs for _, runs, _ in own), uses if any(uses) else (), after)

    def recorded(self, pieces: list[Columns], row_of: dict[int, int]) -> list[Recorded]:
        """Put what runs at time 0 on its machines."""
        if not pieces:
            return []
        columns = {name: np.concatenate([piece[name] for piece in pieces]) for name in pieces[0]}
        order = np.lexsort((columns["index"], *(columns[name] for name in reversed(_KEYS)), columns["job"]))
        columns = {name: column[order] for name, column in columns.items()}
        differs = changes(columns["job"])
        for name in _KEYS:
            differs |= changes(columns[name])
        starts = np.flatnonzero(differs)
        hosts = np.array([row_of[machine] for machine in columns["machine"].tolist()], dtype=np.int64)
        made = []
        for start, end in zip(starts.tolist(), np.append(starts[1:], hosts.size).tolist(), strict=True):
            group = self._group(columns, start, end - start)
            made.append(
                Recorded(
                    str(columns["job"][start]), workload(group.task.priority), group.task, hosts[start:end],
                    _run_time(columns["run_s"][start:end]), self._user(columns, start), _behaviour(columns, start),
                )
            )  # fmt: skip
        return made

    def _group(self, columns: Columns, row: int, count: int) -> Group:
        need = Resources(int(columns["cpu"][row]), int(columns["memory"][row]))
        wants = self._demands[int(columns["wants"][row])]
        return Group(Task(need, int(columns["priority"][row]), wants, bool(columns["apart"][row])), count)

    def _user(self, columns: Columns, row: int) -> str:
        user = int(columns["user"][row])
        return self._users[user] if user >= 0 else ""


def workload(priority: int) -> str:
    """Give the workload class of a priority."""
    return "service" if priority >= SERVICE_PRIORITY else "batch"


def _run_time(run_s: np.ndarray) -> RunTime:
    same = bool((run_s == run_s[0]).all())
    return float(run_s[0]) if same else run_s


def _behaviour(columns: Columns, row: int) -> Behaviour:
    """Give the mean of what was measured; what was not is as asked for."""
    cpu, memory = float(columns["used_cpu"][row]), float(columns["used_memory"][row])
    if cpu == NONE and memory == NONE:
        return None
    return steady(
        Demand(
            columns["cpu"][row] / MILLI if cpu == NONE else cpu,
            float(columns["memory"][row]) if memory == NONE else memory,
        )
    )


def _begin(rows: pa.RecordBatch) -> np.ndarray:
    begins = np.zeros(rows.num_rows, dtype=bool)
    for name in BY_SUBMISSION[:3]:
        begins |= changes(numpy_of(rows[name]))
    return begins


def _same(above: pa.RecordBatch, below: pa.RecordBatch) -> bool:
    """Say whether the first row of a block is of the same submission as the last one of the block before."""
    return all(above[name][-1].as_py() == below[name][0].as_py() for name in BY_SUBMISSION[:3])
