"""What sharing a host costs beyond the shares."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.sharing import WAKE_UP_S, interference, slowdown, wake_up_limit
from policies.sharing.slowdown import REQUEST_S, SLOWED, fitted_wake_up_s


@given(st.lists(st.floats(0, 1, allow_subnormal=False), min_size=1, max_size=5))
def test_slowdown_times_rate_is_1_and_who_stands_still_never_ends(rates):
    rates = np.array(rates)

    slower = slowdown(rates)

    assert (slower >= 1).all()
    np.testing.assert_allclose(slower[rates > 0] * rates[rates > 0], 1.0)
    assert (slower[rates == 0] == np.inf).all()


def test_interference_is_off_by_default():
    assert (interference(np.array([1, 10, 1000])) == 1.0).all()
    np.testing.assert_array_equal(slowdown(np.array([0.5]), interference(50)), [2.0])


def test_each_further_container_costs_the_average_one_0_3_percent():
    lengths = slowdown(np.ones(4), interference(np.array([1, 2, 3, 101]), sensitivity=1.0))

    np.testing.assert_allclose(lengths, [1.0, 1.003, 1.006, 1.3])


def test_switching_costs_its_share_of_the_time():
    np.testing.assert_allclose(slowdown(np.ones(1), interference(1, switching=1e-3 / 4e-3)), [1.25])


@pytest.mark.parametrize("wrong", [{"containers": 0}, {"sensitivity": -1.0}, {"switching": np.nan}])
def test_interference_that_makes_no_sense_is_refused(wrong):
    with pytest.raises(ValueError, match=r"at least one|negative"):
        interference(**{"containers": 1, **wrong})


def test_waiting_to_run_is_off_by_default():
    assert wake_up_limit(1000.0, 10.0) == 1.0


@given(st.floats(1e-4, 1.0), st.floats(0, 0.1), st.integers(1, 5))
def test_a_fit_finds_the_wait_that_made_the_slowdowns(request_s, wake_up_s, most):
    made = [1 / wake_up_limit(1 / request_s, k, wake_up_s) for k in range(1, most + 1)]

    assert fitted_wake_up_s(request_s, made) == pytest.approx(wake_up_s, rel=1e-6, abs=1e-9)


def test_no_other_wait_is_nearer_to_what_was_measured():
    def error(wake_up_s):
        limits = wake_up_limit(np.array(1 / REQUEST_S), np.array([1.0, 2.0, 3.0]), wake_up_s)
        return ((slowdown(limits) - SLOWED) ** 2).sum()

    assert error(WAKE_UP_S) < min(error(WAKE_UP_S * 0.99), error(WAKE_UP_S * 1.01))
    # As far from each as two runs of one kind are from each other.
    assert error(WAKE_UP_S) < 3 * 0.05**2


def test_each_request_waits_once_for_each_competitor():
    np.testing.assert_allclose(wake_up_limit(np.array([0.0, 50.0, 100.0]), 2.0, 0.005), [1.0, 1 / 1.5, 0.5])
