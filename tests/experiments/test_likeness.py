"""``towtank trace generate --like``: the description, what is said of it, and the figure."""

import csv
import math
import tomllib
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from experiments.cli import main
from experiments.measures.likeness import distance, likenesses
from traces.fit import fit, measure
from traces.formats import open_trace
from traces.generate import (
    ArrivalsSpec,
    Burst,
    ClassSpec,
    Constant,
    Correlation,
    Empirical,
    Generated,
    Lognormal,
    WorkloadSpec,
)
from traces.reading.rejects import Rejects

HEADER = ["job", "submit_s", "workload", "tasks", "duration_s", "cpus", "memory_bytes"]


@pytest.fixture
def towtank(capsys, monkeypatch):
    def run(*arguments):
        monkeypatch.setattr("sys.argv", ["towtank", *map(str, arguments)])
        code = 0
        try:
            main()
        except SystemExit as ended:
            code = ended.code
        return code, *capsys.readouterr()

    return run


@pytest.fixture
def jobs(tmp_path):
    rng = np.random.default_rng(1)
    path = tmp_path / "jobs.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(HEADER)
        for number, at in enumerate(np.cumsum(rng.exponential(30.0, 2000))):
            run_s = rng.lognormal(4.0, 1.5)
            cpus = rng.choice([1, 2, 4])
            writer.writerow([f"secret-{number}", at, "batch", rng.integers(1, 9), run_s, cpus, cpus * 2**30])
    return path


def test_a_description_is_written_and_its_distances_are_told(towtank, jobs, tmp_path):
    code, said, _ = towtank("trace", "generate", "--like", jobs, "--out", tmp_path / "like.toml")

    written = tomllib.loads((tmp_path / "like.toml").read_text())
    assert code == 0
    assert list(written["classes"]) == ["batch"]
    assert "secret" not in (tmp_path / "like.toml").read_text()
    rows = [line.split() for line in said.splitlines() if line.startswith("batch ")]
    assert {row[1] for row in rows} == {"gap_s", "jobs", "tasks", "duration_s", "cpus", "memory_bytes"}
    assert all(float(row[row.index("KS") + 1]) < 0.1 for row in rows if "KS" in row and row[1] != "jobs")
    assert "cpus ~ memory_bytes" in said


def test_what_is_said_without_a_row_of_the_trace_is_true(towtank, jobs, tmp_path):
    towtank("trace", "generate", "--like", jobs, "--out", tmp_path / "like.toml")

    with jobs.open() as file:
        durations = {float(row["duration_s"]) for row in csv.DictReader(file)}
    law = tomllib.loads((tmp_path / "like.toml").read_text())["classes"]["batch"]["duration_s"]
    told = {value for _, value in law["points"]} if "points" in law else set()
    assert not told & durations


def test_a_workload_of_the_same_character_is_written_as_long_as_one_likes(towtank, jobs, tmp_path):
    towtank("trace", "generate", "--like", jobs, "--out", tmp_path / "alike.csv", "--seed", 2)
    towtank("trace", "generate", "--like", jobs, "--out", tmp_path / "longer.csv.gz", "--span", "3d")

    alike, longer = (
        sum(1 for _ in open_trace(str(tmp_path / name), Rejects()).arrivals())
        for name in ("alike.csv", "longer.csv.gz")
    )
    assert alike == pytest.approx(2000, rel=0.1)
    assert longer == pytest.approx(3 * 86400 / 30, rel=0.1)


@pytest.mark.parametrize("name", ["like.png", "like.svg"])
def test_original_and_generated_are_drawn(towtank, jobs, tmp_path, name):
    code, said, _ = towtank(
        "trace", "generate", "--like", jobs, "--out", tmp_path / "like.toml", "--figure", tmp_path / name
    )

    begins = {"png": b"\x89PNG", "svg": b"<?xml"}[name[-3:]]
    assert code == 0
    assert (tmp_path / name).read_bytes().startswith(begins)
    assert name in said


