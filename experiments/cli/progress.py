"""How far a study is, for whoever waits for it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from experiments.results.result import Result


class Progress:
    """A progress bar on a terminal; in a pipe one line for each finished run; nothing beside JSON."""

    def __init__(self, runs: int, as_json: bool = False) -> None:
        self._runs = runs
        self._ended = 0
        self._bar: Any = None
        self._lines = not as_json and not sys.stderr.isatty()
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

            self._bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                TextColumn("{task.percentage:>3.0f} %"),
                TimeElapsedColumn(),
                TextColumn("left"),
                TimeRemainingColumn(),
                console=Console(stderr=True),
                transient=True,
            )
            self._bar.start()
            self._task = self._bar.add_task(f"0 of {self._runs} runs", total=self._runs)

    def watch(self, done: float) -> None:
        """Show how many runs are done, those that go on counted in part."""
        if self._bar is not None:
            self._bar.update(self._task, completed=done)

    def finished(self, result: Result) -> None:
        """Show that a run ended."""
        self._ended += 1
        if self._bar is not None:
            self._bar.update(self._task, description=f"{self._ended} of {self._runs} runs")
        elif self._lines:
            key = result.key
            click.echo(
                f"[{self._ended}/{self._runs}] {key.architecture} {key.policy} seed {key.seed}:"
                f" {result.cost['wall_s']:.1f} s",
                err=True,
            )

    def close(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.stop()
