"""Python's garbage collector, for work that makes many objects and hardly any cycles of them."""

from __future__ import annotations

import gc

#: Its thresholds.
RARELY = (50_000, 20, 50)


def calm_garbage_collector() -> None:
    """Look for cycles more rarely: a run makes many objects that live long, and reading many that live for a moment."""
    if gc.get_threshold() != RARELY:
        gc.set_threshold(*RARELY)
        gc.freeze()  # what was imported stays
