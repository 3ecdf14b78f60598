"""The columns of the native format."""

from __future__ import annotations

REQUIRED = ("job", "submit_s", "workload", "tasks", "duration_s", "cpus", "memory_bytes")
#: What containers use, in the order of the fields of `Demand`.
DEMAND = (
    "cpu_demand", "memory_demand_bytes", "disk_read_bps", "disk_write_bps", "io_size_bytes", "random_io", "net_bps"
)  # fmt: skip
MODELLED = (
    "gpus", "priority", "constraints", "apart", "again", "user", "runtime_estimate_s", *DEMAND, "after", "workflow"
)  # fmt: skip
NUMBERS = (
    "submit_s", "tasks", "duration_s", "cpus", "memory_bytes", "gpus", "priority", "apart", "again",
    "runtime_estimate_s",
    *DEMAND,
)  # fmt: skip
#: Columns of the format that the tank does not model yet; they may be there and are named in a note.
LATER = ("image", "labels")

#: What is written.
COLUMNS = (*REQUIRED, *MODELLED)
