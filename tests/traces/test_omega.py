"""The workloads of the Omega study have the published shapes; the digits here are those of the papers, not ours."""

from dataclasses import replace

import numpy as np
import pytest

from policies.errors import UserError
from traces.formats import open_trace
from traces.generate import CLUSTERS, DEFAULT, Generated
from traces.reading.rejects import Rejects

DAY_S = 86_400.0
PUBLISHED = ("omega-a", "omega-b", "omega-c")  # D is in none of these figures


@pytest.fixture(scope="module")
def drawn():
    """Of each cluster, eight days: by class when jobs come, their containers, run times and cores of a container."""

    def draw(name):
        spec = replace(CLUSTERS[name], span_s=8 * DAY_S)
        columns = {one.name: ([], [], [], []) for one in spec.classes}
        for job, (run_s,), *_ in Generated(spec, 1, Rejects()).arrivals():
            (task, tasks), *_ = job.groups
            for column, value in zip(
                columns[job.id.partition("-")[0]], (job.submit_s, tasks, run_s, task.need.cpu_milli / 1000), strict=True
            ):
                column.append(value)
        return {workload: np.array(those) for workload, those in columns.items()}

    return {name: draw(name) for name in CLUSTERS}


def batch_of(classes):
    """MapReduce programs are batch jobs too."""
    both = np.concatenate([classes["batch"], classes["mapreduce"]], axis=1)
    return both[:, both[0].argsort()]


def core_seconds(columns):
    _, tasks, run_s, cpus = columns
    return float((tasks * run_s * cpus).sum())


@pytest.mark.parametrize("name", PUBLISHED)
def test_jobs_are_as_in_figures_2_to_4(drawn, name):
    batch, service = batch_of(drawn[name]), drawn[name]["service"]

    assert batch.shape[1] / (batch.shape[1] + service.shape[1]) > 0.8
    assert 0.55 <= core_seconds(service) / (core_seconds(service) + core_seconds(batch)) <= 0.8
    assert 12 * 60 * 0.98 < np.quantile(batch[2], 0.8) < 20 * 60 * 1.02
    assert 0.2 <= (service[2] > 30 * DAY_S).mean() <= 0.4
    assert np.quantile(np.minimum(service[2], 29 * DAY_S), 0.8) == 29 * DAY_S  # nobody looks for longer
    assert 4 * 0.98 < np.quantile(np.diff(batch[0]), 0.8) < 7
    assert 2 * 60 < np.quantile(np.diff(service[0]), 0.8) < 15 * 60 * 1.1
    assert 80 <= np.quantile(batch[1], 0.95) <= 205  # 200 is the next number of MapReduce workers
    assert 1000 < batch[1].max() < 10_000


@pytest.mark.parametrize("name", CLUSTERS)
def test_one_batch_job_in_five_is_a_mapreduce_program_of_the_common_numbers_of_workers(drawn, name):
    programs, batch = drawn[name]["mapreduce"], batch_of(drawn[name])

    assert programs.shape[1] / batch.shape[1] == pytest.approx(0.2, abs=0.01)
    assert set(programs[1]) == {5, 11, 200, 1000}


@pytest.mark.parametrize(("name", "times"), [("omega-a", 2.5), ("omega-b", 6)])
def test_figure_8_saturates_one_batch_scheduler_where_it_says(drawn, name, times):
    submit_s, tasks, _, _ = batch_of(drawn[name])

    busyness = (0.1 + 0.005 * tasks).sum() / submit_s[-1]

    assert busyness * times == pytest.approx(1, rel=0.05)


def test_c_is_the_cell_of_2011(drawn):
    classes = drawn["omega-c"]
    hosts = Generated(CLUSTERS["omega-c"], 1, Rejects()).hosts()

    assert sum(those.shape[1] for those in classes.values()) == pytest.approx(672_000 * 8 / 29, rel=0.02)
    assert batch_of(classes)[1].mean() == pytest.approx(25e6 / 672e3, rel=0.05)
    assert len(hosts) == 12_583
    shapes = np.unique(hosts.capacity[:2] / hosts.capacity[:2].max(axis=1, keepdims=True), axis=1, return_counts=True)
    assert sorted(shapes[1]) == [1, 3, 5, 5, 52, 126, 795, 1001, 3863, 6732]


def test_d_is_a_quarter_of_c_and_lightly_loaded(drawn):
    c, d = (Generated(CLUSTERS[name], 1, Rejects()).hosts() for name in ("omega-c", "omega-d"))

    assert len(d) == pytest.approx(len(c) / 4, abs=3)
    assert sum(map(core_seconds, drawn["omega-d"].values())) / d.capacity[0].sum() < (
        0.6 * sum(map(core_seconds, drawn["omega-c"].values())) / c.capacity[0].sum()
    )


@pytest.mark.parametrize(("name", "share"), [("omega-a", 0.6), ("omega-b", 0.6), ("omega-c", 0.6), ("omega-d", 0.3)])
def test_a_cell_begins_as_full_as_it_will_be(name, share):
    trace = Generated(CLUSTERS[name], 1, Rejects())
    cores = trace.hosts().capacity[0].sum() / 1000

    there = sum(job.tasks * job.groups[0].task.need.cpu_milli / 1000 for job, *_ in trace.prefill_anywhere())

    assert there / cores == pytest.approx(share, abs=0.001)
    assert sum(one.cores() for one in trace.spec.classes) / cores == pytest.approx(share, rel=0.01)


