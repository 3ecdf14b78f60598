"""The Google trace of 2011 in pieces: the same jobs whatever is held at a time, and no more held of a longer trace."""

import csv
import gzip
import json
import runpy
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from experiments.cli import towtank
from policies.errors import UserError
from policies.requests import Resources
from traces.formats.google2011 import Google2011, constraints, looks_like, pieces, reader
from traces.formats.google2011.rows import TASK_EVENT
from traces.reading import ordered, temporary
from traces.reading.options import ReadOptions
from traces.reading.reference import Reference
from traces.reading.rejects import OnBadRow, Rejects

SUBMIT, SCHEDULE, EVICT, FAIL, FINISH, KILL, LOST = range(7)

USAGE = ReadOptions(usage=True)
specimen = runpy.run_path(str(Path(__file__).parent / "specimens" / "google2011.py"))["write"]


@pytest.fixture
def cell(tmp_path):
    """A folder with every table."""
    return specimen(tmp_path)


def event(t, kind, *, job=1, index=0, user="user"):
    return f"{round(t * 1e6)},,{job},{index},{7 if kind == SCHEDULE else ''},{kind},{user},0,0,0.5,0.25,,0"


def write(folder, **tables):
    """Write tables, each of one part, or of several where lists of lines are given."""
    for name, parts in tables.items():
        (folder / name).mkdir(exist_ok=True)
        parts = parts if parts and isinstance(parts[0], list) else [parts]
        for number, lines in enumerate(parts):
            text = "".join(f"{line}\n" for line in lines)
            (folder / name / f"part-{number:05d}-of-{len(parts):05d}.csv").write_text(text)
    return folder


def cell_of(folder, *parts):
    return write(folder, machine_events=["0,7,0,platform,1,1"], task_events=list(parts))


def told(given):
    """Write out all that was given, so that == says whether it is the same."""
    with np.printoptions(threshold=10**9, floatmode="unique"):
        return [repr(tuple(one)) for one in given]


def whole_of(folder, options=USAGE):
    trace = Google2011(folder, Rejects(), options)
    read = told(trace.prefill()), told(trace.arrivals())
    return *read, sorted(trace.assumptions()), (trace.rejects.read, trace.rejects.accepted)


def noted(trace, words):
    return sum(int(note.rpartition(": ")[2].replace(",", "")) for note in trace.assumptions() if words in note)


def held_at_most(patch, rows):
    """Let sorting go to disk, and let pieces be small."""
    patch.setattr(ordered, "IN_MEMORY", rows)
    patch.setattr(ordered, "AT_ONCE", rows)
    patch.setattr(pieces, "AT_LEAST", rows)
    patch.setattr(pieces, "FILES", 3)


@pytest.mark.parametrize("rows", [1, 3, 8])
def test_jobs_are_the_same_however_little_is_held_at_a_time(cell, rows, monkeypatch):
    expected = whole_of(cell)

    held_at_most(monkeypatch, rows)

    assert whole_of(cell) == expected
    prefill, arrivals, *_ = expected
    assert (len(prefill), len(arrivals)) == (1, 4)
    assert "Phase" in prefill[0]
    assert "Phase" in arrivals[1]


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 40))
def test_any_cell_is_the_same_however_little_is_held_at_a_time(tmp_path_factory, seed, rows):
    rng = np.random.default_rng(seed)
    tasks = [(int(job), index) for job in rng.permutation(9) for index in range(rng.integers(1, 6))]
    lines = {"task_events": [], "task_constraints": [], "task_usage": []}
    for job, index in tasks:
        times = np.sort(rng.choice([0, 600, 600.5, *range(601, 640)], rng.integers(1, 7)))
        for t in times:
            kind = SUBMIT if t == 0 else int(rng.integers(9))
            apart, cpu = int(rng.integers(8)) // 7, rng.choice([0.5, 0.25])
            lines["task_events"].append(
                (t, f"{round(t * 1e6)},,{job},{index},7,{kind},u{job % 3},0,{job},{cpu},0.25,,{apart}")
            )
            if kind == SUBMIT and rng.random() < 0.5:
                lines["task_constraints"] += [
                    (t, f"{round(t * 1e6)},{job},{index},{operator},{name},{rng.integers(3)}")
                    for operator, name in [(0, "a"), (3, "b"), (1, "c")][: rng.integers(1, 4)]
                ]
        for start in range(600, 640, 20):
            use = rng.random(3)
            window = f"{start}000000,{start + 20}000000,{job + (use[0] < 0.1)},{index},7,{use[1]},{use[2]}"
            lines["task_usage"].append((start, f"{window},,,,,0.5,,,,,,,0,"))
    tables = {name: [line for _, line in sorted(of, key=lambda pair: pair[0])] for name, of in lines.items()}
    folder = write(
        tmp_path_factory.mktemp("google"),
        machine_events=["0,7,0,platform,1,1"],
        machine_attributes=["0,7,a,1,0"],
        **tables,
    )
    expected = whole_of(folder)

    with pytest.MonkeyPatch.context() as patch:
        held_at_most(patch, rows)

        assert whole_of(folder) == expected


