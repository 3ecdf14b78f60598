"""Where a series settles, and how a command says so."""

import numpy as np
import pytest

from experiments.measures.warm_up import mser


def filling(n, scale, key, noise=0.3):
    """A series that begins far from where it settles, and comes there exponentially."""
    return 10.0 * (1 - np.exp(-np.arange(n) / scale)) + noise * np.random.default_rng(key).normal(size=n)


@pytest.mark.parametrize("scale", [5.0, 20.0, 50.0])
def test_what_is_left_of_a_series_that_settles_is_nearly_without_bias(scale):
    errors = []
    for key in range(20):
        series = filling(1000, scale, key)
        cut = mser(series)
        errors.append((abs(series[cut:].mean() - 10.0), abs(series.mean() - 10.0)))

    with_cut, without = np.mean(errors, axis=0)
    assert with_cut < without / 3


def test_a_series_that_does_not_settle_is_too_short_to_say():
    assert mser(np.arange(1000.0)) is None
    assert mser(filling(1000, 2000.0, 1)) is None


def test_a_series_that_is_settled_from_the_beginning_loses_little():
    cuts = [mser(np.random.default_rng(key).normal(size=1000)) for key in range(40)]

    assert np.median([cut for cut in cuts if cut is not None]) <= 50


def test_the_cut_is_where_the_standard_error_of_what_is_left_is_least():
    series = filling(200, 10.0, 3)
    means = series.reshape(-1, 5).mean(axis=1)

    by_hand = min(range(len(means) // 2), key=lambda d: means[d:].var() / (len(means) - d))

    assert mser(series) == 5 * by_hand


@pytest.mark.parametrize("values", [[], [1.0] * 49])
def test_a_few_values_say_nothing(values):
    assert mser(values) is None
