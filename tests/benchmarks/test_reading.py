"""How many rows of a trace are read in a second: into batches, into checked columns, and into jobs."""

from collections import deque

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest

from traces.formats.native import Native
from traces.reading.rejects import Rejects
from traces.reading.tables import Reader

ROWS = 400_000


@pytest.fixture(scope="module", params=["csv", "parquet"])
def trace(request, tmp_path_factory):
    rng = np.random.default_rng(1)
    table = pa.table(
        {
            "job": [f"j{n}" for n in range(ROWS)],
            "submit_s": np.round(np.cumsum(rng.exponential(1.0, ROWS)), 3),
            "workload": rng.choice(["batch", "service"], ROWS),
            "tasks": rng.integers(1, 50, ROWS),
            "duration_s": np.round(rng.exponential(100.0, ROWS), 2),
            "cpus": rng.choice([0.5, 1.0, 2.0], ROWS),
            "memory_bytes": rng.integers(1, 16, ROWS) * 2**28,
        }
    )
    path = tmp_path_factory.mktemp("reading") / f"jobs.{request.param}"
    if request.param == "csv":
        pa.csv.write_csv(table, path)
    else:
        pa.parquet.write_table(table, path)
    return Native(path, Rejects())


def batches(trace):
    columns = ("job", "submit_s", "workload", "tasks", "duration_s", "cpus", "memory_bytes")
    return Reader(trace.path, Rejects(), required=columns, numbers=columns[1:2] + columns[3:]).batches()


STAGES = {"batches": batches, "checked columns": Native._blocks, "jobs": Native.arrivals}


@pytest.mark.parametrize("stage", STAGES)
def test_rows_a_second(benchmark, trace, stage):
    benchmark.extra_info["rows"] = ROWS

    benchmark.pedantic(lambda: deque(STAGES[stage](trace), maxlen=0), rounds=3, warmup_rounds=1)

    benchmark.name = f"{ROWS:,} rows of {trace.path.suffix[1:]} into {stage}"
