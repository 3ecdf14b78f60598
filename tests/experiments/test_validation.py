"""Tank against sea: what is equal is found equal, what differs is found and named, and runs are paired by their key.

No Docker here: two runs in the tank that differ stand for the two worlds.
"""

import json
from dataclasses import replace
from math import isinf
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from experiments.drawing.comparison import draw_comparison
from experiments.measures.agreement import Observed, agreement, observed
from experiments.measures.checks import Verdict
from experiments.measures.decisions import Decisions, compare
from experiments.measures.shapes import Shape, shapes_of
from experiments.results.directory import Results
from experiments.results.logs import read_log
from experiments.results.study import RunKey, Study
from experiments.running.machines import hosts_of
from experiments.running.simulate import simulate, trace_of
from experiments.running.validation import as_json, begin, both_worlds, compared, machines, validate
from policies.errors import UserError
from policies.log import Event, Log
from policies.requests import Demand, Group, Job, Resources, Task
from traces.inventory import HostEntry, Profile, as_toml, read_inventory
from traces.trace import Arrival, steady

HOSTS = ["h1", "h2"]
ENTRIES = [HostEntry(name, f"unix:///{name}", cpus=0.8, memory_bytes=2**29, disk="10MB:415") for name in HOSTS]
TANK, SEA = both_worlds(
    Study(
        trace="generated:cpu-io-small:span=40s,cpu-tasks=2,cpu-rate=0.5",
        architectures=("monolithic",),
        policies=("spread", "demand-shape"),
        seeds=(1, 2, 3),
        measure_s=2.0,
    ),
    "docker:nowhere.toml",
)


class Told:
    """A run as somebody tells it, row by row."""

    def __init__(self):
        self.decisions = Decisions()
        self._log = Log([self.decisions])

    def say(self, t_s, event, job="", **fields):
        self._log.say(t_s, event, job, **{"scheduler": "all/0" if job else ""} | fields)
        self._log.flush()
        return self

    def submitted(self, t_s, job):
        return self.say(t_s, Event.SUBMITTED, job, tasks=1)

    def attempted(self, t_s, job, attempt=1):
        return self.say(t_s, Event.ATTEMPTED, job, attempt=attempt, seconds=0.5, tasks=1)

    def placed(self, t_s, job, *hosts, attempt=1, conflicted=0):
        """An attempt that began half a second ago, and what became of it."""
        return self.attempted(t_s - 0.5, job, attempt).committed(
            t_s, job, *hosts, attempt=attempt, conflicted=conflicted
        )

    def committed(self, t_s, job, *hosts, attempt=1, conflicted=0):
        numbers, counts = np.unique(hosts, return_counts=True)
        event = Event.CONFLICTED if conflicted else Event.COMMITTED
        self.say(t_s, event, job, attempt=attempt, tasks=len(hosts), conflicted=conflicted)
        if hosts:
            self.say(t_s, Event.STARTED, job, attempt=attempt, tasks=len(hosts), where=(numbers, counts))
        return self

    def finished(self, t_s, job, host, seconds=1.0, alone_s=1.0):
        where = (np.array([host]), np.array([1]))
        return self.say(t_s, Event.FINISHED, job, tasks=1, seconds=seconds, alone_s=alone_s, where=where)


def why(tank, sea, late=False):
    return compare(tank.decisions, sea.decisions, HOSTS, late=late).first.why


# -- decisions -------------------------------------------------------------------------------------------------------


def test_a_moved_container_is_found_and_both_of_its_hosts_are_named():
    runs = [Told().placed(1, "a", 0, 0).placed(2, "b", *hosts) for hosts in ((0, 1), (1, 1))]

    comparison = compare(*(run.decisions for run in runs), HOSTS)

    assert comparison.jobs_share == 1 / 2
    assert comparison.containers_share == 3 / 4
    assert comparison.first.number == 2
    assert "in the tank at 1.500 s job 'b' (all/0, attempt 1): 1 to h1, 1 to h2" in comparison.first.why
    assert "at sea at 1.500 s job 'b' (all/0, attempt 1): 2 to h2" in comparison.first.why


def test_jobs_that_swap_their_order_and_keep_their_hosts_are_no_equal_sequence():
    runs = [Told().placed(1, one, 0).placed(2, other, 0) for one, other in ("ab", "ba")]

    comparison = compare(*(run.decisions for run in runs), HOSTS)

    assert comparison.jobs_share == comparison.containers_share == 1
    assert comparison.first.number == 1


