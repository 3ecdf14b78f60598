"""Picky containers: every policy puts them where they may be, and nowhere else; commits and the audit agree."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.cell import Commit, Conflict, Ledger
from policies.cell.audit import check_apart, check_constraints
from policies.placement import BUILT_IN, Placer
from policies.placement.catalogue import instantiate
from policies.placement.choosers import RandomFirstFit
from policies.placement.placer import usable_scores
from policies.requests import Constraint, Operator, Resources, Task
from policies.streams import stream

NAMES = list(BUILT_IN)
#: With these a policy lets no container wait that has room.
NO_VETO = {"load-aware": {"cpu_threshold": 0.0, "memory_threshold": 0.0}}
TEXTS = ["", "2", "10", "-3", "ssd"]

values = st.sampled_from(TEXTS)
names = st.sampled_from(["disk", "kernel"])
labels = st.dictionaries(names, values)
constraints = st.lists(
    st.one_of(
        st.builds(Constraint, names, st.sampled_from([Operator.EQUAL, Operator.NOT_EQUAL]), values),
        st.builds(Constraint, names, st.sampled_from([Operator.LESS, Operator.GREATER]), st.sampled_from(TEXTS[1:4])),
        st.builds(
            Constraint,
            names,
            st.sampled_from([Operator.IN, Operator.NOT_IN]),
            st.lists(values, min_size=1, max_size=3).map(tuple),
        ),
        st.builds(Constraint, names, st.sampled_from([Operator.EXISTS, Operator.ABSENT]), st.just("")),
    ),
    max_size=2,
).map(tuple)
needs = st.tuples(st.integers(0, 4), st.integers(0, 4)).map(lambda amounts: Resources(*amounts))
tasks = st.builds(Task, needs, st.just(0), constraints, st.booleans(), st.none())
hosts = st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12), labels), min_size=1, max_size=8)


def cell(hosts):
    sizes = np.array([(cpu, memory, 0) for cpu, memory, _ in hosts]).T
    return Ledger(sizes, attributes=[labels for _, _, labels in hosts])


def excluded(labels, task):
    """Whether the audit, which shares no code with what it judges, would not have the task on a host like this."""
    try:
        check_constraints([labels], [(task, [0])])
    except AssertionError:
        return True
    return False


def room(hosts, task, taken=()):
    """How many of a task each empty host may get, container by container."""
    slots = []
    for host, (cpu, memory, labels) in enumerate(hosts):
        most = 1 if task.apart else 30
        if excluded(labels, task) or (task.apart and host in taken):
            most = 0
        fits = [n for n in range(1, most + 1) if n * task.need[0] <= cpu and n * task.need[1] <= memory]
        slots.append(max(fits, default=0))
    return np.array(slots)


@pytest.mark.parametrize("name", NAMES)
@given(hosts=hosts, task=tasks, taken=st.sets(st.integers(0, 7)), k=st.integers(1, 30))
def test_a_picky_container_goes_where_it_may_and_finds_its_host_if_there_is_one(name, hosts, task, taken, k):
    view = cell(hosts).snapshot()
    if task.apart:
        view = view.barring(np.array(sorted(host for host in taken if host < len(hosts)), dtype=np.int64))
    allowed = room(hosts, task, taken)

    chosen, counts = Placer(instantiate(BUILT_IN[name], NO_VETO.get(name, {}), stream(1, "test"))).place(view, task, k)

    assert np.unique(chosen).size == chosen.size
    assert (counts <= allowed[chosen]).all()
    assert counts.sum() == min(k, allowed.sum())


@pytest.mark.parametrize("name", NAMES)
@given(hosts=hosts, task=tasks, k=st.integers(1, 30), owned=st.sets(st.integers(0, 7), min_size=1))
def test_a_part_of_the_cell_has_its_own_hosts_attributes(name, hosts, task, k, owned):
    part = np.array(sorted(host for host in owned if host < len(hosts)), dtype=np.int64)
    allowed = room(hosts, task)[part]

    view = cell(hosts).snapshot().part(part)
    chosen, counts = Placer(instantiate(BUILT_IN[name], NO_VETO.get(name, {}), stream(1, "test"))).place(view, task, k)

    assert (counts <= allowed[chosen]).all()
    assert counts.sum() == min(k, allowed.sum())


changes = st.lists(
    st.tuples(st.integers(0, 7), names, st.one_of(st.none(), values), tasks, st.integers(1, 4)), min_size=1, max_size=12
)


@pytest.mark.parametrize("name", [name for name in NAMES if not isinstance(BUILT_IN[name], type)])
@given(hosts=hosts, changes=changes)
def test_what_is_remembered_is_forgotten_when_a_hosts_attribute_changes(name, hosts, changes):
    ledger, placer = cell(hosts), Placer(BUILT_IN[name])
    for host, attribute, value, task, k in changes:
        ledger.set_attributes(host % len(hosts), {attribute: value})
        remembered = placer.place(ledger.snapshot(), task, k)
        fresh = Placer(BUILT_IN[name], remember=False).place(ledger.snapshot(), task, k)

        for old, new in zip(remembered, fresh, strict=True):
            np.testing.assert_array_equal(old, new)


@given(hosts=hosts, changes=changes, demands=st.lists(constraints, min_size=1, max_size=3))
def test_the_hosts_allowed_are_those_that_are_now_as_demanded(hosts, changes, demands):
    ledger = cell(hosts)
    now = [dict(labels) for _, _, labels in hosts]
    for host, attribute, value, *_ in changes:
        ledger.set_attributes(host % len(hosts), {attribute: value})
        now[host % len(hosts)][attribute] = value
        now[host % len(hosts)] = {name: text for name, text in now[host % len(hosts)].items() if text is not None}
        for wanted in demands:
            task = Task(Resources(), 0, wanted)
            allowed = [not excluded(labels, task) for labels in now]
            assert ledger.snapshot().allowed(task).tolist() == allowed


@given(hosts=hosts, task=tasks, data=st.data())
def test_whether_a_host_is_allowed_depends_on_its_row_alone(hosts, task, data):
    view = cell(hosts).snapshot()
    rows = np.array(data.draw(st.lists(st.integers(0, len(hosts) - 1), min_size=1, max_size=5)))
    score = BUILT_IN["first-fit"]

    np.testing.assert_array_equal(usable_scores(score, view, task)[rows], usable_scores(score, view.rows(rows), task))


def test_the_hosts_attributes_are_columns_of_the_view():
    ledger = cell([(1, 1, {"disk": "ssd"}), (1, 1, {}), (1, 1, {"disk": "hdd"})])
    ledger.set_attributes(2, {"disk": "ssd", "zone": "a"})
    codes, values = ledger.snapshot().attribute("disk")

    assert [values[code] if code >= 0 else None for code in codes.tolist()] == ["ssd", None, "ssd"]
    assert ledger.snapshot().rows(np.array([2, 1])).attribute("zone").codes.tolist() == [0, -1]
    assert ledger.snapshot().attribute("colour").codes.tolist() == [-1, -1, -1]
    with pytest.raises(ValueError, match="read-only"):
        codes[0] = 7


def test_random_first_fit_takes_allowed_hosts_with_equal_chance():
    # 7 of 100 hosts are allowed, and 4,000 draws fall on them as they may: chi squared with 6 degrees of freedom.
    view = cell([(99, 99, {"disk": "ssd"} if host % 15 == 0 else {}) for host in range(100)]).snapshot()
    task, chooser = Task(Resources(1, 1), 0, (SSD,)), RandomFirstFit(stream(5, "picky"))
    seen = np.zeros(100)
    for _ in range(1000):
        hosts, counts = chooser.choose(view, task, 4)
        seen[hosts] += counts
    allowed = seen[::15]

    assert allowed.sum() == 4000
    assert ((allowed - 4000 / 7) ** 2 / (4000 / 7)).sum() < 30


# ---- Commits --------------------------------------------------------------------------------------------------------

SSD = Constraint("disk", Operator.EQUAL, "ssd")
PICKY = Task(Resources(1, 1), 0, (SSD,))
APART = Task(Resources(1, 1), apart=True)


def claim(ledger, task, *hosts):
    return (ledger.claims(task, np.array(hosts), np.ones(len(hosts), dtype=np.int64)),)


@pytest.mark.parametrize("conflict", list(Conflict))
@pytest.mark.parametrize(("commit", "placed"), [(Commit.INCREMENTAL, 1), (Commit.GANG, 0)])
def test_a_claim_on_a_host_that_is_no_longer_as_demanded_is_a_conflict(conflict, commit, placed):
    ledger = cell([(9, 9, {"disk": "ssd"})] * 2)
    stale = claim(ledger, PICKY, 0, 1)
    ledger.set_attributes(0, {"disk": "hdd"})

    outcome = ledger.commit(stale, conflict, commit)

    assert outcome.placed == placed
    assert outcome.conflicted == 2 - placed


@pytest.mark.parametrize(("conflict", "placed"), [(Conflict.FINE, 1), (Conflict.COARSE, 0)])
def test_a_change_that_excludes_nobody_is_a_conflict_only_if_it_is_coarse(conflict, placed):
    ledger = cell([(9, 9, {"disk": "ssd"})])
    stale = claim(ledger, PICKY, 0)
    ledger.set_attributes(0, {"zone": "b"})

    assert ledger.commit(stale, conflict, Commit.INCREMENTAL).placed == placed


@pytest.mark.parametrize("conflict", list(Conflict))
def test_a_claim_beside_a_container_that_came_meanwhile_is_a_conflict_where_the_job_keeps_apart(conflict):
    ledger = cell([(9, 9, {})] * 2)
    first, second, other = (claim(ledger, APART, 0) for _ in range(3))
    ledger.commit(first, conflict, Commit.INCREMENTAL, job="a")

    assert ledger.commit(second, conflict, Commit.INCREMENTAL, job="a").conflicted == 1
    assert ledger.commit(other, Conflict.FINE, Commit.INCREMENTAL, job="b").placed == 1


def test_a_host_is_free_for_a_job_that_keeps_apart_once_its_container_there_ended():
    ledger = cell([(9, 9, {})])
    (there,) = claim(ledger, APART, 0)
    ledger.commit((there,), Conflict.FINE, Commit.INCREMENTAL, job="a")
    assert ledger.siblings("a").tolist() == [0]

    ledger.release(there.task, there.hosts, there.counts, "a")

    assert ledger.siblings("a").tolist() == []


steps = st.lists(
    st.one_of(
        st.tuples(st.just("look"), st.sampled_from("ab"), st.lists(st.integers(0, 3), min_size=1, unique=True)),
        st.tuples(st.just("commit"), st.integers(0, 5), st.sampled_from(list(Conflict)), st.sampled_from(list(Commit))),
        st.tuples(st.just("end"), st.integers(0, 5)),
    ),
    max_size=30,
)


@given(steps)
def test_no_two_of_a_job_that_keeps_apart_are_ever_together_in_any_order_of_commits_and_ends(steps):
    ledger, decided, running = cell([(3, 9, {})] * 4), [], []
    for kind, *what in steps:
        if kind == "look":
            job, wanted = what
            slots = ledger.snapshot().barring(ledger.siblings(job)).slots(APART)
            fit = [host for host in wanted if slots[host]]
            if fit:
                decided.append((job, claim(ledger, APART, *fit)))
        elif kind == "commit" and decided:
            which, conflict, commit = what
            job, transaction = decided.pop(which % len(decided))
            running += [(job, claims) for claims in ledger.commit(transaction, conflict, commit, job=job).accepted]
        elif kind == "end" and running:
            job, gone = running.pop(what[0] % len(running))
            ledger.release(gone.task, gone.hosts, gone.counts, job)
        check_apart([(job, claims.task, claims.hosts, claims.counts) for job, claims in running])


# ---- What is allowed, and who checks it -----------------------------------------------------------------------------


@given(labels, constraints)
def test_the_audit_and_the_books_agree_on_what_a_constraint_allows(labels, demands):
    allows = all(constraint.allows(labels.get(constraint.attribute)) for constraint in demands)

    assert allows is not excluded(labels, Task(Resources(), 0, demands))


@pytest.mark.parametrize(
    ("operator", "value", "allowed"),
    [
        (Operator.EQUAL, "2", [False, True, False, False]),
        (Operator.NOT_EQUAL, "2", [True, False, True, True]),
        (Operator.LESS, "10", [False, True, False, False]),
        (Operator.GREATER, "2", [False, False, True, False]),
        (Operator.IN, ("2", "ssd"), [False, True, False, True]),
        (Operator.NOT_IN, ("2", "ssd"), [True, False, True, False]),
        (Operator.EXISTS, "", [False, True, True, True]),
        (Operator.ABSENT, "", [True, False, False, False]),
    ],
)
def test_constraints_are_kubernetes_selectors(operator, value, allowed):
    has = [None, "2", "10", "ssd"]

    assert [Constraint("disk", operator, value).allows(text) for text in has] == allowed


def test_the_audit_sees_two_together_and_a_host_that_is_not_as_demanded():
    with pytest.raises(AssertionError, match="host 3 holds 2 containers of job a"):
        check_apart([("a", APART, [3], [1])], [("a", APART, [3], [1])])
    with pytest.raises(AssertionError, match="host 0 has disk"):
        check_constraints([{"disk": "hdd"}], [(PICKY, [0])])
