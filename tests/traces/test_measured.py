"""Means of what was measured over windows of time, and the phases that are made of them."""

import numpy as np
import pyarrow as pa
import pytest

from policies.requests import Demand
from traces.reading import measured
from traces.reading.measured import Windows, phases

ONE, TWO, THREE = (Demand(float(cores), 1.0) for cores in (1, 2, 3))


def test_windows_have_the_means_of_their_samples_however_these_come(monkeypatch):
    monkeypatch.setattr(measured, "APART", 10)
    rng = np.random.default_rng(1)
    names, at_s = rng.choice(["a", "b", "c"], 500), rng.integers(0, 1000, 500).astype(float)
    values = np.where(rng.random((2, 500)) < 0.1, np.nan, rng.random((2, 500)))
    windows = Windows(100.0, kinds=2)
    for rows in np.array_split(np.arange(500), 23):
        windows.add(pa.array(names[rows].tolist()), at_s[rows], values[:, rows])

    for name in "abc":
        begins_s, means = windows.of(name)
        mine = names == name
        assert begins_s.tolist() == sorted(set((at_s[mine] // 100 * 100).tolist()))
        for begin_s, mean in zip(begins_s, means.T, strict=True):
            those = values[:, mine & (at_s // 100 * 100 == begin_s)]
            assert mean == pytest.approx(np.nanmean(those, axis=1))
        assert windows.span_s(name) == (at_s[mine].min(), at_s[mine].max())
        assert windows.most(name) == pytest.approx(np.nanmax(values[:, mine], axis=1))
    assert windows.end_s == at_s.max()


def test_of_what_was_never_measured_nothing_is_known():
    windows = Windows(60.0, kinds=1)
    windows.add(pa.array([], pa.string()), np.empty(0), np.empty((1, 0)))

    assert "a" not in windows
    assert windows.of("a")[0].size == 0
    assert windows.end_s == np.inf


def test_phases_are_as_long_as_what_was_measured_held():
    made = phases(np.array([0.0, 60.0, 120.0, 300.0]), [ONE, TWO, TWO, THREE], 20.0, 420.0)

    assert [(phase.share, phase.demand) for phase in made] == [(0.1, ONE), (pytest.approx(0.6), TWO), (0.3, THREE)]


def test_what_was_measured_before_or_after_a_container_was_there_does_not_count():
    begins_s = np.array([0.0, 60.0, 120.0])

    assert phases(begins_s, [ONE, TWO, THREE], 70.0, 110.0) == ((1.0, TWO),)
    assert phases(begins_s[1:], [TWO, THREE], 0.0, 100.0) == ((1.0, TWO),)
    assert phases(begins_s[1:], [TWO, THREE], 0.0, 60.0) is None
    assert phases(begins_s, [ONE, TWO, THREE], 10.0, np.inf) is None
    assert phases(begins_s, [ONE, TWO, THREE], 10.0, 10.0) is None
