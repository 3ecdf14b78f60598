"""Reader of workflow instances in WfFormat, as WfCommons collects them: tasks that come after one another.

Versions 1.5 and 1.6 tell what was specified (``workflow.specification``) from how it was executed
(``workflow.execution``). Before, tasks had both in one list, ``workflow.tasks`` (1.3, 1.4) or ``workflow.jobs`` (1.0 to
1.2), and named one another by name. What older fields and units mean is as the format's own migration tool has it
(https://github.com/wfcommons/WfFormat, ``tools/wfcommons-migrate-instance.py``).
"""

from __future__ import annotations

import gzip
import json
import math
import re
import zlib
from collections import Counter, deque
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np

from policies.errors import UserError
from policies.requests import Demand, Group, Job, Resources, Task
from traces.hosts import TOO_MUCH, Hosts, sizes
from traces.reading import sniff
from traces.reading.options import DEFAULT, ReadOptions
from traces.reading.rejects import Rejects
from traces.reading.tables import GZIP_MAGIC
from traces.trace import Arrival, Trace, steady
from traces.units import EXACT, MILLI

#: What a task asks for whose memory nobody measured.
UNKNOWN_MEMORY_BYTES = 2**30

#: What was measured of a task, and what it was called up to 1.3 or 1.4.
MEASURED = {
    "runtimeInSeconds": "runtime",
    "coreCount": "cores",
    "avgCPU": "avgCPU",
    "memoryInBytes": "memory",
    "readBytes": "bytesRead",
    "writtenBytes": "bytesWritten",
}
#: Older names of what was in kilobytes, and how much that is.
KILOBYTES = ("memory", "bytesRead", "bytesWritten")
KB = 1000
#: The one runtime system whose ``bytesRead`` and ``bytesWritten`` were bytes.
IN_BYTES = "pegasus"

#: How many files of a folder are looked at to recognise it.
LOOKED_AT = 20


class WfInstances(Trace):
    """A workflow, one JSON file (gzipped or plain), or a folder of them.

    Each task is a job of one container that comes after its parents. It asks for the cores that it was given, or as
    many as it used on the mean, rounded up; and for the memory that was measured. It uses what was measured all the
    time. All workflows begin at time 0.

    Of a workflow no task may be missing: one that cannot be used is an error, whatever is done with bad rows.

    Notes
    -----
    One file is held in memory at a time.
    """

    format: ClassVar[str] = "wfinstances"
    dataset: ClassVar[str] = "WfCommons WfInstances, workflow executions in WfFormat"
    licence: ClassVar[str] = "LGPL-3.0"
    credit: ClassVar[str] = "WfCommons WfInstances, LGPL-3.0, https://github.com/wfcommons/WfInstances"

    def __init__(self, path: Path, rejects: Rejects, options: ReadOptions = DEFAULT) -> None:
        super().__init__(path, rejects, options)
        self._share = 0.0

    def arrivals(self) -> Iterator[Arrival]:
        """Yield the tasks, workflow by workflow, parents before their children."""
        self.rejects.begin()
        self.odd.clear()
        files = self.files()
        runs: set[str] = set()
        for done, file in enumerate(files, start=1):
            name, tasks = _read(file, self.odd)
            self.rejects.read += len(tasks)
            self.rejects.accepted += len(tasks)
            # The same workflow may have run several times.
            run, times = name, 1
            while run in runs:
                times += 1
                run = f"{name}#{times}"
            runs.add(run)
            prefix = f"{run}/" if len(files) > 1 else ""
            for task in _in_order(tasks, file):
                yield _arrival(task, prefix, self.odd)._replace(workflow=run)
            self._share = done / len(files)

    def progress(self) -> float:
        """Say which share of the files was read."""
        return self._share

    def hosts(self) -> Hosts | None:
        """Give the machines of all the workflows, by their names.

        None where there are none, or of one of them nobody wrote how many cores or how much memory it has.
        """
        machines: dict[str, tuple[float, float]] = {}
        for file in self.files():
            ours = _machines(_load(file), file)
            if not ours:
                return None
            for name, cores, memory_bytes in ours:
                if not cores or not memory_bytes:
                    return None
                before = machines.get(name, (0.0, 0.0))
                machines[name] = max(before[0], cores), max(before[1], memory_bytes)
        cores, memory_bytes = np.array([*machines.values()]).T
        return Hosts([*machines], sizes(cores * MILLI, memory_bytes), np.ones(len(machines), dtype=bool))

    def assumptions(self) -> list[str]:
        """List what is not known, what is not used, and how often something was missing."""
        return [
            "all tasks are submitted at the beginning, time 0, and wait for their parents to end",
            "what a task used is its mean, all the time; bytes per disk request and how many are random are not known: "
            "131,072 and none, the defaults",
            "--hosts trace: the machines of all files, one of each name, where all say their cores and memory; which "
            "of them a task ran on, priorities, and sizes of files are not used",
            *self.counted(),
        ]

    def files(self) -> list[Path]:
        """List the workflows in order of their paths."""
        files = sorted(_files(self.path)) if self.path.is_dir() else [self.path]
        if not files:
            raise UserError(f"{self.path}: has no .json")
        return files


