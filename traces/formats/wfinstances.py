"""Reader of workflow instances in WfFormat 1.5, as WfCommons collects them: tasks that come after one another."""

from __future__ import annotations

import json
import math
from collections import Counter, deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

from policies.errors import UserError
from policies.requests import Demand, Group, Job, Resources, Task
from traces.reading.options import DEFAULT, ReadOptions
from traces.reading.rejects import Rejects
from traces.trace import Arrival, Trace, steady
from traces.units import EXACT, MILLI

#: What a task asks for whose memory nobody measured.
UNKNOWN_MEMORY_BYTES = 2**30


class WfInstances(Trace):
    """A workflow, one JSON file, or a folder of them.

    Each task is a job of one container that comes after its parents. It asks for the cores that it was given, or as
    many as it used on the mean, rounded up; and for the memory that was measured. It uses what was measured all the
    time. All workflows begin at time 0.

    Of a workflow no task may be missing: one that cannot be used is an error, whatever is done with bad rows.
    """

    format: ClassVar[str] = "wfinstances"
    credit: ClassVar[str] = "WfCommons WfInstances, LGPL-3.0, https://github.com/wfcommons/WfInstances"

    def __init__(self, path: Path, rejects: Rejects, options: ReadOptions = DEFAULT) -> None:
        super().__init__(path, rejects, options)
        self._odd: Counter[str] = Counter()
        self._share = 0.0

    def arrivals(self) -> Iterator[Arrival]:
        """Yield the tasks, workflow by workflow, parents before their children."""
        self.rejects.begin()
        self._odd.clear()
        files = self.files()
        names: Counter[str] = Counter()
        for done, file in enumerate(files, start=1):
            name, tasks = _read(file)
            self.rejects.read += len(tasks)
            self.rejects.accepted += len(tasks)
            names[name] += 1
            # The same workflow may have run several times.
            run = name if names[name] == 1 else f"{name}#{names[name]}"
            prefix = f"{run}/" if len(files) > 1 else ""
            for task in _in_order(tasks, file):
                yield _arrival(task, prefix, self._odd)
            self._share = done / len(files)

    def progress(self) -> float:
        """Say which share of the files was read."""
        return self._share

    def assumptions(self) -> list[str]:
        """List what is not known, what is not used, and how often something was missing."""
        return [
            "all tasks are submitted at the beginning, time 0, and wait for their parents to end",
            "what a task used is its mean, all the time; bytes per disk request and how many are random are not known: "
            "131,072 and none, the defaults",
            "machines, priorities, and sizes of files are not used",
            *(f"{text}: {count:,}" for text, count in self._odd.items() if count),
        ]

    def files(self) -> list[Path]:
        """List the workflows in order of their paths."""
        files = sorted(self.path.rglob("*.json")) if self.path.is_dir() else [self.path]
        if not files:
            raise UserError(f"{self.path}: has no .json")
        return files


class _Task(NamedTuple):
    """A task as the file has it; None for what it does not say."""

    id: str
    parents: tuple[str, ...]
    run_s: float
    cores: float | None
    cpu_percent: float | None
    memory_bytes: float | None
    read_bytes: float | None
    written_bytes: float | None


def _read(file: Path) -> tuple[str, dict[str, _Task]]:
    """Read a workflow: its name, and its tasks by their names."""
    try:
        document = json.loads(file.read_bytes())
    except json.JSONDecodeError as error:
        raise UserError(f"{file}:{error.lineno}: not JSON: {error.msg}") from None
    except (ValueError, RecursionError):
        raise UserError(f"{file}: not JSON") from None
    except OSError as error:
        raise UserError(f"{file}: {error.strerror}") from None
    ran: dict[str, dict[str, Any]] = {}
    for entry in _entries(document, "execution", file):
        if ran.setdefault(entry["id"], entry) is not entry:
            raise UserError(f"{file}: task {entry['id']!r} was executed twice")
    tasks: dict[str, _Task] = {}
    for entry in _entries(document, "specification", file):
        task = entry["id"]
        if task in tasks:
            raise UserError(f"{file}: task {task!r} is there twice")
        if task not in ran:
            raise UserError(f"{file}: task {task!r} was not executed, or nobody wrote how")
        parents = entry.get("parents", [])
        if not (isinstance(parents, list) and all(isinstance(name, str) for name in parents)):
            raise UserError(f"{file}: parents of task {task!r} are no list of names")
        numbers = [
            _number(ran[task], key, file)
            for key in ("runtimeInSeconds", "coreCount", "avgCPU", "memoryInBytes", "readBytes", "writtenBytes")
        ]
        if numbers[0] is None:
            raise UserError(f"{file}: task {task!r} has no runtimeInSeconds")
        tasks[task] = _Task(task, tuple(dict.fromkeys(parents)), numbers[0], *numbers[1:])
    for task in ran.keys() - tasks.keys():
        raise UserError(f"{file}: task {task!r} was executed and is in no specification")
    name = document.get("name")
    return name if isinstance(name, str) and name else file.stem, tasks


