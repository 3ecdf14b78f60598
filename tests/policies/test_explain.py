"""What is told of a decision is what decided it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.cell import Ledger
from policies.errors import UserError
from policies.placement import BUILT_IN, Placer
from policies.placement.catalogue import instantiate
from policies.placement.explain import TellingPlacer, Verdict, explain
from policies.placement.interface import terms_of
from policies.placement.placer import usable_scores
from policies.requests import Constraint, Operator, Resources, Task
from policies.streams import stream

NAMES = list(BUILT_IN)
SCORES = [name for name in NAMES if terms_of(BUILT_IN[name]) is not None]

needs = st.tuples(st.integers(0, 4), st.integers(0, 4), st.integers(0, 1)).map(lambda amounts: Resources(*amounts))
demands = st.sampled_from([(), (Constraint("zone", Operator.EQUAL, "b"),), (Constraint("zone", Operator.ABSENT),)])
tasks = st.builds(Task, needs, st.just(0), demands, st.booleans(), st.none())
plain = needs.map(Task)
sizes = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9), st.integers(0, 2)), min_size=1, max_size=9)


def cell(sizes, down=(), zones=(), placed=()):
    alive = np.ones(len(sizes), dtype=bool)
    alive[[host for host in down if host < len(sizes)]] = False
    labels = [{"zone": "ab"[host % 2]} if host in zones else {} for host in range(len(sizes))]
    ledger = Ledger(np.array(sizes).T, alive, labels)
    for task, host in placed:
        if ledger.snapshot().slots(task)[host % len(sizes)]:
            ledger.place(task, np.array([host % len(sizes)]), np.array([1]))
    return ledger


cells = st.builds(
    cell,
    sizes,
    st.sets(st.integers(0, 8), max_size=3),
    st.sets(st.integers(0, 8)),
    st.lists(st.tuples(plain, st.integers(0, 8)), max_size=6),
)


def policy(name):
    return instantiate(BUILT_IN[name], {}, stream(1, "test"))


def told(made, view, task, k):
    """Places, and what is told of it."""
    decisions = []
    placer = TellingPlacer(made)
    placer.listener = lambda *of: decisions.append(explain(*of))
    chosen = placer.place(view, task, k)
    (decision,) = decisions
    return chosen, decision


@pytest.mark.parametrize("name", NAMES)
@given(ledger=cells, steps=st.lists(st.tuples(tasks, st.integers(1, 9)), min_size=1, max_size=4))
def test_who_is_listened_to_decides_as_before_chance_and_memory_included(name, ledger, steps):
    quiet, loud = Placer(policy(name)), TellingPlacer(policy(name))
    for number, (task, k) in enumerate(steps):
        loud.listener = (lambda *of: explain(*of)) if number % 2 else None
        hosts, counts = quiet.place(ledger.snapshot(), task, k)
        again_hosts, again_counts = loud.place(ledger.snapshot(), task, k)

        assert (hosts.tolist(), counts.tolist()) == (again_hosts.tolist(), again_counts.tolist())
        if hosts.size:
            ledger.place(task, hosts, counts, "job")


@pytest.mark.parametrize("name", NAMES)
@given(ledger=cells, task=tasks, k=st.integers(1, 9), barred=st.sets(st.integers(0, 8)))
def test_every_host_has_the_verdict_that_the_books_give_it(name, ledger, task, k, barred):
    view = ledger.snapshot()
    if task.apart:
        view = view.barring(np.array([host for host in sorted(barred) if host < len(view)], dtype=int))
    (hosts, counts), decision = told(policy(name), view, task, k)

    assert sum(many for _, many in decision.reasons) == len(view) == len(decision.hosts)
    for one in decision.hosts:
        slots, verdict = view.slots(task)[one.host], one.reason.verdict
        assert one.placed == counts[hosts == one.host].sum()
        assert not one.placed or verdict is Verdict.FITS
        if verdict is Verdict.NOT_SEEN:
            assert name == "power-of-d"
            continue
        if verdict is Verdict.REFUSED:
            assert name == "load-aware"  # which has thresholds
            continue
        assert (verdict is Verdict.FITS) == (slots > 0)
        assert (verdict is Verdict.DOWN) == (not view.alive[one.host])
        if verdict is Verdict.NO_ROOM:
            # Exactly what is said to be missing is missing.
            free = {name: view.free[axis, one.host] for axis, name in enumerate(view.resources)}
            need = dict(zip(("cpu", "memory", "gpu"), task.need[:3], strict=True))
            assert one.short == {n: need[n] - free.get(n, 0) for n in need if need[n] and need[n] > free.get(n, 0)}
            assert set(one.reason.resources) == set(one.short) != set()


@pytest.mark.parametrize("name", [name for name in NAMES if name != "random-first-fit"])
@given(ledger=cells, task=tasks)
def test_one_container_goes_to_the_host_told_to_score_best(name, ledger, task):
    (hosts, _), decision = told(policy(name), ledger.snapshot(), task, 1)

    able = [one for one in decision.hosts if one.reason.verdict is Verdict.FITS]
    best = min(able, key=lambda one: (-one.score, one.host), default=None)
    assert hosts.tolist() == ([best.host] if best else [])
    assert [one.score for one in able[1:]] == sorted((one.score for one in able[1:]), reverse=True)


@pytest.mark.parametrize("name", SCORES)
@given(ledger=cells, task=plain, k=st.integers(1, 9))
def test_of_several_none_goes_to_a_host_that_scores_worse_than_one_left_empty(name, ledger, task, k):
    _, decision = told(policy(name), ledger.snapshot(), task, k)

    chosen = [one.score for one in decision.hosts if one.placed]
    empty = [one.score for one in decision.hosts if not one.placed and one.reason.verdict is Verdict.FITS]
    assert not chosen or not empty or min(chosen) >= max(empty)


def test_every_score_that_comes_with_us_and_is_a_sum_says_of_what():
    choosers = {"random-first-fit", "round-robin", "power-of-d"}
    no_sums = {"target-load-packing", "load-variation-risk", "load-aware", "demand-shape", "tetris"}
    assert set(NAMES) - set(SCORES) == choosers | no_sums


@pytest.mark.parametrize("name", SCORES)
@given(ledger=cells, task=plain)
def test_terms_add_up_to_the_score(name, ledger, task):
    view, score = ledger.snapshot(), BUILT_IN[name]
    usable = usable_scores(score, view, task)

    total = sum(terms_of(score)(view, task).values(), np.zeros(len(view)))

    np.testing.assert_allclose(total[usable > -np.inf], usable[usable > -np.inf], rtol=1e-12, atol=1e-9)


def test_terms_that_do_not_add_up_are_the_users_error():
    def mine(view, task):
        return view.free[0] * 1.0

    mine.terms = lambda view, task: {"half of it": view.free[0] * 0.5}

    with pytest.raises(UserError, match="policy mine: its terms must add up to its score"):
        told(mine, cell([(4, 4, 0)]).snapshot(), Task(Resources(1, 1)), 1)


def test_a_veto_is_told_apart_from_want_of_room():
    def picky(view, task):
        return np.where(view.index == 0, -np.inf, 1.0)

    _, decision = told(picky, cell([(4, 4, 0), (4, 4, 0), (0, 4, 0)]).snapshot(), Task(Resources(1, 1)), 1)

    assert {one.host: one.reason.verdict for one in decision.hosts} == {
        0: Verdict.REFUSED, 1: Verdict.FITS, 2: Verdict.NO_ROOM,
    }  # fmt: skip


def test_of_many_hosts_the_chosen_and_the_next_best_are_told_and_all_are_counted():
    view = cell([(n, 9, 0) for n in range(1000)]).snapshot()

    (hosts, _), decision = told(policy("least-allocated"), view, Task(Resources(500, 1)), 3)

    assert len(decision.hosts) == hosts.size + 10
    assert {reason.verdict: many for reason, many in decision.reasons} == {Verdict.FITS: 500, Verdict.NO_ROOM: 500}