def _files(folder: Path) -> Iterator[Path]:
    for ending in ("*.json", "*.json.gz"):
        yield from folder.rglob(ending)


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


def _load(file: Path) -> dict[str, Any]:
    """Give the workflow of a file, with the name and the runtime system of the document in it."""
    try:
        data = file.read_bytes()
        document = json.loads(gzip.decompress(data) if data.startswith(GZIP_MAGIC) else data)
    except json.JSONDecodeError as error:
        raise UserError(f"{file}:{error.lineno}: not JSON: {error.msg}") from None
    except (ValueError, RecursionError):
        raise UserError(f"{file}: not JSON") from None
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise UserError(f"{file}: damaged or cut off ({error})") from None
    except OSError as error:
        raise UserError(f"{file}: {error.strerror}") from None
    workflow = document.get("workflow") if isinstance(document, dict) else None
    if not isinstance(workflow, dict):
        raise UserError(f"{file}: has no list workflow.execution.tasks, as WfFormat has, nor workflow.tasks")
    system = document.get("runtimeSystem") or document.get("wms")
    name = system.get("name") if isinstance(system, dict) else None
    return workflow | {"name": document.get("name"), "runtime system": name}


def _read(file: Path, odd: Counter[str]) -> tuple[str, dict[str, _Task]]:
    """Read a workflow: its name, and its tasks by their names."""
    workflow = _load(file)
    older = next((key for key in ("tasks", "jobs") if key in workflow and "specification" not in workflow), None)
    if older is None:
        ran = {entry["id"]: entry for entry in _entries(workflow, file, "execution", "tasks")}
        entries = _entries(workflow, file, "specification", "tasks")
        names = {entry["id"]: entry["id"] for entry in entries}
        for task in names:
            if task not in ran:
                raise UserError(f"{file}: task {task!r} was not executed, or nobody wrote how")
        for task in ran.keys() - names.keys():
            raise UserError(f"{file}: task {task!r} was executed and is in no specification")
    else:
        entries, names = _older(_entries(workflow, file, older, key="name"), file)
        ran = {entry["id"]: entry for entry in entries}
    kilo = 1 if IN_BYTES in str(workflow["runtime system"]).lower() else KB
    parents = _parents(entries, names, file, odd)
    tasks: dict[str, _Task] = {}
    for entry in entries:
        task = entry["id"]
        numbers = [_measured(ran[task], new, old, kilo, file) for new, old in MEASURED.items()]
        if numbers[0] is None:
            raise UserError(f"{file}: task {task!r} has no runtimeInSeconds")
        tasks[task] = _Task(task, tuple(parents[task]), numbers[0], *numbers[1:])
    if not tasks:
        raise UserError(f"{file}: the workflow has no tasks")
    name = workflow["name"]
    return name if isinstance(name, str) and _is_name(name) else file.stem, tasks


def _entries(workflow: dict[str, Any], file: Path, *path: str, key: str = "id") -> list[dict[str, Any]]:
    """Find a list of tasks that have a name of their own under `key`."""
    found: Any = workflow
    for step in path:
        found = found.get(step) if isinstance(found, dict) else None
    where = ".".join(("workflow", *path))
    if not isinstance(found, list):
        raise UserError(f"{file}: has no list {where}, as WfFormat has")
    seen = set()
    for place, entry in enumerate(found):
        name = entry.get(key) if isinstance(entry, dict) else None
        if not (isinstance(name, str) and _is_name(name)):
            raise UserError(f"{file}: {where}[{place}] has no {key}")
        if key == "id" and name in seen:
            raise UserError(f"{file}: task {name!r} {'was executed' if 'execution' in path else 'is there'} twice")
        seen.add(name)
    return found


def _older(entries: list[dict[str, Any]], file: Path) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """Give tasks of an older version an ``id`` of their own: their name, or where others have it too, their ``id``.

    Returns
    -------
    list of dict, dict of str to str
        The tasks, and who is meant by each name: names come first, as tasks name one another by them.
    """
    times = Counter(entry["name"] for entry in entries)
    names, tasks, ids = dict[str, str](), list[dict[str, Any]](), dict[str, str]()
    for entry in entries:
        own = entry["name"] if times[entry["name"]] == 1 else entry.get("id")
        if not (isinstance(own, str) and _is_name(own)) or own in names:
            raise UserError(f"{file}: task {entry['name']!r} is there twice")
        names[own] = own
        if isinstance(entry.get("id"), str):
            ids.setdefault(entry["id"], own)
        tasks.append(entry | {"id": own})
    return tasks, ids | names