def _entries(document: Any, part: str, file: Path) -> list[dict[str, Any]]:
    """Find ``workflow.PART.tasks``."""
    found = document
    for key in ("workflow", part, "tasks"):
        found = found.get(key) if isinstance(found, dict) else None
    if not isinstance(found, list):
        raise UserError(f"{file}: has no list workflow.{part}.tasks, as WfFormat 1.5 has")
    for place, entry in enumerate(found):
        if not (isinstance(entry, dict) and isinstance(entry.get("id"), str) and entry["id"]):
            raise UserError(f"{file}: workflow.{part}.tasks[{place}] has no id")
    return found


def _number(entry: dict[str, Any], key: str, file: Path) -> float | None:
    value = entry.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < EXACT:
        raise UserError(f"{file}: {key} of task {entry['id']!r} must be a number from 0: {str(value)[:100]!r}")
    return float(value)


def _in_order(tasks: dict[str, _Task], file: Path) -> Iterator[_Task]:
    """Yield parents before children, and otherwise in the order of the file."""
    children: dict[str, list[str]] = {name: [] for name in tasks}
    missing = {name: len(task.parents) for name, task in tasks.items()}
    for task in tasks.values():
        for parent in task.parents:
            if parent not in children:
                raise UserError(f"{file}: task {task.id!r} has a parent that is no task: {parent!r}")
            children[parent].append(task.id)
    ready = deque(name for name, count in missing.items() if not count)
    left = len(tasks)
    # Before any is handed out: half a workflow is none.
    order = []
    while ready:
        name = ready.popleft()
        order.append(tasks[name])
        left -= 1
        for child in children[name]:
            missing[child] -= 1
            if not missing[child]:
                ready.append(child)
    if left:
        waits = next(name for name, count in missing.items() if count)
        raise UserError(f"{file}: {left} tasks wait for one another or for such tasks, for instance {waits!r}")
    yield from order


def _arrival(task: _Task, prefix: str, odd: Counter[str]) -> Arrival:
    used = None if task.cpu_percent is None else task.cpu_percent / 100
    cores, memory = task.cores, task.memory_bytes
    if not cores:
        cores = max(1.0, math.ceil(used or 0.0))
        odd["tasks of which nobody said for how many cores they ask, as many as they used on the mean, rounded up"] += 1
    elif used is not None and used > cores:
        odd["tasks that used more cores than they asked for"] += 1
    odd["tasks of which nobody measured the CPU, they use what they ask for"] += used is None
    odd[f"tasks of which nobody measured the memory, they ask for {UNKNOWN_MEMORY_BYTES >> 30} GiB"] += memory is None
    odd["tasks of which nobody measured what they read or wrote, taken as nothing"] += (
        task.read_bytes is None or task.written_bytes is None
    )
    read, written = task.read_bytes or 0.0, task.written_bytes or 0.0
    if not task.run_s:
        odd["tasks that took no time and yet read or wrote, which is left out"] += bool(read or written)
        read = written = 0.0
    request = Resources(round(cores * MILLI), math.ceil(UNKNOWN_MEMORY_BYTES if memory is None else memory))
    demand = Demand(
        cores if used is None else used,
        float(request.memory_bytes if memory is None else memory),
        *(amount / (task.run_s or 1.0) for amount in (read, written)),
    )
    job = Job(f"{prefix}{task.id}", 0.0, "batch", (Group(Task(request), 1),))
    return Arrival(job, (task.run_s,), (steady(demand),), tuple(f"{prefix}{parent}" for parent in task.parents))


def looks_like(path: Path) -> bool:
    """Say whether a path is such a file by its name, or a folder with one."""
    return path.suffix == ".json" or (path.is_dir() and any(path.rglob("*.json")))


READER = WfInstances
