"""The native format: what is written comes back, and what is no row is named and counted."""

import csv
import gzip
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.errors import UserError
from policies.requests import IO_SIZE_BYTES, Constraint, Demand, Group, Job, MapReduce, Operator, Resources, Task
from traces.formats.native import Native, Written, write_native
from traces.reading.rejects import OnBadRow, Rejects
from traces.reading.tables import BLOCK_BYTES
from traces.trace import OPEN_ENDED, Arrival, Phase, steady

HEADER = "job,submit_s,workload,tasks,duration_s,cpus,memory_bytes\n"
GOOD = "j{n},{n},batch,2,10.5,0.5,1024\n"


@pytest.fixture
def trace_file(tmp_path):
    def write(content, name="jobs.csv"):
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


@pytest.fixture
def skipping(tmp_path):
    """Rejects that put bad rows into a file."""
    return Rejects(OnBadRow.SKIP, tmp_path / "out" / "rejects.csv")


def read(path, rejects=None):
    return list(Native(path, rejects or Rejects()).arrivals())


def rejected_rows(rejects):
    with rejects.file.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def containers(arrival):
    """Every container of a job by itself, in no order: what the job is, however it is grouped."""
    return Counter(
        (group.task, float(run_s), use)
        for group, runs, use in zip(arrival.job.groups, arrival.run_s, arrival.each_behaviour(), strict=True)
        for run_s in np.broadcast_to(runs, group.count)
    )


def flat(arrivals):
    return [
        (
            a.job.id, a.job.submit_s, a.job.workload, a.job.resubmission, a.job.user, a.job.estimate_s, containers(a),
            a.after, a.workflow,
        )
        for a in arrivals
    ]  # fmt: skip


# --- what is written comes back


# No line ends and NULs, which are refused; half characters are no text at all.
NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\n\r\0"), min_size=1, max_size=8)
RUN_TIMES = st.one_of(st.floats(0, 1e15), st.just(OPEN_ENDED), st.floats(0, 1e-300))
NEEDS = st.tuples(st.integers(0, 2**40), st.integers(0, 2**52), st.integers(0, 2**20)).map(
    lambda amounts: Resources(*amounts)
)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=4)
SEVERAL = st.lists(TEXTS, min_size=1, max_size=3).map(tuple)
DEMANDS = st.one_of(
    st.tuples(st.sampled_from([Operator.EQUAL, Operator.NOT_EQUAL]), TEXTS),
    st.tuples(st.sampled_from([Operator.LESS, Operator.GREATER]), st.integers().map(str)),
    st.tuples(st.sampled_from([Operator.IN, Operator.NOT_IN]), SEVERAL),
    st.tuples(st.sampled_from([Operator.EXISTS, Operator.ABSENT]), st.just("")),
)
CONSTRAINTS = st.builds(lambda name, demand: Constraint(name, *demand), TEXTS.filter(bool), DEMANDS)
TASKS = st.builds(
    Task,
    NEEDS,
    st.integers(-(2**31) + 1, 2**31 - 1),
    st.lists(CONSTRAINTS, max_size=3).map(tuple),
    st.just(False),
    st.none(),
)

AMOUNTS = st.floats(0, 1e12)
SHARES = st.floats(0, 1)
USES = st.builds(Demand, AMOUNTS, AMOUNTS, AMOUNTS, AMOUNTS, st.floats(0, 1e12, exclude_min=True), SHARES, AMOUNTS)


@st.composite
def groups(draw):
    count = draw(st.integers(1, 4))
    run_s = draw(st.one_of(RUN_TIMES, st.lists(RUN_TIMES, min_size=count, max_size=count).map(np.array)))
    return Group(draw(TASKS), count), run_s, draw(st.none() | USES.map(steady))


@st.composite
def workloads(draw):
    ids = draw(st.lists(NAMES, max_size=6, unique=True))
    times = sorted(draw(st.lists(st.floats(0, 1e12), min_size=len(ids), max_size=len(ids))))
    arrivals = []
    for name, submit_s in zip(ids, times, strict=True):
        parts = draw(st.lists(groups(), min_size=1, max_size=3))
        apart = draw(st.booleans())
        job = Job(
            name,
            submit_s,
            draw(NAMES),
            tuple(Group(task._replace(apart=apart), count) for (task, count), *_ in parts),
            draw(st.booleans()),
            user=draw(st.just("") | NAMES),
            estimate_s=draw(st.none() | RUN_TIMES),
        )
        above = [arrival.job.id for arrival in arrivals]
        after = draw(st.lists(st.sampled_from(above), max_size=3, unique=True)) if above else []
        _, run_s, uses = zip(*parts, strict=True)
        arrivals.append(Arrival(job, run_s, uses, tuple(after), draw(st.just("") | NAMES)))
    return arrivals


