"""What the tests of reports share."""

from types import SimpleNamespace

import pytest

from experiments.cli.spelling import command_of
from experiments.results.study import Study
from experiments.running.runner import run_study

TRACE = """job,submit_s,workload,tasks,duration_s,cpus,memory_bytes,cpu_demand,disk_read_bps,io_size_bytes
encode,0,batch,2,120,1,1073741824,3,0,
scan,1,batch,2,120,1,1073741824,0.1,50000000,1048576
</script><script>alert(1)</script>,4,service,4,300,1,1073741824,0.4,1000000,65536
"""
POLICY = """
def mine(view, task):
    return view.free[0] / 1000
"""


@pytest.fixture(scope="session")
def sent(tmp_path_factory):
    """A report of runs whose trace and policy have names that would be markup, were they not text."""
    from experiments.reporting import page

    folder = tmp_path_factory.mktemp("report")
    trace, policy = folder / "<img src=x onerror=alert(1)>.csv", folder / "<b>.py"
    trace.write_text(TRACE)
    policy.write_text(POLICY)
    study = Study(
        trace=str(trace), hosts="4", host_cpus=4.0, architectures=("monolithic", "shared-state"),
        policies=("spread", f"{policy}:mine"), seeds=(1, 2), contention=True,
    )  # fmt: skip
    out = folder / "out"
    run_study(study, out)
    file = out / "report.html"
    report = page.gather(out, out, command_of)
    page.write(report, file)
    return SimpleNamespace(study=study, folder=out, file=file, report=report, text=file.read_text(encoding="utf-8"))
