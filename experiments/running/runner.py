"""Many runs, on as many processes as wanted, into a results directory or into memory."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from experiments.results.result import Result
from experiments.results.study import Detail, RunKey, Study
from experiments.running.simulate import Progress, inputs_of, simulate
from policies.log import Levels, Sink

#: Told how many runs are done, those that go on counted in part.
Watcher = Callable[[float], None]

#: Given what the levels of a log are, gives what takes its rows and has the attribute ``rows`` afterwards.
Fold = Callable[[Levels], Any]

#: Makes a result of a study and a key, and tells now and then which share of it is done.
Work = Callable[[Study, RunKey, Progress], Result]

#: How often progress is told, in seconds.
WATCH_S = 0.1

_shares: Any = None

if TYPE_CHECKING:
    from experiments.results.logs import LogWriter


def run_study(
    study: Study,
    out: Path | None = None,
    processes: int = 1,
    watch: Watcher = lambda done: None,
    finished: Callable[[Result], None] = lambda result: None,
    order: Callable[[RunKey], Any] | None = None,
    keys: Sequence[RunKey] | None = None,
) -> list[Result]:
    """Make every run of a study that is not there yet.

    Parameters
    ----------
    study : Study
        What was asked for.
    out : Path, optional
        The results directory; nothing is written without.
    processes : int
        How many runs go on at once.
    watch : callable
        Told how many runs are done, those that go on counted in part.
    finished : callable
        Told each result as it comes.
    order : callable, optional
        What runs are made in the order of; by default the study's.
    keys : sequence of RunKey, optional
        Which runs are wanted; by default all of the study.

    Returns
    -------
    list of Result
        One for each run, in the study's order.

    Raises
    ------
    UserError
        For anything that the user can mend.
    """
    keys = list(study.runs() if keys is None else keys)
    done: dict[RunKey, Result] = {}
    results = None
    if out is not None:
        from experiments.results.directory import Results

        results = Results(out)
        results.begin(study, inputs_of(study))
        done = {key: result for key, result in results.finished().items() if key in keys}
    todo = [key for key in keys if key not in done]
    if order is not None:
        todo.sort(key=order)

    def take(number: int, result: Result) -> None:
        done[result.key] = result
        if results is not None:
            there = [done[key] for key in keys if key in done]
            if study.explain:
                results.write_explained(there)  # first: a run in the summary is not made again
            results.write_summary(there)
            results.note(result.notes)
        finished(result)

    before = len(done)
    try:
        # All runs read the same trace: one of them writes down which rows were put aside.
        runs = [Run(study, key, out, writes_rejects=key == keys[0]) for key in todo]
        run_all(runs, processes, lambda share: watch(before + share), take)
    finally:
        if results is not None:
            results.end()
    return [done[key] for key in keys]


class Run(NamedTuple):
    """One run to be made.

    Attributes
    ----------
    study, key : Study, RunKey
        What was asked for, and which run of it.
    out : Path, optional
        The results directory that its log is written into.
    writes_rejects : bool
        Whether it writes down which rows of the trace were put aside.
    fold : callable, optional
        What else is made of its log, beside the metrics.
    work : callable, optional
        What is done with study, key and progress where it is no replay.
    """

    study: Study
    key: RunKey
    out: Path | None = None
    writes_rejects: bool = False
    fold: Fold | None = None
    work: Work | None = None


def run_all(
    runs: Sequence[Run],
    processes: int,
    watch: Watcher = lambda done: None,
    take: Callable[[int, Result], None] = lambda number, result: None,
) -> None:
    """Make runs, several at once.

    Parameters
    ----------
    runs : sequence of Run
        What is to be made.
    processes : int
        How many go on at once.
    watch : callable
        Told how many are done, those that go on counted in part.
    take : callable
        Given the number of a run and its result, as they come.

    Raises
    ------
    UserError
        For anything that the user can mend; the other runs are not waited for.
    """
    if len(runs) > 1 and processes > 1:
        _run_beside(runs, min(processes, len(runs)), watch, take)
        return
    for number, run in enumerate(runs):
        take(number, run_one(run, lambda share, before=number: watch(before + share)))  # type: ignore[misc]
        watch(number + 1.0)


def run_one(run: Run, progress: Progress) -> Result:
    """Make one run, and write its log if there is somewhere to write it."""
    study, key, out, writes_rejects, fold, work = run
    if work is not None:
        return work(study, key, progress)
    folds: list[Any] = []
    writers: list[LogWriter] = []
    rejected = None
    if out is not None:
        from experiments.results.directory import Results
        from experiments.results.logs import LogWriter

        results = Results(out)
        rejected = results.rejected if writes_rejects else None

    def sinks(levels: Levels) -> list[Sink]:
        if fold is not None:
            folds.append(fold(levels))
        if out is not None and study.detail is not Detail.SUMMARY:
            writers.append(LogWriter(results.log, key, levels, study.detail))
        return [*folds, *writers]

    try:
        result = simulate(study, key, sinks, rejected, progress)
    except BaseException:
        for writer in writers:
            writer.discard()
        raise
    for writer in writers:
        writer.close()
    return replace(result, folded=folds[0].rows) if folds else result


def _run_beside(runs: Sequence[Run], processes: int, watch: Watcher, take: Callable[[int, Result], None]) -> None:
    # A single run, which is to feel instant, needs none of these.
    import multiprocessing
    from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait

    # Spawned, not forked: a progress display and Arrow both run threads here.
    context = multiprocessing.get_context("spawn")
    shares = context.Array("d", len(runs), lock=False)
    with ProcessPoolExecutor(processes, context, initializer=_begin_worker, initargs=(shares,)) as pool:
        futures: dict[Future[Result], int] = {
            pool.submit(_work, run, number): number for number, run in enumerate(runs)
        }
        try:
            left = set(futures)
            while left:
                ended, left = wait(left, WATCH_S, FIRST_COMPLETED)
                watch(sum(shares))
                for future in ended:
                    take(futures[future], future.result())
        except BaseException:
            # What has not begun will not; what has is ended, rather than waited for.
            workers = list(pool._processes.values())
            pool.shutdown(wait=False, cancel_futures=True)
            for worker in workers:
                worker.terminate()
            raise


def _begin_worker(shared: Any) -> None:
    global _shares
    _shares = shared
    # Ctrl-C goes to the whole group of processes; the parent ends the workers.
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # If the parent is killed nobody tells us, and what we write would get in the way of its successor.
    import multiprocessing
    import threading
    from multiprocessing.connection import wait

    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=lambda: (wait([parent.sentinel]), os._exit(1)), daemon=True).start()


def _work(run: Run, number: int) -> Result:
    def tell(share: float) -> None:
        _shares[number] = share

    return run_one(run, tell)


def cores() -> int:
    """Say how many processors we may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:
        return os.cpu_count() or 1