@pytest.mark.parametrize("suffix", [".csv", ".csv.gz", ".parquet"])
@settings(max_examples=40, deadline=None)
@given(workload=workloads())
def test_what_is_written_is_read_back_equal(workload, suffix):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"jobs{suffix}"

        rows = write_native(iter(workload), path).rows

        rejects = Rejects()
        assert flat(read(path, rejects)) == flat(workload)
        assert rejects.read == rejects.accepted == rows


def test_constraints_are_words_and_apart_of_one_row_holds_for_its_job(tmp_path):
    path = tmp_path / "jobs.csv"
    path.write_text(
        "job,submit_s,workload,tasks,duration_s,cpus,memory_bytes,constraints,apart\n"
        "a,0,batch,1,1,1,1,disk=ssd zone!=b kernel>3,1\n"
        "a,0,batch,1,1,2,1,,\n"
        "b,0,batch,1,1,1,1,,0\n"
    )

    (first, second), (plain,) = ([group.task for group in arrival.job.groups] for arrival in read(path))

    assert first.constraints == (
        Constraint("disk", Operator.EQUAL, "ssd"),
        Constraint("zone", Operator.NOT_EQUAL, "b"),
        Constraint("kernel", Operator.GREATER, "3"),
    )
    assert (first.apart, second.apart, plain.apart) == (True, True, False)
    assert second.constraints == plain.constraints == ()


@pytest.mark.parametrize(
    ("constraints", "apart", "reason"),
    [
        ("kernel>new", "0", "constraints with < and > compare whole numbers: 'kernel>new'"),
        ("zone==b", "0", "constraints are key=value, key!=value"),
        ("=b", "0", "constraints are key=value"),
        ("!", "0", "constraints are key=value"),
        ("", "2", "apart must be 0 or 1"),
    ],
)
def test_a_bad_constraint_is_an_error_with_its_line(tmp_path, constraints, apart, reason):
    path = tmp_path / "jobs.csv"
    path.write_text(
        "job,submit_s,workload,tasks,duration_s,cpus,memory_bytes,constraints,apart\n"
        f"a,0,batch,1,1,1,1,{constraints},{apart}\n"
    )

    with pytest.raises(UserError, match=r"jobs\.csv:2: ") as error:
        list(read(path))

    assert reason in str(error.value)


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_long_trace_is_read_back_equal(tmp_path, suffix):
    # Longer than what is read or written at a time.
    task = Task(Resources(500, 2**30))
    workload = [Arrival(Job(f"j{n}", n / 3, "batch", (Group(task, 1),)), (n / 7,)) for n in range(40_000)]
    path = tmp_path / f"jobs{suffix}"

    write_native(workload, path)

    assert flat(read(path)) == flat(workload)


@pytest.mark.parametrize("suffix", [".csv", ".csv.gz", ".parquet"])
def test_the_same_jobs_are_the_same_bytes(tmp_path, suffix):
    workload = [Arrival(Job("j", 0.0, "batch", (Group(Task(Resources(1)), 1),)), (1.0,))]
    paths = [tmp_path / f"{name}{suffix}" for name in "ab"]

    for path in paths:
        write_native(workload, path)

    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_a_trace_that_breaks_off_leaves_no_half_file(tmp_path):
    def breaks_off():
        yield Arrival(Job("j", 0.0, "batch", (Group(Task(Resources(1)), 1),)), (1.0,))
        raise UserError("bad row")

    with pytest.raises(UserError, match="bad row"):
        write_native(breaks_off(), tmp_path / "jobs.csv")

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["", "a\nb", "a\rb", "a\0"])
def test_a_name_that_could_not_be_read_back_is_refused(tmp_path, name):
    with pytest.raises(UserError, match="no way to write"):
        write_native([Arrival(Job(name, 0.0, "batch", (Group(Task(Resources(1)), 1),)), (1.0,))], tmp_path / "jobs.csv")


def test_half_characters_are_refused(tmp_path):
    with pytest.raises(UserError, match="half characters"):
        write_native([Arrival(Job("\ud800", 0.0, "b", (Group(Task(Resources(1)), 1),)), (1.0,))], tmp_path / "jobs.csv")


