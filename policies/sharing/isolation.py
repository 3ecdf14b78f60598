"""How a host keeps containers from each other: what a request means in weights, caps and groups.

A mode of isolation is a callable value that is given what the containers of one host request. Its result is for one
resource, the CPU; the tank and the sea take it literally, with the flags that a mode names. The disk is shared without
weights under every mode: ``--blkio-weight`` does something only where BFQ or io.cost is active on the device.
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

    What a container has here depends on itself alone, not on who else is on the host.

    Attributes
    ----------
    weights : ndarray of shape (n,)
        Relative, among those in the same group, or at the top.
    caps : ndarray of shape (n,)
        Cores; ``inf`` for none.
    groups : ndarray of int of shape (n,)
        In which group each is, counted from 0; -1 at the top, where each group competes as one.
    group_weights : tuple of float
        How much each group weighs at the top.
    """

    weights: FloatArray
    caps: FloatArray
    groups: IntArray
    group_weights: tuple[float, ...] = ()

    def tree(self) -> Branch:
        """Give the host as a tree, with the weights and caps at its leaves."""
        leaves = list(map(Leaf, range(len(self.weights)), self.weights.tolist(), self.caps.tolist()))
        own = self.groups.tolist()
        branches = [
            Branch(tuple(leaf for leaf in leaves if own[leaf.container] == group), weight)
            for group, weight in enumerate(self.group_weights)
        ]
        return Branch((*(leaf for leaf in leaves if own[leaf.container] < 0), *branches))

    def share(self, cores: float, demands: FloatArray) -> FloatArray:
        """Say what each container gets of so many cores, given what it would use; both of shape (n,)."""
        if self.group_weights:
            return waterfill_tree(cores, self.tree(), demands)
        return waterfill(cores, demands, self.weights, self.caps)


#: A mode: from requests in millicores, bands, and the cores that each would use at full speed, all of shape (n,), to
#: how the host is divided.
Isolation = Callable[[IntArray, IntArray, FloatArray], Division]


def _uncapped(weights: FloatArray) -> Division:
    return Division(weights, np.full(len(weights), np.inf), np.full(len(weights), -1))


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
    """No isolation: requests mean nothing to the kernel, and nothing is capped.

    Parameters
    ----------
    per : str
        ``thread``: nothing groups the threads of a container, and each thread has the same share, as in a time-sharing
        class or on a host without a CPU controller: a runaway with 64 threads beside one with 1 gets 64 times as much.
        A container has a thread for each core, or part of one, that it would use. ``container``: what ``docker run``
        without flags gives, each container a cgroup of 1024 shares (``--cpu-shares=1024``, no ``--cpus``).
    """

    per: str = "thread"

    def __post_init__(self) -> None:
        if self.per not in ("thread", "container"):
            raise UserError(f"none: per must be thread or container, not {self.per!r}")

    def __call__(self, requests_milli: IntArray, bands: IntArray, cores: FloatArray) -> Division:
        if self.per == "container":
            return _uncapped(np.full(len(requests_milli), float(DEFAULT_SHARES)))
        return _uncapped(np.maximum(np.ceil(cores), 1.0))


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

    def __call__(self, requests_milli: IntArray, bands: IntArray, cores: FloatArray) -> Division:
        return _uncapped(CGROUPS[self.cgroup](cpu_shares(requests_milli)).astype(np.float64))


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

    def __call__(self, requests_milli: IntArray, bands: IntArray, cores: FloatArray) -> Division:
        caps = np.where(requests_milli > 0, requests_milli * (self.times / 1000.0), np.inf)
        return Division(np.full(len(caps), float(DEFAULT_SHARES)), caps, np.full(len(caps), -1))


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

    def __call__(self, requests_milli: IntArray, bands: IntArray, cores: FloatArray) -> Division:
        weigh = CGROUPS[self.cgroup]
        weights = weigh(cpu_shares(requests_milli)).astype(np.float64)
        groups = np.where(bands >= Band.PRIORITY, -1, 0)
        least = float(weigh(np.array([FEWEST_SHARES]))[0])
        return Division(weights, np.full(len(weights), np.inf), groups, (least,))


#: The modes by the names the command line knows; their parameters are those of the class.
ISOLATIONS: Mapping[str, Callable[..., Isolation]] = {
    "none": Unmanaged,
    "shares": Shares,
    "caps": Caps,
    "bands": Bands,
}
