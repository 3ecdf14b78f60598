"""Where the containers of jobs are that want no two of them on one host."""

from __future__ import annotations

import numpy as np

from policies.arrays import IntArray


class Siblings:
    """Hosts that hold containers of each job whose containers keep apart.

    A job is known by its name here, so that what is submitted again keeps apart from what still runs of it.
    """

    def __init__(self) -> None:
        self._held: dict[str, dict[int, int]] = {}  # job: host: containers (a trace may have recorded several)

    def hosts(self, job: str) -> IntArray:
        """Give the hosts that hold a container of a job, shape (m,), in no particular order."""
        held = self._held.get(job, ())
        return np.fromiter(held, dtype=np.int64, count=len(held))

    def come(self, job: str, hosts: IntArray, counts: IntArray) -> None:
        """Take note that containers came."""
        held = self._held.setdefault(job, {})
        for host, count in zip(hosts.tolist(), counts.tolist(), strict=True):
            held[host] = held.get(host, 0) + count

    def go(self, job: str, hosts: IntArray, counts: IntArray) -> None:
        """Take note that containers ended."""
        held = self._held[job]
        for host, count in zip(hosts.tolist(), counts.tolist(), strict=True):
            held[host] -= count
            if not held[host]:
                del held[host]
        if not held:
            del self._held[job]
