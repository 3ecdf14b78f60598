"""The load of every host over time, small enough for a page that plays it back."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Mapping
from typing import Any

import matplotlib as mpl
import numpy as np

from experiments.drawing import style
from experiments.reporting.content import time_told
from experiments.results.frames import HostLoads, coarse
from policies.arrays import BoolArray, FloatArray

#: Cells of the picture: a grid that can still be looked at.
MOST_CELLS = 2048
#: Looks in time: a slider of half the width of a screen tells no more apart.
MOST_LOOKS = 240
#: Runs that can be chosen.
MOST_RUNS = 12
#: Bytes of all loads together, before they are compressed.
MOST_BYTES = 1_800_000

#: The byte of a cell of which no host is there; the load 0 to `top` is 0 to 254.
NOT_THERE = 255


def replay(runs: Mapping[str, HostLoads], first: str = "cpu_allocated") -> dict[str, Any]:
    """Give what the page draws the heat map of, in plain values.

    Parameters
    ----------
    runs : mapping of str to HostLoads
        The runs by what they are called; each has at least one look and one host.
    first : str
        The load that is shown at first.

    Returns
    -------
    dict
        ``palette``: the colours from no load to `top`, 255 times three bytes. ``loads``: names, headings and the load
        that the last colour stands for, the same in all runs. ``runs``: of each its ``label``, ``times`` in words, how
        many ``hosts`` and ``cells`` it has, and by load ``bytes`` (looks × cells, each look as what it differs from
        the one before by, modulo 256, compressed by zlib), and at every look the ``mean`` and the ``most`` over hosts
        in per cent, how many hosts are ``away``, and how many are there ``without`` this resource. Bytes are base64.
    """
    shown = dict(list(runs.items())[:MOST_RUNS])
    names = [name for name in _names(shown) if any(_has(run, name) for run in shown.values())]
    names.sort(key=lambda name: name != first)
    tops = {name: max(1.0, *(_most(run.loads.get(name)) for run in shown.values())) for name in names}
    each = MOST_BYTES // max(len(shown) * len(names), 1)
    looks = MOST_LOOKS if each >= MOST_LOOKS * 1000 else MOST_LOOKS // 2
    cells = min(MOST_CELLS, each // looks)
    colours = mpl.colormaps[style.AMOUNTS](np.linspace(0, 1, NOT_THERE))[:, :3]
    return {
        "palette": _base64(np.round(255 * colours).astype(np.uint8).tobytes()),
        "loads": [{"name": name, "label": label_of(name), "top": tops[name]} for name in names],
        "runs": [_run(label, run, tops, looks, cells) for label, run in shown.items()],
        "averaged": any(next(iter(run.loads.values())).shape[1] > cells for run in shown.values()),
        "left_out": len(runs) - len(shown),
    }


def label_of(load: str) -> str:
    """Give what a load is called, ``cpu_allocated`` for instance ``CPU allocated``."""
    resource, _, of = load.rpartition("_")
    return f"{style.RESOURCES.get(resource, resource)} {of}"


def _names(runs: Mapping[str, HostLoads]) -> list[str]:
    return list(dict.fromkeys(name for run in runs.values() for name in run.loads))


def _has(run: HostLoads, name: str) -> bool:
    return name in run.loads and bool(np.isfinite(run.loads[name]).any())


def _most(load: FloatArray | None) -> float:
    return float(np.nanmax(load)) if load is not None and np.isfinite(load).any() else 0.0


def _run(label: str, run: HostLoads, tops: Mapping[str, float], looks: int, cells: int) -> dict[str, Any]:
    kept = np.unique(np.linspace(0, run.t_s.size - 1, min(looks, run.t_s.size)).round().astype(int))
    hosts = next(iter(run.loads.values())).shape[1]
    there = np.any([np.isfinite(load[kept]) for load in run.loads.values()], axis=0)
    return {
        "label": label,
        "times": [time_told(t_s) for t_s in run.t_s[kept].tolist()],
        "hosts": hosts,
        "cells": min(hosts, cells),
        "loads": {
            name: _load(run.loads[name][kept], there, top, cells) for name, top in tops.items() if _has(run, name)
        },
    }


def _load(load: FloatArray, there: BoolArray, top: float, cells: int) -> dict[str, Any]:
    known = np.isfinite(load)
    hosts = known.sum(axis=1)
    total = np.where(known, load, 0.0).sum(axis=1, dtype=np.float64)
    means = np.divide(total, hosts, out=np.zeros(total.shape), where=hosts > 0)
    return {
        "bytes": _base64(zlib.compress(_steps(quantised(coarse(load, cells), top)).tobytes(), 9)),
        "mean": _percent(means),
        "most": _percent(np.where(known, load, 0.0).max(axis=1)),
        "away": (~there).sum(axis=1).tolist(),
        "without": (there & ~known).sum(axis=1).tolist(),
    }


def quantised(load: FloatArray, top: float) -> np.ndarray:
    """Give loads as bytes: 0 to `top` is 0 to 254, and NOT_THERE where it is NaN."""
    steps = np.round(np.nan_to_num(load) / top * (NOT_THERE - 1)).clip(0, NOT_THERE - 1)
    return np.where(np.isfinite(load), steps, NOT_THERE).astype(np.uint8)


def _steps(levels: np.ndarray) -> np.ndarray:
    # Most hosts are at most looks as they were at the one before, and zeros compress well.
    return np.diff(levels, axis=0, prepend=np.zeros((1, levels.shape[1]), np.uint8))


def _percent(shares: FloatArray) -> list[float]:
    return [round(100 * share, 1) for share in shares.tolist()]


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