@pytest.mark.slow
def test_the_real_parts_are_the_same_however_little_is_held_at_a_time(traces_dir, monkeypatch):
    expected = whole_of(traces_dir / "google2011")

    held_at_most(monkeypatch, 2**14)

    assert whole_of(traces_dir / "google2011") == expected


rows_of_jobs = st.lists(st.integers(1, 6), min_size=0, max_size=30).map(sorted)


@given(rows_of_jobs, st.data())
def test_a_piece_cuts_no_job_and_loses_nothing(of, data):
    rows = np.zeros(len(of), dtype=TASK_EVENT)
    rows["job"], rows["time"] = of, range(len(of))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(of)), max_size=5)))
    coming = [piece for piece in np.split(rows, cuts) if piece.size]

    cut = list(pieces.whole(coming, ("job",)))

    assert [row for piece in cut for row in piece["time"].tolist()] == [*range(len(of))]
    jobs_of = [set(piece["job"].tolist()) for piece in cut]
    assert all(jobs_of)
    assert sum(map(len, jobs_of)) == len(set(of))


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(0, 200), max_size=60), st.integers(1, 20))
def test_what_is_spread_over_files_comes_once_job_by_job_in_its_order(of, at_once):
    rows = np.zeros(len(of), dtype=TASK_EVENT)
    rows["job"], rows["time"] = of, range(len(of))

    files = pieces.spread((rows[a : a + at_once] for a in range(0, len(of), at_once)), pieces.by_job)

    got = [[pair for some in file for pair in some[["job", "time"]].tolist()] for file in files]
    assert len(got) == pieces.FILES
    for number, pairs in enumerate(got):
        assert pairs == [(job, at) for at, job in enumerate(of) if job % pieces.FILES == number]


def test_a_disk_that_is_full_is_said_in_one_line(cell, tmp_path, monkeypatch):
    folder = tmp_path / "full"
    folder.mkdir()
    for number in range(pieces.FILES):
        (folder / str(number)).symlink_to("/dev/full")
    monkeypatch.setattr(temporary, "mkdtemp", lambda prefix: str(folder))

    with pytest.raises(UserError, match="full: cannot sort the trace there: No space left on device"):
        list(Google2011(cell, Rejects()).arrivals())


@given(rows_of_jobs, st.lists(st.integers(0, 8)).map(sorted), st.integers(1, 4))
def test_rows_read_beside_others_come_once_and_in_time(of, asked, at_once):
    rows = np.zeros(len(of), dtype=TASK_EVENT)
    rows["job"] = of
    beside = pieces.Beside(rows[start : start + at_once] for start in range(0, len(of), at_once))
    left = list(of)

    for job in asked:
        got = [row for piece in beside.up_to(job) for row in piece["job"].tolist()]

        assert got == [row for row in left if row <= job]
        left = left[len(got) :]


