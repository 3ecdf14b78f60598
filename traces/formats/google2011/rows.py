"""The lines of the tables: which columns they have, and which of them can be used."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from policies.arrays import BoolArray, FloatArray, IntArray
from policies.errors import UserError
from policies.requests import Operator
from traces.hosts import TOO_MUCH
from traces.reading.arrays import numpy_of
from traces.reading.reference import Reference
from traces.reading.rejects import Rejects
from traces.reading.tables import Batch
from traces.units import EXACT, MILLI

SECOND_US = 1_000_000

# The official names (schema.csv); the files have no header line.
TASK_COLUMNS = (
    "time",
    "missing info",
    "job ID",
    "task index",
    "machine ID",
    "event type",
    "user",
    "scheduling class",
    "priority",
    "CPU request",
    "memory request",
    "disk space request",
    "different-machines restriction",
)
MACHINE_COLUMNS = ("time", "machine ID", "event type", "platform ID", "CPUs", "Memory")
CONSTRAINT_COLUMNS = ("time", "job ID", "task index", "comparison operator", "attribute name", "attribute value")
ATTRIBUTE_COLUMNS = ("time", "machine ID", "attribute name", "attribute value", "attribute deleted")
USAGE_COLUMNS = (
    "start time",
    "end time",
    "job ID",
    "task index",
    "machine ID",
    "CPU rate",
    "canonical memory usage",
    "assigned memory usage",
    "unmapped page cache",
    "total page cache",
    "maximum memory usage",
    "disk I/O time",
    "local disk space usage",
    "maximum CPU rate",
    "maximum disk IO time",
    "cycles per instruction",
    "memory accesses per instruction",
    "sample portion",
    "aggregation type",
    "sampled CPU usage",
)

#: Columns that are read as numbers at once.
NUMBERS = (
    *("time", "job ID", "task index", "machine ID", "missing info", "event type", "priority", "CPU request"),
    *("memory request", "disk space request", "different-machines restriction", "CPUs", "Memory"),
    *("comparison operator", "attribute deleted", "start time", "end time", "CPU rate", "canonical memory usage"),
    "disk I/O time",
)

SUBMIT, SCHEDULE, EVICT, FAIL, FINISH, KILL, LOST, UPDATE_PENDING, UPDATE_RUNNING = range(9)
ADD, REMOVE, UPDATE = range(3)

_WHOLE_NUMBER = re.compile(r"-?[0-9]+")

#: Comparison operators by their numbers.
OPERATORS = (Operator.EQUAL, Operator.NOT_EQUAL, Operator.LESS, Operator.GREATER)

#: What a float makes of 2^63-1, which says "after the end of the trace", and what we keep instead.
_AFTER_THE_END = 2.0**63
NEVER = 2**62

#: Stands for an empty field while a column is a float, and once its numbers are whole.
_EMPTY = -np.inf
NONE = -1

TASK_EVENT = np.dtype(
    [
        ("time", "i8"), ("job", "i8"), ("index", "i4"), ("machine", "i8"), ("event", "i1"), ("priority", "i2"),
        ("cpu", "i8"), ("memory", "i8"), ("user", "i4"), ("disk", "?"), ("apart", "?"),
    ]
)  # fmt: skip
MACHINE_EVENT = np.dtype([("time", "i8"), ("machine", "i8"), ("event", "i1"), ("cpu", "i8"), ("memory", "i8")])
CONSTRAINT = np.dtype(
    [("time", "i8"), ("job", "i8"), ("index", "i4"), ("operator", "i1"), ("name", "i4"), ("value", "i4")]
)
USAGE = np.dtype(
    [("start", "i8"), ("end", "i8"), ("job", "i8"), ("index", "i4"), ("cpu", "f8"), ("memory", "f8"), ("disk", "f8")]
)
ATTRIBUTE = np.dtype([("time", "i8"), ("machine", "i8"), ("name", "i4"), ("value", "i4")])

Rows = NDArray[np.void]
Bools = BoolArray
Ints = IntArray
Floats = FloatArray

#: What was odd or is left out, and how often.
Odd = Counter[str]

#: Texts and their numbers, in order of appearance.
Words = dict[str, int]

#: Makes rows of a batch.
MakeRows = Callable[[Batch, Rejects, Odd], Rows]


def parts_of(folder: Path) -> list[Path]:
    """List the parts of a table."""
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder")
    parts = sorted([*folder.glob("part-*.csv.gz"), *folder.glob("part-*.csv")])
    if not parts:
        raise UserError(f"{folder}: has no part-*.csv.gz")
    for part in parts:
        if part.suffix == ".csv" and part.with_name(f"{part.name}.gz") in parts:
            raise UserError(f"{part}: is there twice, plain and gzipped")
    return parts


def which_parts(parts: list[Path]) -> list[str]:
    """Say which parts of the month are here: what happened in the others is not known."""
    found = [re.fullmatch(r"part-(\d+)-of-(\d+)\.csv(\.gz)?", part.name) for part in parts]
    numbers = [int(match[1]) for match in found if match]
    if not numbers:
        return []
    whole = max(int(match[2]) for match in found if match)
    holes = sorted(set(range(max(numbers))) - set(numbers))
    missing = f"; part {holes[0]} is missing before others, what happened in it is lost" if holes else ""
    return [f"{len(numbers)} of {whole} parts of task_events are here{missing}"]


def _whole(batch: Batch, name: str, below: int = EXACT, *, optional: bool = False) -> Floats:
    values = batch.number(name, missing=_EMPTY)
    bad = ~((values >= 0) & (values < below) & (np.rint(values) == values))
    if optional:
        bad &= values != _EMPTY
    most = f" to {below - 1}" if below < EXACT else ""
    _mark(batch, name, bad, f"{name} must be a whole number from 0{most}")
    return np.where(values == _EMPTY, NONE, values)


def _time(batch: Batch) -> Floats:
    values = batch.number("time", missing=_EMPTY)
    never = values == _AFTER_THE_END
    bad = ~never & ~((values >= 0) & (values < EXACT) & (np.rint(values) == values))
    _mark(batch, "time", bad, "time must be whole microseconds from 0")
    return np.where(never, NEVER, values)


def _event(batch: Batch, types: int) -> Floats:
    values = batch.number("event type", missing=_EMPTY)
    _mark(batch, "event type", ~np.isin(values, np.arange(types)), "unknown event type")
    return values


def _amount(batch: Batch, name: str, reference: float) -> Floats:
    """Give a share of the reference machine in whole units, `NONE` where it is empty, never nothing for something."""
    values = batch.number(name, missing=_EMPTY)
    empty = values == _EMPTY
    _mark(batch, name, ~(empty | (values >= 0)), f"{name} must be 0 or more")
    with np.errstate(over="ignore"):  # what is too large for a float is too large for a machine
        whole = values * reference
    _mark(batch, name, whole >= TOO_MUCH, f"{name} is more than any machine has")
    return np.where(empty, NONE, np.where((whole > 0) & (whole < 1), 1, np.rint(whole)))


def _mark(batch: Batch, name: str, bad: Bools, reason: str) -> None:
    if bad.any():
        batch.mark(bad, reason, batch.text(name))


def _rows(columns: Mapping[str, NDArray[Any]], good: Ints, dtype: np.dtype[Any]) -> Rows:
    rows = np.empty(good.size, dtype=dtype)
    for name, values in columns.items():
        rows[name] = values[good]
    return rows


def task_rows(reference: Reference, users: Words, batch: Batch, rejects: Rejects, odd: Odd) -> Rows:
    """Make rows of lines of task_events."""
    names, user = _texts(batch, "user")
    columns = {
        "time": _time(batch),
        "job": _whole(batch, "job ID"),
        "index": _whole(batch, "task index", 2**31),
        "machine": _whole(batch, "machine ID", optional=True),
        "event": _event(batch, UPDATE_RUNNING + 1),
        "priority": _whole(batch, "priority", 2**15),
        "cpu": _amount(batch, "CPU request", reference.cores * MILLI),
        "memory": _amount(batch, "memory request", reference.memory_bytes),
        "user": _numbered(names, user, users),
        "disk": _amount(batch, "disk space request", 1) > 0,
        "apart": _whole(batch, "different-machines restriction", 2, optional=True) > 0,
    }
    missing = _whole(batch, "missing info", 3, optional=True)
    good = batch.reject(rejects)
    odd["lines of task_events that Google made up for missing records"] += int((missing[good] != NONE).sum())
    return _rows(columns, good, TASK_EVENT)


def machine_rows(reference: Reference, batch: Batch, rejects: Rejects, _: Odd) -> Rows:
    """Make rows of lines of machine_events."""
    columns = {
        "time": _time(batch),
        "machine": _whole(batch, "machine ID"),
        "event": _event(batch, UPDATE + 1),
        "cpu": _amount(batch, "CPUs", reference.cores * MILLI),
        "memory": _amount(batch, "Memory", reference.memory_bytes),
    }
    return _rows(columns, batch.reject(rejects), MACHINE_EVENT)


def usage_rows(reference: Reference, batch: Batch, rejects: Rejects, _: Odd) -> Rows:
    """Make rows of lines of task_usage; what is empty is NaN."""
    columns = {
        "start": _whole(batch, "start time"),
        "end": _whole(batch, "end time"),
        "job": _whole(batch, "job ID"),
        "index": _whole(batch, "task index", 2**31),
        "cpu": _rate(batch, "CPU rate", TOO_MUCH / (reference.cores * MILLI)),
        "memory": _rate(batch, "canonical memory usage", TOO_MUCH / reference.memory_bytes),
        "disk": _rate(batch, "disk I/O time", TOO_MUCH),
    }
    _mark(batch, "end time", ~(columns["end"] > columns["start"]), "end time must be later than start time")
    return _rows(columns, batch.reject(rejects), USAGE)


def _rate(batch: Batch, name: str, below: float) -> Floats:
    values = batch.number(name, missing=_EMPTY)
    empty = values == _EMPTY
    _mark(batch, name, ~(empty | ((values >= 0) & (values < below))), f"{name} must be 0 or more, and possible")
    return np.where(empty, np.nan, values)


def _texts(batch: Batch, name: str) -> tuple[list[str], Ints]:
    """Give the different texts of a column in order of appearance, and for each row the place of its own in them."""
    column = batch.column(name).dictionary_encode("encode")
    return [text or "" for text in column.dictionary.to_pylist()], numpy_of(column.indices).astype(np.int64)


def _which(texts: list[str], is_so: Callable[[str], object]) -> Bools:
    return np.array([bool(is_so(text)) for text in texts], dtype=bool)


def constraint_rows(words: Words, batch: Batch, rejects: Rejects, _: Odd) -> Rows:
    """Make rows of lines of task_constraints."""
    (names, name), (values, value) = _texts(batch, "attribute name"), _texts(batch, "attribute value")
    operator = batch.number("comparison operator", missing=_EMPTY)
    known = np.isin(operator, np.arange(len(OPERATORS)))
    _mark(batch, "comparison operator", ~known, "unknown comparison operator")
    _mark(batch, "attribute name", ~_which(names, len)[name], "attribute name is empty")
    orders = known & (operator >= OPERATORS.index(Operator.LESS))
    no_number = orders & ~_which(values, _WHOLE_NUMBER.fullmatch)[value]
    _mark(batch, "attribute value", no_number, "a constraint with < or > compares with a whole number")
    columns = {
        "time": _time(batch),
        "job": _whole(batch, "job ID"),
        "index": _whole(batch, "task index", 2**31),
        "operator": operator,
        "name": _numbered(names, name, words),
        "value": _numbered(values, value, words),
    }
    return _rows(columns, batch.reject(rejects), CONSTRAINT)


def attribute_rows(words: Words, wanted: set[str], batch: Batch, rejects: Rejects, odd: Odd) -> Rows:
    """Make rows of those lines of machine_attributes that are about attributes that are `wanted`."""
    (names, name), (values, value) = _texts(batch, "attribute name"), _texts(batch, "attribute value")
    deleted = _whole(batch, "attribute deleted", 2)
    _mark(batch, "attribute name", ~_which(names, len)[name], "attribute name is empty")
    time, machine = _time(batch), _whole(batch, "machine ID")
    good = batch.reject(rejects)
    named = _which(names, wanted.__contains__)[name[good]]
    odd["lines of machine_attributes about what no constraint names, left out"] += int((~named).sum())
    good = good[named]
    rows = np.empty(good.size, dtype=ATTRIBUTE)
    rows["time"], rows["machine"] = time[good], machine[good]
    rows["name"] = _numbered(names, name[good], words)
    rows["value"] = _numbered(values, value[good], words)
    rows["value"][deleted[good] == 1] = NONE
    return rows


def _numbered(texts: list[str], places: Ints, words: Words) -> Ints:
    """Give the number of each text that is at one of the places, a new one for what was not there before."""
    numbers = np.full(len(texts), NONE, dtype=np.int64)
    for place in np.unique(places).tolist():
        numbers[place] = words.setdefault(texts[place], len(words))
    return numbers[places]


def changes(column: NDArray[Any]) -> Bools:
    """Mark the rows that differ from the row above; the first does."""
    differs = np.ones(column.size, dtype=bool)
    differs[1:] = column[1:] != column[:-1]
    return differs
