"""Lives of containers, from one SUBMIT of a task to its end, made of the events that happen to it."""

from __future__ import annotations

import numpy as np

from traces.formats.google2011.constraints import Given
from traces.formats.google2011.rows import (
    EVICT,
    LOST,
    NEVER,
    NONE,
    SCHEDULE,
    SECOND_US,
    SUBMIT,
    UPDATE_PENDING,
    Ints,
    Odd,
    Rows,
    changes,
)
from traces.trace import OPEN_ENDED

# The lines of one time stand in no order, so this is ours: by event type, the lower the earlier.
_TASK_RANK = np.array([1, 3, 0, 0, 0, 0, 0, 2, 4], dtype=np.int8)
_LAST_RANK = 5

#: From one SUBMIT of a task to its end. Running lives are on a machine at time 0, the others are input.
LIFE = np.dtype(
    [
        ("job", "i8"), ("index", "i4"), ("machine", "i8"), ("submit", "i8"), ("run_s", "f8"), ("cpu", "i8"),
        ("memory", "i8"), ("priority", "i2"), ("user", "i4"), ("running", "?"), ("again", "?"), ("apart", "?"),
        ("demands", "i4"), ("start", "i8"),
        # Whether what it used was measured, then a number that no other of its job has, else 0; and what that was.
        ("uses", "i4"), ("use_cpu", "f8"), ("use_memory", "f8"), ("use_disk", "f8"),
        # The time of the first of its submission, and whether that is not the first of its job.
        ("first", "i8"), ("resubmission", "?"),
    ]
)  # fmt: skip


def in_order(events: Rows, odd: Odd) -> Rows:
    """Sort by task and time, and what happens to a task at one time into an order that can have been."""
    rank = _TASK_RANK[events["event"]]
    by_task = (events["time"], events["index"], events["job"])
    order = np.lexsort((rank, *by_task))
    kind = events["event"][order]
    task = changes(events["job"][order]) | changes(events["index"][order])
    moment = task | changes(events["time"][order])
    ends = (kind >= EVICT) & (kind <= LOST)
    crowded = ends[:-1] & ~moment[1:]
    if crowded.any():
        # An end comes first where it makes way for a SUBMIT, and last where it ends what begins at the same time.
        number = np.cumsum(moment) - 1
        submitted = np.zeros(int(number[-1]) + 1, dtype=bool)
        submitted[number[kind == SUBMIT]] = True
        alive = ~task
        alive[1:] &= ~ends[:-1]
        rank[order[ends & ~(alive & submitted[number])]] = _LAST_RANK
        order = np.lexsort((rank, *by_task))
        kind = events["event"][order]
    twice = ~moment & ~changes(kind) & (events["time"][order] == 0)
    odd["lines of task_events that say again how a task was at time 0, ignored"] += int(twice.sum())
    sorted_events: Rows = events[order[~twice]]
    return sorted_events


def make_lives(events: Rows, demands: Given, odd: Odd) -> Rows:
    """Make lives of the events of some whole jobs, which are in order of task and time."""
    if not events.size:
        return np.empty(0, dtype=LIFE)
    events = _without_updates_of_the_running(events, odd)
    # Only these change what a task is: waiting, running, or neither.
    rows = np.flatnonzero(events["event"] <= LOST)
    kind = np.minimum(events["event"][rows], EVICT)  # EVICT stands for any end
    time = events["time"][rows]
    fresh = changes(events["job"][rows]) | changes(events["index"][rows])
    above = np.full(kind.size, EVICT, dtype=kind.dtype)
    above[1:][~fresh[1:]] = kind[:-1][~fresh[1:]]

    begins = (kind == SUBMIT) | ((kind == SCHEDULE) & (above != SUBMIT))
    begin = np.flatnonzero(begins)
    odd["ends of tasks that neither waited nor ran, ignored"] += int(((kind == EVICT) & (above == EVICT)).sum())
    # Two rows of nobody at the end, so that the next and the one after it are always there.
    kind, fresh, time = np.append(kind, [EVICT] * 2), np.append(fresh, [True] * 2), np.append(time, [NEVER] * 2)
    rows = np.append(rows, [events.size] * 2)

    at_once = kind[begin] == SCHEDULE
    follows = ~at_once & ~fresh[begin + 1] & (kind[begin + 1] == SCHEDULE)
    scheduled = at_once | follows
    start = begin + follows
    end = start + 1
    ended = ~fresh[end]
    asked = np.where(scheduled, rows[start], rows[begin + 1] - 1)

    lives = np.zeros(begin.size, dtype=LIFE)
    for name in ("job", "index", "machine", "priority", "user"):
        lives[name] = events[name][asked]
    lives["submit"] = time[begin]
    lives["run_s"] = np.where(ended, (time[end] - time[start]) / SECOND_US, OPEN_ENDED)
    lives["cpu"] = _last_given(events["cpu"], rows[begin], asked)
    lives["memory"] = _last_given(events["memory"], rows[begin], asked)
    # A job keeps apart as a whole, whichever of its tasks said so.
    lives["apart"] = np.isin(lives["job"], lives["job"][events["apart"][asked]])
    lives["demands"] = demands.at(lives["job"], lives["index"], events["time"][asked])
    lives["start"] = np.where(scheduled, time[start], NEVER)
    lives["running"] = scheduled & (time[start] == 0)
    lives["again"] = ~(changes(lives["job"]) | changes(lives["index"]))

    implicit = at_once & (time[begin] > 0)
    unsaid = (lives["cpu"] == NONE) | (lives["memory"] == NONE)
    for name in ("cpu", "memory"):
        lives[name][lives[name] == NONE] = 0
    for text, cases in {
        "containers that ended while they waited, taken to run for as long as they waited": ended & ~scheduled,
        "containers without an end in the data, they run on": ~ended,
        "containers without an end when their task began anew, taken to end then": ended & (kind[end] != EVICT),
        "containers scheduled without having been submitted, submitted when they were scheduled": implicit,
        "containers that ask for no amount of CPU or memory, taken as 0": unsaid,
        "containers that ask for disk space, not modelled yet": events["disk"][asked],
        "containers that share no machine with others of their job": lives["apart"],
        "containers that demand attributes of their machine": lives["demands"] > 0,
    }.items():
        odd[text] += int(cases.sum())
    return lives


def _without_updates_of_the_running(events: Rows, odd: Odd) -> Rows:
    """Keep updates of what waits: they change what it asks for. Those of what runs are not modelled yet."""
    updates = events["event"] >= UPDATE_PENDING
    row = np.arange(events.size)
    task = np.maximum.accumulate(np.where(changes(events["job"]) | changes(events["index"]), row, 0))
    before = np.maximum.accumulate(np.where(updates, -1, row))
    waits = (before >= task) & (events["event"][before] == SUBMIT)
    ignored = updates & ~(waits & (events["event"] == UPDATE_PENDING))
    odd["changes of a request while the task does not wait, not modelled yet"] += int(ignored.sum())
    kept: Rows = events[~ignored] if ignored.any() else events
    return kept


def _last_given(column: Ints, first: Ints, last: Ints) -> Ints:
    """Find the last value that is given in the rows from `first` to `last`, `NONE` where there is none."""
    given = np.maximum.accumulate(np.where(column == NONE, -1, np.arange(column.size)))[last]
    return np.where(given >= first, column[given], NONE)