def test_jobs_that_are_submitted_again_stay_apart_from_those_that_are_not(trace_file):
    path = trace_file(f"{HEADER.strip()},again\na,1,b,2,5,1,10,\na,1,b,1,9,1,10,1\na,1,b,1,9,4,10,1\nb,1,b,1,1,1,1,2\n")

    arrivals = read(path, Rejects(OnBadRow.SKIP))

    assert [(a.job.id, a.job.tasks, a.job.resubmission) for a in arrivals] == [("a", 2, False), ("a", 2, True)]
    with pytest.raises(UserError, match=r":5: again must be 0 or 1: '2.0'"):
        read(path)


def test_what_has_no_column_is_counted(tmp_path):
    plain = Group(Task(Resources(1000, 1)), 1)
    told = [
        Arrival(Job("a", 0.0, "b", (plain,)), (1.0,)),
        Arrival(Job("a", 0.0, "b", (plain, Group(Task(Resources(1, disk_micro=5)), 2))), (1.0, np.array([1.0, 2.0]))),
        Arrival(Job("m", 0.0, "b", (plain,), mapreduce=MapReduce(4, 2, 8.0, 6.0)), (1.0,)),
    ]

    written = write_native(told, tmp_path / "jobs.csv")

    assert written == Written(rows=5, averaged=0, jobs=3, containers=5, mapreduce=1, unasked=2, joined=1)
    assert [note.split()[0] for note in written.notes()] == ["1", "2", "1"]


def test_a_user_who_could_not_be_read_back_is_refused(tmp_path):
    job = Job("j", 0.0, "batch", (Group(Task(Resources(1)), 1),), user="a\nb")
    with pytest.raises(UserError, match="no way to write"):
        write_native([Arrival(job, (1.0,))], tmp_path / "jobs.csv")


def test_a_suffix_that_says_no_format_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"\.parquet"):
        write_native([], tmp_path / "jobs.xlsx")


def test_a_folder_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(UserError, match="No such file"):
        write_native([], tmp_path / "none" / "jobs.csv")


# --- what a row means


def test_a_row_is_a_job_in_whole_numbers(trace_file):
    path = trace_file(f"{HEADER.strip()},gpus,priority\nj,1.5,web,3,inf,0.25,7,2,-1\n")

    [(job, run_s, *_)] = read(path)

    assert (job.id, job.submit_s, job.workload) == ("j", 1.5, "web")
    assert job.groups == (Group(Task(Resources(250, 7, 2000), -1), 3),)
    assert run_s == (OPEN_ENDED,)


def test_unlike_rows_of_a_job_are_one_job(trace_file):
    path = trace_file(f"{HEADER}a,1,b,2,5,1,10\na,1,b,1,9,4,10\na,2,b,1,5,1,10\nc,2,b,1,5,1,10\nc,2,s,1,5,1,10\n")

    arrivals = read(path)

    assert [(a.job.id, a.job.submit_s, a.job.tasks, a.run_s) for a in arrivals] == [
        ("a", 1, 3, (5, 9)), ("a", 2, 1, (5,)), ("c", 2, 1, (5,)), ("c", 2, 1, (5,))
    ]  # fmt: skip


def test_a_job_has_a_user_and_an_expected_run_time_where_somebody_said_so(trace_file):
    header = f"{HEADER.strip()},user,runtime_estimate_s\n"
    path = trace_file(f"{header}a,1,b,1,5,1,10,ann,60\nb,1,b,1,5,1,10,,\nc,1,b,1,5,1,10,ann,0\n")

    assert [(a.job.user, a.job.estimate_s) for a in read(path)] == [("ann", 60.0), ("", None), ("ann", 0.0)]


def test_a_job_of_unlike_rows_is_expected_to_run_as_long_as_the_longest_if_all_say_how_long(trace_file):
    header = f"{HEADER.strip()},user,runtime_estimate_s\n"
    known = "a,1,b,1,5,1,10,ann,60\na,1,b,1,5,2,10,ann,90\n"
    unknown = "b,1,b,1,5,1,10,ann,60\nb,1,b,1,5,2,10,ann,\n"
    others = "b,1,b,1,5,1,10,bob,7\n"

    jobs = [job for job, *_ in read(trace_file(header + known + unknown + others))]

    assert [(job.user, job.tasks, job.estimate_s) for job in jobs] == [
        ("ann", 2, 90.0), ("ann", 2, None), ("bob", 1, 7.0)
    ]  # fmt: skip