def test_what_is_held_does_not_grow_with_the_trace(tmp_path, monkeypatch):
    held_at_most(monkeypatch, 64)
    sizes = defaultdict(list)

    def watched(name, function):
        def watch(rows, *others):
            sizes[name].append(rows.size)
            return function(rows, *others)

        return watch

    for module, name in ((reader, "make_lives"), (reader, "make_arrivals"), (constraints, "Given"), (reader, "Usage")):
        monkeypatch.setattr(module, name, watched(name, getattr(module, name)))
    most = {}
    for n in (50, 400):
        sizes.clear()
        some = [(job, index) for job in range(n) for index in range(4)]
        folder = tmp_path / str(n)
        folder.mkdir()
        events = [
            event(600 + 10 * job + after, kind, job=job, index=index)
            for job, index in some
            for kind, after in ((SUBMIT, 0), (SCHEDULE, 2), (FINISH, 300))
        ]
        cell_of(folder, events)
        write(
            folder,
            machine_attributes=["0,7,a,1,0"],
            task_constraints=[f"{600 + 10 * job}000000,{job},{index},0,a,1" for job, index in some],
            task_usage=[
                f"{900 + 300 * k}000000,{1200 + 300 * k}000000,{job},{index},7,0.1,0.1,,,,,0.1,,,,,,,0,"
                for job, index in some
                for k in range(2)
            ],
        )

        trace = Google2011(folder, Rejects(), USAGE)

        assert sum(arrival.job.tasks for arrival in trace.arrivals()) == len(some)
        assert sum(sizes["make_lives"]) == 3 * len(some)
        assert sum(sizes["make_arrivals"]) == sum(sizes["Usage"]) == sum(sizes["Given"]) == len(some)
        most[n] = {name: max(of) for name, of in sizes.items()}
    # A piece is what is gathered, and what had to wait for the end of its job.
    assert all(max(of.values()) < 2 * 64 + 3 * 4 for of in most.values())
    assert all(most[400][name] < 1.5 * size for name, size in most[50].items())


def test_machines_are_known_before_a_task_is_read(cell):
    (cell / "task_events" / "part-00000-of-00002.csv").write_text("no line of anything\n")
    trace = Google2011(cell, Rejects(), USAGE)

    assert len(trace.hosts()) == 3
    assert trace.rejects.read == 6 + 5 + 6
    with pytest.raises(UserError, match=r"task_events/part-00000-of-00002\.csv:1: 1 fields instead of 13"):
        next(trace.arrivals())


@pytest.mark.parametrize("calls", ["hpaa", "aph", "paha", "aahp", "a"])
def test_each_reading_counts_each_row_once_whatever_was_asked_before(cell, calls):
    with (cell / "task_events" / "part-00001-of-00002.csv").open("a") as file:
        file.write("rubbish\n")
    put_aside = cell / "rejects.csv"
    trace = Google2011(cell, Rejects(OnBadRow.SKIP, put_aside), USAGE)
    given_before = {}

    for call in calls:
        given_now = told({"p": trace.prefill, "a": trace.arrivals}[call]()) if call != "h" else trace.hosts().names
        assert given_before.setdefault(call, given_now) == given_now

    lines = sum(len(path.read_text().splitlines()) for path in trace.files())
    assert (trace.rejects.read, trace.rejects.accepted, trace.rejects.rejected) == (lines, lines - 1, 1)
    assert len(put_aside.read_text().splitlines()) == 2
    assert noted(trace, "made up for missing records") == 3


def test_a_reading_that_failed_begins_anew(cell):
    part = cell / "task_events" / "part-00001-of-00002.csv"
    text = part.read_text()
    part.write_text(f"{text}rubbish\n")
    trace = Google2011(cell, Rejects(), USAGE)
    for _ in range(2):
        with pytest.raises(UserError, match=r"part-00001-of-00002\.csv:9"):
            list(trace.prefill())
    part.write_text(text)

    assert told(trace.arrivals()) == told(Google2011(cell, Rejects(), USAGE).arrivals())
    assert trace.rejects.read == trace.rejects.accepted == 42


def test_the_recording_ends_with_the_last_part_that_says_something(tmp_path):
    after_the_end = event(0, FINISH).replace("0", str(2**63 - 1), 1)
    trace = Google2011(
        cell_of(tmp_path, [event(600, SUBMIT)], [event(650, KILL), event(640, SUBMIT, index=1)], [after_the_end], []),
        Rejects(),
    )

    assert trace.end_s() == 650.0
    assert trace.rejects.read == 0
    list(trace.arrivals())
    assert noted(trace, "after the last of the last part") == 0


def test_a_part_that_goes_on_after_the_last_is_noted(tmp_path):
    trace = Google2011(
        cell_of(tmp_path, [event(600, SUBMIT), event(700, KILL)], [event(650, SUBMIT, index=1)]), Rejects()
    )

    assert [run_s[0].tolist() for _, run_s, *_ in trace.arrivals()] == [[100.0], [float("inf")]]
    assert trace.end_s() == 650.0
    assert noted(trace, "after the last of the last part") == 1


