"""The placement policies that come with Towtank, by the names the command line knows."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from copy import deepcopy
from functools import partial
from typing import Any

import numpy as np

from policies.placement import choosers, load_aware, scores
from policies.placement.interface import Policy

#: Under this group of entry points installed packages offer policies of theirs.
ENTRY_POINTS = "towtank.policies"

#: A score is used as it is; a class is instantiated for each scheduler, with a random stream if it asks for ``rng``.
BUILT_IN: Mapping[str, Callable[..., Any]] = {
    "random-first-fit": choosers.RandomFirstFit,
    "first-fit": scores.first_fit,
    "round-robin": choosers.RoundRobin,
    "spread": scores.spread,
    "binpack": scores.binpack,
    "least-allocated": scores.least_allocated,
    "balanced": scores.balanced,
    "dot-product": scores.dot_product,
    "power-of-d": choosers.PowerOfD,
    "least-used": load_aware.least_used,
    "target-load-packing": load_aware.target_load_packing,
    "load-variation-risk": load_aware.load_variation_risk,
    "load-aware": load_aware.load_aware,
    "demand-shape": load_aware.demand_shape,
    "tetris": load_aware.tetris,
    "predicted-contention": load_aware.predicted_contention,
}


def instantiate(made_from: Any, parameters: Mapping[str, Any], rng: np.random.Generator) -> Policy:
    """Make the policy that one scheduler uses in one run.

    Parameters
    ----------
    made_from : callable, class or object
        A score; a class whose instances are scores or choosers; or such an instance, which is copied, so that
        no memory passes from one run to the next.
    parameters : mapping
        Keyword arguments of the class, or of the score beyond its view and task.
    rng : numpy.random.Generator
        Handed to a class that takes ``rng``.

    Raises
    ------
    TypeError
        If a parameter is unknown or one without a default is missing.
    """
    if inspect.isclass(made_from):
        takes = inspect.signature(made_from).parameters
        policy: Any = made_from(**({"rng": rng} if "rng" in takes else {}), **parameters)
        return policy  # type: ignore[no-any-return]
    if parameters:
        inspect.signature(made_from).bind(None, None, **parameters)
        score: Policy = partial(made_from, **parameters)
        return score
    copied: Policy = deepcopy(made_from)
    return copied