@pytest.mark.parametrize("late", [False, True])
def test_an_end_that_comes_after_the_decision_in_one_world_only_is_the_cause(late):
    tank = Told().placed(1, "a", 0).finished(1.2, "a", 0).placed(2, "b", 0)
    sea = Told().placed(1, "a", 0).placed(2, "b", 1).finished(2.1, "a", 0)

    assert why(tank, sea, late).endswith(
        "in the tank 1 container of job 'a' had finished on h1 before, at sea not yet."
    )


def test_what_ends_while_a_scheduler_thinks_matters_to_those_who_look_when_they_have_thought():
    tank = Told().placed(1, "a", 0).attempted(1.5, "b").finished(1.7, "a", 0).committed(2, "b", 0)
    sea = Told().placed(1, "a", 0).placed(2, "b", 1).finished(2.1, "a", 0)

    assert "job 'a' had finished" in why(tank, sea, late=True)
    assert "the same had happened before in both" in why(tank, sea, late=False)


def test_what_both_had_seen_end_is_no_cause_though_one_was_thinking_then():
    begun = [Told().placed(1, "a", 0).placed(1, "c", 0) for _ in range(2)]
    tank = begun[0].finished(1.2, "c", 0).finished(1.3, "a", 0).placed(2, "b", 0)
    sea = begun[1].attempted(1.5, "b").finished(1.7, "c", 0).finished(2.1, "a", 0).placed(3, "b", 0, attempt=2)

    assert "job 'a' had finished on h1 before, at sea not yet" in why(tank, sea, late=True)


def test_an_attempt_that_found_no_room_is_a_decision_with_a_cause():
    tank = Told().placed(1, "a", 0).finished(1.2, "a", 0).placed(2, "b", 0)
    sea = Told().placed(1, "a", 0).attempted(1.5, "b").finished(2.1, "a", 0).placed(3, "b", 0, attempt=2)

    told = why(tank, sea, late=True)

    assert "at sea at 1.500 s job 'b' (all/0, attempt 1): none placed" in told
    assert "job 'a' had finished on h1 before, at sea not yet" in told


@pytest.mark.parametrize("hosts", [(), (0,)])
def test_a_conflict_in_one_world_only_is_named_even_if_nothing_went_elsewhere(hosts):
    tank = Told().placed(1, "a", 0).placed(2, "b", 0)
    sea = Told().placed(1, "a", 0).placed(2, "b", *hosts, conflicted=1)

    assert "1 of its containers conflicted at sea only" in why(tank, sea)


def test_the_same_books_and_another_choice_leave_measurements_time_and_chance():
    tank, sea = (Told().submitted(0, "a").placed(1, "a", host) for host in (0, 1))

    assert "what differed is what was measured of the hosts, the time, or chance" in why(tank, sea)


def test_an_order_of_jobs_is_put_down_to_a_submission_that_came_later():
    tank = Told().submitted(0.1, "a").submitted(0.2, "b").placed(1, "a", 0).placed(2, "b", 0)
    sea = Told().submitted(0.2, "b").placed(1, "b", 0).submitted(1.1, "a").placed(2, "a", 0)

    assert "in the tank job 'a' had been submitted before, at sea not yet" in why(tank, sea)


def test_who_waits_behind_a_job_is_not_why_it_went_elsewhere():
    tank = Told().submitted(0, "a").submitted(0.1, "b").placed(1, "a", 0)
    sea = Told().submitted(0, "a").placed(1, "a", 1)

    assert "'b'" not in why(tank, sea)


def test_a_job_that_one_world_never_placed_is_named():
    tank = Told().submitted(0, "a").submitted(0, "b").placed(1, "a", 0).placed(2, "b", 0)
    sea = Told().submitted(0, "a").submitted(0, "b").placed(1, "a", 0)

    assert why(tank, sea).endswith("at sea job 'b' was never placed.")
    assert why(sea, tank).endswith("in the tank job 'b' was never placed.")


def test_where_starts_take_time_a_decision_has_its_hosts_and_containers_start_later(tmp_path):
    path = tmp_path / "hosts.toml"
    path.write_text(as_toml([replace(entry, profile=Profile(start_s=0.4)) for entry in ENTRIES]))
    decisions, key = Decisions(), RunKey("monolithic", "spread", 1)

    metrics = simulate(replace(TANK, hosts=str(path)), key, lambda levels: [decisions]).metrics

    containers = metrics["tasks_scheduled"]
    assert sum(hosts.total() for hosts in decisions.by_job().values()) == containers
    assert sum(count for *_, count in decisions.starts) == containers
    assert observed(metrics, decisions, {}).metrics["start_mean_s"] == pytest.approx(0.4)


