"""How far one piece of work is, for whoever waits for it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import click


class Bar:
    """Shows on a terminal which share of something is done; to be entered, which gives what is told the share.

    Parameters
    ----------
    label : str
        What is done.
    """

    def __init__(self, label: str) -> None:
        self._label = label

    def __enter__(self) -> Callable[[float], None]:
        self._bar: Any = None
        if sys.stderr.isatty():
            self._bar = click.progressbar(length=1000, label=self._label, file=sys.stderr).__enter__()
        return self._show

    def _show(self, share: float) -> None:
        if self._bar is not None:
            self._bar.update(round(1000 * share) - self._bar.pos)

    def __exit__(self, *why: object) -> None:
        if self._bar is not None:
            self._bar.__exit__(*why)
