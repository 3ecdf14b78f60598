"""What an Engine is told of a container: what it may use, and what it must not do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any

import docker
import numpy as np

from policies.errors import UserError
from policies.requests import Job, Task
from policies.sharing import Isolation
from policies.sharing.isolation import Band, Bands, Unmanaged
from real import labels
from real.load.command import SCRATCH

#: The period of CPU limits, in microseconds, as Docker has it.
PERIOD_US = 100_000
#: The least limit of a container's memory: Docker allows none below 6 MB, and its start takes some.
LEAST_MEMORY_BYTES = 16 * 2**20
#: More bytes per second than any device moves.
MOST_BPS = 2**44
#: What is kept of a container's output.
LOG = {"Type": "json-file", "Config": {"max-size": "1m", "max-file": "1"}}


def check(isolation: Isolation) -> None:
    """Refuse modes of isolation that cannot be had through an Engine.

    Raises
    ------
    UserError
        Saying which can.
    """
    if isinstance(isolation, Unmanaged) and isolation.per == "thread":
        raise UserError("--isolation none: Docker groups the threads of each container; that is none:per=container")
    if isinstance(isolation, Bands):
        raise UserError("--isolation bands: an Engine cannot give a group of containers its least weight")


def cpu_flags(isolation: Isolation, request_milli: int, cores: float, sensitive: bool) -> dict[str, int]:
    """Give the flags of a mode of isolation: ``cpu_shares`` always, ``cpu_quota`` and ``cpu_period`` where it caps.

    Parameters
    ----------
    isolation : Isolation
        The mode; of modes that differ between versions of cgroups what is told the Engine is the same, and it is the
        container runtime that turns it into a weight.
    request_milli : int
        What the container asks for, in millicores.
    cores : float
        What it would use.
    sensitive : bool
        Whether somebody waits for its answers.
    """
    band = Band.PRIORITY if sensitive else Band.NORMAL
    # Shares are what an Engine is told under version 2, too.
    kind: Any = type(isolation)
    mode: Isolation = kind(cgroup="v1") if hasattr(isolation, "cgroup") else isolation
    division = mode(np.array([request_milli]), np.array([band]), np.array([cores]))
    # A container without shares weighs 100 under version 2, and one of 1024 may weigh 39.
    flags = {"cpu_shares": int(division.weights[0])}
    if isfinite(cap := float(division.caps[0])):
        flags |= {"cpu_period": PERIOD_US, "cpu_quota": max(round(cap * PERIOD_US), 1000)}
    return flags


def memory_limit(memory_bytes: int) -> int:
    """Give the limit of memory of a container that asks for so much, in bytes."""
    return max(memory_bytes, LEAST_MEMORY_BYTES)


def created(
    client: docker.APIClient,
    image: str,
    command: Sequence[str],
    told: Mapping[str, str],
    cpu: Mapping[str, int],
    memory_bytes: int,
    processes: int,
    scratch: str,
    network: str = "none",
    counted: str = "",
) -> dict[str, Any]:
    """Give the configuration of a container that may do nothing but use what it was given.

    Parameters
    ----------
    client : docker.APIClient
        Knows which version of the API is spoken.
    image, command : str, sequence of str
        What runs.
    told : mapping
        Its labels.
    cpu : mapping
        `cpu_flags`.
    memory_bytes : int
        The most that it may have, if it is no less than `LEAST_MEMORY_BYTES`; no swap beside it.
    processes : int
        How many threads it may have.
    scratch : str
        The volume that it may write into.
    network : str
        Which network it has.
    counted : str
        A device that is to be counted, as its host names it. Kernels count what control groups of version 1 read and
        write only once a device was limited for one of them; the limit here is more than any device can do.
    """
    unlimited = [{"Path": counted, "Rate": MOST_BPS}] if counted else None
    limit = memory_limit(memory_bytes)
    host = client.create_host_config(
        **cpu,
        mem_limit=limit,
        memswap_limit=limit,
        pids_limit=processes,
        network_mode=network,
        read_only=True,
        cap_drop=["ALL"],
        security_opt=["no-new-privileges"],
        privileged=False,
        device_read_bps=unlimited,
        device_write_bps=unlimited,
        # A container that an Engine starts again by itself would do its work twice.
        restart_policy={"Name": "no"},
        binds=[f"{scratch}:{SCRATCH}"],
        log_config=LOG,
    )
    return client.create_container_config(image, list(command), labels=dict(told), host_config=host)


def labels_of(ours: labels.Ours, job: Job, task: Task, number: int, attempt: int) -> dict[str, str]:
    """Give the labels of a container."""
    return ours.labels() | {
        labels.JOB: job.id,
        labels.TASK: str(number),
        labels.ATTEMPT: str(attempt),
        labels.WORKLOAD: job.workload,
        labels.USER: job.user,
        labels.SUBMITTED: repr(job.submit_s),
        labels.CPU_MILLI: str(task.need.cpu_milli),
        labels.MEMORY_BYTES: str(task.need.memory_bytes),
        labels.PRIORITY: str(task.priority),
    }