@pytest.mark.parametrize("name", CLUSTERS)
def test_whoever_uses_a_cluster_is_told_what_is_assumed(name):
    said = open_trace(f"generated:{name}", Rejects()).assumptions()

    assert len(said) > 10
    assert sum("assumed" in line for line in said) >= 9
    derived = any("derived from Omega's figure 8" in line for line in said)
    assert derived == (name in ("omega-a", "omega-b"))


# --- parameters behind a name


def spec_of(name):
    return open_trace(f"generated:{name}", Rejects()).spec


def test_parameters_say_what_python_says():
    said = spec_of("default:scale=0.5,batch-rate=4,service-duration=2,span=2h")

    assert said == replace(DEFAULT.scaled(0.5, rate={"batch": 4.0}, duration={"service": 2.0}), span_s=7200.0)


def test_a_file_may_have_parameters_too(tmp_path):
    path = tmp_path / "my.toml"
    path.write_text(
        "span_s = 60\n[classes.long-run]\ninterarrival_s = 2\ntasks = 1\nduration_s = 1\ncpus = 1\nmemory_bytes = 1\n"
    )

    trace = open_trace(f"generated:{path}:long-run-rate=2", Rejects())

    assert trace.files() == [path]
    assert [job.submit_s for job, *_ in trace.arrivals()] == list(range(1, 60))


def test_prefill_may_be_changed_and_left_out():
    assert spec_of("omega-d:prefill=0.5").prefill.cpu_allocated == 0.5
    assert spec_of("omega-d:prefill=0").prefill is None
    assert spec_of("default:prefill=0.2").prefill.cpu_allocated == 0.2


@pytest.mark.parametrize(
    ("parameters", "complaint"),
    [
        ("bacth-rate=2", "there is no parameter 'bacth-rate'; did you mean 'batch-rate'?"),
        ("batch-rate=fast", "batch-rate: 'fast' is not a number"),
        ("batch-rate=inf", "batch-rate: 'inf' is not finite"),
        ("batch-rate=-1", "the factor of rate must be 0 or more"),
        ("batch-rate=1,batch-rate=2", "batch-rate is given twice"),
        ("span=0", "span_s must be more than 0"),
        ("span=long", "span: 'long' is not a time"),
        ("scale=0", "scale of the cell must be more than 0"),
        ("scale=1e-9", "times the hosts are none"),
        ("prefill=1.5", "prefill: cpu_allocated must be"),
        ("batch-rate=0,service-rate=0", "classes is empty"),
        ("span=5,fast", "parameter 'fast'"),
    ],
)
def test_a_wrong_parameter_is_one_line_that_names_it(parameters, complaint):
    with pytest.raises(UserError) as error:
        spec_of(f"default:{parameters}")

    assert str(error.value).startswith(f"default:{parameters}: ")
    assert complaint in str(error.value)
    assert "\n" not in str(error.value)


def test_a_cluster_that_there_is_not_is_told_the_nearest():
    with pytest.raises(UserError, match="did you mean omega-"):
        spec_of("omega-e")


# --- scaling


def jobs_of(spec):
    return list(Generated(spec, 1, Rejects()).arrivals())


def test_at_another_rate_come_the_same_jobs_at_other_times():
    before = [a for a in jobs_of(DEFAULT) if a.job.workload == "batch"]
    after = [a for a in jobs_of(DEFAULT.scaled(rate={"batch": 2.0})) if a.job.workload == "batch"]

    assert len(after) > 1.9 * len(before)
    for (job, run_s, *_), (again, run_again_s, *_) in zip(before, after, strict=False):
        assert again.submit_s == pytest.approx(job.submit_s / 2)
        assert (again.groups, run_again_s) == (job.groups, run_s)


def test_a_rate_leaves_the_other_classes_and_the_beginning_alone():
    spec = replace(CLUSTERS["omega-d"], span_s=3600.0)

    def seen(one):
        trace = Generated(one, 1, Rejects())
        arrivals = [a for a in trace.arrivals() if a.job.workload != "batch"]
        return [(job.id, job.submit_s, job.groups, run_s) for job, run_s, *_ in [*arrivals, *trace.prefill_anywhere()]]

    assert seen(spec.scaled(rate={"batch": 5.0})) == seen(spec)


def test_a_class_without_a_rate_is_gone_but_not_from_the_beginning():
    spec = CLUSTERS["omega-d"].scaled(rate={"mapreduce": 0.0})

    assert [one.name for one in spec.classes] == ["batch", "service"]
    assert any(
        job.id.startswith("prefilled-mapreduce-") for job, *_ in Generated(spec, 1, Rejects()).prefill_anywhere()
    )


def test_a_smaller_cell_has_the_load_of_a_host_that_it_had():
    whole, part = CLUSTERS["omega-c"], CLUSTERS["omega-c"].scaled(0.1)

    def load(spec):
        return sum(one.cores() for one in spec.classes) / sum(kind.n * kind.cpus for kind in spec.hosts)

    assert sum(kind.n for kind in part.hosts) == pytest.approx(1258, abs=3)
    assert load(part) == pytest.approx(load(whole), rel=0.01)


def test_rate_and_duration_against_each_other_leave_the_load_alone():
    one = CLUSTERS["omega-b"].classes[0]
    other = CLUSTERS["omega-b"].scaled(rate={"batch": 6.0}, duration={"batch": 1 / 6}).classes[0]

    assert other.cores() == pytest.approx(one.cores())
    assert other.interarrival_s.expected() == pytest.approx(one.interarrival_s.expected() / 6)
