"""How a host keeps containers from each other: what a request means in weights, caps and groups.

A mode of isolation is a callable value that is given what the containers of one host request. Its result is for one
resource, the CPU; the tank and the sea take it literally, with the flags that a mode names.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

import numpy as np

from policies.arrays import FloatArray, IntArray
from policies.errors import UserError
from policies.sharing.tree import Branch, Leaf, waterfill_tree
from policies.sharing.waterfill import waterfill

#: The least and the most that ``cpu.shares`` can be, and what a container has that asks for none.
FEWEST_SHARES, MOST_SHARES, DEFAULT_SHARES = 2, 262_144, 1024


class Band(IntEnum):
    """LMCTFY's bands of scheduling latency; from `PRIORITY` on they are for what is sensitive to it."""

    BEST_EFFORT = 0
    NORMAL = 1
    PRIORITY = 2
    PREMIER = 3


class Division(NamedTuple):
    """How the containers of one host divide its CPU.

    Attributes
    ----------
    weights : ndarray of shape (n,)
        Relative, among the siblings of the group.
    caps : ndarray of shape (n,)
        Cores; ``inf`` for none.
    root : Branch, optional
        The groups, with the same weights and caps at the leaves; None where there is but one group.
    """

    weights: FloatArray
    caps: FloatArray
    root: Branch | None = None

    def share(self, cores: float, demands: FloatArray) -> FloatArray:
        """Say what each container gets of so many cores, given what it would use; both of shape (n,)."""
        if self.root is not None:
            return waterfill_tree(cores, self.root, demands)
        return waterfill(cores, demands, self.weights, self.caps)


#: A mode: from requests in millicores and bands, both of shape (n,), to how the host is divided.
Isolation = Callable[[IntArray, IntArray], Division]


