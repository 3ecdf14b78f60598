"""All runs of a study, on as many processes as wanted, into a results directory or into memory."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from experiments.running.simulate import Result, inputs_of, simulate
from experiments.running.study import Detail, RunKey, Study

#: Told the share of each run that is done.
Watcher = Callable[[dict[RunKey, float]], None]

#: How often progress is told, in seconds.
WATCH_S = 0.1

_shares: Any = None

if TYPE_CHECKING:
    from experiments.running.results import LogWriter


def run_study(
    study: Study,
    out: Path | None = None,
    processes: int = 1,
    watch: Watcher = lambda shares: None,
    finished: Callable[[Result], None] = lambda result: None,
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
        Told the share of each run that is done.
    finished : callable
        Told each result as it comes.

    Returns
    -------
    list of Result
        One for each run, in the study's order.

    Raises
    ------
    UserError
        For anything that the user can mend.
    """
    keys = list(study.runs())
    done: dict[RunKey, Result] = {}
    results = None
    if out is not None:
        from experiments.running.results import Results

        results = Results(out)
        results.begin(study, inputs_of(study))
        done = {key: result for key, result in results.finished().items() if key in keys}
    todo = [key for key in keys if key not in done]
    shares = dict.fromkeys(keys, 0.0) | dict.fromkeys(done, 1.0)

    def take(result: Result) -> None:
        done[result.key] = result
        shares[result.key] = 1.0
        if results is not None:
            results.write_summary([done[key] for key in keys if key in done])
            results.note(result.notes)
        watch(shares)
        finished(result)

    try:
        if len(todo) > 1 and processes > 1:
            _run_beside(study, todo, out, min(processes, len(todo)), shares, watch, take)
        else:
            for key in todo:

                def tell(share: float, key: RunKey = key) -> None:
                    shares[key] = share
                    watch(shares)

                take(run_one(study, key, out, first=key == keys[0], progress=tell))
    finally:
        if results is not None:
            results.end()
    return [done[key] for key in keys]


def run_one(study: Study, key: RunKey, out: Path | None, *, first: bool, progress: Callable[[float], None]) -> Result:
    """Make one run, and write its log if there is somewhere to write it."""
    if out is None:
        return simulate(study, key, progress=progress)
    from experiments.running.results import LogWriter, Results

    results = Results(out)
    writers: list[LogWriter] = []

    def sinks(resources: tuple[str, ...]) -> list[LogWriter]:
        if study.detail is not Detail.SUMMARY:
            writers.append(LogWriter(results.log, key, resources, study.detail))
        return writers

    try:
        # All runs read the same trace: one of them writes down which rows were put aside.
        result = simulate(study, key, sinks, results.rejected if first else None, progress)
    except BaseException:
        for writer in writers:
            writer.discard()
        raise
    for writer in writers:
        writer.close()
    return result


def _run_beside(
    study: Study,
    todo: list[RunKey],
    out: Path | None,
    processes: int,
    shares: dict[RunKey, float],
    watch: Watcher,
    take: Callable[[Result], None],
) -> None:
    # A single run, which is to feel instant, needs none of these.
    import multiprocessing
    from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait

    # Spawned, not forked: a progress display and Arrow both run threads here.
    context = multiprocessing.get_context("spawn")
    shared = context.Array("d", len(todo), lock=False)
    first = next(study.runs())
    with ProcessPoolExecutor(processes, context, initializer=_begin_worker, initargs=(shared,)) as pool:
        futures: dict[Future[Result], RunKey] = {
            pool.submit(_work, study, key, out, number, key == first): key for number, key in enumerate(todo)
        }
        try:
            left = set(futures)
            while left:
                ended, left = wait(left, WATCH_S, FIRST_COMPLETED)
                for number, key in enumerate(todo):
                    shares[key] = shared[number]
                watch(shares)
                for future in ended:
                    take(future.result())
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


def _work(study: Study, key: RunKey, out: Path | None, number: int, first: bool) -> Result:
    def tell(share: float) -> None:
        _shares[number] = share

    return run_one(study, key, out, first=first, progress=tell)


def cores() -> int:
    """Say how many processors we may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:
        return os.cpu_count() or 1
