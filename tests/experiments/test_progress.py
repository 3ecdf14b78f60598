"""What is told of a sweep that goes on: where it is, and how long it will take yet."""

from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.cli.progress import Pace, Progress, left_told
from experiments.results.result import Result
from experiments.results.study import RunKey, Study
from experiments.running.one_run import Run
from experiments.running.runner import Failure

RUN = Run(Study(), RunKey("monolithic", "spread", 3))
RESULT = Result(RUN.key, {}, {"wall_s": 1.25})


class Clock:
    def __init__(self):
        self.now_s = 0.0

    def __call__(self):
        return self.now_s


@given(st.integers(1, 50), st.integers(0, 100), st.integers(1, 100), st.floats(0.1, 1000))
def test_the_time_left_is_exact_where_all_runs_take_the_same(at_once, there, rounds, each_s):
    clock = Clock()
    pace = Pace(clock)
    pace.there = there
    pace.runs = there + 2 * at_once * rounds
    pace.ended, clock.now_s = at_once * rounds, each_s * rounds

    assert pace.left_s == pytest.approx(each_s * rounds)


def test_runs_that_go_on_count_in_part():
    clock = Clock()
    pace = Pace(clock)
    pace.runs, pace.parts, clock.now_s = 4, 0.5, 10.0

    assert pace.left_s == pytest.approx(70.0)


def test_before_anything_is_made_nobody_can_say():
    pace = Pace(Clock())
    pace.runs, pace.there = 3, 2

    assert pace.left_s == inf
    assert left_told(inf) == "nobody knows how long yet"


def test_in_a_pipe_each_run_that_ended_is_a_line_with_its_place(capsys):
    show = Progress()
    show.more(4)
    show.there(1)
    show.finished(RUN, RESULT)
    show.failed(Failure(RUN._replace(where={"load": 0.5, "seed": 3}), "too big"))
    show.finished(RUN._replace(where={"load": 0.25, "policy": "x"}), RESULT)

    first, second, third, fourth = capsys.readouterr().err.splitlines()
    assert first == "1 of 4 runs were there already"
    assert second.startswith("[2/4] monolithic spread seed 3: 1.2 s, about ")
    assert third == "[3/4] load=0.5 seed=3: failed: too big"
    assert fourth == "[4/4] load=0.25 policy=x: 1.2 s"


def test_beside_json_nothing_is_told_until_runs_have_failed(capsys):
    show = Progress(as_json=True)
    show.more(2)
    show.finished(RUN, RESULT)
    show.failed(Failure(RUN, "too big"))
    assert capsys.readouterr() == ("", "")

    show.tell_failures(lambda failure: "towtank run --seeds 3")

    told = capsys.readouterr()
    assert told.out == ""
    assert told.err == "towtank: monolithic spread seed 3 failed: too big; again: towtank run --seeds 3\n"
