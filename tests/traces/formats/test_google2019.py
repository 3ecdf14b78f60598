"""One cell of the Google traces of 2019: what becomes of its events, and the traps of its files."""

import gzip
import importlib.util
import json
import tracemalloc
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from experiments.cli import towtank
from policies.errors import UserError
from policies.requests import Constraint, Operator, Resources
from traces.formats import open_trace
from traces.formats.google2019 import Google2019
from traces.formats.google2019.constraints import _constraint
from traces.reading import ordered, tables
from traces.reading.options import ReadOptions
from traces.reading.reference import Reference
from traces.reading.rejects import OnBadRow, Rejects


def _specimen():
    place = Path(__file__).parent / "specimens" / "google2019.py"
    spec = importlib.util.spec_from_file_location("specimen_google2019", place)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


specimen = _specimen()
event, machine, collection, usage, S = (
    specimen.event, specimen.machine, specimen.collection, specimen.usage, specimen.S,
)  # fmt: skip
SUBMIT, QUEUE, ENABLE, SCHEDULE, EVICT, FAIL, FINISH, KILL, LOST, UPDATE_PENDING, UPDATE_RUNNING = range(11)
WHOLE = Resources(1_000_000, 10**12)


@pytest.fixture
def cell(tmp_path):
    """Write tables and open them."""

    def write(*events, rejects=None, options=None, **tables):
        for table, rows in {"instance_events": events, **tables}.items():
            text = rows if isinstance(rows, str) else specimen.lines(rows)
            (tmp_path / f"{table}-000000000000.json").write_text(text)
        return Google2019(tmp_path, rejects or Rejects(), options or ReadOptions())

    return write


def jobs(trace):
    """Give of each job its name, time, whether it was there before, and the run times of its containers."""
    return [(job.id, job.submit_s, job.resubmission, sorted(each(job, run_s))) for job, run_s, *_ in trace.arrivals()]


def each(job, run_s):
    """Give the run time of each container."""
    return [one for group, runs in zip(job.groups, run_s, strict=True) for one in np.broadcast_to(runs, group.count)]


def only(trace):
    [arrival] = trace.arrivals()
    return arrival


def noted(trace, words):
    return sum(int(note.rpartition(": ")[2].replace(",", "")) for note in trace.counted() if words in note)


# --- lives


def test_an_instance_is_a_container_from_its_submission_and_runs_from_schedule_to_its_end(cell):
    trace = cell(event(601 * S, SUBMIT, 5), event(604 * S, SCHEDULE, 5, machine_id=9), event(700 * S, FINISH, 5))
    job, run_s, behaviours, after, _ = only(trace)

    assert (job.id, job.submit_s, job.workload, job.tasks, job.resubmission) == ("5", 601.0, "service", 1, False)
    assert job.groups[0].task.need == Resources(250_000, 125 * 10**9)
    assert (run_s, behaviours, after) == ((96.0,), (), ())


@pytest.mark.parametrize("end", [EVICT, FAIL, FINISH, KILL, LOST])
def test_every_submission_is_a_container_and_any_end_ends_it(cell, end):
    trace = cell(
        event(601 * S, SUBMIT, 5), event(602 * S, SCHEDULE, 5), event(610 * S, end, 5),
        event(610 * S, SUBMIT, 5), event(611 * S, SCHEDULE, 5), event(640 * S, end, 5),
    )  # fmt: skip

    assert jobs(trace) == [("5", 601.0, False, [8.0]), ("5", 610.0, True, [29.0])]


def test_lines_in_any_order_are_the_same_trace(cell):
    events = list(specimen.TABLES["instance_events"])
    forth, back = jobs(cell(*events)), jobs(cell(*events[::-1]))

    assert forth == back


