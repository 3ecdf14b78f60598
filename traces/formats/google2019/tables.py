"""The tables: which files they are in, which fields they have, and which of their lines can be used."""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from policies.arrays import BoolArray, FloatArray, IntArray
from policies.errors import UserError
from traces.reading import sniff
from traces.reading.arrays import arrow_of, numpy_of
from traces.reading.json_lines import JsonLines, flat
from traces.reading.rejects import Rejects
from traces.reading.tables import (
    GZIP_MAGIC,
    PARQUET_MAGIC,
    Batch,
    Reader,
    column_names,
    magic_of,
    one_line_errors,
    text_stream,
)
from traces.units import EXACT

SECOND_US = 1_000_000

# Types of events of instances and collections.
SUBMIT, QUEUE, ENABLE, SCHEDULE, EVICT, FAIL, FINISH, KILL, LOST, UPDATE_PENDING, UPDATE_RUNNING = range(11)

#: What a float makes of 2^63-1, which says "after the end of the trace", and what we keep instead.
_AFTER_THE_END = 2.0**63
NEVER = 2**62

#: Stands for an empty field while a column is a float, and once its numbers are whole.
_EMPTY = -np.inf
NONE = -1

_TEXT = pa.string()
_AMOUNTS = pa.struct({"cpus": _TEXT, "memory": _TEXT})
_CONSTRAINT = pa.struct({"name": _TEXT, "value": _TEXT, "relation": _TEXT})

#: Fields by table, from clusterdata_trace_format_v3.proto; those that are used, then those that are passed over.
FIELDS: dict[str, dict[str, pa.DataType]] = {
    "machine_events": {
        "time": _TEXT, "machine_id": _TEXT, "type": _TEXT, "capacity": _AMOUNTS, "missing_data_reason": _TEXT,
    },
    "machine_attributes": {"time": _TEXT, "machine_id": _TEXT, "name": _TEXT, "value": _TEXT, "deleted": _TEXT},
    "collection_events": {
        "time": _TEXT, "type": _TEXT, "collection_id": _TEXT, "user": _TEXT,
        "start_after_collection_ids": pa.list_(_TEXT), "max_per_machine": _TEXT, "max_per_switch": _TEXT,
    },
    "instance_events": {
        "time": _TEXT, "type": _TEXT, "collection_id": _TEXT, "missing_type": _TEXT, "collection_type": _TEXT,
        "priority": _TEXT, "alloc_collection_id": _TEXT, "instance_index": _TEXT, "machine_id": _TEXT,
        "resource_request": _AMOUNTS, "constraint": pa.list_(_CONSTRAINT),
    },
    "instance_usage": {
        "start_time": _TEXT, "end_time": _TEXT, "collection_id": _TEXT, "instance_index": _TEXT,
        "average_usage": _AMOUNTS,
    },
}  # fmt: skip
_OTHERS = {
    "machine_events": ("switch_id", "platform_id"),
    "machine_attributes": (),
    "collection_events": (
        "scheduling_class", "missing_type", "collection_type", "priority", "alloc_collection_id", "collection_name",
        "collection_logical_name", "parent_collection_id", "vertical_scaling", "scheduler",
    ),
    "instance_events": ("scheduling_class", "alloc_instance_index"),
    "instance_usage": (
        "machine_id", "alloc_collection_id", "alloc_instance_index", "collection_type", "maximum_usage",
        "maximum_usage.cpus", "maximum_usage.memory", "random_sample_usage", "random_sample_usage.cpus",
        "random_sample_usage.memory", "assigned_memory", "page_cache_memory", "cycles_per_instruction",
        "memory_accesses_per_instruction", "sample_rate", "cpu_usage_distribution", "tail_cpu_usage_distribution",
    ),
}  # fmt: skip

#: Without these a row says nothing.
_KEYS = {
    "machine_events": ("time", "machine_id", "type"),
    "machine_attributes": ("time", "machine_id", "name"),
    "collection_events": ("time", "type", "collection_id"),
    "instance_events": ("time", "type", "collection_id", "instance_index"),
    "instance_usage": ("start_time", "end_time", "collection_id", "instance_index"),
}


def parts_of(path: Path, table: str) -> list[Path]:
    """List the files of a table, none where it is not there; a file is the table that it is named after.

    Raises
    ------
    UserError
        If one is there twice, plain and gzipped.
    """
    if path.is_file():
        named = next((name for name in FIELDS if path.name.startswith(name)), "instance_events")
        return [path] if named == table else []
    parts = sniff.parts(path, table, "json|jsonl|ndjson|csv|parquet")
    for part in parts:
        if part.suffix != ".gz" and part.with_name(f"{part.name}.gz") in parts:
            raise UserError(f"{part}: is there twice, plain and gzipped")
    return parts


