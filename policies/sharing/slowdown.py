"""What sharing a host costs: by the rates, and by what no share can see (caches, switches, waiting to run)."""

from __future__ import annotations

from collections.abc import Sequence

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


def wake_up_limit(requests_per_s: float, competitors: float, wake_up_s: float = 0.0) -> float:
    r"""Say how fast a container can advance at most that waits for the CPU once per request.

    Parameters
    ----------
    requests_per_s : float
        How many requests it issues alone, one after the other, per second; not negative.
    competitors : float
        How many other threads per core want to run, not negative; 0 where there are cores left for it.
    wake_up_s : float
        How long it waits for each of them, in seconds: `WAKE_UP_S`, or 0, the default, for a kernel that runs at once
        whoever wakes up.

    Returns
    -------
    float
        A limit of its rate, more than 0 and at most 1.

    Notes
    -----
    :math:`1 / (1 + q w k)` with :math:`q` requests, :math:`k` competitors and :math:`w` seconds. The shares do not see
    that wait: a container that reads uses far less of the CPU than its share, but others run when its data arrive.

    Examples
    --------
    >>> wake_up_limit(100.0, 2.0, wake_up_s=0.005)
    0.5
    """
    return 1.0 / (1.0 + requests_per_s * wake_up_s * competitors)


def fitted_wake_up_s(request_s: float, slowdowns: Sequence[float]) -> float:
    r"""Fit the wait of `wake_up_limit` to measured slowdowns.

    Parameters
    ----------
    request_s : float
        How long a request takes alone, in seconds.
    slowdowns : sequence of float
        How much longer the same requests took beside 1, 2, 3 and so on CPU-bound containers on one core.

    Returns
    -------
    float
        Seconds per request and competitor.

    Notes
    -----
    Least squares of :math:`y_k = 1 + w k / s`, with :math:`s` the time of a request alone.

    Examples
    --------
    What was measured for `WAKE_UP_S`, in milliseconds, and by how much the slowdowns differ from those of the fit:

    >>> wake_up_s = fitted_wake_up_s(REQUEST_S, SLOWED)
    >>> round(wake_up_s * 1000, 2)
    1.81
    >>> [round(y - 1 / wake_up_limit(1 / REQUEST_S, k, wake_up_s), 2) for k, y in enumerate(SLOWED, 1)]
    [0.04, -0.04, 0.02]
    """
    beside = range(1, len(slowdowns) + 1)
    slope = sum(k * (y - 1.0) for k, y in zip(beside, slowdowns, strict=True)) / sum(k * k for k in beside)
    return slope * request_s


#: A container that writes 24 MiB in direct requests of 64 KiB took 3.45 s alone, on a device of 10 MB/s and 500
#: requests/s that serves first come, first served (8.55 ms a request if nothing else took time) ...
REQUEST_S = 3.45 / (24 * 1024 / 64)

#: ... and one of its kind so many times longer beside 1, 2 and 3 CPU-bound containers on the same core (Docker 20.10,
#: Linux 6.18; each was measured once).
SLOWED = (1.24, 1.36, 1.62)

#: What a request waits for each thread that competes for its core, in seconds: a value of one machine, to be measured
#: again on another.
WAKE_UP_S = fitted_wake_up_s(REQUEST_S, SLOWED)


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