def test_instances_submitted_within_a_second_are_one_job_and_equal_ones_one_group(cell):
    events = [e for i in range(4) for e in (
        event(601 * S + i * S // 4, SUBMIT, 5, i, cpus=0.5 if i == 3 else 0.25),
        event(650 * S, SCHEDULE, 5, i, cpus=0.5 if i == 3 else 0.25),
        event((660 + i) * S, FINISH, 5, i),
    )]  # fmt: skip
    trace = cell(*events, event(603 * S, SUBMIT, 5, 7), event(604 * S, SCHEDULE, 5, 7), event(605 * S, KILL, 5, 7))
    first, later = trace.arrivals()

    assert [(g.count, g.task.need.cpu_milli) for g in first.job.groups] == [(3, 250_000), (1, 500_000)]
    assert [np.ravel(r).tolist() for r in first.run_s] == [[10.0, 11.0, 12.0], [13.0]]
    assert (later.job.submit_s, later.job.resubmission) == (603.0, True)
    assert noted(trace, "early, with the first of their job") == 3


def test_queue_and_enable_do_not_change_when_a_container_was_submitted(cell):
    trace = cell(
        event(601 * S, SUBMIT, 5), event(602 * S, QUEUE, 5), event(650 * S, ENABLE, 5), event(651 * S, SCHEDULE, 5),
        event(661 * S, FINISH, 5),
    )  # fmt: skip

    assert jobs(trace) == [("5", 601.0, False, [10.0])]


def test_what_is_enabled_after_its_end_is_submitted_then(cell):
    trace = cell(
        event(601 * S, SUBMIT, 5), event(602 * S, SCHEDULE, 5), event(603 * S, EVICT, 5), event(603 * S, ENABLE, 5),
        event(610 * S, SCHEDULE, 5), event(620 * S, FINISH, 5),
    )  # fmt: skip

    assert jobs(trace) == [("5", 601.0, False, [1.0]), ("5", 603.0, True, [10.0])]
    assert noted(trace, "without having been submitted, submitted then") == 1


def test_what_ended_while_it_waited_runs_as_long_as_it_waited(cell):
    trace = cell(event(601 * S, SUBMIT, 5), event(605 * S, KILL, 5))

    assert jobs(trace) == [("5", 601.0, False, [4.0])]
    assert noted(trace, "ended while they waited") == 1


def test_what_never_ended_runs_on(cell):
    trace = cell(event(601 * S, SUBMIT, 5), event(605 * S, SCHEDULE, 5), event(601 * S, SUBMIT, 6))

    assert [run_s for *_, run_s in jobs(trace)] == [[np.inf], [np.inf]]
    assert noted(trace, "without an end in the data") == 2


def test_what_happens_after_the_end_of_the_trace_never_happens(cell):
    trace = cell(event(601 * S, SUBMIT, 5), event(605 * S, SCHEDULE, 5), event(2**63 - 1, FINISH, 5))

    assert jobs(trace)[0][3] == [np.inf]
    assert noted(trace, "after the end of the trace") == 1
    assert trace.end_s() == 605.0


def test_an_end_of_what_neither_waits_nor_runs_is_ignored_and_counted(cell):
    trace = cell(event(601 * S, FINISH, 5), event(602 * S, SUBMIT, 6))

    assert len(jobs(trace)) == 1
    assert noted(trace, "neither waited nor ran") == 1


def test_a_container_asks_for_what_was_asked_for_last_when_it_was_scheduled(cell):
    trace = cell(
        event(601 * S, SUBMIT, 5, cpus=0.1), event(602 * S, UPDATE_PENDING, 5, cpus=0.2),
        event(603 * S, SCHEDULE, 5, cpus=None), event(604 * S, UPDATE_RUNNING, 5, cpus=0.9), event(605 * S, FINISH, 5),
    )  # fmt: skip

    assert only(trace).job.groups[0].task.need.cpu_milli == 200_000
    assert noted(trace, "changes of a request") == 1


def test_what_asks_for_nothing_is_counted(cell):
    bare = event(601 * S, SUBMIT, 5)
    del bare["resource_request"]
    trace = cell(bare)

    assert only(trace).job.groups[0].task.need == Resources(0, 0)
    assert noted(trace, "no amount of CPU or memory") == 1


def test_a_little_of_something_does_not_become_nothing(cell):
    assert only(cell(event(601 * S, SUBMIT, 5, cpus=1e-9, memory=1e-15))).job.groups[0].task.need == Resources(1, 1)


@pytest.mark.parametrize(
    ("priority", "workload"), [(0, "batch"), (103, "batch"), (119, "batch"), (120, "service"), (360, "service")]
)
def test_production_and_monitoring_are_services(cell, priority, workload):
    assert only(cell(event(601 * S, SUBMIT, 5, priority=str(priority)))).job.workload == workload


def test_alloc_instances_are_containers_and_what_runs_inside_is_left_out(cell):
    trace = cell(
        event(601 * S, SUBMIT, 5, collection_type="1"),
        event(602 * S, SUBMIT, 6, alloc_collection_id="5", alloc_instance_index="0"),
    )

    assert [name for name, *_ in jobs(trace)] == ["5"]
    assert (noted(trace, "inside of an alloc instance, left out"), noted(trace, "about alloc instances")) == (1, 1)


def test_amounts_are_shares_of_the_reference_machine(cell):
    trace = cell(event(601 * S, SUBMIT, 5), options=ReadOptions(reference=Reference("mine", 64.0, 256 * 2**30)))

    assert only(trace).job.groups[0].task.need == Resources(16_000, 32 * 2**30)
    assert any("64 cores" in note for note in trace.assumptions())


# --- what runs at time 0


def test_what_runs_at_time_0_is_on_its_machine_and_what_waits_then_is_submitted(cell):
    trace = cell(
        event(0, SCHEDULE, 5, machine_id=2), event(0, SUBMIT, 5, machine_id=2), event(0, SCHEDULE, 5, 1, machine_id=1),
        event(0, SUBMIT, 6), event(650 * S, KILL, 5, 1), event(700 * S, SUBMIT, 5, 1),
        machine_events=[machine(0, 1, 1, specimen.BIG), machine(0, 2, 1, specimen.BIG)],
        collection_events=[collection(0, 0, 5)],
    )  # fmt: skip
    recorded = list(trace.prefill())

    assert [(r.job, sorted(r.hosts.tolist()), r.user, r.workload) for r in recorded] == [
        ("5", [0, 1], "user=", "service")
    ]
    assert sorted(np.ravel(recorded[0].run_s).tolist()) == [650.0, np.inf]
    # What comes later of a job that runs already is no job of its own.
    assert [(name, at, again) for name, at, again, _ in jobs(trace)] == [("6", 0.0, False), ("5", 700.0, True)]


@pytest.mark.parametrize("place", [None, 0, -1, 77])
def test_what_runs_at_time_0_on_no_machine_that_is_there_is_submitted_then(cell, place):
    trace = cell(event(0, SCHEDULE, 5, machine_id=place), machine_events=[machine(0, 1, 1, specimen.BIG)])

    assert (list(trace.prefill()), jobs(trace)) == ([], [("5", 0.0, False, [np.inf])])
    assert noted(trace, "without a machine that is there") == 1
    assert noted(trace, "dedicated machine") == (place == -1)


def test_lines_that_say_again_how_it_was_at_time_0_are_ignored(cell):
    trace = cell(event(0, SUBMIT, 5), event(0, SUBMIT, 5), event(0, ENABLE, 5))

    assert jobs(trace) == [("5", 0.0, False, [np.inf])]
    assert noted(trace, "say again") == 1


# --- collections, constraints, usage


def test_collections_say_whose_a_job_is_what_it_comes_after_and_whether_it_shares_machines(cell):
    trace = cell(
        event(601 * S, SUBMIT, 5), event(602 * S, SUBMIT, 6), event(603 * S, SUBMIT, 7),
        collection_events=[
            collection(601 * S, SUBMIT, 5, "me=", start_after_collection_ids=["3", "4"]),
            collection(602 * S, SUBMIT, 6, "you=", max_per_machine=1),
            collection(602 * S, SUBMIT, 8, "you=", max_per_machine=3, max_per_switch=2),
        ],
    )  # fmt: skip
    five, six, seven = trace.arrivals()

    assert [a.job.user for a in (five, six, seven)] == ["me=", "you=", ""]
    assert [a.after for a in (five, six, seven)] == [("3", "4"), (), ()]
    assert [a.job.groups[0].task.apart for a in (five, six, seven)] == [False, True, False]
    assert (noted(trace, "more than one instance per machine"), noted(trace, "per switch")) == (1, 1)


def test_a_container_demands_what_it_did_when_it_was_scheduled_and_machines_have_what_is_demanded(cell):
    trace = cell(
        event(601 * S, SUBMIT, 5, constraint=specimen.ZONE),
        event(602 * S, SCHEDULE, 5, constraint=[{"name": "rack=", "value": "3", "relation": "5"}]),
        machine_events=[machine(0, 1, 1, specimen.BIG)],
        machine_attributes=[
            {"time": "0", "machine_id": "1", "name": "rack=", "value": "4", "deleted": False},
            {"time": "0", "machine_id": "1", "name": "none=", "value": "4", "deleted": False},
            {"time": "650000000", "machine_id": "1", "name": "rack=", "deleted": True},
        ],
    )  # fmt: skip

    assert only(trace).job.groups[0].task.constraints == (Constraint("rack=", Operator.GREATER, "2"),)
    assert trace.hosts().attributes == [{"rack=": "4"}]
    assert [(e.t_s, e.attributes) for e in trace.hosts().events] == [(650.0, {"rack=": None})]


def test_without_machine_attributes_nobody_demands_any(cell):
    trace = cell(event(601 * S, SUBMIT, 5, constraint=specimen.ZONE))

    assert only(trace).job.groups[0].task.constraints == ()
    assert noted(trace, "taken to demand none") == 1


@pytest.mark.parametrize("relation", range(8))
@pytest.mark.parametrize("value", ["3", "2.5", "-1"])
@pytest.mark.parametrize("has", [None, "-2", "-1", "2", "3", "4"])
def test_relations_mean_what_the_format_says(relation, value, has):
    number, own = float(value), None if has is None else float(has)
    said = [
        has == value, has != value, own is not None and own < number, own is not None and own > number,
        own is not None and own <= number, own is not None and own >= number, has is not None, has is None,
    ]  # fmt: skip

    assert _constraint("x", str(relation), value).allows(has) == said[relation]


def test_what_is_measured_is_read_if_it_is_asked_for_and_each_life_has_its_own_mean(cell):
    tables = {
        "instance_usage": [
            usage(600 * S, 900 * S, 5, 0, 0.1, 0.2), usage(900 * S, 960 * S, 5, 0, 0.4, None),
            usage(1200 * S, 1500 * S, 5, 0, 0.3, 0.3), usage(600 * S, 900 * S, 99, 0, 0.1, 0.2),
        ]
    }  # fmt: skip
    events = (
        event(601 * S, SUBMIT, 5), event(602 * S, SCHEDULE, 5), event(960 * S, KILL, 5), event(960 * S, SUBMIT, 5),
        event(1100 * S, SCHEDULE, 5), event(1500 * S, KILL, 5), event(1500 * S, SUBMIT, 6),
    )  # fmt: skip
    trace = cell(*events, options=ReadOptions(usage=True), **tables)
    first, again, unmeasured = trace.arrivals()

    [(_, use)] = first.behaviours[0]
    assert use[:2] == (pytest.approx(1000 * (0.1 * 300 + 0.4 * 60) / 360), pytest.approx(0.2e12))
    [(_, use)] = again.behaviours[0]
    assert use[:2] == (pytest.approx(300.0), pytest.approx(0.3e12))
    assert unmeasured.behaviours == ()
    assert noted(trace, "did not run then") == 1
    assert all(not a.behaviours for a in cell(*events, **tables).arrivals())


@pytest.mark.parametrize("amount", [1e308, -1, "NaN"])
def test_what_cannot_have_been_measured_is_a_bad_row(cell, amount):
    tables = {"instance_usage": [usage(600 * S, 900 * S, 5, 0, 0.1, amount)]}
    trace = cell(event(601 * S, SUBMIT, 5), rejects=Rejects(OnBadRow.SKIP), options=ReadOptions(usage=True), **tables)

    assert len(jobs(trace)) == trace.rejects.rejected == 1


def test_a_trace_in_which_nothing_lives_is_empty_whatever_was_measured(cell):
    tables = {"instance_usage": [usage(600 * S, 900 * S, 5, 0, 0.1, 0.2)]}
    trace = cell(event(601 * S, FINISH, 5), options=ReadOptions(usage=True), **tables)

    assert jobs(trace) == []
    assert noted(trace, "did not run then") == 1


# --- machines


def test_machines_join_leave_and_change_their_size(cell):
    trace = cell(
        machine_events=[
            machine(700 * S, 1, 3, specimen.SMALL), machine(900 * S, 2, 2), machine(0, 1, 1, specimen.BIG),
            machine(650 * S, 2, 1, specimen.BIG), machine(950 * S, 2, 1),
        ]
    )  # fmt: skip
    (trace.path / "instance_events-000000000000.json").unlink()
    hosts = trace.hosts()

    assert (hosts.names, hosts.alive.tolist()) == (["1", "2"], [True, False])
    assert hosts.capacity[:2].T.tolist() == [[1_000_000, 5 * 10**11]] * 2
    assert [(e.t_s, e.host, e.alive) for e in hosts.events] == [
        (650.0, 1, True), (700.0, 0, True), (900.0, 1, False), (950.0, 1, True),
    ]  # fmt: skip


def test_a_machine_without_a_size_has_the_one_it_had_or_holds_nothing_and_is_counted(cell):
    trace = cell(machine_events=[machine(0, 1, 1, specimen.BIG), machine(650 * S, 1, 3), machine(650 * S, 2, 1)])
    (trace.path / "instance_events-000000000000.json").unlink()

    assert [e.capacity[:2] for e in trace.hosts().events] == [(1_000_000, 5 * 10**11), (0, 0)]
    assert (noted(trace, "taken as before"), noted(trace, "it can hold nothing")) == (1, 1)


def test_machines_alone_are_hosts_but_nothing_to_run(cell, tmp_path):
    cell(machine_events=[machine(0, 1, 1, specimen.BIG)])
    (tmp_path / "instance_events-000000000000.json").unlink()
    trace = open_trace(str(tmp_path), Rejects())

    assert isinstance(trace, Google2019)
    assert len(trace.hosts()) == 1
    with pytest.raises(UserError, match="no instance_events: machines only"):
        next(trace.arrivals())


# --- files


def as_parquet(rows, path):
    """Write rows as BigQuery exports them: whole numbers as such, structures nested."""

    def number(name, value):
        if name == "constraint":
            return [{**one, "relation": int(one["relation"])} for one in value]
        if name.endswith("_ids"):
            return [int(one) for one in value]
        return int(value) if isinstance(value, str) and value.lstrip("-").isdigit() and name != "value" else value

    names = dict.fromkeys(name for row in rows for name in row)
    table = [{name: number(name, row[name]) if name in row else None for name in names} for row in rows]
    pq.write_table(pa.Table.from_pylist(table), path)


def as_csv(rows, path):
    flat = []
    for row in rows:
        cells = {}
        for name, value in row.items():
            if isinstance(value, dict):
                cells |= {f"{name}.{part}": part_value for part, part_value in value.items()}
            else:
                cells[name] = json.dumps(value).replace('"', '""') if isinstance(value, list) else value
        flat.append(cells)
    names = list(dict.fromkeys(name for cells in flat for name in cells))
    lines = [",".join(f'"{cells[name]}"' if name in cells else "" for name in names) for cells in flat]
    path.write_text("\n".join([",".join(names), *lines]) + "\n")


@pytest.mark.parametrize("form", ["gz", "shards", "folders", "parquet", "csv", "numbers"])
def test_the_same_trace_in_another_form_is_the_same(tmp_path, form):
    plain, other = tmp_path / "plain", tmp_path / "other"
    plain.mkdir()
    other.mkdir()
    specimen.write(plain)
    for table, rows in specimen.TABLES.items():
        if form == "gz":
            (other / f"{table}-000000000000.json.gz").write_bytes(gzip.compress(specimen.lines(rows).encode()))
        elif form == "shards":
            for number, row in enumerate(rows):
                (other / f"{table}-{number:012}.json").write_text(specimen.lines([row]))
        elif form == "folders":
            (other / table).mkdir()
            (other / table / "any.jsonl").write_text(specimen.lines(rows))
        elif form == "parquet":
            as_parquet(rows, other / f"{table}-000000000000.parquet")
        elif form == "csv":
            as_csv(rows, other / f"{table}.csv")
        else:
            numbers = [{k: int(v) if isinstance(v, str) and v.isdigit() else v for k, v in row.items()} for row in rows]
            (other / f"{table}.json").write_text(specimen.lines(numbers))
    one, two = (open_trace(str(folder), Rejects(), options=ReadOptions(usage=True)) for folder in (plain, other))

    assert isinstance(two, Google2019)
    assert contents(one) == contents(two)
    assert (one.rejects.read, one.rejects.accepted) == (two.rejects.read, two.rejects.accepted)
    assert one.rejects.read == sum(map(len, specimen.TABLES.values()))


def contents(trace):
    """Give all that a trace says, to be compared."""
    hosts = trace.hosts()
    machines = (hosts.names, hosts.capacity.tolist(), hosts.alive.tolist(), hosts.events, hosts.attributes)
    recorded = [
        (r.job, r.workload, r.task, r.hosts.tolist(), np.ravel(r.run_s).tolist(), r.user) for r in trace.prefill()
    ]
    jobs = [
        (j.id, j.submit_s, j.workload, j.groups, j.resubmission, j.user, [np.ravel(r).tolist() for r in run_s], *rest)
        for j, run_s, *rest in trace.arrivals()
    ]
    return machines, recorded, jobs, trace.assumptions(), trace.end_s()


def test_a_trace_can_be_read_twice(tmp_path):
    trace = Google2019(specimen.write(tmp_path), Rejects())

    assert contents(trace) == contents(trace)
    assert trace.rejects.read == trace.rejects.accepted == sum(map(len, specimen.TABLES.values())) - 3


def test_a_file_that_is_there_twice_is_an_error(cell, tmp_path):
    cell(event(0, SUBMIT, 5))
    (tmp_path / "instance_events-000000000000.json.gz").write_bytes(gzip.compress(b""))

    with pytest.raises(UserError, match="is there twice, plain and gzipped"):
        list(open_trace(str(tmp_path), Rejects()).arrivals())


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ({"time": "-1"}, "time must be whole microseconds from 0"),
        ({"time": "0.5"}, "time must be whole microseconds from 0"),
        ({"time": None}, "time must be whole microseconds from 0"),
        ({"type": "11"}, "type must be a whole number from 0 to 10"),
        ({"type": None}, "type must be a whole number from 0 to 10"),
        ({"collection_id": "x"}, "collection_id is not a number"),
        ({"instance_index": str(2**31)}, "instance_index must be a whole number"),
        ({"machine_id": "-2"}, "machine_id must be a whole number from -1"),
        ({"resource_request": {"cpus": -1}}, "resource_request.cpus must be 0 or more"),
        ({"resource_request": {"cpus": 1e300}}, "resource_request.cpus is more than any machine has"),
        ({"resource_request": {"memory": "NaN"}}, "resource_request.memory must be 0 or more"),
        ({"constraint": [{"name": "", "relation": "0"}]}, "a constraint without a name"),
        ({"constraint": [{"name": "x", "relation": "8"}]}, "unknown relation of a constraint"),
        ({"constraint": [{"name": "x", "relation": "2", "value": "a"}]}, "a constraint with < or > compares with"),
        ({"constraint": 3}, "constraint is not a list"),
    ],
)
def test_a_line_that_cannot_be_is_an_error_with_its_number_or_is_put_aside(cell, bad, reason):
    events = [event(601 * S, SUBMIT, 5), event(601 * S, SUBMIT, 6) | bad, event(601 * S, SUBMIT, 7)]
    with pytest.raises(UserError, match=rf"instance_events-000000000000\.json:2: {reason}"):
        jobs(cell(*events))

    trace = cell(*events, rejects=Rejects(OnBadRow.SKIP))
    assert [name for name, *_ in jobs(trace)] == ["5", "7"]
    assert (trace.rejects.read, trace.rejects.accepted, trace.rejects.rejected) == (3, 2, 1)