@pytest.mark.parametrize("estimate", ["-1", "nan", "soon"])
def test_an_expected_run_time_that_is_none_is_a_bad_row(trace_file, estimate):
    path = trace_file(f"{HEADER.strip()},runtime_estimate_s\na,1,b,1,5,1,10,{estimate}\n")

    with pytest.raises(UserError, match=r":2: runtime_estimate_s "):
        read(path)


def test_a_job_of_many_unlike_rows_takes_time_in_proportion(trace_file):
    rows = 100_000  # copying what was gathered at each of them would take minutes
    path = trace_file(HEADER + "".join(f"a,1,b,1,{n},1,10\n" for n in range(rows)))

    [arrival] = read(path)

    assert arrival.job.tasks == rows


def test_a_trace_can_be_read_again(trace_file, skipping):
    native = Native(trace_file(HEADER + GOOD.format(n=1) + "x\n"), skipping)

    first, again = flat(native.arrivals()), flat(native.arrivals())

    assert first == again
    assert (skipping.read, skipping.rejected) == (2, 1)
    assert len(rejected_rows(skipping)) == 1


# --- what containers use, and what they come after

USE_HEADER = (
    f"{HEADER.strip()},cpu_demand,memory_demand_bytes,disk_read_bps,disk_write_bps,io_size_bytes,random_io,net_bps\n"
)


def test_a_demand_that_is_missing_is_the_request_and_a_row_without_any_says_nothing(trace_file):
    path = trace_file(f"{USE_HEADER}a,0,b,1,9,2,64,,,5,,,,\nb,1,b,1,9,2,64,,,,,,,\nc,2,b,1,9,2,64,0.5,7,1,2,4096,1,3\n")

    a, b, c = read(path)

    assert a.behaviours == steady_of(Demand(2.0, 64.0, 5.0, 0.0, IO_SIZE_BYTES, 0.0, 0.0))
    assert b.behaviours == ()
    assert c.behaviours == steady_of(Demand(0.5, 7.0, 1.0, 2.0, 4096.0, 1.0, 3.0))


def steady_of(demand):
    return (steady(demand),)


def test_what_a_container_uses_is_not_what_it_asks_for(trace_file):
    [arrival] = read(trace_file(f"{USE_HEADER}a,0,b,1,9,2,64,9,99,,,,,\n"))

    assert arrival.job.groups[0].task == Task(Resources(2000, 64))


def test_unlike_rows_of_a_job_use_what_each_says(trace_file):
    [arrival] = read(trace_file(f"{USE_HEADER}a,0,b,1,9,2,64,,,,,,,\na,0,b,1,9,2,64,1,,,,,,\n"))

    assert arrival.behaviours == (None, steady(Demand(1.0, 64.0)))


@pytest.mark.parametrize(
    ("uses", "reason"),
    [
        ("-1,,,,,,", "cpu_demand must be 0 or more"),
        ("1e15,,,,,,", "cpu_demand must be 0 or more, and no more than any machine has"),
        (",-1,,,,,", "memory_demand_bytes must be 0 or more"),
        (",,nan,,,,", "disk_read_bps must be 0 or more"),
        (",,,inf,,,", "disk_write_bps must be 0 or more"),
        (",,,,0,,", "io_size_bytes must be more than 0"),
        (",,,,,1.5,", "random_io must be within 0 and 1"),
        (",,,,,,fast", "net_bps is not a number"),
    ],
)
def test_a_demand_that_cannot_be_is_an_error_with_its_line(trace_file, uses, reason):
    with pytest.raises(UserError, match=rf"jobs\.csv:3: {reason}"):
        read(trace_file(f"{USE_HEADER}a,0,b,1,9,2,64,,,,,,,\nb,0,b,1,9,2,64,{uses}\n"))


def with_after(*rows):
    return f"{HEADER.strip()},after\n" + "".join(
        f"{job},{submit_s},b,1,9,1,1,{after}\n" for job, submit_s, after in rows
    )


def test_a_job_comes_after_those_that_it_names(trace_file):
    path = trace_file(with_after(("a b", 0, ""), ("c", 1, ""), ("d", 2, "c a%20b c"), ("d", 2, "c"), ("e", 3, "d")))

    assert [(a.job.id, a.after) for a in read(path)] == [("a b", ()), ("c", ()), ("d", ("c", "a b")), ("e", ("d",))]


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ([("a", 0, "b"), ("b", 1, "")], "2: after names a job that does not stand above: 'b'"),
        ([("a", 0, ""), ("b", 1, "a none")], "3: after names a job that does not stand above: 'none'"),
        ([("a", 0, ""), ("a", 1, "a")], "3: a job cannot come after itself: 'a'"),
    ],
)
def test_a_job_that_never_came_before_is_an_error_with_its_line(trace_file, rows, reason):
    with pytest.raises(UserError, match=rf"jobs\.csv:{reason}"):
        read(trace_file(with_after(*rows)))


