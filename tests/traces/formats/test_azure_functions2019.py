"""Azure's trace of functions: when an invocation comes, how long it runs, and whether all of them are there."""

import csv
import gzip
import json
from collections import Counter

import numpy as np
import pytest
from click.testing import CliRunner

from experiments.cli import towtank
from policies.errors import UserError
from policies.requests import Resources
from traces.formats import azure_functions2019, open_trace
from traces.formats.azure_functions2019 import AzureFunctions2019, looks_like
from traces.reading import ordered
from traces.reading.rejects import OnBadRow, Rejects

MIB = 2**20
HEADER = ",".join(("HashOwner", "HashApp", "HashFunction", "Trigger", *map(str, range(1, 1441)))) + "\n"
DURATIONS = "HashOwner,HashApp,HashFunction,Average,Count,Minimum,Maximum," + ",".join(
    f"percentile_Average_{percent}" for percent in (0, 1, 25, 50, 75, 99, 100)
)
MEMORY = "HashOwner,HashApp,SampleCount,AverageAllocatedMb," + ",".join(
    f"AverageAllocatedMb_pct{percent}" for percent in (1, 5, 25, 50, 75, 95, 99, 100)
)
#: Quantiles 0, 1, 25, 50, 75, 99 and 100 of run times that are 0 to 1 s, evenly.
EVEN = "0,10,250,500,750,990,1000"


def invoked(function, counts, app="app", owner="owner", trigger="http"):
    """Make a row of invocations: minute (from 1) to how many."""
    return ",".join((owner, app, function, trigger, *(str(counts.get(minute, 0)) for minute in range(1, 1441))))


@pytest.fixture
def day(tmp_path):
    """Write the tables of a day; give the folder."""

    def write(*rows, durations=None, memory=None, number=None):
        names = {
            "invocations": "invocations_per_function_md.anon", "durations": "function_durations_percentiles.anon",
            "memory": "app_memory_percentiles.anon",
        }  # fmt: skip
        tables = {"invocations": (HEADER[:-1], rows), "durations": (DURATIONS, durations), "memory": (MEMORY, memory)}
        for table, (header, content) in tables.items():
            if content is not None:
                name = table if number is None else f"{names[table]}.d{number:02}"
                (tmp_path / f"{name}.csv").write_text("".join(f"{line}\n" for line in (header, *content)))
        return tmp_path

    return write


def read(path, rejects=None):
    trace = AzureFunctions2019(path, rejects or Rejects())
    return trace, list(trace.arrivals())


def told(arrivals):
    return [(arrival.job.id, arrival.job.submit_s, arrival.run_s) for arrival in arrivals]


def noted(trace, words):
    return sum(int(note.rpartition(": ")[2].replace(",", "")) for note in trace.counted() if words in note)


# --- what becomes of an invocation


def test_an_invocation_is_a_job_of_its_owner_with_the_memory_of_its_application(day):
    durations = [f"owner,app,f,500,1,0,1000,{EVEN}"]
    memory = ["owner,app,10,120.5,1,1,1,1,1,1,1,1"]
    _, [arrival] = read(day(invoked("f", {3: 1}), durations=durations, memory=memory))

    job = arrival.job
    assert (job.id, job.submit_s, job.workload, job.user, job.tasks) == ("f/2/0", 150, "service", "owner", 1)
    assert job.groups[0].task.need == Resources(1000, round(120.5 * MIB))
    assert arrival.behaviours == ()


@pytest.mark.parametrize("trigger", ["timer", "event", "queue", "storage", "orchestration", "others", ""])
def test_somebody_waits_for_http_and_for_nothing_else(day, trigger):
    _, [arrival] = read(day(invoked("f", {1: 1}, trigger=trigger)))

    assert arrival.job.workload == "batch"


def test_invocations_of_a_minute_are_spread_evenly_over_it(day):
    _, arrivals = read(day(invoked("f", {1: 1, 2: 4}), invoked("g", {2: 1, 1440: 2})))

    assert [(arrival.job.id, arrival.job.submit_s) for arrival in arrivals] == [
        ("f/0/0", 30),
        ("f/1/0", 67.5),
        ("f/1/1", 82.5),
        ("g/1/0", 90),
        ("f/1/2", 97.5),
        ("f/1/3", 112.5),
        ("g/1439/0", 86355),
        ("g/1439/1", 86385),
    ]


