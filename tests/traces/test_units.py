"""Sizes and times that people write."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.errors import UserError
from traces.units import seconds, size, thousandths

BYTES = {"": 1, "B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30,
         "Gi": 2**30, "TiB": 2**40}  # fmt: skip
SECONDS = {"": 1, "ms": 0.001, "s": 1, "min": 60, "h": 3600, "d": 24 * 3600}


@given(number=st.integers(0, 2**20), unit=st.sampled_from(sorted(BYTES)), gap=st.sampled_from(["", " "]))
def test_a_whole_size_is_exact(number, unit, gap):
    assert size(f"{number}{gap}{unit}") == number * BYTES[unit]


def test_a_size_keeps_every_digit_beyond_those_of_a_float():
    assert size(str(2**62 + 1)) == 2**62 + 1


def test_a_broken_size_is_rounded_to_whole_bytes():
    assert size("0.1GiB") == 107374182


@given(number=st.floats(0, 1e6), unit=st.sampled_from(sorted(SECONDS)))
def test_a_time_is_the_number_times_its_unit(number, unit):
    assert seconds(f"{number!r} {unit}") == pytest.approx(number * SECONDS[unit])


@pytest.mark.parametrize(
    "text",
    ["", " ", "GiB", "-1", "+1", "1,5", "1_000", "1..2", ".", "1.2.3", "inf", "nan", "0x10", "1 GiB 2", "1 parsec",
     "1e", "e5", "\N{ARABIC-INDIC DIGIT ONE}", "1\nGiB2", "9" * 5000],
)  # fmt: skip
@pytest.mark.parametrize("read", [size, seconds])
def test_what_is_no_amount_is_an_error_of_one_line_that_gives_an_example(read, text):
    with pytest.raises(UserError, match="for instance") as error:
        read(text)

    assert "\n" not in str(error.value)


@pytest.mark.parametrize("text", ["1e400", "1e19", "99999999EB", "9" * 99])
def test_a_size_that_no_machine_has_is_an_error(text):
    with pytest.raises(UserError, match="too large"):
        size(text)


def test_a_size_is_no_time():
    with pytest.raises(UserError, match="not a time"):
        seconds("5GiB")


@given(st.integers(0, 2**50))
def test_thousandths_of_a_core_come_back_whole(milli):
    assert thousandths(np.array([milli / 1000])).tolist() == [milli]


def test_something_is_never_rounded_to_nothing():
    assert thousandths(np.array([1e-9, 0.0])).tolist() == [1, 0]
