"""A trace at another speed is the same trace on another clock."""

from dataclasses import replace

import numpy as np
import pytest

from experiments.results.study import RunKey, Study
from experiments.running.simulate import simulate
from policies.requests import Demand, Group, Job, MapReduce, Resources, Task
from traces.changed.faster import Faster
from traces.hosts import HostEvent, uniform
from traces.reading.rejects import Rejects
from traces.trace import OPEN_ENDED, Arrival, Phase, Recorded, Trace


class Told(Trace):
    """A trace that has everything a trace may have."""

    format = "told"

    def __init__(self, path):
        super().__init__(path, Rejects())
        group = Group(Task(Resources(1000)), 2)
        behaviour = (Phase(0.25, Demand(1.0, 0.0)), Phase(0.75, Demand(0.5, 10.0)))
        self.told = [
            Arrival(Job("a", 10.0, "batch", (group,), estimate_s=70.0), (np.array([30.0, 50.0]),), (behaviour,)),
            Arrival(Job("b", 20.0, "batch", (group,), mapreduce=MapReduce(4, 2, 8.0, 6.0)), (40.0,), (), ("a",)),
            Arrival(Job("c", 20.0, "service", (group,)), (OPEN_ENDED,)),
        ]

    def arrivals(self):
        return iter(self.told)

    def prefill(self):
        yield Recorded("p", "service", self.told[0].job.groups[0].task, np.array([0, 1]), np.array([5.0, OPEN_ENDED]))

    def prefill_anywhere(self):
        return iter(self.told[2:])

    def hosts(self):
        return replace(uniform(2, 4.0, 100), events=[HostEvent(60.0, 1, False)])

    def end_s(self):
        return 100.0


def test_all_times_are_divided_and_nothing_else(tmp_path):
    trace = Told(tmp_path)
    a, b, c = Faster(trace, 4.0).arrivals()

    assert (a.job.submit_s, b.job.submit_s, c.job.submit_s) == (2.5, 5.0, 5.0)
    assert (a.job.estimate_s, b.job.estimate_s) == (17.5, None)
    assert a.run_s[0].tolist() == [7.5, 12.5]
    assert (b.run_s, c.run_s) == ((10.0,), (OPEN_ENDED,))
    assert b.job.mapreduce == MapReduce(4, 2, 2.0, 1.5)
    for sooner, told in zip((a, b, c), trace.told, strict=True):
        assert (sooner.behaviours, sooner.after) == (told.behaviours, told.after)
        assert (sooner.job.id, sooner.job.groups, sooner.job.workload) == (
            told.job.id,
            told.job.groups,
            told.job.workload,
        )


def test_what_runs_already_and_what_machines_do_and_the_end_come_sooner(tmp_path):
    faster = Faster(Told(tmp_path), 4.0)

    (recorded,), (anywhere,) = faster.prefill(), faster.prefill_anywhere()
    assert recorded.run_s.tolist() == [1.25, OPEN_ENDED]
    assert anywhere.job.submit_s == 5.0
    assert [event.t_s for event in faster.hosts().events] == [15.0]
    assert faster.end_s() == 25.0
    assert [line for line in faster.assumptions() if "--speed 4" in line]


@pytest.mark.parametrize("speed", [0.0, -1.0, float("nan"), float("inf")])
def test_a_speed_that_is_none_is_refused(tmp_path, speed):
    with pytest.raises(ValueError, match="above 0"):
        Faster(Told(tmp_path), speed)


@pytest.mark.parametrize("contention", [True, False])
@pytest.mark.parametrize("speed", [0.5, 3.0, 60.0])
def test_if_all_else_is_as_fast_nothing_but_the_clock_is_another(tmp_path, speed, contention):
    rng = np.random.default_rng(round(speed))
    path = tmp_path / "jobs.csv"
    # They ask for so little that none is tried in vain, which would be tried again after a time of the scheduler's own.
    rows = [
        f"j{number},{at_s},batch,{rng.integers(1, 6)},{rng.uniform(1, 90)},1,1000,{rng.uniform(1, 12)}"
        for number, at_s in enumerate(np.sort(rng.uniform(0, 200, 40)).tolist())
    ]
    path.write_text("\n".join(["job,submit_s,workload,tasks,duration_s,cpus,memory_bytes,cpu_demand", *rows]))
    key = RunKey("monolithic", "spread", 1)
    study = Study(
        trace=str(path), hosts="8", host_cpus=24.0, host_memory_bytes=10**9, contention=contention, t_job_s=2.0,
        t_task_s=0.5, start_s=1.0, start_cpu_s=2.0,
    )  # fmt: skip
    so_too = replace(study, speed=speed, **{name: getattr(study, name) / speed for name in CLOCKS})

    plain, faster = simulate(study, key).metrics, simulate(so_too, key).metrics

    for name, value in plain.items():
        if "imbalance_range" in name:
            continue  # hosts are looked at once a second, whatever the speed
        scaled = value is not None and name.endswith(("_s", "_s.batch"))
        assert faster[name] == (pytest.approx(value / speed) if scaled else pytest.approx(value, abs=1e-9)), name


#: What a study says of time, beside what its trace does.
CLOCKS = ("t_job_s", "t_task_s", "start_s", "start_cpu_s")