def test_a_minute_with_more_invocations_than_are_made_at_a_time_is_the_same(day, monkeypatch):
    path = day(invoked("f", {1: 1000, 2: 3}), invoked("g", {1: 7}), invoked("h", {1: 1, 1440: 40}))
    _, whole = read(path)

    monkeypatch.setattr(azure_functions2019, "AT_ONCE", 16)
    monkeypatch.setattr(ordered, "IN_MEMORY", 2)
    _, pieces = read(path)

    assert len(whole) == 1051
    assert told(pieces) == told(whole)


def test_a_minute_in_pieces_stays_in_order(day, monkeypatch):
    monkeypatch.setattr(azure_functions2019, "AT_ONCE", 7)

    _, arrivals = read(day(*(invoked(f"f{n}", {1: 3 * n + 1, 2: n}) for n in range(20))))

    submit_s = [arrival.job.submit_s for arrival in arrivals]
    assert len(submit_s) == sum(4 * n + 1 for n in range(20))
    assert submit_s == sorted(submit_s)


def test_run_times_of_a_function_fill_the_distribution_that_it_had_on_the_day(day):
    n = 1440
    _, arrivals = read(
        day(invoked("f", dict.fromkeys(range(1, n + 1), 1)), durations=[f"owner,app,f,500,1,0,1000,{EVEN}"])
    )

    run_s = np.sort([arrival.run_s[0] for arrival in arrivals])
    # Evenly from 0 to 1: the largest distance from that is the star discrepancy, of which log(n) / n is the order.
    assert np.abs(run_s - (np.arange(n) + 0.5) / n).max() < np.log(n) / n
    early = [arrival.run_s[0] for arrival in arrivals[:60]]
    assert 0.45 < np.mean(early) < 0.55


def test_percentiles_are_joined_by_straight_lines(day):
    _, arrivals = read(day(invoked("f", {1: 1000}), durations=["owner,app,f,1,1,1,1,100,100,200,1000,2000,2000,9000"]))

    run_s = np.array([arrival.run_s[0] for arrival in arrivals])
    assert run_s.min() >= 0.1
    assert run_s.max() <= 9
    for percent, value in ((25, 0.2), (50, 1.0), (75, 2.0)):
        assert (run_s < value).mean() == pytest.approx(percent / 100, abs=0.005)


def test_what_nobody_knows_of_a_function_is_assumed_and_counted(day):
    trace, [arrival] = read(day(invoked("f", {1: 1}), invoked("never", {})))

    assert arrival.run_s == (1,)
    assert arrival.job.groups[0].task.need.memory_bytes == 170 * MIB
    assert noted(trace, "without durations") == noted(trace, "without memory") == 2
    assert noted(trace, "never invoked") == 1
    assert any("day 1: no table of durations" in note for note in trace.assumptions())


