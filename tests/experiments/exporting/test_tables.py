"""Exported tables tell the same as the summary does, which comes from the rows while they are made."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest

from experiments.exporting.columns import LEVEL_PATTERNS, LOG, NUMBER, TABLES, TEXT, WHOLE, YES_NO, as_markdown
from experiments.exporting.tables import files, write_tables
from experiments.results.study import Detail
from policies.log import Event

PAGE = (Path(__file__).parents[3] / "docs" / "exports.md").read_text(encoding="utf-8")
RUN = ["architecture", "policy", "seed"]


class Exported:
    """The tables of a results directory, and one of its runs."""

    def __init__(self, frames, folder):
        self.written = write_tables(frames, frames.runs, folder, "parquet")
        self.all = {name: pd.read_parquet(path) for name, path in files(frames, folder, "parquet").items()}
        self.key = frames.runs[-1]
        self.metrics = frames.results.finished()[self.key].metrics
        self.of = {name: self._of_run(table) for name, table in self.all.items()}

    def _of_run(self, table):
        return table[(table[RUN] == pd.Series(self.key._asdict())).all(axis=1)]

    def at_the_end(self, name):
        """The summary's number; NaN where it has none."""
        value = self.metrics[name]
        return np.nan if value is None else value


@pytest.fixture(scope="session")
def exported(frames, tmp_path_factory):
    return Exported(frames, tmp_path_factory.mktemp("tables"))


def close(value):
    return pytest.approx(value, rel=1e-9, abs=1e-9, nan_ok=True)


def mean(values):
    return values.mean() if len(values) else np.nan


def test_jobs_add_up_to_the_summary(exported):
    jobs = exported.of["jobs"]
    first = jobs[~jobs["again"]]
    came = first[first["outcome"] != "held"]
    outcomes = came["outcome"].value_counts()
    counted = {
        "jobs_submitted": len(came),
        "jobs_scheduled": came["scheduled_s"].notna().sum(),
        "jobs_pending": outcomes.get("pending", 0) + outcomes.get("unattempted", 0),
        "jobs_unattempted": outcomes.get("unattempted", 0),
        "jobs_abandoned": outcomes.get("abandoned", 0),
        "jobs_infeasible": outcomes.get("infeasible", 0),
        "jobs_held": len(first) - len(came),
        "tasks_submitted": jobs[jobs["outcome"] != "held"]["containers"].sum(),
        "tasks_scheduled": jobs["placed"].sum(),
        "tasks_finished": jobs["finished"].sum(),
        "tasks_killed": jobs["ended_early"].sum(),
    }

    assert counted == {name: exported.metrics[name] for name in counted}


def test_waits_are_those_of_the_summary(exported):
    waits = exported.of["jobs"].dropna(subset="wait_s")

    for suffix, of in [("", waits), *((f".{name}", group) for name, group in waits.groupby("workload"))]:
        wait_s = of["wait_s"].to_numpy()
        assert mean(wait_s) == close(exported.at_the_end(f"wait_mean_s{suffix}"))
        assert (np.quantile(wait_s, 0.9) if len(wait_s) else np.nan) == close(
            exported.at_the_end(f"wait_p90_s{suffix}")
        )


def test_containers_add_up_to_the_summary(exported):
    containers = exported.of["containers"]
    placed = containers[containers["scheduler"] != ""]
    outcomes = placed["outcome"].value_counts()
    counted = {
        "tasks_scheduled": len(placed),
        "tasks_finished": outcomes.get("finished", 0),
        "tasks_preempted": outcomes.get("preempted", 0),
        "tasks_out_of_memory": outcomes.get("out_of_memory", 0),
        "tasks_running": outcomes.get("running", 0),
    }
    early = placed[~placed["outcome"].isin(["finished", "running"])]
    lost_s = early["ended_s"] - early["started_s"].fillna(early["placed_s"])
    finished = placed[placed["outcome"] == "finished"]

    assert counted == {name: exported.metrics[name] for name in counted}
    assert lost_s.sum() == close(exported.metrics["lost_container_s"])
    assert mean(finished["slowdown"]) == close(exported.at_the_end("slowdown_mean"))
    if len(finished):
        makespan_s = placed["ended_s"].max() - exported.of["jobs"]["submitted_s"].min()
        assert makespan_s == close(exported.metrics["makespan_s"])
        assert np.quantile(finished["slowdown"], 0.99) == close(exported.metrics["slowdown_p99"])
    if "start_mean_s" in exported.metrics and exported.metrics["start_mean_s"] is not None:
        ran = placed.dropna(subset="started_s")
        assert mean(ran["started_s"] - ran["placed_s"]) == close(exported.metrics["start_mean_s"])


