"""Whatever a run does to the processes beside it, each run is accounted for once, and the right ones are blamed."""

from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.results.study import RunKey, Study
from experiments.running import runner
from experiments.running.one_run import Run
from experiments.running.runner import run_all
from policies.errors import UserError

RESULT = object()


@pytest.fixture(autouse=True, scope="module")
def _at_once():
    """Nothing goes on while somebody waits, so nobody waits."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runner, "WATCH_S", 0.0)
        yield


class Fragile:
    """A pool of so many workers, the oldest run of which ends when there is another; some runs end all of it."""

    def __init__(self, workers, deadly):
        self._workers, self._deadly = workers, deadly
        self._begun, self._going, self._waiting, self._broken = set(), {}, [], False

    def submit(self, number, run):
        if self._broken:
            raise BrokenProcessPool
        future = Future()
        self._waiting.append((number, future))
        if len(self._waiting) > self._workers:
            self._step()
        return future

    def _step(self):
        while self._waiting and len(self._going) < self._workers:
            number, future = self._waiting.pop(0)
            self._begun.add(number)
            self._going[number] = future
        if self._deadly & set(self._going):
            self._broken = True
            for future in [*self._going.values(), *(future for _, future in self._waiting)]:
                future.set_exception(BrokenProcessPool())
            self._going, self._waiting = {}, []
        elif self._going:
            self._going.pop(next(iter(self._going))).set_result(RESULT)

    def parts(self, going):
        self._step()
        return 0.0

    def began(self, number):
        return number in self._begun

    def why(self, error):
        return str(error)

    def ended_by(self):
        return "deadly"

    def stop(self):
        pass

    def close(self):
        pass


class Fragiles:
    def __init__(self, workers, deadly):
        self._workers, self._deadly = workers, deadly

    def is_here(self, runs):
        return runs == 0

    def pool(self, runs, alone=False):
        return Fragile(1 if alone else self._workers, self._deadly)


def runs(count):
    return [Run(Study(), RunKey("monolithic", "spread", seed)) for seed in range(count)]


@given(st.integers(0, 25), st.integers(1, 5), st.sets(st.integers(0, 24)))
def test_each_run_is_made_or_blamed_once_and_only_who_is_deadly_is_blamed(count, workers, deadly):
    made, blamed = [], []

    run_all(
        runs(count), Fragiles(workers, deadly), lambda parts: None, lambda number, result: made.append(number),
        lambda number, failed: blamed.append(number),
    )  # fmt: skip

    assert sorted(blamed) == sorted(deadly & set(range(count)))
    assert sorted(made) == sorted(set(range(count)) - deadly)


class Stillborn(Fragile):
    def submit(self, number, run):
        raise BrokenProcessPool


class Stillborns(Fragiles):
    def pool(self, runs, alone=False):
        return Stillborn(1, set())


def test_processes_that_end_before_they_begin_are_given_up():
    with pytest.raises(UserError, match="end before they begin"):
        run_all(runs(2), Stillborns(1, set()), lambda parts: None, lambda *made: None, lambda *failed: None)