def cpu_shares(requests_milli: IntArray) -> IntArray:
    """Turn requests into ``--cpu-shares``: 1024 a core, at least 2 and at most 262144.

    Notes
    -----
    That is what LMCTFY does, and Kubernetes after it.

    Examples
    --------
    >>> cpu_shares(np.array([0, 100, 1000, 1500]))
    array([   2,  102, 1024, 1536])
    """
    return np.clip(requests_milli * 1024 // 1000, FEWEST_SHARES, MOST_SHARES)


def linear_weight(shares: IntArray) -> IntArray:
    r"""Turn cgroup v1 shares into ``cpu.weight`` of cgroup v2 as container runtimes did until 2025.

    Notes
    -----
    :math:`1 + \lfloor 9999 (s - 2) / 262142 \rfloor`. It keeps ratios, but a container with the default of 1024 shares
    has weight 39 where the rest of the system has 100.

    Examples
    --------
    >>> linear_weight(np.array([2, 1024, 2048, 262144]))
    array([    1,    39,    79, 10000])
    """
    return 1 + (shares - FEWEST_SHARES) * 9999 // (MOST_SHARES - FEWEST_SHARES)


def log_quadratic_weight(shares: IntArray) -> IntArray:
    r"""Turn cgroup v1 shares into ``cpu.weight`` of cgroup v2 as container runtimes have done since 2025.

    Notes
    -----
    :math:`\lceil 10^{(l^2 + 125 l) / 612 - 7 / 34} \rceil` with :math:`l = \log_2 s` (opencontainers/cgroups 0.0.3):
    the least, the default and the most of one meet those of the other, for which ratios are bent: twice the shares of
    1024 are 1.74 times the weight.

    Examples
    --------
    >>> log_quadratic_weight(np.array([2, 1024, 2048, 262144]))
    array([    1,   100,   174, 10000])
    """
    log2 = np.log2(shares)
    weight = 10.0 ** ((log2 * log2 + 125.0 * log2) / 612.0 - 7.0 / 34.0)
    # Where the result is whole, a last bit must not make it the next number.
    return np.ceil(weight - 1e-9).astype(np.int64)


#: What a kernel is told for so many shares, by the version of its cgroups and of the container runtime.
CGROUPS: Mapping[str, Callable[[IntArray], IntArray]] = {
    "v1": np.asarray,
    "v2-linear": linear_weight,
    "v2": log_quadratic_weight,
}


def _weigher(mode: str, cgroup: str) -> Callable[[IntArray], IntArray]:
    if cgroup not in CGROUPS:
        raise UserError(f"{mode}: cgroup must be one of {', '.join(CGROUPS)}, not {cgroup!r}")
    return CGROUPS[cgroup]


@dataclass(frozen=True, slots=True)
class Unmanaged:
    """Containers as ``docker run`` starts them without flags: all equal (1024 shares), none capped."""

    def __call__(self, requests_milli: IntArray, bands: IntArray) -> Division:
        n = len(requests_milli)
        return Division(np.ones(n), np.full(n, np.inf))


@dataclass(frozen=True, slots=True)
class Shares:
    """Weights by request: ``--cpu-shares``, 1024 a core. Under contention only, and what one leaves others use.

    Parameters
    ----------
    cgroup : str
        What becomes of the shares: ``v1`` takes them as they are (``cpu.shares``), ``v2`` and ``v2-linear`` turn them
        into ``cpu.weight`` as container runtimes do since 2025, and did before.
    """

    cgroup: str = "v2"

    def __post_init__(self) -> None:
        _weigher("shares", self.cgroup)

    def __call__(self, requests_milli: IntArray, bands: IntArray) -> Division:
        weights = CGROUPS[self.cgroup](cpu_shares(requests_milli)).astype(np.float64)
        return Division(weights, np.full(len(weights), np.inf))


@dataclass(frozen=True, slots=True)
class Caps:
    """Hard limits by request: ``--cpus`` (``cpu.max``, ``cpu.cfs_quota_us``); what one leaves stays idle.

    As with the flag, weights are equal, and a container that requests nothing has no limit.

    Parameters
    ----------
    times : float
        The limit as a multiple of the request, more than 0.
    """

    times: float = 1.0

    def __post_init__(self) -> None:
        if not self.times > 0:
            raise UserError("caps: times must be more than 0")

    def __call__(self, requests_milli: IntArray, bands: IntArray) -> Division:
        caps = np.where(requests_milli > 0, requests_milli * (self.times / 1000.0), np.inf)
        return Division(np.ones(len(caps)), caps)


@dataclass(frozen=True, slots=True)
class Bands:
    """LMCTFY's bands: weights by request, and all batch work in one group of the least weight there is.

    Containers of the bands `Band.PRIORITY` and `Band.PREMIER` stand at the top with ``--cpu-shares``; those of
    `Band.NORMAL` and `Band.BEST_EFFORT` have ``--cgroup-parent=/batch``, a group of 2 shares. So batch work gets what
    the others leave, and next to nothing of what they want. What else sets the four bands apart, how soon a
    container that wakes up must run, is no matter of shares.

    Parameters
    ----------
    cgroup : str
        As for `Shares`; LMCTFY's own is ``v1``.
    """

    cgroup: str = "v1"

    def __post_init__(self) -> None:
        _weigher("bands", self.cgroup)

    def __call__(self, requests_milli: IntArray, bands: IntArray) -> Division:
        weigh = CGROUPS[self.cgroup]
        weights = weigh(cpu_shares(requests_milli)).astype(np.float64)
        leaves = [Leaf(container, weight) for container, weight in enumerate(weights.tolist())]
        sensitive = (bands >= Band.PRIORITY).tolist()
        batch = Branch(
            tuple(leaf for leaf in leaves if not sensitive[leaf.container]),
            weight=float(weigh(np.array([FEWEST_SHARES]))[0]),
        )
        top = tuple(leaf for leaf in leaves if sensitive[leaf.container])
        return Division(weights, np.full(len(weights), np.inf), Branch((*top, batch)))


#: The modes by the names the command line knows; their parameters are those of the class.
ISOLATIONS: Mapping[str, Callable[..., Isolation]] = {
    "none": Unmanaged,
    "shares": Shares,
    "caps": Caps,
    "bands": Bands,
}
