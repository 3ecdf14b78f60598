"""What sharing a host costs beyond the shares."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.sharing import interference, slowdown


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
