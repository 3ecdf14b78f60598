"""Runs of experiments are kept as they were, by everything that decides them."""

import json
from math import isnan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.results.result import Result
from experiments.results.store import Store, name_of
from experiments.results.study import RunKey
from policies.errors import UserError

NUMBERS = st.none() | st.integers() | st.floats()
NAMED = st.dictionaries(st.text(max_size=5), NUMBERS, max_size=4)
RESULTS = st.builds(
    Result,
    key=st.builds(RunKey, st.text(), st.text(), st.integers(0, 99)),
    metrics=NAMED,
    cost=st.dictionaries(st.text(max_size=5), st.floats(allow_nan=False) | st.integers(), max_size=3),
    notes=st.lists(st.text(), max_size=2).map(tuple),
    folded=st.lists(NAMED, max_size=3),
    explained=st.lists(NAMED, max_size=1),
)
RESULT = Result(RunKey("monolithic", "spread", 1), {"wait_mean_s": 0.1}, {"wall_s": 1.0})


def same(one, other):
    if isinstance(one, float) and isnan(one):
        return isinstance(other, float) and isnan(other)
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[name], other[name]) for name in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other and type(one) is type(other)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    store = Store(tmp_path_factory.mktemp("kept"))
    store.begin()
    return store


@given(RESULTS)
def test_a_run_is_read_as_it_was_kept_to_the_last_bit(store, result):
    given_back = store.put("a", {}, result)
    read = store.get("a")

    for kept in (given_back, read):
        assert kept.key == result.key
        assert kept.notes == result.notes
        for part in ("metrics", "cost", "folded", "explained"):
            assert same(getattr(kept, part), getattr(result, part))


def test_numbers_of_numpy_are_kept_as_plain_ones(store):
    result = Result(RunKey("m", "p", 1), {}, {}, folded=[{"n": np.int64(3), "x": np.float32(0.5), "b": np.True_}])

    assert store.put("b", {}, result).folded == [{"n": 3, "x": 0.5, "b": True}]


def test_what_is_no_number_and_no_text_is_refused(store):
    with pytest.raises(UserError, match="numbers, texts and lists"):
        store.put("c", {}, Result(RunKey("m", "p", 1), {}, {}, folded=[{"n": object()}]))
    assert store.get("c") is None


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"result": {"key": {"seed": 1}}}', '{"result": 3}', "\0\xff"])
def test_what_cannot_be_read_is_not_there(store, tmp_path, text):
    (tmp_path / "d.json").write_text(text)

    assert Store(tmp_path).get("d") is None


@given(st.dictionaries(st.sampled_from(["code_digest", "asked", "inputs"]), st.text(max_size=3), min_size=1), st.data())
def test_whatever_differs_gives_another_name(configuration, data):
    name = data.draw(st.sampled_from(sorted(configuration)))
    other = configuration | {name: configuration[name] + "x"}

    assert name_of(configuration) == name_of(json.loads(json.dumps(configuration)))
    assert name_of(configuration) != name_of(other)


def test_two_processes_do_not_keep_runs_in_one_folder(tmp_path):
    first, second = Store(tmp_path), Store(tmp_path)
    first.begin()

    with pytest.raises(UserError, match="another process is writing into it"):
        second.begin()
    first.end()
    second.begin()
    second.end()


def test_nothing_that_is_there_counts_where_all_is_to_be_fresh(tmp_path):
    Store(tmp_path).put("a", {}, RESULT)

    assert Store(tmp_path).get("a").metrics == RESULT.metrics
    assert Store(tmp_path, fresh=True).get("a") is None