def test_what_comes_after_a_row_that_is_put_aside_is_put_aside_too(trace_file, skipping):
    path = trace_file(with_after(("a", 0, ""), ("a2", -1, ""), ("b", 1, "a2"), ("c", 2, "b"), ("d", 3, "a")))

    assert [arrival.job.id for arrival in read(path, skipping)] == ["a", "d"]
    assert skipping.rejected == 3


def test_names_are_found_far_above_the_first_row_that_comes_after_one(trace_file, skipping):
    many = "".join(GOOD.format(n=n)[:-1] + ",\n" for n in range(60_000))
    bad, last = "x,60000,b,0,1,1,1,\n", "z,60000,b,1,1,1,1,{}\n"
    path = trace_file(f"{HEADER.strip()},after\n{bad[:2]}0{bad[7:]}{many}{last.format('j0 j59999')}{last.format('x')}")

    *_, arrival = read(path, skipping)

    assert path.stat().st_size > BLOCK_BYTES
    assert arrival.after == ("j0", "j59999")
    assert [row["text"] for row in rejected_rows(skipping)] == ["0.0", "x"]


def test_names_are_not_kept_where_nothing_comes_after_anything(trace_file):
    native = Native(trace_file(with_after(("a", 0, ""), ("b", 1, ""))), Rejects())

    assert len(list(native.arrivals())) == 2
    assert native._above is None


def test_phases_are_written_as_their_mean_and_counted(tmp_path):
    job = Job("a", 0.0, "batch", (Group(Task(Resources(1000, 1)), 1),))
    phases = (Phase(0.25, Demand(2.0, 8.0, 4e6)), Phase(0.75, Demand(0.0, 4.0)))

    written = write_native([Arrival(job, (1.0,), (phases,)), Arrival(job, (1.0,))], tmp_path / "jobs.csv")

    assert (written.rows, written.averaged) == (2, 1)
    assert read(tmp_path / "jobs.csv")[0].behaviours[0] == steady(Demand(0.5, 5.0, 1e6))


def test_a_column_of_later_is_named_and_has_no_effect(trace_file):
    native = Native(trace_file(HEADER[:-1] + ",image\n" + GOOD.format(n=1)[:-1] + ",what\n"), Rejects())

    assert len(list(native.arrivals())) == 1
    assert ["image" in note for note in native.assumptions()] == [True]


def test_progress_rises_to_the_end(trace_file):
    native = Native(trace_file(HEADER + "".join(GOOD.format(n=n) for n in range(300_000))), Rejects())

    shares = [native.progress() for _ in native.arrivals()]

    assert shares == sorted(shares)
    assert shares[0] < 0.5 < shares[-1] <= 1 == native.progress()


@pytest.mark.parametrize(
    "whole",
    [
        HEADER.encode() + b"j1,1,batch,2,10.5,0.5,1024\n\n\nj2,2,batch,2,10.5,0.5,1024\n,,,,,,\n",
        b"\xef\xbb\xbf" + HEADER.encode() + b"j1,1,batch,2,10.5,0.5,1024\nj2,2,batch,2,10.5,0.5,1024",
        HEADER.replace("\n", "\r\n").encode() + b"j1,1,batch,2,10.5,0.5,1024\r\n\r\nj2,2,batch,2,10.5,0.5,1024\r\n",
        b'"job",' + HEADER.encode()[4:] + b'"j1",1,"batch","2",10.5,0.5,1024\nj2,2,batch,2,10.5,.5,1024.0\n',
        b"memory_bytes,cpus,duration_s,tasks,workload,submit_s,job\n1024,0.5,10.5,2,batch,1,j1\n1024,5e-1,1.05e1,2,batch,2,j2",
    ],
    ids=["blank lines", "byte order mark", "CRLF", "quotes", "other order"],
)
def test_the_many_ways_to_write_csv_mean_the_same(trace_file, whole):
    rejects = Rejects()

    arrivals = read(trace_file(whole), rejects)

    task = Task(Resources(500, 1024))
    assert flat(arrivals) == [(f"j{n}", n, "batch", False, "", None, {(task, 10.5, None): 2}, (), "") for n in (1, 2)]
    assert rejects.read == 2