def test_memory_may_be_of_each_function_as_in_the_sample(day, tmp_path):
    path = day(invoked("f", {1: 1}), invoked("g", {2: 1}))
    header = MEMORY.replace("HashApp,", "HashApp,HashFunction,")
    (tmp_path / "memory.csv").write_text(f"{header}\no,app,f,1,64,1,1,1,1,1,1,1,1\no,app,g,1,32,1,1,1,1,1,1,1,1\n")

    _, arrivals = read(path)

    assert [arrival.job.groups[0].task.need.memory_bytes // MIB for arrival in arrivals] == [64, 32]


def test_a_function_that_is_told_of_twice_counts_once(day):
    durations = ["owner,app,f,1,1,1,1" + ",2000" * 7, "owner,app,f,1,1,1,1" + ",3000" * 7]
    memory = ["owner,app,1,64" + ",1" * 8, "owner,app,1,32" + ",1" * 8]
    trace, [arrival] = read(day(invoked("f", {1: 1}), durations=durations, memory=memory))

    assert arrival.run_s == (2,)
    assert arrival.job.groups[0].task.need.memory_bytes == 64 * MIB
    assert noted(trace, "rows of durations") == noted(trace, "rows of memory") == 1


def test_a_function_with_two_rows_of_invocations_keeps_them_apart(day):
    trace, arrivals = read(day(invoked("f", {1: 1}, trigger="timer"), invoked("f", {1: 1}, trigger="timer")))

    assert [arrival.job.id for arrival in arrivals] == ["f/0/0", "f#2/0/0"]
    assert noted(trace, "has one already on that day") == 1


# --- days


def test_days_follow_one_another_and_what_one_lacks_is_as_before(day):
    day(
        invoked("f", {1: 1}), number=3, durations=["owner,app,f,1,1,1,1" + ",2000" * 7],
        memory=["owner,app,1,64" + ",1" * 8],
    )  # fmt: skip
    path = day(invoked("f", {1: 1}), number=10, durations=["owner,app,f,1,1,1,1" + ",5000" * 7])

    trace, [first, second] = read(path)

    assert (first.job.id, first.job.submit_s, first.run_s) == ("f/0/0", 30, (2,))
    assert (second.job.id, second.job.submit_s, second.run_s) == ("f/10080/0", 7 * 86400 + 30, (5,))
    assert second.job.groups[0].task.need.memory_bytes == 64 * MIB
    assert noted(trace, "without memory on that day") == 1
    assert trace.end_s() == 8 * 86400
    assert any("day 10: no table of memory" in note for note in trace.assumptions())
    assert len(trace.files()) == 5


def test_one_table_is_its_day_with_what_is_beside_it(day):
    day(invoked("f", {1: 1}), number=1, durations=["owner,app,f,1,1,1,1" + ",2000" * 7])
    folder = day(invoked("f", {1: 1}), number=2, durations=["owner,app,f,1,1,1,1" + ",5000" * 7])

    trace, [arrival] = read(folder / "invocations_per_function_md.anon.d02.csv")

    assert (arrival.job.submit_s, arrival.run_s, trace.end_s()) == (30, (5,), 86400)


def test_a_table_may_be_gzipped_but_not_there_twice(day, tmp_path):
    folder = day(invoked("f", {1: 1}))
    plain = tmp_path / "invocations.csv"
    with gzip.open(tmp_path / "invocations.csv.gz", "wb") as file:
        file.write(plain.read_bytes())

    with pytest.raises(UserError, match="a second table of invocations for day 1"):
        read(folder)
    plain.unlink()

    assert len(read(folder)[1]) == 1


def test_a_folder_without_invocations_is_one_clear_error(tmp_path):
    with pytest.raises(UserError, match="has no table of invocations"):
        read(tmp_path)


# --- what cannot be used


@pytest.mark.parametrize(
    ("count", "reason"),
    [
        ("-1", "invocations in a minute must be a whole number"),
        ("1.5", "invocations in a minute must be a whole number"),
        ("", "invocations in a minute must be a whole number"),
        ("inf", "invocations in a minute must be a whole number"),
        ("1e300", "invocations in a minute must be a whole number"),
        ("many", "2 is not a number"),
    ],
)
def test_a_bad_row_of_invocations_is_named_or_put_aside(day, count, reason):
    path = day(invoked("good", {1: 1}), invoked("bad", {2: count}), invoked("fine", {3: 1}))
    skipping = Rejects(OnBadRow.SKIP)

    with pytest.raises(UserError) as error:
        read(path)
    _, arrivals = read(path, skipping)

    assert str(error.value).startswith(f"{path / 'invocations.csv'}:3: {reason}")
    assert [arrival.job.id for arrival in arrivals] == ["good/0/0", "fine/2/0"]
    assert (skipping.read, skipping.accepted, skipping.rejected) == (3, 2, 1)


def test_a_second_header_line_is_no_function(day):
    path = day(invoked("f", {1: 1}), HEADER[:-1])
    skipping = Rejects(OnBadRow.SKIP)

    with pytest.raises(UserError, match=r"invocations\.csv:3: a second header line"):
        read(path)
    _, arrivals = read(path, skipping)

    assert (len(arrivals), skipping.read, skipping.rejected) == (1, 2, 1)


@pytest.mark.parametrize(
    ("tables", "reason"),
    [
        (
            {"durations": ["o,app,f,1,1,1,1,-1,1,1,1,1,1,1"]},
            r"durations\.csv:2: percentile_Average_0 must be 0 or more",
        ),
        ({"durations": ["o,app,f,1,1,1,1,1,1,1,1,1,1,"]}, r"durations\.csv:2: percentile_Average_100 must be"),
        ({"durations": ["o,app,f,x,1,1,1,1,1,1,1,1,1,1"]}, r"durations\.csv:2: Average is not a number"),
        ({"durations": ["o,app,,1,1,1,1,1,1,1,1,1,1,1"]}, r"durations\.csv:2: HashFunction is empty"),
        ({"memory": ["o,app,1,-1,1,1,1,1,1,1,1,1"]}, r"memory\.csv:2: AverageAllocatedMb must be 0 or more"),
        ({"memory": ["o,app,1,1e300,1,1,1,1,1,1,1,1"]}, r"memory\.csv:2: AverageAllocatedMb must be 0 or more"),
        ({"memory": ["o,,1,1,1,1,1,1,1,1,1,1"]}, r"memory\.csv:2: HashApp is empty"),
    ],
)
def test_a_bad_row_of_the_other_tables_is_named_or_put_aside(day, tables, reason):
    path = day(invoked("f", {1: 1}), **tables)
    skipping = Rejects(OnBadRow.SKIP)

    with pytest.raises(UserError, match=reason):
        read(path)
    _, arrivals = read(path, skipping)

    assert len(arrivals) == 1
    assert (skipping.read, skipping.accepted, skipping.rejected) == (2, 1, 1)


def test_what_looks_like_it_is_a_table_of_invocations(day, tmp_path):
    folder = day(invoked("f", {1: 1}), durations=[])

    assert looks_like(folder)
    assert looks_like(folder / "invocations.csv")
    assert not looks_like(folder / "durations.csv")
    (folder / "invocations.csv").write_text("job,submit_s\n")
    assert not looks_like(folder)
    assert not looks_like(tmp_path / "none")


# --- the real piece, counted with nothing but csv


@pytest.fixture(scope="module")
def folder(traces_dir):
    return traces_dir / "azure_functions2019"


@pytest.fixture(scope="module")
def rows(folder):
    with (folder / "invocations.csv").open(newline="") as file:
        return list(csv.reader(file))[1:]


def test_every_invocation_of_the_real_piece_is_there(folder, rows):
    rejects = Rejects()

    trace, arrivals = read(folder, rejects)

    assert rejects.read == rejects.accepted == 3 * len(rows) == 12
    counts = {row[2]: sum(map(int, row[4:])) for row in rows}
    assert Counter(arrival.job.id.partition("/")[0] for arrival in arrivals) == counts
    assert Counter(int(arrival.job.submit_s // 60) for arrival in arrivals) == Counter(
        {minute: count for minute in range(1440) if (count := sum(int(row[4 + minute]) for row in rows))}
    )
    with (folder / "durations.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            own = [arrival.run_s[0] for arrival in arrivals if arrival.job.id.startswith(row["HashFunction"])]
            assert np.mean(own) * 1000 == pytest.approx(float(row["Average"]), rel=0.01)
            assert float(row["Minimum"]) <= min(own) * 1000 <= max(own) * 1000 <= float(row["Maximum"])
    assert not any("without" in note for note in trace.counted())


def test_a_run_of_the_real_piece_submits_every_invocation(folder, rows):
    ran = CliRunner().invoke(
        towtank,
        ["run", "--json", "--trace", str(folder), "--hosts", "5", "--policy", "first-fit", "--architecture",
         "monolithic", "--t-job", "0.001", "--processes", "1"],
    )  # fmt: skip

    assert ran.exit_code == 0, ran.output
    [run] = json.loads(ran.stdout)["runs"]
    count = sum(int(number) for row in rows for number in row[4:])
    assert run["metrics"]["jobs_submitted"] == run["metrics"]["tasks_submitted"] == count
    assert run["metrics"]["tasks_finished"] == count
    assert isinstance(open_trace(str(folder), Rejects()), AzureFunctions2019)
