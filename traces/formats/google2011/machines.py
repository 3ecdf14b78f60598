"""Machines, from the events that happen to them."""

from __future__ import annotations

from dataclasses import replace
from heapq import merge

import numpy as np

from policies.requests import Resources
from traces.formats.google2011.rows import ADD, NONE, REMOVE, SECOND_US, UPDATE, Odd, Rows
from traces.hosts import HostEvent, Hosts

# The lines of one time stand in no order, so this is ours: by event type, the lower the earlier.
_MACHINE_RANK = np.array([1, 0, 2], dtype=np.int8)


def make_hosts(events: Rows, odd: Odd) -> Hosts:
    """Make hosts of the events, in order of first appearance, then of machine ID."""
    events = events[np.lexsort((_MACHINE_RANK[events["event"]], events["machine"], events["time"]))]
    row_of: dict[int, int] = {}
    size: list[Resources] = []  # as last given
    capacity: list[Resources] = []  # at time 0, or when it first joins
    alive: list[bool] = []
    alive_at_0: list[bool] = []
    joined: list[bool] = []
    later: list[HostEvent] = []
    columns = [events[name].tolist() for name in ("time", "machine", "event", "cpu", "memory")]
    for time, machine, kind, cpu, memory in zip(*columns, strict=True):
        host = row_of.setdefault(machine, len(row_of))
        if host == len(size):
            size.append(Resources())
            capacity.append(Resources())
            for states in (alive, alive_at_0, joined):
                states.append(False)
        before = size[host]
        if kind != REMOVE and NONE in (cpu, memory):
            then = "taken as before" if before != Resources() else "never given before, it can hold nothing"
            odd[f"machine events without a size, {then}"] += 1
        now = size[host] = Resources(
            before.cpu_milli if cpu == NONE else cpu, before.memory_bytes if memory == NONE else memory
        )
        # A machine that is away stays away when its size changes; its next ADD will say the size.
        alive[host] = kind == ADD or (kind == UPDATE and alive[host])
        if time == 0 or not joined[host]:
            capacity[host] = now
        joined[host] |= alive[host]
        if time == 0:
            alive_at_0[host] = alive[host]
        else:
            later.append(HostEvent(time / SECOND_US, host, alive[host], now if alive[host] else None))
    names = [str(machine) for machine in row_of]
    whole = np.array(capacity, dtype=np.int64).reshape(-1, len(Resources._fields)).T
    return Hosts(names, whole, np.array(alive_at_0, dtype=bool), later)


def with_attributes(hosts: Hosts, rows: Rows, words: list[str], odd: Odd) -> Hosts:
    """Give the machines their attributes, and the changes of these their place among the other events."""
    row_of = {int(name): row for row, name in enumerate(hosts.names)}
    attributes: list[dict[str, str]] = [{} for _ in hosts.names]
    changes: dict[tuple[int, int], dict[str, str | None]] = {}
    rows = rows[np.argsort(rows["time"], kind="stable")]
    for time, machine, name, value in rows.tolist():
        host = row_of.get(machine)
        if host is None:
            odd["lines of machine_attributes about machines that are never there, ignored"] += 1
        elif time:
            changes.setdefault((time, host), {})[words[name]] = None if value == NONE else words[value]
        elif value != NONE:
            attributes[host][words[name]] = words[value]
    changed = [HostEvent(time / SECOND_US, host, False, None, change) for (time, host), change in changes.items()]
    alive = hosts.alive.tolist()
    events = []
    for event in merge(hosts.events, changed, key=lambda event: event.t_s):
        if event.attributes is None:
            alive[event.host] = event.alive
        events.append(event._replace(alive=alive[event.host]))
    return replace(hosts, events=events, attributes=attributes)