def test_a_damaged_file_is_told_in_one_line(tmp_path):
    path = tmp_path / "instance_events.parquet"
    as_parquet(specimen.TABLES["instance_events"], path)
    whole = path.read_bytes()
    said = []
    for place in range(8, len(whole), 97):
        path.write_bytes(whole[:place] + b"\xe5" * 8 + whole[place + 8 :])
        try:
            list(Google2019(tmp_path, Rejects()).arrivals())
        except UserError as error:
            said.append(str(error))

    assert said
    assert not any("\n" in one for one in said)


def test_other_folders_and_files_are_not_taken_for_it(tmp_path):
    from traces.formats.google2019 import looks_like

    (tmp_path / "task_events").mkdir()
    (tmp_path / "machine_events").mkdir()
    (tmp_path / "machine_events" / "part-00000-of-00001.csv").write_text("0,5,0,x,0.5,0.25\n")
    (tmp_path / "jobs.csv").write_text("job,submit_s,tasks,duration_s,cpus,memory_bytes\n")
    (tmp_path / "flow.json").write_text('{"name": "x", "workflow": {}}')

    assert not any(map(looks_like, (tmp_path, tmp_path / "jobs.csv", tmp_path / "flow.json", tmp_path / "none")))


# --- laws


HAPPENED = st.lists(
    # One thing at a time for each instance, so that there is only one order.
    st.tuples(st.integers(1, 3), st.integers(0, 2), st.integers(0, 60), st.integers(0, 10)),
    max_size=40,
    unique_by=lambda row: row[:3],
)


