"""Many runs, in as many places at once as wanted, into a results directory or into memory."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from experiments.measures.stopping import FIRST, next_count, shortfalls
from experiments.results.result import Result
from experiments.results.study import RunKey, Study
from experiments.running.executors import Executors, Local, Pool
from experiments.running.one_run import Failed, Run, attempt
from experiments.running.simulate import inputs_of
from policies.errors import UserError

if TYPE_CHECKING:
    from experiments.results.directory import Results

#: How often progress is told, in seconds.
WATCH_S = 0.1

#: So many runs that fail for the same reason, and none that did not: the reason is not theirs.
ALIKE = 3

#: So many times processes end before a run is begun, until we do without them.
TRIES = 3


class Failure(NamedTuple):
    """A run that failed.

    Attributes
    ----------
    run : Run
        Which.
    why : str
        One line.
    file : Path, optional
        Where the traceback of an error lies that nobody expected.
    """

    run: Run
    why: str
    file: Path | None = None


class Listener:
    """Is told how far runs are; this one does not care."""

    def more(self, runs: int) -> None:
        """Hear of runs that are to be made beside those known of."""

    def there(self, runs: int) -> None:
        """Hear how many of them were there already."""

    def watch(self, parts: float) -> None:
        """Hear how much of the runs that go on is done, a whole one counted as 1."""

    def finished(self, run: Run, result: Result) -> None:
        """Hear of a run that was made."""

    def failed(self, failure: Failure) -> None:
        """Hear of a run that failed."""


def run_study(
    study: Study,
    out: Path | None = None,
    executors: Executors | int = 1,
    listener: Listener | None = None,
    order: Callable[[RunKey], Any] | None = None,
    keep_going: bool = False,
    keys: Sequence[RunKey] | None = None,
) -> list[Result]:
    """Make every run of a study that is not there yet.

    Parameters
    ----------
    study : Study
        What was asked for.
    out : Path, optional
        The results directory; nothing is written without.
    executors : Executors or int
        Where runs are made; a number stands for so many processes of this machine.
    listener : Listener, optional
        Told how far the runs are.
    order : callable, optional
        What runs are made in the order of; by default the study's.
    keep_going : bool
        Whether a run that fails does not keep the others from being made; the listener is told. Else it ends all.
    keys : sequence of RunKey, optional
        Which runs are wanted, and no others; by default all of the study, and as many seeds as its precision needs.

    Returns
    -------
    list of Result
        One for each run that did not fail, in the study's order.

    Raises
    ------
    UserError
        For anything that the user can mend. With `keep_going`, if several runs failed for that and none did not.

    Notes
    -----
    Where a precision is asked for, seeds are added until it is reached; see `experiments.measures.stopping`. How many
    depends on the results alone, not on what was there already or on how many runs went on at once. While runs fail
    none are added.
    """
    if isinstance(executors, int):
        executors = Local(executors)
    making = _Making(study, out, executors, listener or Listener(), order, keep_going)
    making.begin()
    try:
        if keys is not None:
            making.make(keys)
        elif study.precision is None:
            making.make(list(study.runs()))
        else:
            making.make_until_precise(study.precision)
    finally:
        making.end()
    return making.results()


class _Making:
    """The runs of a study, those that are there and those that are made."""

    def __init__(
        self, study: Study, out: Path | None, executors: Executors, listener: Listener,
        order: Callable[[RunKey], Any] | None, keep_going: bool,
    ) -> None:  # fmt: skip
        self._study, self._out, self._order = study, out, order
        self._executors, self._listener, self._keep_going = executors, listener, keep_going
        self._keys: list[RunKey] = []
        self._done: dict[RunKey, Result] = {}
        self._directory: Results | None = None

    def begin(self) -> None:
        if self._out is not None:
            from experiments.results.directory import Results

            self._directory = Results(self._out)
            self._directory.begin(self._study, inputs_of(self._study))
            self._done = self._directory.finished()

    def end(self) -> None:
        if self._directory is not None:
            self._directory.end()

    def results(self) -> list[Result]:
        return [self._done[key] for key in self._keys if key in self._done]

    def make_until_precise(self, precision: float) -> None:
        """Make runs with ever more seeds until their means are as precise as that, or there are as many as may be."""
        study = self._study
        before, count = 0, max(len(study.seeds), FIRST)
        while count > before and self.make(list(study.runs(count))):
            short = shortfalls(self.results(), study.of, precision)
            before, count = count, next_count(short, count, precision, study.max_seeds)

    def make(self, keys: Sequence[RunKey]) -> bool:
        """Make what is not there of these runs; say whether all are there then."""
        study, before = self._study, set(self._keys)
        self._keys = list(keys)
        new = [key for key in self._keys if key not in before]
        todo = [key for key in new if key not in self._done]
        if self._order is not None:
            todo.sort(key=self._order)
        self._listener.more(len(new))
        self._listener.there(len(new) - len(todo))
        folder = None if self._out is None else self._out / "failed"
        failures = Failures(self._listener, folder, self._keep_going, succeeded=bool(self.results()))
        # All runs read the same trace: one of them writes down which rows were put aside.
        runs = [Run(study, key, self._out, writes_rejects=key == self._keys[0]) for key in todo]

        def take(number: int, result: Result) -> None:
            self._take(result)
            failures.succeeded(runs[number].key.file_stem)
            self._listener.finished(runs[number], result)

        def fail(number: int, failed: Failed) -> None:
            failures.failed(runs[number], failed, runs[number].key.file_stem)

        run_all(runs, self._executors, self._listener.watch, take, fail)
        failures.end()
        missing = [name for name in study.of if not any(name in result.metrics for result in self.results())]
        if study.precision is not None and missing and self.results():
            self._refuse(missing[0])
        return len(self.results()) == len(self._keys)

    def _take(self, result: Result) -> None:
        self._done[result.key] = result
        if self._study.precision is not None:
            # The part after the point differs between architectures; the first part can be missed at once.
            stems = {name.partition(".")[0] for name in result.metrics}
            for name in self._study.of:
                if name.partition(".")[0] not in stems:
                    self._refuse(name)
        if self._directory is not None:
            # A run in the summary is not made again: all else of it is written before.
            if self._study.explain:
                self._directory.write_explained(self.results())
            self._directory.note(result.notes)
            self._directory.write_summary(self.results())

    def _refuse(self, name: str) -> None:
        from experiments.running.choices import nearest

        known = {name for result in self._done.values() for name in result.metrics}
        raise UserError(f"--of: no run has a metric {name!r}{nearest(name, known)}")


class Failures:
    """The runs that failed: told as it happens, or all in one word where they have the reason in common.

    Parameters
    ----------
    listener : Listener
        Is told.
    folder : Path, optional
        Where tracebacks are kept.
    keep_going : bool
        Whether the others are made all the same.
    succeeded : bool
        Whether some run has a result already.
    """

    def __init__(self, listener: Listener, folder: Path | None, keep_going: bool, succeeded: bool) -> None:
        self._listener, self._folder, self._keep_going = listener, folder, keep_going
        self._different = succeeded
        self._held: list[tuple[Failure, UserError]] = []

    def failed(self, run: Run, failed: Failed, name: str) -> None:
        """Take a failure.

        Raises
        ------
        UserError
            If it ends all: because it may, or because several runs failed like this and none did not.
        """
        if not self._keep_going:
            if failed.error is not None:
                raise failed.error
            raise RuntimeError(f"the run {run.told} failed: {failed.trace or failed.why}")
        failure = Failure(run, failed.why, self._keep(run, failed, name))
        if not self._different and failed.error is not None and all(failed.why == one.why for one, _ in self._held):
            self._held.append((failure, failed.error))
            if len(self._held) == ALIKE:
                raise failed.error
            return
        self._let_go()
        self._listener.failed(failure)

    def succeeded(self, name: str) -> None:
        """Take note of a run that did not fail, now."""
        self._let_go()
        if self._folder is not None:
            (self._folder / f"{name}.txt").unlink(missing_ok=True)
            with suppress(OSError):
                self._folder.rmdir()  # once nothing is in it

    def end(self) -> None:
        """Tell what was not told yet.

        Raises
        ------
        UserError
            If all runs failed, for the same reason.
        """
        for _, error in self._held:
            raise error

    def _let_go(self) -> None:
        self._different = True
        for failure, _ in self._held:
            self._listener.failed(failure)
        self._held.clear()

    def _keep(self, run: Run, failed: Failed, name: str) -> Path | None:
        if self._folder is None or not failed.trace:
            return None
        self._folder.mkdir(parents=True, exist_ok=True)
        file = self._folder / f"{name}.txt"
        file.write_text(f"{run.told}\n\n{failed.trace}", encoding="utf-8")
        return file


def run_all(
    runs: Sequence[Run],
    executors: Executors,
    watch: Callable[[float], None],
    take: Callable[[int, Result], None],
    fail: Callable[[int, Failed], None],
) -> None:
    """Make runs, several at once.

    Parameters
    ----------
    runs : sequence of Run
        What is to be made.
    executors : Executors
        Where.
    watch : callable
        Told how much of the runs that go on is done, a whole one counted as 1.
    take, fail : callable
        Given the number of a run and its result, or why there is none, as they come. What they raise ends all.

    Raises
    ------
    UserError
        If there is nowhere to make runs, or no longer.

    Notes
    -----
    A process that is ended from outside takes all processes of its pool with it. Runs that were going on then are
    under suspicion, and are made after all others, one at a time: so it is known whose fault it was.
    """

    def hand_over(number: int, made: Result | Failed) -> None:
        if isinstance(made, Failed):
            fail(number, made)
        else:
            take(number, made)

    if executors.is_here(len(runs)):
        for number, run in enumerate(runs):
            made = attempt(run, watch)
            watch(0.0)
            hand_over(number, made)
        return
    left, suspects, in_vain = list(range(len(runs))), list[int](), 0
    while left or suspects:
        alone = not left
        pool = executors.pool(len(runs), alone)
        lost = _round(pool, runs, suspects if alone else left, watch, hand_over)
        begun = [number for number in lost if pool.began(number)]
        rest = [number for number in lost if not pool.began(number)]
        in_vain = in_vain + 1 if rest and not begun else 0
        if in_vain == TRIES:
            raise UserError("processes that are to make runs end before they begin: is there memory for so many?")
        if alone:
            for number in begun:
                fail(number, Failed(pool.ended_by()))
            suspects = rest
        else:
            suspects, left = suspects + begun, rest


def _round(
    pool: Pool,
    runs: Sequence[Run],
    numbers: Collection[int],
    watch: Callable[[float], None],
    hand_over: Callable[[int, Result | Failed], None],
) -> list[int]:
    """Have runs made by a pool until they are, or it breaks; give those that were lost with it."""
    from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, CancelledError, Future, wait

    futures: dict[Future[Result | Failed], int] = {}
    lost: list[int] = []
    try:
        for number in numbers:
            try:
                futures[pool.submit(number, runs[number])] = number
            except BrokenExecutor:
                lost.append(number)
        left = set(futures)
        while left:
            ended, left = wait(left, WATCH_S, FIRST_COMPLETED)
            watch(pool.parts([futures[future] for future in left]))
            for future in ended:
                try:
                    made = future.result()
                except BrokenExecutor:
                    lost.append(futures[future])
                    continue
                except CancelledError:
                    raise UserError("the connection with the workers was lost; what they finished is kept") from None
                except Exception as error:  # it could not be sent there or back
                    made = Failed(pool.why(error))
                hand_over(futures[future], made)
        pool.close()
    except BaseException:
        pool.stop()
        raise
    return lost


def cores() -> int:
    """Say how many processors we may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:
        return os.cpu_count() or 1
