"""Which machines the tasks of the Google trace demand: made-up tables in the official format, with known truth."""

import gzip
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.errors import UserError
from policies.requests import Constraint, Operator
from traces.formats.google2011 import Google2011
from traces.reading.rejects import OnBadRow, Rejects

SUBMIT, SCHEDULE, EVICT = range(3)
ADD, REMOVE, UPDATE = range(3)
EQUAL, NOT_EQUAL, LESS, GREATER = range(4)
MEANT = {EQUAL: Operator.EQUAL, NOT_EQUAL: Operator.NOT_EQUAL, LESS: Operator.LESS, GREATER: Operator.GREATER}

MACHINES = ["0,7,0,platform,1,1", "0,8,0,platform,1,1"]


def event(t, kind, *, job=1, index=0, apart=0):
    return f"{round(t * 1e6)},,{job},{index},,{kind},user,0,0,0.5,0.25,,{apart}"


def demand(t, operator, name, value, *, job=1, index=0):
    return f"{round(t * 1e6)},{job},{index},{operator},{name},{value}"


def attribute(t, machine, name, value, deleted=0):
    return f"{round(t * 1e6)},{machine},{name},{value},{deleted}"


def folder_of(folder, **tables):
    for name, lines in tables.items():
        (folder / name).mkdir(parents=True)
        text = "".join(f"{line}\n" for line in lines)
        (folder / name / "part-00000-of-00001.csv.gz").write_bytes(gzip.compress(text.encode()))
    return folder


@pytest.fixture
def read(tmp_path):
    def read(events, demands=(), attributes=(), machines=MACHINES, rejects=None):
        folder = folder_of(
            tmp_path,
            machine_events=machines,
            task_events=events,
            task_constraints=demands,
            machine_attributes=attributes,
        )
        return Google2011(folder, rejects or Rejects())

    return read


def wanted(trace):
    """The constraints of each container, job by job."""
    return [[group.task.constraints for group in arrival.job.groups] for arrival in trace.arrivals()]


def noted(trace, words):
    counts = [int(note.rpartition(": ")[2].replace(",", "")) for note in trace.assumptions() if words in note]
    assert len(counts) <= 1
    return sum(counts)


def test_a_container_demands_what_its_task_does(read):
    trace = read(
        [event(600, SUBMIT), event(600, SUBMIT, index=1)],
        [demand(600, EQUAL, "disk", "x+/="), demand(600, GREATER, "clock", "3"), demand(600, LESS, "clock", "9")],
    )

    assert wanted(trace) == [
        [
            (
                Constraint("disk", Operator.EQUAL, "x+/="),
                Constraint("clock", Operator.LESS, "9"),
                Constraint("clock", Operator.GREATER, "3"),
            ),
            (),
        ]
    ]
    assert noted(trace, "demand attributes") == 1


def test_a_constraint_without_a_value_asks_whether_the_machine_has_the_attribute(read):
    trace = read([event(600, SUBMIT)], [demand(600, EQUAL, "gpu", ""), demand(600, NOT_EQUAL, "disk", "")])

    assert wanted(trace) == [[(Constraint("gpu", Operator.ABSENT), Constraint("disk", Operator.EXISTS))]]


def test_what_a_task_demands_anew_replaces_what_it_demanded_before(read):
    trace = read(
        [event(600, SUBMIT), event(610, SCHEDULE), event(650, EVICT), event(660, SUBMIT)],
        [demand(600, EQUAL, "a", "1"), demand(600, EQUAL, "b", "1"), demand(660, EQUAL, "b", "2")],
    )

    first, again = wanted(trace)

    assert first == [(Constraint("a", Operator.EQUAL, "1"), Constraint("b", Operator.EQUAL, "1"))]
    assert again == [(Constraint("b", Operator.EQUAL, "2"),)]


def test_a_job_keeps_apart_as_a_whole_whichever_of_its_tasks_said_so(read):
    trace = read([event(600, SUBMIT, apart=1), event(600, SUBMIT, index=1), event(600, SUBMIT, job=2)])

    assert [[group.task.apart for group in arrival.job.groups] for arrival in trace.arrivals()] == [[True], [False]]
    assert noted(trace, "share no machine") == 2