def test_starts_that_take_no_time_are_compared_as_such():
    assert observed({"start_mean_s": None}, Decisions(), {}).metrics["start_mean_s"] == 0


# -- measures --------------------------------------------------------------------------------------------------------


def worlds(values, policies=("p",), name="makespan_s"):
    """Runs of some seeds in both worlds: of each a pair of numbers, for each policy."""
    tank, sea = {}, {}
    for policy in policies:
        for seed, pair in enumerate(values[policy] if isinstance(values, dict) else values):
            for world, value in zip((tank, sea), pair, strict=True):
                world[RunKey("monolithic", policy, seed)] = Observed({name: value}, Decisions())
    return tank, sea


def row(agreed, name):
    return next(row for row in agreed.rows if row.measure == name)


def test_the_interval_is_students_over_the_pairs():
    pairs = np.random.default_rng(5).uniform(50, 100, (8, 2))

    found = row(agreement(*worlds(pairs.tolist()), HOSTS, 0.1), "makespan_s")

    apart = pairs[:, 0] / pairs[:, 1] - 1
    low, high = stats.t.interval(0.95, 7, apart.mean(), stats.sem(apart))
    assert (found.difference - found.half, found.difference + found.half) == pytest.approx((low, high))
    assert (found.tank, found.sea) == pytest.approx(tuple(pairs.mean(axis=0)))


def test_of_one_seed_there_is_no_interval():
    agreed = agreement(*worlds([(10.0, 10.5)]), HOSTS, 0.1)

    assert isinf(row(agreed, "makespan_s").half)
    assert agreed.verdict is Verdict.HOLDS


def test_runs_are_paired_by_their_key_and_not_by_their_place():
    tank, sea = worlds([(10.0, 10.0), (20.0, 20.0), (30.0, 30.0)])
    sea = dict(reversed(sea.items()))
    del sea[RunKey("monolithic", "p", 0)]

    found = row(agreement(tank, sea, HOSTS, 0.1), "makespan_s")

    assert (found.seeds, found.tank, found.difference, found.half) == (2, 25.0, 0.0, 0.0)


@pytest.mark.parametrize(
    ("name", "tank", "sea", "verdict"),
    [
        ("makespan_s", 109.0, 100.0, Verdict.HOLDS),
        ("makespan_s", 111.0, 100.0, Verdict.FAILS),
        ("conflict_fraction.batch", 0.03, 0.01, Verdict.HOLDS),  # of shares the difference counts
        ("conflict_fraction.batch", 0.15, 0.01, Verdict.FAILS),
        ("wait_mean_s", 0.05, 0.01, Verdict.HOLDS),  # nobody minds a twentieth of a second
        ("wait_mean_s", 12.0, 10.0, Verdict.FAILS),
        ("start_mean_s", 0.0, 0.4, Verdict.FAILS),
        ("start_mean_s", 0.4, 0.0, Verdict.FAILS),
        ("slowdown_mean", 1.5, None, Verdict.FAILS),  # what only one world knows
    ],
)
def test_a_measure_holds_if_the_tank_is_within_the_target(name, tank, sea, verdict):
    assert row(agreement(*worlds([(tank, sea)], name=name), HOSTS, 0.1), name).verdict is verdict


def test_what_nobody_knows_is_not_compared():
    assert not agreement(*worlds([(None, None)]), HOSTS, 0.1).rows


def test_the_best_policy_and_the_factors_against_the_first_are_compared():
    values = {"first": [(90.0, 100.0), (91.0, 101.0)], "second": [(45.0, 80.0), (44.0, 79.0)],
              "third": [(60.0, 50.0), (61.0, 51.0)]}  # fmt: skip

    agreed = agreement(*worlds(values, values), HOSTS, 0.1)

    (ranking,) = agreed.rankings
    assert (ranking.tank, ranking.sea) == (("second", "third", "first"), ("third", "second", "first"))
    assert ranking.agreeing == pytest.approx(2 / 3)
    assert not ranking.same_best
    second, third = agreed.factors
    assert second.tank.mean == pytest.approx((90 / 45 + 91 / 44) / 2)
    assert third.sea.mean == pytest.approx((100 / 50 + 101 / 51) / 2)
    assert second.verdict is Verdict.FAILS


