"""What is told of a trace: what its containers use."""

import pytest

from experiments.measures.traceinfo import describe
from traces.formats.native import Native
from traces.hosts import uniform
from traces.reading.rejects import Rejects

HEADER = "job,submit_s,workload,tasks,duration_s,cpus,memory_bytes,cpu_demand,disk_read_bps,random_io,net_bps,after\n"


@pytest.fixture
def told(tmp_path):
    def told(*rows, hosts=None):
        path = tmp_path / "jobs.csv"
        path.write_text(HEADER + "".join(f"{row}\n" for row in rows))
        return "\n".join(describe(Native(path, Rejects()), hosts))

    return told


def test_what_is_known_of_use_is_told_a_container(told):
    said = told("a,0,b,3,1,2,0,1,4e6,,1e6,", "b,0,b,1,1,6,0,5,,,,a", "c,0,b,9,1,9,0,,,,,")

    assert "known use: of 4 containers, on average 2 of 3 cores" in said
    assert "disk 3 MB/s, network 0.75 MB/s" in said
    assert "after others have ended: 1 jobs" in said


def test_the_dominant_share_is_of_the_hosts_that_there_are(told):
    rows = (
        "cpu,0,b,1,1,1,0,8,20e6,,,",
        "disk,0,b,2,1,1,0,8,20e6,1,,",
        "net,0,b,3,1,1,0,1,,,1e9,",
        "no,0,b,4,1,1,0,0,,,,",
    )

    assert "1 CPU-bound, 5 I/O-bound, 4 idle" in told(*rows)
    assert "100 cores" in told(*rows, hosts=uniform(2, 100.0, 1))
    assert "0 CPU-bound, 6 I/O-bound, 4 idle" in told(*rows, hosts=uniform(2, 100.0, 1))


def test_of_a_trace_that_says_nothing_about_use_nothing_is_told(told):
    assert "known use" not in told("c,0,b,9,1,9,0,,,,,")