def test_slowdowns_of_jobs_weigh_as_many_containers_as_finished(exported):
    jobs = exported.of["jobs"].dropna(subset="slowdown_mean")
    weighed = np.average(jobs["slowdown_mean"], weights=jobs["finished"]) if len(jobs) else np.nan

    assert weighed == close(exported.at_the_end("slowdown_mean"))


def test_decisions_add_up_to_the_summary(exported):
    decisions = exported.of["decisions"]
    group = decisions["scheduler"].str.rpartition("/")[0]
    for name, of in decisions.groupby(group):
        members = of.groupby("scheduler")
        conflicts = members["outcome"].apply(lambda outcome: (outcome == "conflict").sum())
        clean = members["outcome"].apply(lambda outcome: outcome.isin(["placed", "part"]).sum())
        thought_s = (of["ended_s"] - of["began_s"]).sum()

        assert conflicts.sum() == exported.metrics[f"conflicted_transactions.{name}"]
        assert of["conflicted"].sum() == exported.metrics[f"conflicted_claims.{name}"]
        if of["scheduler"].nunique() == 1:
            busy = exported.metrics[f"busyness.{name}"]
            assert thought_s / exported.metrics["horizon_s"] == close(busy)
        if (clean > 0).all() and exported.metrics[f"conflict_fraction.{name}"]:
            assert (conflicts / clean).mean() == close(exported.metrics[f"conflict_fraction.{name}"])


def test_every_container_was_placed_by_the_decision_it_names(exported):
    containers = exported.of["containers"].dropna(subset="decision")
    placed = containers["decision"].value_counts().astype(int)
    decisions = exported.of["decisions"].set_index("decision")["placed"]

    assert decisions.index.is_unique
    assert placed.sort_index().to_dict() == decisions[decisions > 0].sort_index().to_dict()


def test_jobs_have_the_containers_that_are_listed(exported):
    containers = exported.of["containers"]
    placed = containers[containers["scheduler"] != ""].groupby("job").size()
    by_job = exported.of["jobs"].groupby("job")["placed"].sum()

    assert placed.to_dict() == by_job[by_job > 0].to_dict()


def test_levels_integrate_to_the_means_of_the_summary(exported):
    levels = exported.of["levels"]
    ends = [*levels["t_s"].iloc[1:], exported.metrics["horizon_s"]]
    lasts = np.array(ends) - levels["t_s"].to_numpy()
    variation = (levels["cpu_allocated_std"] / levels["cpu_allocated_mean"]).fillna(0)

    assert (np.diff(levels["t_s"]) > 0).all()
    for name in ("cpu_allocated", "memory_allocated"):
        assert (levels[name] * lasts).sum() / exported.metrics["horizon_s"] == close(exported.metrics[f"{name}_mean"])
    if "cpu_used" not in levels:
        assert (variation * lasts).sum() / exported.metrics["horizon_s"] == close(exported.metrics["cpu_imbalance"])


def test_no_two_states_that_follow_one_another_are_equal(exported):
    states = exported.of["levels"].drop(columns=[*RUN, "t_s"]).to_numpy()

    assert not any((before == after).all() for before, after in pairwise(states))


def test_hosts_have_the_mean_range_of_the_summary(exported):
    hosts = exported.of["hosts"]
    looks = hosts[hosts["load"] == "cpu_allocated"].groupby("t_s")["share"]
    of = "cpu_allocated" if "cpu_used" not in exported.of["levels"] else None

    if of:
        ranges = (looks.max() - looks.min()).fillna(0)
        assert ranges.mean() == pytest.approx(exported.metrics["cpu_imbalance_range"], rel=1e-6)


def test_runs_are_the_summary(frames, exported):
    summary = frames.summary.apply(lambda of: of.astype(float) if of.isna().any() else of)  # None, where nobody knows

    pd.testing.assert_frame_equal(exported.all["runs"], summary, check_dtype=False)


