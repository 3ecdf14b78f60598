"""Lives of instances, from one submission to its end, made of the events that happen to them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from policies.arrays import BoolArray, IntArray
from traces.formats.google2019.tables import (
    ENABLE,
    EVICT,
    LOST,
    NEVER,
    NONE,
    QUEUE,
    SCHEDULE,
    SECOND_US,
    SUBMIT,
    UPDATE_PENDING,
    UPDATE_RUNNING,
    changes,
)
from traces.reading.arrays import arrow_of, numpy_of
from traces.trace import OPEN_ENDED

Columns = dict[str, NDArray[Any]]

#: What an event is made to, all whole numbers; `wants` is the number of a set of constraints.
EVENT = (
    "job", "index", "time", "event", "machine", "cpu", "memory", "priority", "wants", "inside",
)  # fmt: skip

# The lines of one time stand in no order, so this is ours: by event type, the lower the earlier.
_RANK = np.array([1, 2, 3, 5, 0, 0, 0, 0, 0, 4, 6], dtype=np.int64)
_LAST_RANK = 7

#: What stands for any event that ends a life.
_END = EVICT


def lives_of(events: Iterable[pa.RecordBatch], odd: Counter[str]) -> Iterator[Columns]:
    """Make lives of events that are in order of collection, instance and time.

    Yields
    ------
    dict of str to ndarray, each of shape (n,)
        Lives in order of collection, instance and time; all of one instance together.

    Notes
    -----
    Memory is that of a block of events, and of the events of one instance.
    """
    held: list[Columns] = []
    for block in events:
        columns = {name: numpy_of(block[name]) for name in EVENT}
        if not block.num_rows:
            continue
        begins = np.flatnonzero(changes(columns["job"]) | changes(columns["index"]))
        if held and all(held[-1][name][-1] == columns[name][0] for name in ("job", "index")):
            if begins.size == 1:
                held.append(columns)
                continue
            first, last = int(begins[1]), int(begins[-1])
        else:
            first, last = 0, int(begins[-1])
        held.append({name: column[: first or last] for name, column in columns.items()})
        whole = _joined(held)
        if whole["job"].size:
            yield _lives(whole, odd)
        if first and first < last:
            yield _lives({name: column[first:last] for name, column in columns.items()}, odd)
        held = [{name: column[last:] for name, column in columns.items()}]
    if held:
        yield _lives(_joined(held), odd)


def _joined(pieces: list[Columns]) -> Columns:
    return {name: np.concatenate([piece[name] for piece in pieces]) for name in EVENT}


def _in_order(events: Columns, odd: Counter[str]) -> Columns:
    """Put what happens to an instance at one time into an order that can have been."""
    rank = _RANK[events["event"]]
    by_instance = (events["time"], events["index"], events["job"])
    order = np.lexsort((rank, *by_instance))
    kind = events["event"][order]
    instance = changes(events["job"][order]) | changes(events["index"][order])
    moment = instance | changes(events["time"][order])
    ends = (kind >= EVICT) & (kind <= LOST)
    # An end comes first where it makes way for what begins anew, and last where it ends what begins at the same time.
    number = np.cumsum(moment) - 1
    submitted, enabled = (np.zeros(int(number[-1]) + 1, dtype=bool) for _ in range(2))
    submitted[number[kind == SUBMIT]] = True
    enabled[number[(kind == QUEUE) | (kind == ENABLE)]] = True
    alive, running = ~instance, ~instance
    alive[1:] &= ~ends[:-1]
    running[1:] &= (kind[:-1] == SCHEDULE) | (kind[:-1] == UPDATE_RUNNING)
    first = (alive & submitted[number]) | (running & enabled[number])
    if (ends & ~first).any():
        rank[order[ends & ~first]] = _LAST_RANK
        order = np.lexsort((rank, *by_instance))
        kind = events["event"][order]
    twice = ~moment & ~changes(kind) & (events["time"][order] == 0)
    odd["lines of instance_events that say again how an instance was at time 0, ignored"] += int(twice.sum())
    order = order[~twice]
    return {name: column[order] for name, column in events.items()}


def _state(kind: IntArray, fresh: BoolArray) -> tuple[IntArray, BoolArray]:
    """Say after each row what the last event was that changed the state, `_END` for none; and where a life begins.

    A life begins at a SUBMIT, and at a QUEUE, ENABLE or SCHEDULE of an instance that neither waits nor runs. QUEUE and
    ENABLE of one that waits change nothing.
    """
    row = np.arange(kind.size)
    start = np.maximum.accumulate(np.where(fresh, row, 0))
    # Whether it is over before this row: by what happened last that was no update, QUEUE or ENABLE; if that was an
    # end, by whether QUEUE or ENABLE came since.
    solid = (kind == SUBMIT) | (kind == SCHEDULE) | ((kind >= EVICT) & (kind <= LOST))
    soft = (kind == QUEUE) | (kind == ENABLE)
    last_solid = np.concatenate(([-1], np.maximum.accumulate(np.where(solid, row, -1))[:-1]))
    last_soft = np.concatenate(([-1], np.maximum.accumulate(np.where(soft, row, -1))[:-1]))
    has_solid, has_soft = last_solid >= start, last_soft >= start
    before = np.where(has_solid, kind[np.maximum(last_solid, 0)], _END)
    before = np.where((before >= EVICT) & (before <= LOST), _END, before)
    woken = (before == _END) & has_soft & (last_soft > np.where(has_solid, last_solid, -1))
    before = np.where(woken, SUBMIT, before)
    begins = (kind == SUBMIT) | ((soft | (kind == SCHEDULE)) & (before == _END))
    return before, begins


def _lives(events: Columns, odd: Counter[str]) -> Columns:
    """Make lives of all events of some instances."""
    events = _in_order(events, odd)
    kind = events["event"]
    fresh = changes(events["job"]) | changes(events["index"])
    before, begins = _state(kind, fresh)
    soft = ((kind == QUEUE) | (kind == ENABLE)) & ~begins
    pending = (kind == UPDATE_PENDING) & (before == SUBMIT)
    updates = (kind >= UPDATE_PENDING) & ~pending
    odd["changes of a request while the instance does not wait, not modelled yet"] += int(updates.sum())
    odd["instances that were queued or enabled without having been submitted, submitted then"] += int(
        (begins & ((kind == QUEUE) | (kind == ENABLE))).sum()
    )
    twice = (kind == SCHEDULE) & (before == SCHEDULE)
    odd["instances scheduled while they ran, ignored"] += int(twice.sum())
    idle = (kind >= EVICT) & (kind <= LOST) & (before == _END)
    odd["ends of instances that neither waited nor ran, ignored"] += int(idle.sum())

    # What changes the state, for each row that is left the next such row of the same instance.
    row = np.flatnonzero((begins | (kind == SCHEDULE) | ((kind >= EVICT) & (kind <= LOST))) & ~twice & ~idle & ~soft)
    what = np.where(begins[row] & (kind[row] != SCHEDULE), SUBMIT, np.where(kind[row] == SCHEDULE, SCHEDULE, _END))
    owner = np.cumsum(fresh)[row]
    # Two rows of nobody at the end, so that the next and the one after it are always there.
    row, what = np.append(row, [kind.size] * 2), np.append(what, [_END] * 2)
    owner = np.append(owner, [-1] * 2)
    time = np.append(events["time"], NEVER)[row]
    begin = np.flatnonzero(begins[np.minimum(row, kind.size - 1)] & (row < kind.size))
    at_once = what[begin] == SCHEDULE
    follows = ~at_once & (what[begin + 1] == SCHEDULE) & (owner[begin + 1] == owner[begin])
    scheduled = at_once | follows
    start = begin + follows
    end = start + 1
    ended = owner[end] == owner[begin]
    # It asks for what was said last until it was scheduled, or until it gave up waiting.
    next_instance = np.append(np.flatnonzero(fresh), kind.size)[np.cumsum(fresh)[row[begin]]]
    last_said = np.where(ended, row[end], next_instance) - 1
    asked = np.where(scheduled, row[start], last_said)

    lives: Columns = {name: events[name][asked] for name in ("job", "index", "machine", "priority", "wants", "inside")}
    lives["submit"] = time[begin]
    lives["run_s"] = np.where(ended, (time[end] - time[start]) / SECOND_US, OPEN_ENDED)
    given = np.where(updates, NONE, events["cpu"]), np.where(updates, NONE, events["memory"])
    unsaid = np.zeros(begin.size, dtype=bool)
    for name, column in zip(("cpu", "memory"), given, strict=True):
        lives[name] = _last_given(column, row[begin], asked)
        unsaid |= lives[name] == NONE
        lives[name] = np.where(lives[name] == NONE, 0, lives[name])
    lives["start"] = np.where(scheduled, time[start], NEVER)
    lives["running"] = scheduled & (time[start] == 0)
    lives["again"] = (~(changes(lives["job"]) | changes(lives["index"]))).astype(np.int64)
    for text, cases in {
        "containers that ended while they waited, taken to run for as long as they waited": ended & ~scheduled,
        "containers without an end in the data, they run on": ~ended,
        "containers without an end when their instance began anew, taken to end then": ended & (what[end] != _END),
        "containers scheduled without having been submitted, submitted when they were scheduled": at_once
        & (time[begin] > 0),
        "containers that ask for no amount of CPU or memory, taken as 0": unsaid,
        "containers on a dedicated machine, placed like any other": events["machine"][asked] == DEDICATED,
    }.items():
        odd[text] += int(cases.sum())
    return lives


#: What an event has for a machine that only one user has.
DEDICATED = -2


def _last_given(column: IntArray, first: IntArray, last: IntArray) -> IntArray:
    """Find the last value that is given in the rows from `first` to `last`, `NONE` where there is none."""
    given = np.maximum.accumulate(np.where(column == NONE, -1, np.arange(column.size)))[last]
    return np.where(given >= first, column[np.maximum(given, 0)], NONE)


def as_batch(columns: Columns) -> pa.RecordBatch:
    """Make a block of columns of numbers."""
    return pa.RecordBatch.from_arrays([arrow_of(column) for column in columns.values()], names=list(columns))