# -- whole runs ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A validation of which the sea is a tank in which requests wait for the CPU."""
    out = tmp_path_factory.mktemp("validation") / "out"
    hosts = tmp_path_factory.mktemp("sea") / "hosts.toml"
    hosts.write_text(as_toml(ENTRIES))
    result = validate(TANK, replace(TANK, hosts=str(hosts), wake_up_s=0.002), ENTRIES, out, 0.1)
    return SimpleNamespace(out=out, tank=result.tank, result=result)


@pytest.fixture(scope="module")
def validation(folder):
    return folder.result


def test_a_run_compared_with_itself_is_equal_in_everything(folder, tmp_path):
    for world in ("tank", "sea"):
        (tmp_path / world).symlink_to(folder.out / "tank")

    agreed = compared(folder.tank, SEA, tmp_path, 0.1).agreement

    assert agreed.verdict is Verdict.HOLDS
    assert {row.difference for row in agreed.rows} == {0.0}
    assert all(comparison.first is None and comparison.jobs_share == 1 for comparison in agreed.comparisons.values())
    assert all(ranking.agreeing == 1 and ranking.same_best for ranking in agreed.rankings)
    assert all(factor.tank == factor.sea for factor in agreed.factors)


def test_a_log_read_back_tells_the_same_decisions_as_the_run(folder):
    key = next(folder.tank.runs())
    heard, read = Decisions(), Decisions()

    simulate(folder.tank, key, lambda levels: [heard])
    for rows in read_log(Results(folder.out / "tank").log / f"{key.file_stem}.parquet"):
        read(rows)

    assert (read.decisions, read.ends, read.starts) == (heard.decisions, heard.ends, heard.starts)
    assert read.happened == heard.happened


def test_worlds_that_differ_do_not_hold_and_the_first_difference_is_told(validation):
    agreed = validation.agreement

    assert agreed.verdict is Verdict.FAILS
    slowdowns = {row.measure: row for row in agreed.rows if row.policy == "spread"}
    # Only what writes waits for the CPU there.
    assert slowdowns["slowdown_mean.I/O-bound"].difference < 0
    assert all(comparison.first for comparison in agreed.comparisons.values())


def test_slowdowns_of_shapes_add_up_to_that_of_all(folder, validation):
    shapes = shapes_of(trace_of(folder.tank, 1).arrivals(), hosts_of(folder.tank, trace_of(folder.tank, 1))[0])
    spread = {row.measure: row for row in validation.agreement.rows if row.policy == "spread"}

    assert set(shapes.values()) == {Shape.CPU, Shape.IO}
    assert all((shape is Shape.IO) == job.startswith("io") for job, shape in shapes.items())
    ends = sorted(spread[f"slowdown_mean.{shape}"].tank for shape in (Shape.CPU, Shape.IO))
    assert ends[0] <= spread["slowdown_mean"].tank <= ends[1]


def test_a_shape_is_by_the_share_of_one_host():
    hosts, _ = hosts_of(replace(TANK, hosts="5", host_cpus=0.8, host_disk="10MB:415"), trace_of(TANK, 1))
    requests_s = 0.4 / (1 / 415 - 4096 / 10e6 + 65536 / 10e6)  # two fifths of the time of one disk
    task = Task(Resources(250, 2**20))
    demand = Demand(0.8, 2.0**20, disk_write_bps=65536 * requests_s, io_size_bytes=65536)
    arrival = Arrival(Job("a", 0.0, "batch", (Group(task, 3),)), (1.0,), (steady(demand),))

    assert shapes_of([arrival], hosts) == {"a": Shape.CPU}


def test_the_report_has_every_row_and_every_run(folder, validation):
    text = (folder.out / "report.md").read_text()

    assert all(f"| {row.measure} |" in text for row in validation.agreement.rows)
    assert all(f"{key.policy}, seed {key.seed}: Decision " in text for key in validation.agreement.comparisons)
    assert "does not hold" in text
    assert "inf" not in text
    assert "nan" not in text


def test_what_is_written_can_be_read_by_others(folder, validation):
    table = pd.read_csv(folder.out / "validation.csv")
    places = pd.read_csv(folder.out / "decisions.csv")
    plain = json.loads(json.dumps(as_json(validation), allow_nan=False))

    assert list(table["measure"]) == [row.measure for row in validation.agreement.rows] == [
        row["measure"] for row in plain["rows"]
    ]  # fmt: skip
    for key, comparison in validation.agreement.comparisons.items():
        ours = places[(places.policy == key.policy) & (places.seed == key.seed)]
        assert ours.same.mean() == pytest.approx(comparison.jobs_share)