def _parents(
    entries: list[dict[str, Any]], names: dict[str, str], file: Path, odd: Counter[str]
) -> dict[str, dict[str, None]]:
    """Give the parents of each task, whether it names them or they name it."""
    parents: dict[str, dict[str, None]] = {entry["id"]: {} for entry in entries}
    for entry in entries:
        for parent in _names(entry, "parents", file):
            if parent not in names:
                raise UserError(f"{file}: task {entry['id']!r} has a parent that is no task: {parent!r}")
            parents[entry["id"]][names[parent]] = None
    for entry in entries:
        for child in _names(entry, "children", file):
            if child not in names:
                raise UserError(f"{file}: task {entry['id']!r} has a child that is no task: {child!r}")
            theirs = parents[names[child]]
            odd["children that do not name their parent, they come after it"] += entry["id"] not in theirs
            theirs[entry["id"]] = None
    return parents


def _names(entry: dict[str, Any], key: str, file: Path) -> list[str]:
    names = entry.get(key, [])
    if not (isinstance(names, list) and all(isinstance(name, str) for name in names)):
        raise UserError(f"{file}: {key} of task {entry['id']!r} are no list of names")
    return names


def _measured(entry: dict[str, Any], new: str, old: str, kilo: int, file: Path) -> float | None:
    """Give what was measured of a task, whichever name it has."""
    if entry.get(new) is not None:
        return _number(entry, new, f"{new} of task {entry['id']!r}", file)
    value = _number(entry, old, f"{old} of task {entry['id']!r}", file)
    times = 1 if old not in KILOBYTES else KB if old == "memory" else kilo
    return None if value is None else value * times


def _number(entry: dict[str, Any], key: str, what: str, file: Path) -> float | None:
    value = entry.get(key)
    if value is None:
        return None
    # Kilobytes must be exact as bytes, too.
    most = EXACT / KB if key in KILOBYTES else EXACT
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < most:
        raise UserError(f"{file}: {what} must be a number from 0: {str(value)[:100]!r}")
    return float(value)


def _is_name(text: str) -> bool:
    """Say whether a text can be somebody's name: there is something in it, and all of it can be written."""
    return bool(text) and "\0" not in text and text == text.encode(errors="ignore").decode()


def _machines(workflow: dict[str, Any], file: Path) -> list[tuple[str, float, float]]:
    """Give the name, cores and bytes of memory of each machine; 0 where nobody wrote them."""
    execution = workflow.get("execution", workflow)
    machines = execution.get("machines") if isinstance(execution, dict) else None
    found = []
    for place, machine in enumerate(machines if isinstance(machines, list) else ()):
        name = machine.get("nodeName") if isinstance(machine, dict) else None
        if not (isinstance(name, str) and _is_name(name)):
            raise UserError(f"{file}: machine {place} has no nodeName")
        cpu = machine["cpu"] if isinstance(machine.get("cpu"), dict) else {}
        whose = f"of machine {name!r}"
        cores = _number(cpu, "coreCount", f"coreCount {whose}", file) or _number(cpu, "count", f"count {whose}", file)
        memory = _number(machine, "memoryInBytes", f"memoryInBytes {whose}", file)
        if memory is None:
            memory = KB * (_number(machine, "memory", f"memory {whose}", file) or 0.0)
        if (cores or 0.0) >= TOO_MUCH / MILLI or memory >= TOO_MUCH:
            raise UserError(f"{file}: machine {name!r} is larger than any is")
        found.append((name, cores or 0.0, memory))
    return found


def _in_order(tasks: dict[str, _Task], file: Path) -> Iterator[_Task]:
    """Yield parents before children, and otherwise in the order of the file."""
    children: dict[str, list[str]] = {name: [] for name in tasks}
    missing = {name: len(task.parents) for name, task in tasks.items()}
    for task in tasks.values():
        for parent in task.parents:
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
    """Say whether a file is a JSON document with a workflow in it, or a folder has such files."""
    return any(map(_is_workflow, [path] if path.is_file() else islice(_files(path), LOOKED_AT)))


def _is_workflow(file: Path) -> bool:
    text = sniff.head(file)
    return text.lstrip().startswith("{") and re.search(r'"workflow"\s*:\s*\{', text) is not None


READER = WfInstances
