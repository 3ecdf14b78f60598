"""How far runs are and how long they will take yet, for whoever waits for them."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from math import ceil, inf
from typing import TYPE_CHECKING, Any

import click

from experiments.running.runner import Listener

if TYPE_CHECKING:
    from experiments.results.result import Result
    from experiments.running.one_run import Run
    from experiments.running.runner import Failure


class Pace:
    """Runs that are to be made, that were made, and how long the others will take.

    Parameters
    ----------
    clock : callable
        Gives seconds.

    Notes
    -----
    The rate is that of the whole sweep, however many runs go on at once. What was there already is not made, so it is
    neither in the rate nor in what is left; those that go on count in part in both.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.runs = self.there = self.ended = 0
        self.parts = 0.0
        self._clock = clock
        self._began_s = clock()

    @property
    def done(self) -> float:
        """How many runs are there, those that go on counted in part."""
        return self.there + self.ended + self.parts

    @property
    def left_s(self) -> float:
        """How long the others will take yet, in seconds; infinite where nobody can say."""
        made = self.ended + self.parts
        left = self.runs - self.done
        if left <= 0:
            return 0.0
        return (self._clock() - self._began_s) * left / made if made else inf


def left_told(left_s: float) -> str:
    """Tell how long it will take yet, as exactly as a guess deserves.

    Examples
    --------
    >>> left_told(42.3), left_told(600.0), left_told(9000.0)
    ('about 43 s left', 'about 10 min left', 'about 2.5 h left')
    """
    if left_s == inf:
        return "nobody knows how long yet"
    if left_s < 90:
        return f"about {ceil(left_s)} s left"
    return f"about {left_s / 60:.0f} min left" if left_s < 5400 else f"about {left_s / 3600:.1f} h left"


class Progress(Listener):
    """A progress bar on a terminal; in a pipe one line for each run that ended; nothing beside JSON.

    Parameters
    ----------
    as_json : bool
        Whether JSON is printed.
    expected : int
        How many runs there will be, where that is known before all of them are told of.

    Attributes
    ----------
    failures : list of Failure
        The runs that failed.
    """

    def __init__(self, as_json: bool = False, expected: int = 0) -> None:
        self.failures: list[Failure] = []
        self.pace = Pace()
        self._told = 0
        self.pace.runs = expected
        self._bar: Any = None
        self._lines = not as_json and not sys.stderr.isatty()
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

            self._bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                TextColumn("{task.percentage:>3.0f} %"),
                TimeElapsedColumn(),
                TextColumn("{task.fields[left]}"),
                console=Console(stderr=True, highlight=False),
                transient=True,
            )
            self._bar.start()
            self._task = self._bar.add_task("", total=None, left="")

    def more(self, runs: int) -> None:
        """Count runs that are to be made."""
        self._told += runs
        self.pace.runs = max(self.pace.runs, self._told)
        self._show()

    def there(self, runs: int) -> None:
        """Say how many were there already."""
        self.pace.there += runs
        if runs:
            self._say(f"{runs} of {self.pace.runs} runs were there already")
        self._show()

    def watch(self, parts: float) -> None:
        """Show how far the runs are that go on."""
        self.pace.parts = parts
        self._show()

    def finished(self, run: Run, result: Result) -> None:
        """Show that a run was made, and when the others will be."""
        self._ended()
        self._line(run, f"{result.cost['wall_s']:.1f} s" if "wall_s" in result.cost else "made")

    def failed(self, failure: Failure) -> None:
        """Show that a run failed."""
        self.failures.append(failure)
        self._ended()
        self._say(f"{self._place()} {failure.run.told}: failed: {failure.why}")

    def close(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.stop()

    def tell_failures(self, command: Callable[[Failure], str]) -> None:
        """Say of each run that failed why, and what makes it again.

        Parameters
        ----------
        command : callable
            Gives the command that makes a run.
        """
        for failure in self.failures:
            more = "" if failure.file is None else f" (see {failure.file})"
            told = f"{failure.run.told} failed: {failure.why}{more}; again: {command(failure)}"
            click.echo(f"towtank: {told}", err=True)

    def _ended(self) -> None:
        self.pace.ended += 1
        self._show()

    def _line(self, run: Run, how: str) -> None:
        if self._lines:
            left = "" if self._all_ended() else f", {left_told(self.pace.left_s)}"
            click.echo(f"{self._place()} {run.told}: {how}{left}", err=True)

    def _all_ended(self) -> bool:
        return self.pace.there + self.pace.ended >= self.pace.runs

    def _place(self) -> str:
        return f"[{self.pace.there + self.pace.ended}/{self.pace.runs}]"

    def _say(self, line: str) -> None:
        if self._bar is not None:
            self._bar.console.print(line, markup=False, soft_wrap=True)
        elif self._lines:
            click.echo(line, err=True)

    def _show(self) -> None:
        if self._bar is None:
            return
        failed = f", {len(self.failures)} failed" if self.failures else ""
        self._bar.update(
            self._task,
            completed=self.pace.done,
            total=self.pace.runs or None,
            description=f"{self.pace.there + self.pace.ended} of {self.pace.runs} runs{failed}",
            left=left_told(self.pace.left_s),
        )