def test_attributes_that_some_constraint_names_are_those_of_the_machines(read):
    trace = read(
        [event(600, SUBMIT)],
        [demand(600, EQUAL, "disk", "ssd")],
        [attribute(0, 7, "disk", "ssd"), attribute(0, 7, "rack", "r1"), attribute(0, 9, "disk", "ssd")],
    )

    assert trace.hosts().attributes == [{"disk": "ssd"}, {}]
    assert noted(trace, "no constraint names") == 1
    assert noted(trace, "never there") == 1


def test_attributes_change_and_go_between_the_other_events_of_a_machine(read):
    trace = read(
        [event(600, SUBMIT)],
        [demand(600, EQUAL, "disk", "ssd")],
        [attribute(0, 7, "disk", "hdd"), attribute(650, 7, "disk", "ssd"), attribute(750, 7, "disk", "", deleted=1)],
        machines=[*MACHINES, f"{700 * 10**6},7,{REMOVE},platform,1,1"],
    )

    assert [(e.t_s, e.host, e.alive, e.attributes) for e in trace.hosts().events] == [
        (650.0, 0, True, {"disk": "ssd"}),
        (700.0, 0, False, None),
        (750.0, 0, False, {"disk": None}),
    ]


@pytest.mark.parametrize("table", ["task_constraints", "machine_attributes"])
def test_one_table_without_the_other_is_not_used_and_it_is_said(tmp_path, table):
    lines = {"task_constraints": [demand(600, EQUAL, "a", "1")], "machine_attributes": [attribute(0, 7, "a", "1")]}
    tables = {"machine_events": MACHINES, "task_events": [event(600, SUBMIT)], table: lines[table]}
    trace = Google2011(folder_of(tmp_path, **tables), Rejects())

    assert wanted(trace) == [[()]]
    assert not trace.hosts().attributes
    assert any("not both here" in note for note in trace.assumptions())
    assert not any(table in str(path) for path in trace.files())


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (demand(600, 4, "a", "1"), "unknown comparison operator: '4'"),
        (demand(600, LESS, "a", "x"), "a constraint with < or > compares with a whole number: 'x'"),
        (demand(600, EQUAL, "", "x"), "attribute name is empty"),
        (demand(600, EQUAL, "a", "x", job="j"), "job ID is not a number: 'j'"),
    ],
)
def test_a_bad_constraint_is_named_or_put_aside(read, line, reason):
    rejects = Rejects(OnBadRow.SKIP)
    trace = read([event(600, SUBMIT)], [line, demand(600, EQUAL, "a", "1")], rejects=rejects)

    assert wanted(trace) == [[(Constraint("a", Operator.EQUAL, "1"),)]]
    assert rejects.rejected == 1
    with pytest.raises(UserError, match=r"task_constraints/part-00000-of-00001\.csv\.gz:1: ") as error:
        list(Google2011(trace.path, Rejects()).arrivals())
    assert reason in str(error.value)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (attribute(0, 7, "a", "1", deleted=2), "attribute deleted must be a whole number from 0 to 1"),
        (attribute(0, "", "a", "1"), "machine ID must be a whole number"),
        (attribute(0, 7, "", "1"), "attribute name is empty"),
    ],
)
def test_a_bad_attribute_is_named_or_put_aside(read, line, reason):
    rejects = Rejects(OnBadRow.SKIP)
    good = attribute(0, 8, "a", "1")
    trace = read([event(600, SUBMIT)], [demand(600, EQUAL, "a", "1")], [line, good], rejects=rejects)

    assert trace.hosts().attributes == [{}, {"a": "1"}]
    assert rejects.rejected == 1
    with pytest.raises(UserError, match=r"machine_attributes/part-00000-of-00001\.csv\.gz:1: ") as error:
        Google2011(trace.path, Rejects()).hosts()
    assert reason in str(error.value)


# ---- Any tables -----------------------------------------------------------------------------------------------------