def batches(path: Path, table: str, rejects: Rejects) -> Iterator[tuple[Batch, float]]:
    """Read a file of a table, whatever it is written as, with structures taken apart (``capacity.cpus``).

    Yields
    ------
    Batch, float
        Rows, and which share of the file was read.
    """
    fields = FIELDS[table]
    with one_line_errors(path):
        parquet = magic_of(path) == PARQUET_MAGIC
    if not parquet and is_json(path):
        lines = JsonLines(path, rejects, pa.schema(fields))
        for batch in lines.batches():
            yield batch, lines.progress()
        return
    apart = [f"{name}.{part}" for name, kind in fields.items() if kind == _AMOUNTS for part in ("cpus", "memory")]
    required = [name for name, kind in fields.items() if kind == _TEXT and name in _KEYS[table]]
    optional = [name for name in (*fields, *apart, *_OTHERS[table]) if name not in required]
    reader = Reader(path, rejects, required=required, optional=optional)
    for batch in reader.batches():
        batch.columns = {
            part: values for name, column in batch.columns.items() for part, values in flat(name, column).items()
        }
        yield batch, reader.progress()


def is_json(path: Path) -> bool:
    """Say whether a text begins as JSON lines do."""
    with one_line_errors(path), text_stream(path, magic_of(path).startswith(GZIP_MAGIC)) as (_, stream):
        start: bytes = stream.read(64)
    return start.removeprefix(codecs.BOM_UTF8).lstrip()[:1] == b"{"


def has_keys(path: Path, table: str) -> bool:
    """Say whether a file has the fields without which a row of this table says nothing; nothing here complains."""
    try:
        names = list(json.loads(sniff.head(path).partition("\n")[0])) if is_json(path) else column_names(path)
    except (UserError, ValueError, RecursionError):
        return False
    return set(_KEYS[table]) <= set(names)


# -- columns


def whole(batch: Batch, name: str, least: int = 0, below: int = EXACT, *, optional: bool = False) -> FloatArray:
    """Give a column of whole numbers, `NONE` where it is empty; what is none is marked."""
    values = batch.number(name, missing=_EMPTY)
    bad = ~((values >= least) & (values < below) & (np.rint(values) == values))
    if optional:
        bad &= values != _EMPTY
    most = f" to {below - 1}" if below < EXACT else ""
    mark(batch, name, bad, f"{name} must be a whole number from {least}{most}")
    return np.where(bad | (values == _EMPTY), NONE, values)


def time_of(batch: Batch, name: str = "time") -> FloatArray:
    """Give a column of times in microseconds, `NEVER` after the end of the trace."""
    values = batch.number(name, missing=_EMPTY)
    never = values == _AFTER_THE_END
    bad = ~never & ~((values >= 0) & (values < EXACT) & (np.rint(values) == values))
    mark(batch, name, bad, f"{name} must be whole microseconds from 0")
    return np.where(bad, NONE, np.where(never, NEVER, values))


def amount(batch: Batch, name: str, unit: float, too_much: float) -> FloatArray:
    """Give a share of the reference machine in whole units, `NONE` where it is empty, never nothing for something."""
    values = batch.number(name, missing=_EMPTY)
    empty = values == _EMPTY
    bad = ~(empty | ((values >= 0) & (values < np.inf)))
    mark(batch, name, bad, f"{name} must be 0 or more")
    values = np.where(empty | bad, 0.0, np.minimum(values, too_much / unit))
    scaled = values * unit
    over = scaled >= too_much
    mark(batch, name, over, f"{name} is more than any machine has")
    return np.where(empty, NONE, np.where((scaled > 0) & (scaled < 1), 1.0, np.rint(scaled)))


def share(batch: Batch, name: str, below: float) -> FloatArray:
    """Give a measured share as it is, NaN where it is empty."""
    values = batch.number(name, missing=_EMPTY)
    empty = values == _EMPTY
    bad = ~(empty | ((values >= 0) & (values < below)))
    mark(batch, name, bad, f"{name} must be 0 or more, and possible")
    return np.where(empty | bad, np.nan, values)


def mark(batch: Batch, name: str, bad: BoolArray, reason: str) -> None:
    """Mark rows for what stands in a column."""
    if bad.any():
        batch.mark(bad, reason, batch.text(name))


def record(columns: Mapping[str, Any], good: IntArray) -> pa.RecordBatch:
    """Make whole numbers of the columns in the rows that are good."""
    arrays = [arrow_of(np.asarray(values)[good].astype(np.int64)) for values in columns.values()]
    return pa.RecordBatch.from_arrays(arrays, names=list(columns))


def numbers_of(batch: Batch, name: str, words: dict[str, int]) -> IntArray:
    """Give a column of texts, in which the same ones stand again and again, as their numbers in `words`."""
    column = batch.column(name).dictionary_encode("encode")
    numbers = np.array([words.setdefault(text or "", len(words)) for text in column.dictionary.to_pylist()], np.int64)
    found: IntArray = numbers[numpy_of(column.indices)]
    return found


def changes(column: IntArray) -> BoolArray:
    """Mark the rows that differ from the row above; the first does."""
    differs = np.ones(column.size, dtype=bool)
    differs[1:] = column[1:] != column[:-1]
    return differs
