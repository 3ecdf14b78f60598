"""A study is spelled as the command that makes it."""

import shlex

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.cli.run import run
from experiments.cli.spelling import command_of
from experiments.results.study import Detail, RunKey, Study

TIMES = st.floats(min_value=1e-6, max_value=1e9)
NAMES = st.sampled_from(["batch", "service", "*", "a b"])
STUDIES = st.builds(
    Study,
    trace=st.sampled_from(["generated:default", "swf:a file with 'quotes'.swf", "jobs.csv"]),
    speed=TIMES,
    until_s=st.none() | TIMES,
    warm_up_s=st.just(0.0) | TIMES,
    hosts=st.none() | st.sampled_from(["3", "trace", "hosts.toml"]),
    host_memory_bytes=st.integers(1, 2**50),
    architectures=st.lists(st.sampled_from(["monolithic", "two-level:offer_batch=1s"]), min_size=1, unique=True).map(
        tuple
    ),
    policies=st.lists(st.sampled_from(["spread", "a b/mine.py:score:k=2"]), min_size=1, unique=True).map(tuple),
    schedulers=st.none() | st.dictionaries(st.sampled_from(["batch", "service"]), st.integers(1, 9), min_size=1),
    t_job_s=TIMES | st.dictionaries(st.sampled_from(["batch", "service"]), TIMES, min_size=1),
    quotas=st.none() | st.dictionaries(st.sampled_from(["ann", "*", "h=sh=="]), TIMES, min_size=1),
    contention=st.booleans(),
    wake_up_s=st.none() | TIMES,
    precision=st.none() | st.floats(0.001, 0.9),
    max_seeds=st.integers(10, 99),
    detail=st.sampled_from(Detail),
    seeds=st.lists(st.integers(0, 99), min_size=1, unique=True).map(tuple),
    explain=st.lists(st.sampled_from(["job 1", "-x"]), unique=True).map(tuple),
)


def study_of(command: str) -> Study:
    words = shlex.split(command)
    assert words[:2] == ["towtank", "run"]
    choices = run.make_context("run", words[2:]).params
    choices |= {"contention": choices["contention"] == "on", "detail": Detail(choices["detail"])}
    named = {name: value for name, value in choices.items() if name in Study.__dataclass_fields__}
    return Study(**named)


@given(STUDIES)
def test_the_command_of_a_study_asks_for_that_study(study):
    assert study_of(command_of(study)) == study


@given(STUDIES)
def test_the_command_of_a_run_asks_for_that_run_alone(study):
    key = list(study.runs())[-1]

    again = study_of(command_of(study, key))

    assert list(again.runs()) == [key]
    assert again.precision is None


def test_what_is_as_by_default_is_left_out():
    assert command_of(Study()) == "towtank run"
    assert command_of(Study(policies=("spread",)), RunKey("monolithic", "spread", 4)) == (
        "towtank run --architecture monolithic --policy spread --seeds 4"
    )


@pytest.mark.parametrize("name", Study.__dataclass_fields__)
def test_there_is_an_option_for_everything_that_a_study_says(name):
    assert name in {option.name for option in run.params if isinstance(option, click.Option)}
