"""Containers of services: how long each was there, from what happened to it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from itertools import groupby
from operator import itemgetter
from typing import Any

import numpy as np
import pyarrow as pa

from traces.formats.alibaba2018.tables import CONTAINERS
from traces.reading.ordered import ordered
from traces.reading.services import Service


def make_services(rows: Iterable[pa.RecordBatch], odd: Counter[str]) -> list[Service]:
    """Make containers of the lines of container_meta, in whatever order.

    A container is there from its first line that does not say ``stopped`` to the one that says so and after which
    none says otherwise.

    Parameters
    ----------
    rows : iterable of pyarrow.RecordBatch
        Of schema `CONTAINERS`.
    odd : Counter of str
        What was odd is counted there.

    Returns
    -------
    list of Service
        In order of when they came, then of their names. Memory is that of one of these for each container.
    """
    services = []
    for name, lines in groupby(_lines(rows), key=itemgetter(0)):
        service = _service(name, list(lines), odd)
        if service is not None:
            services.append(service)
    return sorted(services)


def _lines(rows: Iterable[pa.RecordBatch]) -> Iterable[tuple[Any, ...]]:
    for block in ordered(rows, ["container", "at_s"]):
        yield from zip(*(block[name].to_pylist() for name in CONTAINERS.names), strict=True)


def _service(name: str, lines: list[tuple[Any, ...]], odd: Counter[str]) -> Service | None:
    _, machines, apps, at_s, stopped, cpus, memories = zip(*lines, strict=True)
    there = [place for place, stop in enumerate(stopped) if not stop]
    if not there:
        odd["containers that were stopped all the time, left out"] += 1
        return None
    first, last = there[0], there[-1]
    odd["containers that were stopped and started again, they run through"] += any(stopped[first:last])
    odd["containers that moved to another machine, they stay on their first one"] += len(set(machines)) > 1
    odd["containers whose requests changed, they ask for the most they ever did"] += len(set(zip(cpus, memories))) > 1  # noqa: B905
    end_s = at_s[last + 1] if last + 1 < len(lines) else np.inf
    return Service(at_s[first], name, end_s, machines[first], apps[first], max(cpus), max(memories))