# --- rows that cannot be used


BAD_ROWS = [
    ("j,x,batch,1,1,1,1", "submit_s is not a number"),
    ("j,1_000,batch,1,1,1,1", "submit_s is not a number"),
    ("j,-1,batch,1,1,1,1", "submit_s must be 0 or more"),
    ("j,,batch,1,1,1,1", "submit_s must be 0 or more"),
    ("j,nan,batch,1,1,1,1", "submit_s must be 0 or more"),
    ("j,inf,batch,1,1,1,1", "submit_s must be 0 or more"),
    ("j,1e400,batch,1,1,1,1", "submit_s must be 0 or more"),
    ("j,1,batch,0,1,1,1", "tasks must be a whole number from 1"),
    ("j,1,batch,1.5,1,1,1", "tasks must be a whole number from 1"),
    ("j,1,batch,1e300,1,1,1", "tasks must be a whole number from 1"),
    ("j,1,batch,,1,1,1", "tasks must be a whole number from 1"),
    ("j,1,batch,1,-1,1,1", "duration_s must be 0 or more"),
    ("j,1,batch,1,nan,1,1", "duration_s must be 0 or more"),
    ("j,1,batch,1,1,-1,1", "cpus must be 0 or more"),
    ("j,1,batch,1,1,1e300,1", "cpus is more than any machine has"),
    ("j,1,batch,1,1,inf,1", "cpus is more than any machine has"),
    ("j,1,batch,1,1,1,2GiB", "memory_bytes is not a number"),
    ("j,1,batch,1,1,1,0.5", "memory_bytes must be a whole number"),
    ("j,1,batch,1,1,1,1e17", "memory_bytes is more than any machine has"),
    (",1,batch,1,1,1,1", "job is empty"),
    ("j,1,,1,1,1,1", "workload is empty"),
    ("j\0,1,batch,1,1,1,1", "job has a NUL character in it"),
    ("j,1,batch,1,1,1\0,1", "cpus is not a number"),
    ("\0\0\0\0", "1 fields instead of 7"),
    ("j,1,batch,1,1,1", "6 fields instead of 7"),
    ("j,1,batch,1,1,1,1,1", "8 fields instead of 7"),
    ('"j,1,batch,1,1,1,1', "a quote is not closed on its line"),
    ('j,1,batch,1,1,1,"1', "a quote is not closed on its line"),
    (b"j\xff,1,batch,1,1,1,1", "not UTF-8 text"),
    (b"j\xff,1", "not UTF-8 text"),
    ("j,1,ba\rtch,1,1,1,1", "not a row of CSV"),
]


def around(row):
    """A trace with the row on line 4: after the header, a good row and a blank line, before two good rows."""
    row = row if isinstance(row, bytes) else row.encode()
    rest = (GOOD.format(n=2) + GOOD.format(n=3)).encode()
    return (HEADER + GOOD.format(n=1) + "\n").encode() + row + b"\n" + rest


@pytest.mark.parametrize(("row", "reason"), BAD_ROWS)
def test_a_bad_row_stops_the_reading_with_one_line_that_names_file_and_line(trace_file, row, reason):
    path = trace_file(around(row))

    with pytest.raises(UserError) as error:
        read(path)

    message = str(error.value)
    assert message.startswith(f"{path}:4: {reason}")
    assert message.isprintable()
    assert "--on-bad-row skip" in message


@pytest.mark.parametrize(("row", "reason"), BAD_ROWS)
def test_a_bad_row_is_put_aside_and_counted(trace_file, skipping, row, reason):
    path = trace_file(around(row))

    arrivals = read(path, skipping)

    assert [arrival.job.id for arrival in arrivals] == ["j1", "j2", "j3"]
    assert (skipping.read, skipping.accepted, skipping.rejected) == (4, 3, 1)
    [aside] = rejected_rows(skipping)
    assert (aside["file"], aside["row"]) == (str(path), "4")
    assert aside["reason"].startswith(reason)
    assert [aside["reason"]] == list(skipping.reasons)


GOOD_ROW = GOOD.format(n=1).strip()