@settings(max_examples=60, deadline=None)
@given(HAPPENED)
def test_lives_are_those_of_a_plain_machine_of_states(tmp_path_factory, happened):
    lives_are_those_by_hand(tmp_path_factory.mktemp("cell"), happened)


@settings(max_examples=5, deadline=None)
@given(HAPPENED.filter(lambda rows: len(rows) > 5))
def test_lives_are_the_same_whether_sorted_on_disk_or_in_memory(tmp_path_factory, happened):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ordered, "IN_MEMORY", 0)
        lives_are_those_by_hand(tmp_path_factory.mktemp("cell"), happened)


def lives_are_those_by_hand(folder, happened):
    rows = [event((600 + 5 * at) * S, kind, job, index) for job, index, at, kind in happened]
    (folder / "instance_events.json").write_text(specimen.lines(rows) or "{}\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ordered, "AT_ONCE", 2)
        trace = Google2019(folder, Rejects(OnBadRow.SKIP))
        got = Counter((name, at, run) for name, at, _, runs in jobs(trace) for run in runs)
    assert got == Counter(by_hand(happened))
    assert trace.rejects.read == trace.rejects.accepted + trace.rejects.rejected


def by_hand(happened):
    """Make lives with one instance after the other, event by event."""
    for instance in {(job, index) for job, index, *_ in happened}:
        begun = started = None
        for *_, at, kind in sorted(row for row in happened if row[:2] == instance):
            now = 600 + 5 * at
            end = kind in (EVICT, FAIL, FINISH, KILL, LOST)
            if begun is not None and (end or kind == SUBMIT):
                yield str(instance[0]), float(begun), float(now - (begun if started is None else started))
                begun = started = None
            if begun is None and kind in (SUBMIT, QUEUE, ENABLE, SCHEDULE):
                begun = now
            if kind == SCHEDULE and started is None:
                started = now
        if begun is not None:
            yield str(instance[0]), float(begun), np.inf


def test_a_run_replays_all_that_was_submitted(tmp_path):
    folder = specimen.write(tmp_path)
    command = [
        "run", "--json", "--trace", f"google2019:{folder}", "--policy", "first-fit", "--architecture", "monolithic",
        "--t-job", "0.001", "--until", "1000s",
    ]  # fmt: skip
    done = CliRunner().invoke(towtank, command)

    assert done.exit_code == 0, done.output
    metrics = json.loads(done.stdout)["runs"][0]["metrics"]
    # Of collections 20 and 30 all were submitted while the trace ran; 10 runs already, 40 is inside of an alloc.
    assert (metrics["jobs_submitted"], metrics["tasks_submitted"]) == (2, 4)


@pytest.mark.parametrize("rows", [1, 3])
def test_a_trace_is_the_same_however_little_of_it_is_held(tmp_path, monkeypatch, rows):
    folder, everything = specimen.write(tmp_path), ReadOptions(usage=True)
    expected = contents(Google2019(folder, Rejects(), everything))
    monkeypatch.setattr(ordered, "IN_MEMORY", 0)
    monkeypatch.setattr(ordered, "AT_ONCE", rows)

    assert contents(Google2019(folder, Rejects(), everything)) == expected


@pytest.mark.slow
def test_no_more_is_held_of_a_longer_trace(tmp_path, monkeypatch):
    monkeypatch.setattr(ordered, "IN_MEMORY", 100)
    monkeypatch.setattr(ordered, "AT_ONCE", 200)
    monkeypatch.setattr(tables, "BLOCK_BYTES", 2**15)
    peaks = []
    for length in (600, 600, 3000):  # the first time something is imported
        events = [
            event((600 + at + step) * S, kind, 100 + at)
            for at in range(length) for step, kind in enumerate((SUBMIT, SCHEDULE, FINISH))
        ]  # fmt: skip
        folder = tmp_path / f"{len(peaks)}"
        folder.mkdir()
        (folder / "instance_events.json").write_text(specimen.lines(events))
        said = specimen.lines(collection(600 * S, SUBMIT, 100 + at) for at in range(length))
        (folder / "collection_events.json").write_text(said)
        del events, said
        tracemalloc.start()
        count = sum(1 for _ in Google2019(folder, Rejects()).arrivals())
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert count == length

    assert peaks[2] < 1.2 * peaks[1]


# --- the real machines


@pytest.fixture(scope="module")
def folder(traces_dir):
    return traces_dir / "google2019"


@pytest.fixture(scope="module")
def lines(folder):
    with gzip.open(folder / "machine_events-000000000000.json.gz", "rt") as file:
        return [json.loads(line) for line in file]


def test_the_real_machines_are_those_of_an_independent_count(folder, lines):
    trace = open_trace(f"google2019:{folder}", Rejects())
    hosts = trace.hosts()

    assert (trace.rejects.read, trace.rejects.accepted) == (len(lines), len(lines))
    assert set(hosts.names) == {line["machine_id"] for line in lines}
    assert len(hosts.events) == sum(line["time"] != "0" for line in lines)
    assert noted(trace, "without a size") == sum("capacity" not in line and line["type"] != "2" for line in lines)
    last = {}
    for line in sorted(lines, key=lambda line: (int(line["time"]), line["type"] != "2", line["type"])):
        last[line["machine_id"]] = line["type"] != "2"
    up = hosts.alive.copy()
    for e in hosts.events:
        up[e.host] = e.alive
    assert int(up.sum()) == sum(last.values())


def test_the_real_folder_has_nothing_to_run_in_this_format(folder):
    with pytest.raises(UserError, match="google2019: no instance_events: machines only"):
        next(open_trace(f"google2019:{folder}", Rejects()).arrivals())
