"""What sharing a host costs: by the rates, and by what no share can see."""

from __future__ import annotations

import numpy as np

from policies.arrays import FloatArray

#: How much slower each further container makes the others: +0.3 % cycles per instruction, the linear fit of Verma et
#: al., "Large-scale cluster management at Google with Borg", EuroSys 2015, section 5.2. It explains a twentieth of the
#: variance.
BORG_PER_NEIGHBOUR = 0.003


def interference(
    containers: int | FloatArray,
    sensitivity: float | FloatArray = 0.0,
    switching: float | FloatArray = 0.0,
    per_neighbour: float = BORG_PER_NEIGHBOUR,
) -> FloatArray:
    r"""Give the factor by which containers are slower than their rates: caches, memory bandwidth, context switches.

    Parameters
    ----------
    containers : int or ndarray
        How many are on the host, at least 1.
    sensitivity : float or ndarray
        How much a container minds its neighbours: 0 not at all, 1 as Google's average does.
    switching : float or ndarray
        Time that switching between threads takes, relative to the time they run in between; 0 where no core
        has to switch.
    per_neighbour : float
        What a neighbour costs a container of sensitivity 1.

    Returns
    -------
    ndarray
        More than 0, at most 1; 1 by default, so that interference is something that one asks for.

    Raises
    ------
    ValueError
        If there is no container, or anything is negative or NaN.

    Notes
    -----
    :math:`1 / (1 + 0.003 (n - 1) s + c / q)` with :math:`n` containers, sensitivity :math:`s` and a switch of length
    :math:`c` after each quantum :math:`q`. The form is our own proposal, not a published model: sensitivities
    other than 0 and 1 are to be swept.

    Examples
    --------
    >>> interference(101, sensitivity=np.array([0.0, 1.0])).round(3)
    array([1.   , 0.769])
    """
    neighbours = np.asarray(containers, dtype=np.float64) - 1.0
    if not (neighbours >= 0).all():
        raise ValueError("there must be at least one container")
    terms = [np.asarray(term, dtype=np.float64) for term in (sensitivity, switching, per_neighbour)]
    if not all((term >= 0).all() for term in terms):
        raise ValueError("sensitivity, switching and per_neighbour must be numbers and not negative")
    minds, switches, costs = terms
    return np.asarray(1.0 / (1.0 + costs * neighbours * minds + switches))


def slowdown(rates: FloatArray, factor: FloatArray | float = 1.0) -> FloatArray:
    """Say how many times longer work takes at these rates than alone.

    Parameters
    ----------
    rates : ndarray of shape (n,)
        Progress relative to that alone on the host.
    factor : float or ndarray of shape (n,)
        What `interference` leaves of it, if that is looked at.

    Returns
    -------
    ndarray of shape (n,)
        At least 1; ``inf`` for a container that stands still.

    Examples
    --------
    >>> slowdown(np.array([1.0, 0.25, 0.0]))
    array([ 1.,  4., inf])
    """
    speed = np.multiply(rates, factor, dtype=np.float64)
    return np.divide(1.0, speed, out=np.full_like(speed, np.inf), where=speed > 0)