sets = st.dictionaries(st.tuples(st.sampled_from("ab"), st.sampled_from(range(4))), st.integers(0, 3), max_size=3)
#: For each life of a task what is said then of what it demands; None where nothing is said, and it is as before.
histories = st.dictionaries(
    st.tuples(st.integers(1, 3), st.integers(0, 2)),
    st.lists(st.one_of(st.none(), sets), min_size=1, max_size=4),
    min_size=1,
    max_size=5,
)


@settings(deadline=None)
@given(histories, st.randoms(use_true_random=False))
def test_any_history_of_constraints_becomes_what_its_generator_meant(histories, shuffler):
    events, demands, truth = [], [], {}
    for (job, index), lives in histories.items():
        now = frozenset()
        for life, said in enumerate(lives):
            at = 600 + 100 * life + 10 * index
            events += [
                (at, event(at, SUBMIT, job=job, index=index)),
                (at + 1, event(at + 1, SCHEDULE, job=job, index=index)),
                (at + 2, event(at + 2, EVICT, job=job, index=index)),
            ]
            demands += [
                (at, demand(at, operator, name, value, job=job, index=index))
                for (name, operator), value in (said or {}).items()
            ]
            if said:  # what is said of nothing leaves no line, and the set before stands
                now = frozenset((name, MEANT[operator], str(value)) for (name, operator), value in said.items())
            truth.setdefault((str(job), float(at)), []).append(now)
    shuffler.shuffle(demands)
    shuffler.shuffle(events)
    with tempfile.TemporaryDirectory() as folder:
        trace = Google2011(
            folder_of(
                Path(folder),
                machine_events=MACHINES,
                task_events=[line for _, line in sorted(events, key=lambda pair: pair[0])],
                task_constraints=[line for _, line in sorted(demands, key=lambda pair: pair[0])],
                machine_attributes=[],
            ),
            Rejects(),
        )
        found = {}
        for job, *_ in trace.arrivals():
            for task, count in job.groups:
                found.setdefault((job.id, job.submit_s), []).extend([frozenset(task.constraints)] * count)

    # Tasks of a job are ten seconds apart, so that each life is a submission of its own.
    assert found == truth


changes = st.lists(
    st.tuples(st.integers(0, 30), st.sampled_from([7, 8]), st.sampled_from("ab"), st.one_of(st.none(), st.just("x"))),
    max_size=12,
    unique_by=lambda change: change[:3],
)
moves = st.lists(st.tuples(st.integers(1, 30), st.sampled_from([7, 8]), st.booleans()), max_size=6)


@settings(deadline=None)
@given(changes, moves)
def test_any_history_of_attributes_leaves_the_machines_as_the_last_lines_say(changes, moves):
    attributes = [
        attribute(t, m, name, value or "", deleted=int(value is None)) for t, m, name, value in sorted_by_t(changes)
    ]
    machines = [f"{t * 10**6},{m},{ADD if comes else REMOVE},platform,1,1" for t, m, comes in sorted_by_t(moves)]
    with tempfile.TemporaryDirectory() as folder:
        hosts = Google2011(
            folder_of(
                Path(folder),
                machine_events=MACHINES + machines,
                task_events=[event(600, SUBMIT)],
                task_constraints=[demand(600, EQUAL, name, "x") for name in "ab"],
                machine_attributes=attributes,
            ),
            Rejects(),
        ).hosts()

    for t in range(32):
        labels, alive = [dict(of) for of in hosts.attributes], hosts.alive.tolist()
        for happens in hosts.events:
            if happens.t_s <= t:
                alive[happens.host] = happens.alive
                labels[happens.host] |= happens.attributes or {}
        for host, machine in enumerate([7, 8]):
            said = {name: value for at, m, name, value in sorted_by_t(changes) if m == machine and at <= t}
            up = [
                comes for at, m, comes in sorted(moves, key=lambda move: (move[0], move[2])) if m == machine and at <= t
            ]
            assert {n: v for n, v in labels[host].items() if v} == {n: v for n, v in said.items() if v}
            assert alive[host] == [True, *up][-1]
    assert np.all(np.diff([happens.t_s for happens in hosts.events]) >= 0)


def sorted_by_t(lines):
    return sorted(lines, key=lambda line: line[0])
