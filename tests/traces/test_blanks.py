"""Blanks between columns: lines stay lines, and words stay words."""

from hypothesis import given
from hypothesis import strategies as st

from traces.reading.blanks import single_blanks


@given(st.text(alphabet=" \t\r\nab;", max_size=60))
def test_lines_and_words_stay_and_one_blank_is_between_them(text):
    lines = single_blanks(text.encode()).decode().split("\n")

    assert lines == [" ".join(line.split()) for line in text.split("\n")]