def test_tables_have_the_columns_that_are_documented(exported):
    kinds = {TEXT: "OU", NUMBER: "f", WHOLE: "iuf", YES_NO: "b"}  # whole numbers with gaps are floats to pandas
    for table in TABLES:
        columns = exported.all[table.name]
        assert list(columns)[: len(table.columns)] == [column.name for column in table.columns]
        for column in table.columns:
            kind = columns[column.name].dtype.kind
            assert kind in kinds[column.kind] or columns[column.name].isna().all(), column.name


def test_other_columns_are_levels_that_are_documented(exported):
    patterns = [column.name for column in LEVEL_PATTERNS]
    for name in list(exported.all["levels"])[4:]:
        assert any(Path(name).match(pattern) for pattern in patterns), name


def test_the_log_has_the_columns_that_are_documented(frames):
    columns = frames.columns(frames.runs[0])

    assert columns[: len(LOG.columns)] == [column.name for column in LOG.columns]


@pytest.mark.parametrize("table", [LOG, *TABLES], ids=lambda table: table.name)
def test_the_page_has_every_column(table):
    assert as_markdown(table.columns) in PAGE


def test_the_page_has_levels_and_events():
    assert as_markdown(LEVEL_PATTERNS) in PAGE
    for event in Event:
        if event is not Event.SAMPLED:  # looks have files of their own
            assert f"`{event.name.lower()}`" in PAGE


@pytest.mark.parametrize("kind", ["starts", "odd jobs"])
def test_csv_says_the_same_as_parquet(made, kind, tmp_path):
    frames = made(kind)
    for form in ("csv", "parquet"):
        write_tables(frames, frames.runs, tmp_path, form)

    for table in TABLES:
        plain = pa_csv.read_csv(
            tmp_path / f"{table.name}.csv",
            convert_options=pa_csv.ConvertOptions(
                column_types=pq.read_schema(tmp_path / f"{table.name}.parquet"),
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
            ),
        )
        assert plain.equals(pq.read_table(tmp_path / f"{table.name}.parquet")), table.name


def test_a_log_without_hosts_gives_the_same_jobs_and_says_what_is_missing(made, tmp_path):
    with_hosts, without = (made("starts", detail) for detail in (Detail.TASKS, Detail.JOBS))

    more = write_tables(with_hosts, with_hosts.runs, tmp_path / "tasks", "parquet")
    less = write_tables(without, without.runs, tmp_path / "jobs", "parquet")

    assert {path.stem for path in more.rows} - {path.stem for path in less.rows} == {"containers"}
    assert "--detail tasks" in less.notes[0]
    for name in ("jobs", "decisions", "levels", "hosts"):
        pd.testing.assert_frame_equal(
            pd.read_parquet(tmp_path / "tasks" / f"{name}.parquet"),
            pd.read_parquet(tmp_path / "jobs" / f"{name}.parquet"),
        )


def test_jobs_end_as_they_should(made, tmp_path):
    frames = made("odd jobs")
    write_tables(frames, frames.runs[:1], tmp_path, "parquet")

    jobs = pd.read_parquet(tmp_path / "jobs.parquet").set_index(["job", "again"])["outcome"].to_dict()

    assert jobs == {
        ("ann", False): "finished", ("ann", True): "finished", ("bob", False): "finished",
        ("huge", False): "infeasible", ("long", False): "running", ("late", False): "pending",
        ("never", False): "unattempted", ("zoe", False): "held",
    }  # fmt: skip


def test_prefilled_containers_are_listed_and_their_jobs_are_not(made, tmp_path):
    frames = made("prefill")
    write_tables(frames, frames.runs[:1], tmp_path, "parquet")
    jobs, containers = (pd.read_parquet(tmp_path / f"{name}.parquet") for name in ("jobs", "containers"))

    old = containers[containers["scheduler"] == ""]

    assert sorted(old["job"].value_counts().items()) == [(f"old{n}", 3) for n in range(4)]
    assert (old["placed_s"] == 0).all()
    assert jobs[jobs["job"].str.startswith("old")]["again"].all()  # those that lost their host
    assert set(containers["host_name"]) <= {f"h{n}" for n in range(5)}