@settings(deadline=None)
@given(
    lines=st.lists(st.sampled_from([GOOD_ROW, "", *(row for row, _ in BAD_ROWS)]), max_size=12),
    block=st.sampled_from([20, 64, 2**20]),
    end=st.sampled_from([b"", b"\n"]),
)
def test_nothing_vanishes_whatever_stands_beside_it(lines, block, end):
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr("traces.reading.tables.BLOCK_BYTES", block)
        path = Path(folder) / "jobs.csv"
        raw = [line if isinstance(line, bytes) else line.encode() for line in lines]
        path.write_bytes(HEADER.encode() + b"\n".join(raw) + end)
        rejects = Rejects(OnBadRow.SKIP, Path(folder) / "rejects.csv")

        groups = [group for arrival in read(path, rejects) for group in arrival.job.groups]

        bad = [number for number, line in enumerate(lines, start=2) if line not in ("", GOOD_ROW)]
        assert len(groups) == lines.count(GOOD_ROW) == rejects.accepted
        assert rejects.read == len(lines) - lines.count("") == rejects.accepted + rejects.rejected
        assert [int(row["row"]) for row in (rejected_rows(rejects) if bad else [])] == bad


def test_lines_are_counted_right_across_blocks_and_bad_rows(trace_file, skipping):
    lines = [GOOD.format(n=n) for n in range(100_000)]  # several blocks
    bad = [5, 6, 7, 30_000, 30_001, 65_432, 99_998]
    for at, spoilt in zip(bad, ["x\n", "\n", "j,1\n", '"\n', "a,,,,,,\n", "x,x,x,x,x,x,x\n", "y\n"], strict=True):
        lines[at] = spoilt

    arrivals = read(trace_file(HEADER + "".join(lines)), skipping)

    assert [int(row["row"]) for row in rejected_rows(skipping)] == [at + 2 for at in bad if at != 6]  # 6 is blank
    assert len(arrivals) == 100_000 - len(bad) == skipping.accepted
    assert skipping.read == 100_000 - 1


def test_a_bad_row_says_nothing_about_the_order_of_the_others(trace_file, skipping):
    rows = "a,1e300,batch,0,1,1,1\nb,7,batch,1,1,1,1\nc,inf,batch,1,1,1,1\nd,6,batch,1,1,1,1\ne,7,batch,1,1,1,1\n"

    arrivals = read(trace_file(HEADER + rows), skipping)

    assert [arrival.job.id for arrival in arrivals] == ["d", "b", "e"]


def test_rows_that_come_late_are_put_in_order_and_counted(trace_file, monkeypatch):
    monkeypatch.setattr("traces.reading.tables.BLOCK_BYTES", 32)
    native = Native(trace_file(HEADER + "".join(GOOD.format(n=n) for n in (3, 5, 4, 1, 6, 2))), Rejects())

    assert [arrival.job.id for arrival in native.arrivals()] == ["j1", "j2", "j3", "j4", "j5", "j6"]
    assert native.assumptions() == [f"{native.path}: rows that came late, put in order: 3"]


@pytest.mark.parametrize("window", [1, 2, 3])
def test_what_comes_too_late_is_named_and_never_out_of_order(trace_file, monkeypatch, skipping, window):
    monkeypatch.setattr("traces.reading.tables.BLOCK_BYTES", 24)  # a row
    monkeypatch.setattr("traces.formats.native.reader.WINDOW_ROWS", window)
    path = trace_file(HEADER + "".join(GOOD.format(n=n) for n in (3, 4, 5, 6, 1)))

    with pytest.raises(UserError, match=r":6: submitted before rows that stand too far above it: '1.0'"):
        read(path)

    assert [arrival.job.id for arrival in read(path, skipping)] == ["j3", "j4", "j5", "j6"]
    assert (skipping.read, skipping.accepted, skipping.rejected) == (5, 4, 1)


def test_a_quoted_line_end_swallows_no_rows(trace_file, skipping):
    rows = GOOD.format(n=1) + 'j2,2,"ba\ntch",1,1,1,1\n' + GOOD.format(n=3) + '"j4",4,batch,1,1,1,1\n'

    arrivals = read(trace_file(HEADER + rows), skipping)

    assert [arrival.job.id for arrival in arrivals] == ["j1", "j3", "j4"]
    assert [row["row"] for row in rejected_rows(skipping)] == ["3", "4"]


def test_a_bad_row_of_parquet_is_named_by_its_number(tmp_path, skipping):
    path = tmp_path / "jobs.parquet"
    columns = HEADER.strip().split(",")
    rows = [["j", 0.0, "batch", 1, 1.0, 1.0, 1]] * 3
    pd.DataFrame([*rows, ["j", 0.0, "batch", -1, 1.0, 1.0, 1], *rows], columns=columns).to_parquet(path)

    read(path, skipping)

    assert [(row["row"], row["text"]) for row in rejected_rows(skipping)] == [("4", "-1.0")]
    assert (skipping.read, skipping.accepted) == (7, 6)


