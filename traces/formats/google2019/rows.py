"""Rows of whole numbers, made of the lines of the tables."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pyarrow as pa

from policies.arrays import IntArray
from traces.formats.google2011.rows import ATTRIBUTE, MACHINE_EVENT, Rows
from traces.formats.google2019.constraints import Demands
from traces.formats.google2019.lives import DEDICATED
from traces.formats.google2019.tables import (
    NONE,
    UPDATE_RUNNING,
    amount,
    mark,
    numbers_of,
    record,
    share,
    time_of,
    whole,
)
from traces.hosts import TOO_MUCH
from traces.reading.reference import Reference
from traces.reading.rejects import Rejects
from traces.reading.tables import Batch
from traces.units import MILLI

Odd = Counter[str]

_ALLOC_SET = 1


def _resources(batch: Batch, name: str, reference: Reference) -> dict[str, IntArray]:
    return {
        "cpu": amount(batch, f"{name}.cpus", reference.cores * MILLI, TOO_MUCH).astype(np.int64),
        "memory": amount(batch, f"{name}.memory", reference.memory_bytes, TOO_MUCH).astype(np.int64),
    }


def event_rows(batch: Batch, rejects: Rejects, reference: Reference, demands: Demands, odd: Odd) -> pa.RecordBatch:
    """Make rows of lines of instance_events: what `lives.EVENT` says."""
    machine = whole(batch, "machine_id", least=-1, optional=True)
    machine = np.where((machine == -1) & (batch.number("machine_id", missing=0.0) == -1), DEDICATED, machine)
    inside = whole(batch, "alloc_collection_id", optional=True) > 0
    kind = whole(batch, "collection_type", below=2, optional=True)
    missing = whole(batch, "missing_type", optional=True)
    columns = {
        "job": whole(batch, "collection_id"),
        "index": whole(batch, "instance_index", below=2**31),
        "time": time_of(batch),
        "event": whole(batch, "type", below=UPDATE_RUNNING + 1),
        "machine": machine,
        **_resources(batch, "resource_request", reference),
        "priority": np.maximum(whole(batch, "priority", below=2**15, optional=True), 0),
        "wants": demands.numbers(batch),
        "inside": inside,
    }
    good = batch.reject(rejects)
    odd["lines of instance_events that Google made up for missing records"] += int((missing[good] > 0).sum())
    odd["lines of instance_events about alloc instances, which are placed as containers"] += int(
        (kind[good] == _ALLOC_SET).sum()
    )
    return record(columns, good)


def collection_rows(batch: Batch, rejects: Rejects, users: dict[str, int], odd: Odd) -> pa.RecordBatch:
    """Make rows of lines of collection_events: job, time, number of its user, whether apart, and what it comes after.

    What it comes after are the names of collections, separated by spaces.
    """
    most = whole(batch, "max_per_machine", optional=True)
    per_switch = whole(batch, "max_per_switch", optional=True)
    columns = {
        "job": whole(batch, "collection_id"),
        "time": time_of(batch),
        "user": numbers_of(batch, "user", users),
        "apart": most == 1,
    }
    whole(batch, "type", below=UPDATE_RUNNING + 1)
    after = _after(batch)
    good = batch.reject(rejects)
    odd["lines of collection_events with a limit of more than one instance per machine, not modelled"] += int(
        (most[good] > 1).sum()
    )
    odd["lines of collection_events with a limit of instances per switch, not modelled"] += int(
        (per_switch[good] > 0).sum()
    )
    rows = record(columns, good)
    return rows.append_column("after", pa.array([after[row] for row in good.tolist()], pa.string()))


def _after(batch: Batch) -> list[str]:
    name = "start_after_collection_ids"
    if not batch.filled(name):
        return [""] * len(batch)
    column = batch.columns[name]
    if pa.types.is_list(column.type):
        lists = [[str(value) for value in values or ()] for values in column.to_pylist()]
    else:
        # In CSV a list is a text of its own, of JSON or of words.
        lists = [text.strip("[]").replace(",", " ").replace('"', " ").split() for text in batch.text(name)]
    wrong = np.array([not all(one.isascii() and one.isdigit() for one in names) for names in lists], dtype=bool)
    texts = [" ".join(names) for names in lists]
    batch.mark(wrong, f"{name} must be whole numbers", texts)
    return texts


def usage_rows(batch: Batch, rejects: Rejects, reference: Reference) -> dict[str, np.ndarray]:
    """Make rows of lines of instance_usage; what is empty is NaN."""
    start, end = whole(batch, "start_time"), whole(batch, "end_time")
    mark(batch, "end_time", ~(end > start), "end_time must be later than start_time")
    columns = {
        "job": whole(batch, "collection_id"),
        "index": whole(batch, "instance_index", below=2**31),
        "start": start,
        "end": end,
        "cpu": share(batch, "average_usage.cpus", TOO_MUCH / (reference.cores * MILLI)) * reference.cores,
        "memory": share(batch, "average_usage.memory", TOO_MUCH / reference.memory_bytes) * reference.memory_bytes,
    }
    good = batch.reject(rejects)
    return {
        name: values[good] if name in ("cpu", "memory") else values[good].astype(np.int64)
        for name, values in columns.items()
    }


def machine_rows(batch: Batch, rejects: Rejects, reference: Reference, odd: Odd) -> Rows:
    """Make rows of lines of machine_events, with the event numbers of the 2011 trace: they are one less."""
    event = whole(batch, "type", least=1, below=4)
    missing = whole(batch, "missing_data_reason", optional=True)
    columns = {
        "time": time_of(batch),
        "machine": whole(batch, "machine_id"),
        "event": event - 1,
        **_resources(batch, "capacity", reference),
    }
    good = batch.reject(rejects)
    odd["lines of machine_events that Google made up for missing records"] += int((missing[good] > 0).sum())
    rows = np.empty(good.size, dtype=MACHINE_EVENT)
    for name, values in columns.items():
        rows[name] = values[good]
    return rows


def attribute_rows(batch: Batch, rejects: Rejects, words: dict[str, int], wanted: set[str], odd: Odd) -> Rows:
    """Make rows of those lines of machine_attributes that are about attributes that are `wanted`."""
    names, deleted = batch.text("name"), [text.lower() for text in batch.text("deleted")]
    batch.mark(np.array([not name for name in names], dtype=bool), "name is empty", names)
    unclear = [text not in ("", "true", "false", "1", "0") for text in deleted]
    batch.mark(np.array(unclear, dtype=bool), "deleted must be true or false", deleted)
    gone = np.array([text in ("true", "1") for text in deleted], dtype=bool)
    time, machine, value = time_of(batch), whole(batch, "machine_id"), numbers_of(batch, "value", words)
    good = batch.reject(rejects)
    named = np.array([names[row] in wanted for row in good.tolist()], dtype=bool)
    odd["lines of machine_attributes about what no constraint names, left out"] += int((~named).sum())
    good = good[named]
    rows = np.empty(good.size, dtype=ATTRIBUTE)
    rows["time"], rows["machine"] = time[good], machine[good]
    rows["name"] = [words.setdefault(names[row], len(words)) for row in good.tolist()]
    rows["value"] = np.where(gone[good], NONE, value[good])
    return rows