def test_amounts_are_shares_of_the_machine_that_is_chosen(cell):
    chosen = Reference("64:256GiB", 64.0, 2**38)
    trace = Google2011(cell, Rejects(), ReadOptions(usage=True, reference=chosen))

    [recorded], arrivals = trace.prefill(), list(trace.arrivals())

    assert trace.hosts().capacity[:2].T.tolist()[1] == [64_000, 2**38]
    assert trace.hosts().events[0].capacity == Resources(16_000, 2**36)
    assert recorded.behaviour[0].demand[:2] == pytest.approx((6.4, 0.2 * 2**38))
    assert arrivals[0].job.groups[0].task.need == Resources(16_000, 2**35)
    assert chosen.note() in trace.assumptions()


def test_constraints_of_jobs_of_which_nothing_happened_are_counted(tmp_path):
    cell_of(tmp_path, [event(600, SUBMIT, job=5)])
    lines = [f"0,{job},0,0,a,1" for job in (4, 5, 6)]
    trace = Google2011(
        write(tmp_path, task_constraints=lines, machine_attributes=["0,7,a,1,0"]), Rejects(OnBadRow.SKIP)
    )

    [arrival] = trace.arrivals()

    assert len(arrival.job.groups[0].task.constraints) == 1
    assert noted(trace, "no task event is here") == 2


@pytest.mark.parametrize("end", [EVICT, FAIL, KILL])
def test_a_task_may_be_submitted_again_after_any_of_these(tmp_path, end):
    trace = Google2011(
        cell_of(tmp_path, [event(600, SUBMIT), event(601, SCHEDULE), event(620, end), event(630, SUBMIT)]), Rejects()
    )

    assert [(job.submit_s, job.resubmission) for job, *_ in trace.arrivals()] == [(600.0, False), (630.0, True)]


def test_a_folder_of_another_layout_is_not_taken_for_it(cell):
    assert looks_like(cell)
    for table in ("task_events", "machine_events"):
        part = min((cell / table).iterdir())
        lines = part.read_text()
        part.write_text("a,b\n1,2\n")

        assert not looks_like(cell)
        part.write_text(lines)
    assert not looks_like(cell / "task_events")


def test_jobs_wait_without_keeping_others_in_memory(cell):
    arrivals = list(Google2011(cell, Rejects(), USAGE).arrivals())

    assert all(runs.base is None and not runs.flags.writeable for arrival in arrivals for runs in arrival.run_s)


# ---- The real trace -------------------------------------------------------------------------------------------------


def submitted_until(folder, until_us):
    """Count the jobs and tasks that are submitted, with nothing but gzip and csv."""
    state, later, first = {}, [], Counter()
    for path in sorted((folder / "task_events").glob("*.csv.gz")):
        with gzip.open(path, "rt", newline="") as lines:
            for time, _, job, index, _, kind, *_ in csv.reader(lines):
                if time == "0":
                    state[job, index] = max(int(kind), state.get((job, index), 0))
                elif int(time) > until_us:
                    break
                elif int(kind) == SUBMIT:
                    later.append(job)
    running = {job for (job, _), kind in state.items() if kind == SCHEDULE}
    waiting = [job for (job, _), kind in state.items() if kind == SUBMIT]
    first.update([*waiting, *later])
    return len(first.keys() - running), len(waiting) + len(later)


@pytest.mark.slow
def test_a_quarter_of_an_hour_runs_from_the_command_line_with_the_counts_of_its_files(traces_dir):
    folder = traces_dir / "google2011"
    words = ["run", "--json", "--trace", f"google2011:{folder}", "--hosts", "trace", "--until", "900s"]
    words += ["--policy", "first-fit", "--architecture", "monolithic", "--t-job", "0.0001", "--t-task", "0.00001"]

    ended = CliRunner().invoke(towtank, [*words, "--processes", "1"], catch_exceptions=False)

    assert ended.exit_code == 0
    [run] = json.loads(ended.stdout)["runs"]
    metrics = run["metrics"]
    assert (metrics["jobs_submitted"], metrics["tasks_submitted"]) == submitted_until(folder, 900e6)
