"""Where many runs are made: in processes of this machine, or on the workers of a Dask cluster.

Both are executors of ``concurrent.futures``; what they differ in is what is told of a run that goes on, and of a
worker that is lost.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Collection
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from experiments.results.provenance import code_digest, versions
from experiments.results.result import Result
from experiments.running.one_run import Failed, Run, attempt, one_line
from policies.errors import UserError

if TYPE_CHECKING:
    from concurrent.futures import Future

#: How long a Dask scheduler, and then a worker, is waited for, in seconds.
PATIENCE_S = 5.0


class Pool(Protocol):
    """Workers that are there, for as long as the runs last."""

    def submit(self, number: int, run: Run) -> Future[Result | Failed]:
        """Have a run made."""
        ...

    def parts(self, going: Collection[int]) -> float:
        """Say how much of these runs is done, a whole one counted as 1."""
        ...

    def began(self, number: int) -> bool:
        """Say whether a run was begun."""
        ...

    def stop(self) -> None:
        """Begin nothing more, and wait for nobody."""
        ...

    def close(self) -> None:
        """Let the workers go, once all runs have ended."""
        ...

    def why(self, error: Exception) -> str:
        """Say in one line why a run did not come back."""
        ...

    def ended_by(self) -> str:
        """Say what a worker that is no more was ended by, in a closed pool."""
        ...


class Executors(Protocol):
    """Somewhere to make runs."""

    def is_here(self, runs: int) -> bool:
        """Say whether so many runs are rather made in this process, one after the other."""
        ...

    def pool(self, runs: int, alone: bool = False) -> Pool:
        """Get workers for so many runs, or one alone.

        Raises
        ------
        UserError
            If nobody is there, or not as it must be.
        """
        ...


@dataclass(frozen=True, slots=True)
class Local:
    """Processes of this machine.

    Attributes
    ----------
    processes : int
        How many runs go on at once.
    """

    processes: int = 1

    def is_here(self, runs: int) -> bool:
        """Say so of a single run, and of a single process."""
        return runs <= 1 or self.processes <= 1

    def pool(self, runs: int, alone: bool = False) -> Pool:
        """Start processes."""
        return _Processes(1 if alone else min(self.processes, runs), runs)


class _Processes:
    def __init__(self, processes: int, runs: int) -> None:
        # A single run, which is to feel instant, needs none of these.
        import multiprocessing
        from concurrent.futures import ProcessPoolExecutor

        # Spawned, not forked: a progress display and Arrow both run threads here.
        context = multiprocessing.get_context("spawn")
        self._shares, self._begun = context.Array("d", runs, lock=False), context.Array("b", runs, lock=False)
        initial = (self._shares, self._begun)
        self._executor = ProcessPoolExecutor(processes, context, initializer=_begin_worker, initargs=initial)
        self._workers: list[Any] = []

    def submit(self, number: int, run: Run) -> Future[Result | Failed]:
        future = self._executor.submit(_work, run, number)
        self._workers = list((self._executor._processes or {}).values())
        return future

    def parts(self, going: Collection[int]) -> float:
        return sum(self._shares[number] for number in going)

    def began(self, number: int) -> bool:
        return bool(self._begun[number])

    def stop(self) -> None:
        # What has not begun will not; what has is ended, rather than waited for.
        self._executor.shutdown(wait=False, cancel_futures=True)
        for worker in self._workers:
            worker.terminate()

    def close(self) -> None:
        self._executor.shutdown()

    def why(self, error: Exception) -> str:
        return one_line(error)

    def ended_by(self) -> str:
        import signal

        for worker in self._workers:
            if worker.exitcode is not None and worker.exitcode < 0:
                name = signal.Signals(-worker.exitcode).name
                short = " (as the system does where memory is short)" if name == "SIGKILL" else ""
                return f"its process was ended by {name}{short}"
            if worker.exitcode:
                return f"its process ended with exit code {worker.exitcode}"
        return "its process ended"


_shares: Any = None
_begun: Any = None


def _begin_worker(shares: Any, begun: Any) -> None:
    global _shares, _begun
    _shares, _begun = shares, begun
    # Ctrl-C goes to the whole group of processes; the parent ends the workers.
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # If the parent is killed nobody tells us, and what we write would get in the way of its successor.
    import multiprocessing
    from multiprocessing.connection import wait

    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=lambda: (wait([parent.sentinel]), os._exit(1)), daemon=True).start()


def _work(run: Run, number: int) -> Result | Failed:
    _begun[number] = True

    def tell(share: float) -> None:
        _shares[number] = share

    return attempt(run, tell)


@dataclass(frozen=True, slots=True)
class Dask:
    """The workers of a Dask cluster.

    Attributes
    ----------
    address : str
        That of its scheduler, as ``tcp://HOST:PORT``.

    Notes
    -----
    Workers read the trace and write logs by the same paths as we do, and run the same code: both is seen to before
    anything is run, and by each worker again, since some come later. A worker that is lost is Dask's to replace: it
    gives the run to another one, and gives it up when that was lost as well, and another, and another
    (``distributed.scheduler.allowed-failures``).
    """

    address: str

    def is_here(self, runs: int) -> bool:
        """Say no, but of nothing at all."""
        return runs == 0

    def pool(self, runs: int, alone: bool = False) -> Pool:
        """Connect with the scheduler, and see that its workers are as they must be."""
        try:
            import distributed
        except ImportError:
            raise UserError("--dask needs the package distributed: pip install 'towtank[dask]'") from None
        import logging

        # What the connection goes through is told by us, in a line; each of its loggers has a level of its own.
        for name in [name for name in logging.root.manager.loggerDict if name.startswith("distributed")]:
            logging.getLogger(name).setLevel(logging.CRITICAL)
        try:
            client = distributed.Client(self.address, timeout=PATIENCE_S, set_as_default=False)
        except (OSError, ValueError, ImportError) as error:
            why = str(error).splitlines()[0] if isinstance(error, ValueError) else "nobody answers there"
            raise UserError(f"--dask {self.address}: {why} (is there a `dask scheduler`?)") from None
        try:
            client.wait_for_workers(1, timeout=PATIENCE_S)
        except TimeoutError:
            client.close()
            raise UserError(f"--dask {self.address}: the scheduler has no worker (start some: `dask worker`)") from None
        return _Workers(client, self.address)


class _Workers:
    def __init__(self, client: Any, address: str) -> None:
        self._client, self._address = client, address
        self._executor = client.get_executor(pure=False)
        self._at_once = sum(client.nthreads().values())
        self._looked = False

    def submit(self, number: int, run: Run) -> Future[Result | Failed]:
        cwd = str(Path.cwd())
        if not self._looked:
            self._look(run.out, cwd)
            self._looked = True
        future: Future[Result | Failed] = self._executor.submit(_work_there, run, cwd, code())
        return future

    def _look(self, out: Path | None, cwd: str) -> None:
        """See whether the workers are as they must be; one that we cannot even ask has none of our code."""
        said = self._client.run(_unlike, cwd, out, code(), on_error="return")
        for worker, unlike in said.items():
            if isinstance(unlike, Exception):
                unlike = f"worker {worker} cannot run our code: {unlike}"
            if unlike:
                raise UserError(f"--dask {self._address}: {unlike}")

    def parts(self, going: Collection[int]) -> float:
        # Nothing is told of a run before its end: on average half of it is done.
        return min(len(going), self._at_once) / 2

    def began(self, number: int) -> bool:
        return True

    def stop(self) -> None:
        if self._client.status == "running":  # else there is nobody to be told
            self._executor.shutdown(wait=False)
        self._client.close()

    def close(self) -> None:
        self._client.close()

    def why(self, error: Exception) -> str:
        return self.ended_by() if type(error).__name__ == "KilledWorker" else one_line(error)

    def ended_by(self) -> str:
        return "the workers that were to make it were lost"


@cache
def code() -> dict[str, str]:
    """Say what this process runs: a digest of our sources, and versions."""
    return {"towtank's sources": code_digest()[:12], **versions()}


def _unlike(cwd: str, out: Path | None, expected: dict[str, str]) -> str | None:
    """Say what a worker is unlike whoever hands out runs in; None if in nothing."""
    me = f"the worker on {socket.gethostname()} (process {os.getpid()})"
    ours = code()
    for name, version in expected.items():
        if ours.get(name) != version:
            return f"{me} runs other code: {name} {ours.get(name)} there, {version} here"
    if not Path(cwd).is_dir():
        return f"{me} does not see the folder {cwd}"
    if out is not None and not (cwd / out / "run.json").exists():
        return f"{me} does not see {out}"
    return None


#: A worker may have several threads; runs would only take turns, and the time that each takes would be all of theirs.
_one_at_a_time = threading.Lock()


def _work_there(run: Run, cwd: str, expected: dict[str, str]) -> Result | Failed:
    with _one_at_a_time:
        unlike = _unlike(cwd, run.out, expected)
        if unlike:
            return Failed(unlike, UserError(unlike))
        os.chdir(cwd)  # what a user names is named from there
        return attempt(run, lambda share: None)