def test_a_description_of_a_workload_that_is_there_is_written(towtank, tmp_path):
    towtank("trace", "generate", "default", "--out", tmp_path / "default.toml", "--span", "10min")

    code, _, _ = towtank("trace", "generate", tmp_path / "default.toml", "--out", tmp_path / "one.csv")
    towtank("trace", "generate", "default:span=10min", "--out", tmp_path / "two.csv")

    assert code == 0
    assert (tmp_path / "one.csv").read_text() == (tmp_path / "two.csv").read_text()


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ([], "give the name of a workload or --like a trace"),
        (["default", "--like", "jobs.csv"], "one of the two"),
        (["default", "--figure", "a.png"], "give --like"),
        (["--like", "JOBS", "--out", "like.txt"], "cannot tell from the name what to write"),
        (["--like", "JOBS", "--figure", "a.jpg"], "a figure ends in .png or .svg"),
        (["--like", "nowhere.csv"], "no such file"),
        (["--like", "EMPTY"], "there are no jobs"),
    ],
)
def test_what_cannot_be_done_is_one_line(towtank, jobs, tmp_path, arguments, complaint):
    (tmp_path / "empty.csv").write_text(",".join(HEADER) + "\n")
    files = {"JOBS": jobs, "EMPTY": tmp_path / "empty.csv"}
    out = [] if "--out" in arguments else ["--out", tmp_path / "like.toml"]

    code, _, error = towtank("trace", "generate", *(files.get(one, one) for one in arguments), *out)

    assert code == 2
    assert complaint in error
    assert error.count("\n") == 1


# --- distances


@settings(deadline=None)
@given(
    one=st.lists(st.integers(0, 9).map(float), min_size=1, max_size=50),
    two=st.lists(st.integers(0, 9).map(float), min_size=1, max_size=50),
)
def test_the_distance_is_that_of_kolmogorov_and_smirnov(one, two):
    farthest = max(
        abs(sum(value <= x for value in one) / len(one) - sum(value <= x for value in two) / len(two))
        for x in range(10)
    )

    assert distance(np.array(one), np.array(two)) == pytest.approx(farthest)


def test_nothing_is_at_no_distance():
    assert math.isnan(distance(np.zeros(0), np.ones(3)))


def test_a_workload_is_nearer_to_its_own_description_than_to_another():
    spec = WorkloadSpec(
        3 * 86400.0,
        (
            ClassSpec(
                "batch", None, Lognormal(5.0, 1.0), Lognormal(300.0, 2.0), Empirical((1.0, 4.0)), Constant(2.0**30),
                arrivals=ArrivalsSpec((300.0, 10.0), 12 * 3600.0, (Burst(60.0, 1.0),)),
                correlations=(Correlation("tasks", "duration_s", 0.6),),
            ),
        ),
    )  # fmt: skip
    trace = Generated(spec, 1, Rejects())
    seen = measure(trace)

    [(_, rows)] = likenesses(seen, measure(Generated(fit(seen, trace).spec, 2, Rejects())))

    apart = {row.quantity: row.distance for row in rows}
    assert max(apart[name] for name in ("tasks", "duration_s", "cpus")) < 0.03
    assert apart["gap_s"] < 0.1
    assert apart["tasks ~ duration_s"] < 0.05


# --- real pieces


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "few"),
    [("alibaba_gpu2023", {"Guaranteed"}), ("google2011", set()), ("bitbrains/fastStorage/2013-8-first-day", set())],
    ids=lambda one: one if isinstance(one, str) else "",
)
def test_sizes_generated_like_a_real_trace_are_like_its_own(traces_dir, name, few):
    trace = open_trace(f"{name.partition('/')[0]}:{traces_dir / name}", Rejects())
    seen = measure(trace)
    fitted = fit(seen, trace)

    compared = list(likenesses(seen, measure(Generated(fitted.spec, 1, Rejects()))))

    counted = Counter()
    for part in seen.parts:
        counted[part.there] += part.jobs
    before = sum(1 for _ in trace.prefill()) + sum(1 for _ in trace.prefill_anywhere())
    assert counted.total() == sum(1 for _ in trace.arrivals()) + before
    assert compared
    sizes = {"tasks", "duration_s", "cpus", "memory_bytes", "gpus"}
    jobs = {part.name: part.jobs for part in seen.parts}
    for likeness, rows in compared:
        assert likeness.name not in few
        for row in rows:
            if row.quantity in sizes:
                # What two samples of one law are apart by chance once in a thousand times, and what rounding adds.
                most = 1.95 * math.sqrt(2 / min(map(len, likeness.samples[row.quantity]))) + 0.02
                assert row.distance < most, (row, jobs[row.workload])