def test_figures_are_drawn_from_the_files_alone(folder, validation):
    paths = draw_comparison(folder.out)

    assert {path.stem for path in paths} == {"tank_and_sea", "tank_against_sea", "timeline"}
    assert all(path.stat().st_size and path.with_suffix(".svg").stat().st_size for path in paths)


def test_at_sea_every_policy_meets_a_seed_before_the_next(folder):
    made = list(Results(folder.out / "sea").log.glob("*_?.parquet"))
    made.sort(key=lambda path: path.stat().st_mtime_ns)

    assert [path.stem[-1] for path in made] == sorted(path.stem[-1] for path in made)


# -- hosts and the command -------------------------------------------------------------------------------------------


def found(name, cpu_milli=800, memory_bytes=2**29):
    entry = HostEntry(name, f"tcp://{name}:2375", disk="10MB:415")
    return SimpleNamespace(name=name, entry=entry, capacity=(cpu_milli, memory_bytes), attributes={"rack": "r1"})


def test_the_tank_has_what_is_free_at_sea_and_what_was_measured(tmp_path):
    profile = tmp_path / "calibrated.toml"
    first, second = (replace(entry, profile=Profile(start_s=0.3)) for entry in ENTRIES)
    profile.write_text(as_toml([replace(second, disk=""), replace(first, disk="9MB:400")]))

    hosts = machines([found("h1", 500), found("h2")], profile)

    assert [(host.name, host.cpus, host.disk) for host in hosts] == [("h1", 0.5, "9MB:400"), ("h2", 0.8, "10MB:415")]
    assert all(host.profile.start_s == 0.3 for host in hosts)
    written = tmp_path / "hosts.toml"
    written.write_text(as_toml(hosts))
    assert read_inventory(written) == hosts


def test_a_host_that_the_profile_lacks_or_others_hold_is_named(tmp_path):
    profile = tmp_path / "calibrated.toml"
    profile.write_text(as_toml(ENTRIES[:1]))

    with pytest.raises(UserError, match=r"calibrated.toml: there is no host 'h2'"):
        machines([found("h1"), found("h2")], profile)
    with pytest.raises(UserError, match="'h2'"):
        machines([found("h1"), found("h2", 0)], None)


def test_what_is_only_of_the_tank_is_not_asked_of_the_sea():
    tank, sea = both_worlds(Study(wake_up_s=0.002, interference=1.0), "docker:hosts.toml")

    assert (tank.wake_up_s, tank.interference, tank.on) == (0.002, 1.0, "tank")
    assert (sea.wake_up_s, sea.interference, sea.on) == (None, 0.0, "docker:hosts.toml")


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--on", "tank"], "--on tank"),
        (["--on", "docker:"], "--on docker:"),
        (["--on", "docker:nowhere.toml"], "nowhere.toml"),
        (["--on", "docker:nowhere.toml", "--policy", "spred"], "spread"),
        (["--on", "docker:nowhere.toml", "--within", "0"], "--within"),
        ([], "--on"),
    ],
)
def test_an_error_is_one_line_that_names_what_is_wrong(arguments, named, capsys, monkeypatch):
    from experiments.cli import main

    monkeypatch.setattr("sys.argv", ["towtank", "validate", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()

    told = capsys.readouterr().err
    assert ended.value.code == 2
    assert named in told
    assert told.count("\n") == 1


def test_a_directory_keeps_its_tank_and_says_how_to_have_another(tmp_path):
    tank = begin(tmp_path, TANK, SEA, ENTRIES, 0.1)
    less_free = [replace(entry, cpus=0.5) for entry in ENTRIES]
    slower = [replace(entry, profile=Profile(start_s=1.0)) for entry in ENTRIES]

    assert begin(tmp_path, TANK, SEA, less_free, 0.1) == tank
    assert read_inventory(tmp_path / "hosts.toml") == ENTRIES
    with pytest.raises(UserError, match=r"hosts.toml says something else .* remove it"):
        begin(tmp_path, TANK, SEA, slower, 0.1)


def test_a_directory_of_something_else_is_left_alone(tmp_path):
    (tmp_path / "letter.txt").write_text("dear")

    with pytest.raises(UserError, match="holds no validation"):
        begin(tmp_path, TANK, SEA, ENTRIES, 0.1)
