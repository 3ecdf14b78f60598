"""Machines, as machine_meta has them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from policies.arrays import FloatArray
from policies.errors import UserError
from policies.requests import Resources
from traces.formats.alibaba2018.tables import MACHINE_META, WHOLE
from traces.hosts import TOO_MUCH, HostEvent, Hosts
from traces.reading.columns import time
from traces.reading.rejects import Rejects
from traces.reading.tables import Reader
from traces.units import MILLI

#: What a host is like that the data set says of it: which parts of the data centre fail together.
DOMAINS = ("failure_domain_1", "failure_domain_2")


def make_hosts(files: Sequence[Path], memory_bytes: int, odd: Counter[str]) -> Hosts:
    """Give the machines in the order in which they first stand there.

    A machine is there from its first line with status USING, and then stays: the data set has no others of it.

    Raises
    ------
    UserError
        Naming the file and row of a machine that cannot be used, or the file if it has none.
    """
    lines: dict[str, list[_Line]] = {}
    for file in files:
        for batch in Reader(file, Rejects(), names=MACHINE_META).batches():
            batch.require("machine_id")
            at_s = time(batch, "time_stamp")
            cpus, memory = batch.number("cpu_num"), batch.number("mem_size")
            for name, values, per_unit in (("cpu_num", cpus, MILLI), ("mem_size", memory, memory_bytes / WHOLE)):
                batch.mark(~((values >= 0) & (values < TOO_MUCH / per_unit)), f"{name} is no size of a machine", values)
            names, using = batch.text("machine_id"), [status == "USING" for status in batch.text("status")]
            domains = [batch.text(name) for name in DOMAINS]
            batch.refuse()
            needs = map(Resources, np.rint(cpus * MILLI).astype(int).tolist(), _bytes(memory, memory_bytes))
            for name, *line in zip(names, at_s.tolist(), using, needs, *domains, strict=True):
                lines.setdefault(name, []).append(_Line(*line))
    if not lines:
        raise UserError(f"{files[0]}: no rows")
    capacity: list[Resources] = []
    alive, attributes, events = [], [], []
    for host, those in enumerate(lines.values()):
        those.sort(key=lambda line: line.at_s)
        up = [line for line in those if line.using]
        odd["machines that were never in use (status USING), they are never up"] += not up
        odd["lines of machines with another status than USING, ignored"] += len(those) - len(up)
        first = (up or those)[0]
        size, known = first.size, first.domains()
        if up and first.at_s > 0:
            events.append(HostEvent(first.at_s, host, True))
        alive.append(bool(up) and first.at_s == 0)
        capacity.append(size)
        attributes.append(known.copy())
        for later in up[1:]:
            changed = {domain: value for domain, value in later.domains().items() if known.get(domain) != value}
            if later.size == size and not changed:
                continue
            odd["changes of a machine's size or failure domains"] += 1
            if later.at_s == first.at_s:  # of several lines of the first time the last one counts
                capacity[host] = later.size
                attributes[host].update(changed)
            else:
                resized = None if later.size == size else later.size
                events.append(HostEvent(later.at_s, host, True, resized, changed))
            size = later.size
            known.update(changed)
    whole = np.array(capacity, dtype=np.int64).T
    events.sort(key=lambda event: event[:2])
    return Hosts(list(lines), whole, np.array(alive, dtype=bool), events, attributes)


class _Line(NamedTuple):
    at_s: float
    using: bool
    size: Resources
    domain_1: str
    domain_2: str

    def domains(self) -> dict[str, str]:
        """Give the failure domains that the line tells; where it has none, nothing is known to have changed."""
        return {name: value for name, value in zip(DOMAINS, self[3:], strict=True) if value}


def _bytes(shares: FloatArray, memory_bytes: int) -> list[int]:
    whole: list[int] = np.rint(shares * (memory_bytes / WHOLE)).astype(np.int64).tolist()
    return whole
