"""What was asked for: a workload on hosts, under every architecture, policy and seed."""

from __future__ import annotations

import itertools
import json
import re
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple


class Detail(StrEnum):
    """How much of the log is kept in files."""

    SUMMARY = "summary"  # nothing: metrics only
    JOBS = "jobs"  # one row for everything that happens to a job
    TASKS = "tasks"  # and one for every host on which containers start or end


class RunKey(NamedTuple):
    """Which run of a study."""

    architecture: str
    policy: str
    seed: int

    @property
    def file_stem(self) -> str:
        """Give a name for files that is the same everywhere and unlike that of other runs."""
        plain = re.sub(r"[^A-Za-z0-9.=-]+", "-", f"{self.architecture}_{Path(self.policy).name}")
        digest = f"{zlib.crc32(f'{self.architecture} {self.policy}'.encode()):08x}"
        simple = f"{self.architecture}{self.policy}".replace("-", "").isalnum()
        return f"{plain}_{self.seed}" if simple else f"{plain}-{digest}_{self.seed}"


@dataclass(frozen=True)
class Study:
    """Everything that decides what a set of runs comes to; see ``towtank run --help`` for each entry."""

    on: str = "tank"  # or "docker:" and an inventory, addresses or contexts
    trace: str = "generated:default"
    speed: float = 1.0
    reference_machine: str | None = None  # None: as the reader of the trace assumes
    prefill: str | None = None
    until_s: float | None = None
    warm_up_s: float = 0.0
    hosts: str | None = None
    host_cpus: float = 16.0
    host_memory_bytes: int = 64 * 1024**3
    start_s: float = 0.0
    start_cpu_s: float = 0.0
    architectures: tuple[str, ...] = ("monolithic", "shared-state")
    policies: tuple[str, ...] = ("random-first-fit", "least-allocated", "binpack")
    schedulers: Mapping[str, int] | None = None
    t_job_s: float | Mapping[str, float] = 0.1
    t_task_s: float | Mapping[str, float] = 0.005
    conflict: str = "fine"
    commit: str = "incremental"
    queue: str = "fifo"
    quotas: Mapping[str, float] | None = None  # cores of each user
    mapreduce: str = "as-requested"
    contention: bool = False
    host_disk: str = "SSD_DFL"
    host_net_bps: int | None = None
    isolation: str = "shares"
    interference: float = 0.0
    wake_up_s: float | None = None  # None: as the hosts' profiles say
    measure_s: float = 60.0
    estimate_error: float = 0.0
    network: str = "none"  # of containers at sea
    restarts: int = 3
    lost_after_s: float = 120.0
    seeds: tuple[int, ...] = (1,)
    detail: Detail = Detail.JOBS
    on_bad_row: str = "stop"
    explain: tuple[str, ...] = ()  # jobs
    precision: float | None = None  # half of the interval over the mean; None: no seeds are added
    of: tuple[str, ...] = ("wait_mean_s",)
    max_seeds: int = 50

    def runs(self, seeds: int | None = None) -> Iterator[RunKey]:
        """Give every run of the study, or every run with so many seeds."""
        some = self.seeds if seeds is None else self.first_seeds(seeds)
        for combination in itertools.product(self.architectures, self.policies, some):
            yield RunKey(*combination)

    def first_seeds(self, count: int) -> tuple[int, ...]:
        """Give so many seeds: those that were asked for, and then the next whole numbers."""
        after = max(self.seeds) + 1
        return (*self.seeds, *range(after, after + count - len(self.seeds)))[:count]

    def as_json(self) -> dict[str, Any]:
        """Give the study as plain values."""
        plain: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        return plain

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> Study:
        """Make the study that `as_json` gave."""
        known = {field.name for field in fields(cls)}
        values: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in plain.items()}
        return cls(
            **{name: value for name, value in values.items() if name in known} | {"detail": Detail(values["detail"])}
        )
