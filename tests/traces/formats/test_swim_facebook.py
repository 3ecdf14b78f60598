"""Hadoop jobs of which only bytes were recorded: what is made of them."""

import csv
import gzip
import json

import pytest
from click.testing import CliRunner

from experiments.cli import towtank
from policies.errors import UserError
from policies.requests import Demand, Resources
from traces.formats import open_trace
from traces.formats.swim_facebook import SwimFacebook, looks_like
from traces.reading.rejects import OnBadRow, Rejects
from traces.trace import steady

MIB, GIB = 2**20, 2**30


@pytest.fixture
def sample(tmp_path):
    """Write a sample and open it; a row is (job, submission, bytes read, shuffled, written)."""

    def write(*rows, rejects=None):
        path = tmp_path / "sample.tsv"
        path.write_text("".join(f"{job}\t{at}\t0\t{r}\t{s}\t{w}\n" for job, at, r, s, w in rows))
        return SwimFacebook(path, rejects or Rejects())

    return write


def noted(trace, words):
    return sum(int(note.rpartition(": ")[2].replace(",", "")) for note in trace.assumptions() if words in note)


def test_a_job_is_maps_and_reduces_after_them_that_run_as_long_as_their_bytes_take(sample):
    maps, reduces = sample(("job7", 5, 200 * MIB, 3 * GIB, 2 * GIB)).arrivals()

    assert [(a.job.id, a.job.submit_s, a.job.tasks, a.after, a.workflow) for a in (maps, reduces)] == [
        ("job7/maps", 5.0, 4, (), "job7"),
        ("job7/reduces", 5.0, 3, ("job7/maps",), "job7"),
    ]
    assert maps.job.groups[0].task.need == reduces.job.groups[0].task.need == Resources(1000, GIB)
    map_s, reduce_s = (200 * MIB + 3 * GIB) / 4 / 20e6, 5 * GIB / 3 / 20e6
    assert (*maps.run_s, *reduces.run_s) == pytest.approx((map_s, reduce_s))
    [(phase,)], [(other,)] = maps.behaviours, reduces.behaviours
    assert phase.demand == pytest.approx(Demand(1.0, GIB, 50 * MIB / map_s, 0.75 * GIB / map_s))
    assert other.demand == pytest.approx(Demand(1.0, GIB, 0.0, GIB * 2 / 3 / reduce_s, net_bps=GIB / reduce_s))


def test_where_nothing_is_shuffled_the_maps_write(sample):
    [maps] = sample(("job1", 0, 20_000_000, 0, 20_000_000)).arrivals()

    assert (maps.job.tasks, maps.run_s) == (1, (2.0,))
    assert maps.behaviours == (steady(Demand(1.0, GIB, 1e7, 1e7)),)


def test_a_job_of_no_bytes_runs_for_no_time(sample):
    trace = sample(("job1", 0, 0, 0, 0))
    [maps] = trace.arrivals()

    assert (maps.job.tasks, maps.run_s) == (1, (0.0,))
    assert noted(trace, "read and wrote nothing") == noted(trace, "taken to have one map") == 1


def test_names_with_blanks_in_them_find_their_maps(sample):
    _, reduces = sample(("a job/1%", 0, 1, 1, 1)).arrivals()

    assert (reduces.job.id, reduces.after) == ("a job/1%/reduces", ("a job/1%/maps",))


