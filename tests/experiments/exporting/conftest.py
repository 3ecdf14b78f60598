"""Small runs in which everything happens that a log can tell, for whoever exports them."""

import random

import pytest

from experiments.results.frames import Frames
from experiments.results.study import Detail, Study
from experiments.running.runner import run_study

HEADER = "job,submit_s,workload,tasks,duration_s,cpus,memory_bytes,priority,again,after,cpu_demand,memory_demand_bytes"
GB = 10**9


def some_jobs(count, *, priorities=(0,), longest_s=60.0):
    """Jobs of all sizes, always the same."""
    draw = random.Random(7)
    rows, at_s = [], 0.0
    for number in range(count):
        at_s += draw.expovariate(1.0)
        workload = draw.choice(["batch", "batch", "service"])
        cpus = draw.choice([0.5, 1, 2])
        rows.append(
            f"j{number},{at_s:.3f},{workload},{draw.randint(1, 5)},{draw.uniform(0.5, longest_s):.4f},{cpus},{GB},"
            f"{draw.choice(priorities)},0,,{cpus * draw.choice([0.5, 1, 2])},{draw.choice([1, 2]) * GB}"
        )
    return rows


HOSTS = "host,cpus,memory_bytes,joins_s,leaves_s\n" + "".join(
    f"h{n},8,{16 * GB},{30 if n == 4 else 0},{35 + n if n < 2 else ''}\n" for n in range(5)
)
ODD = [
    f"ann,0,batch,2,10,1,{GB},0,0,,,",
    f"bob,1,batch,2,10,1,{GB},0,0,ann,,",  # held until ann ended
    f"huge,2,batch,1,10,99,{GB},0,0,,,",  # fits nowhere
    f"ann,3,batch,1,5,1,{GB},0,1,,,",  # again, while the first is there
    f"long,4,service,3,inf,1,{GB},0,0,,,",
    f"late,39.99,batch,1,10,1,{GB},0,0,,,",
    f"never,39.995,batch,1,10,1,{GB},0,0,,,",
    f"zoe,39.999,batch,1,10,1,{GB},0,0,late,,",
]
#: One `Study` for each kind of run, but for its files.
STUDIES = {
    "plain": {"jobs": some_jobs(60)},
    "conflicts": {
        "jobs": some_jobs(120), "hosts": "6", "schedulers": {"batch": 3, "service": 2}, "conflict": "coarse",
        "commit": "gang", "policies": ("binpack",), "until_s": 80.0, "t_job_s": 1.0,
    },
    "lost hosts": {"jobs": some_jobs(80), "hosts_file": HOSTS, "t_job_s": 0.05},
    "preemption": {
        "jobs": some_jobs(80, priorities=(0, 0, 5, 9)), "hosts": "3", "architectures": ("shared-state:preempt=true",),
        "host_cpus": 8.0, "until_s": 100.0,
    },
    "contention": {"jobs": some_jobs(60), "hosts": "4", "contention": True, "host_cpus": 8.0},
    "no memory": {
        "jobs": some_jobs(60), "hosts": "3", "contention": True, "host_cpus": 16.0, "host_memory_bytes": 14 * GB,
        "until_s": 120.0,
    },
    "starts": {"jobs": some_jobs(60), "hosts": "4", "contention": True, "start_s": 2.0, "start_cpu_s": 1.0},
    "cut starts": {"jobs": some_jobs(60), "hosts_file": HOSTS, "start_s": 4.0, "until_s": 45.0},
    "prefill": {
        "jobs": some_jobs(40), "hosts_file": HOSTS, "until_s": 70.0,
        "prefill_jobs": [f"old{n},0,batch,3,{20 + 9 * n},1,{GB},0,0,,," for n in range(4)],
    },
    "odd jobs": {"jobs": ODD, "until_s": 40.0, "architectures": ("monolithic",)},
    "offers": {"jobs": some_jobs(60), "architectures": ("two-level",), "hosts": "4"},
    "partial": {"jobs": some_jobs(60), "architectures": ("partial-sync",), "hosts": "4"},
}  # fmt: skip


class Made:
    """Makes results directories, each once."""

    def __init__(self, folder):
        self._folder = folder
        self._there = {}

    def __call__(self, kind, detail=Detail.TASKS):
        if (kind, detail) not in self._there:
            self._there[kind, detail] = self._make(kind, detail)
        return self._there[kind, detail]

    def _make(self, kind, detail):
        folder = self._folder / f"{kind.replace(' ', '_')}_{detail}"
        folder.mkdir()
        asked = {
            "architectures": ("shared-state",), "policies": ("spread",), "hosts": "5", "host_cpus": 8.0,
            "host_memory_bytes": 32 * GB, "seeds": (1, 2), "detail": detail,
        } | STUDIES[kind]  # fmt: skip
        files = {"trace": asked.pop("jobs"), "prefill": asked.pop("prefill_jobs", None)}
        for name, rows in files.items():
            if rows is not None:
                path = folder / f"{name}.csv"
                path.write_text("\n".join([HEADER, *rows]) + "\n")
                asked[name] = str(path)
        if "hosts_file" in asked:
            path = folder / "hosts.csv"
            path.write_text(asked.pop("hosts_file"))
            asked["hosts"] = str(path)
        run_study(Study(**asked), folder / "out")
        return Frames(folder / "out")


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    return Made(tmp_path_factory.mktemp("results"))


@pytest.fixture(scope="session", params=STUDIES)
def frames(made, request):
    return made(request.param)