# --- files that are no trace


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "no header line"),
        (b"\n\n", "no header line"),
        (HEADER.replace("cpus", "cpu") + GOOD.format(n=1), "unknown column 'cpu'; did you mean 'cpus'?"),
        (HEADER.replace("cpus", "colour") + GOOD.format(n=1), "unknown column 'colour' (known: job, "),
        (HEADER.replace(",cpus", "") + "j,1,batch,1,1,1\n", "column 'cpus' is missing"),
        (HEADER.replace("cpus", "job") + GOOD.format(n=1), "column 'job' is there twice"),
        ((HEADER + GOOD.format(n=1)).encode("utf-16"), ":1: not UTF-8 text"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", ":1: not UTF-8 text"),
        (b"PAR1" + b"\0" * 100, "jobs.csv: "),
        (gzip.compress((HEADER + GOOD.format(n=1)).encode(), mtime=0)[:-9], "damaged or cut off"),
        (gzip.compress(HEADER.encode(), mtime=0)[:12], "damaged or cut off"),
        (b"\x1f\x8b and no more", "damaged or cut off"),
        (
            gzip.compress(b"jobs.csv".ljust(257, b"\0") + b"ustar" + b"\0" * 999, mtime=0),
            "is an archive: unpack it first",
        ),
        (b"PK\x03\x04" + b"\0" * 99, "is an archive: unpack it first"),
    ],
    ids=lambda value: str(value)[:20] if isinstance(value, str) else None,
)
def test_a_file_that_is_no_trace_is_an_error_of_one_line(trace_file, content, reason):
    path = trace_file(content)

    with pytest.raises(UserError) as error:
        read(path)

    assert str(error.value).startswith(str(path))
    assert reason in str(error.value)
    assert "\n" not in str(error.value)


def test_a_long_gzip_that_is_cut_off_is_an_error_and_no_short_trace(trace_file):
    whole = gzip.compress((HEADER + "".join(GOOD.format(n=n) for n in range(100_000))).encode())

    with pytest.raises(UserError, match="damaged or cut off"):
        read(trace_file(whole[: len(whole) * 9 // 10]))


def test_a_gzip_of_several_members_is_read_to_its_end(trace_file):
    parts = [HEADER + GOOD.format(n=1), GOOD.format(n=2), GOOD.format(n=3)]

    assert len(read(trace_file(b"".join(gzip.compress(part.encode()) for part in parts)))) == 3


def test_a_trace_of_a_header_alone_has_no_jobs(trace_file):
    rejects = Rejects()

    assert read(trace_file(HEADER), rejects) == []
    assert rejects.read == 0


def test_a_file_without_line_ends_is_refused_before_it_fills_the_memory(trace_file, monkeypatch):
    monkeypatch.setattr("traces.reading.tables.LONGEST_LINE_BYTES", 2**20)

    with pytest.raises(UserError, match="this is no table"):
        read(trace_file(HEADER + "x" * 2**22))


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("cpus", [[1.0], [2.0]]),
        ("job", [[1], [2]]),
        ("workload", [b"\xff", b"\xfe"]),
        ("submit_s", pd.to_datetime(["2020-01-01", "2020-01-02"])),
    ],
)
def test_a_parquet_column_of_another_kind_is_an_error(tmp_path, column, values):
    path = tmp_path / "jobs.parquet"
    table = pd.DataFrame([["j", 0.0, "batch", 1, 1.0, 1.0, 1]] * 2, columns=HEADER.strip().split(","))
    table[column] = pd.Series(values)
    table.to_parquet(path)

    with pytest.raises(UserError, match=f"column '{column}' is not"):
        read(path)


def test_whole_numbers_of_parquet_are_names_too(tmp_path):
    path = tmp_path / "jobs.parquet"
    table = pd.DataFrame([[7, 0, "batch", 1, 1, 1, 2**40]], columns=HEADER.strip().split(","))
    table.astype({"workload": "category"}).to_parquet(path)

    [(job, *_)] = read(path)

    assert (job.id, job.workload, job.groups[0].task.need.memory_bytes) == ("7", "batch", 2**40)


@pytest.mark.parametrize(("name", "reason"), [("none.csv", "no such file"), (".", "is a folder")])
def test_a_path_that_is_no_file_is_an_error(tmp_path, name, reason):
    with pytest.raises(UserError, match=reason):
        read(tmp_path / name)