def test_rows_that_come_late_are_put_in_order(sample):
    trace = sample(("job1", 5, 1, 1, 1), ("job2", 9, 1, 0, 1), ("job3", 7, 1, 1, 1))

    assert [job.id for job, *_ in trace.arrivals()] == [
        "job1/maps", "job1/reduces", "job3/maps", "job3/reduces", "job2/maps",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (("job2", -1, 1, 1, 1), "submit time must be 0 or more"),
        (("job2", 1, -1, 1, 1), "map input bytes must be a whole number"),
        (("job2", 1, 1e-301, 1, 1), "map input bytes must be a whole number"),
        (("job2", 1, 1, 1e300, 1), "shuffle bytes must be a whole number from 0, and less than"),
        (("job2", 1, 1, 1, "inf"), "reduce output bytes must be a whole number"),
        (("job2", 1, 1, 1, "much"), "reduce output bytes is not a number: 'much'"),
        (("", 1, 1, 1, 1), "job is empty"),
        (("job2\tx", 1, 1, 1, 1), "7 fields instead of 6"),
    ],
)
def test_a_row_that_cannot_be_is_told_by_its_line(sample, wrong, reason):
    rows = [("job1", 0, 1, 0, 1), wrong, ("job3", 2, 1, 0, 1)]

    with pytest.raises(UserError, match=rf"sample\.tsv:2: {reason}"):
        list(sample(*rows).arrivals())
    trace = sample(*rows, rejects=Rejects(OnBadRow.SKIP))
    assert [job.id for job, *_ in trace.arrivals()] == ["job1/maps", "job3/maps"]
    assert (trace.rejects.read, trace.rejects.accepted, trace.rejects.rejected) == (3, 2, 1)


def test_a_sample_is_recognised_by_what_is_in_it(tmp_path):
    path = tmp_path / "sample"
    path.write_bytes(gzip.compress(b"job0\t1\t1\t5\t5\t5\n"))

    assert isinstance(open_trace(str(path), Rejects()), SwimFacebook)
    for other in ("job0,1,1,5,5,5\n", "a\tb\n", "job0\t1\t1\t5\t5\n", ""):
        path.write_text(other)
        assert not looks_like(path)


def test_a_folder_may_have_one_of_them_beside_other_files(tmp_path):
    (tmp_path / "README").write_text("about it\n")
    (tmp_path / "b").write_text("job0\t1\t1\t5\t5\t5\n")
    trace = open_trace(str(tmp_path), Rejects())

    assert isinstance(trace, SwimFacebook)
    assert trace.files() == [tmp_path / "b"]
    (tmp_path / "a").write_text("job0\t1\t1\t5\t5\t5\n")
    with pytest.raises(UserError, match=r"has several \(a, b\): name one"):
        open_trace(str(tmp_path), Rejects())
    for name in "ab":
        (tmp_path / name).unlink()
    with pytest.raises(UserError, match="has no "):
        open_trace(f"swim_facebook:{tmp_path}", Rejects())


# --- the real piece


def test_the_real_jobs_are_all_there_and_replay_with_the_counts_of_their_file(traces_dir):
    [path] = (traces_dir / "swim_facebook").glob("*.tsv")
    with path.open(newline="") as lines:
        rows = [[int(value) for value in row[1:]] for row in csv.reader(lines, delimiter="\t")]
    trace = open_trace(str(path), Rejects())
    arrivals = list(trace.arrivals())

    assert isinstance(trace, SwimFacebook)
    assert trace.rejects.read == trace.rejects.accepted == len(rows)
    assert len(arrivals) == len(rows) + sum(row[3] > 0 for row in rows)
    assert len({a.workflow for a in arrivals}) == len(rows)
    moved = sum(row[2] + row[3] + (row[3] + row[4] if row[3] else row[4]) for row in rows)
    assert sum(a.run_s[0] * a.job.tasks for a in arrivals) * 20e6 == pytest.approx(moved)

    until_s = 7200
    early = [row for row in rows if row[0] <= until_s]
    arguments = ["--hosts", "2000", "--host-cpus", "16", "--host-memory", "64GiB", "--policy", "first-fit"]
    ended = CliRunner().invoke(
        towtank,
        ["run", "--json", "--trace", f"swim_facebook:{path}", *arguments, "--until", str(until_s), "--t-job", "0.001"],
    )
    assert ended.exit_code == 0, ended.output
    metrics = json.loads(ended.stdout)["runs"][0]["metrics"]

    # Reduces are submitted when their maps have ended; those that still wait are held.
    assert metrics["jobs_submitted"] + metrics["jobs_held"] == len(early) + sum(row[3] > 0 for row in early)
    assert metrics["workflows"] + metrics["workflows_unfinished"] == len(early)
    assert metrics["workflow_stretch_mean"] >= 1
    assert metrics["tasks_submitted"] >= sum(max(1, -(-row[2] // (64 * MIB))) for row in early)
