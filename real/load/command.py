"""What a container of a trace is told to do: the arguments of ``burn.c``."""

from __future__ import annotations

from collections.abc import Iterable
from math import ceil, isfinite
from typing import NamedTuple

from policies.requests import Demand, Resources
from traces.trace import Behaviour, Phase
from traces.units import MILLI

#: Where a container finds the folder of its host that all may read and write.
SCRATCH = "/scratch"
DATA = f"{SCRATCH}/data"

#: Bytes of the file that a container writes over and over; no request is larger.
WINDOW_BYTES = 16 * 2**20
#: What positions and lengths of direct reads and writes are a multiple of.
PAGE_BYTES = 4096


class Fault(NamedTuple):
    """What goes wrong with a container on purpose.

    Attributes
    ----------
    exit_code : int
        With which it ends, 0 to 255.
    die_after_s : float, optional
        When it ends with that code (1 where it is 0), whatever is done, in seconds since the work began.
    leak_bps : float
        Bytes of memory per second that it has beside those of its demand.
    """

    exit_code: int = 0
    die_after_s: float | None = None
    leak_bps: float = 0.0


NO_FAULT = Fault()


def run(behaviour: Behaviour, need: Resources, run_s: float, units_per_s: float, fault: Fault = NO_FAULT) -> list[str]:
    """Say what a container is told that is to do its work.

    Parameters
    ----------
    behaviour : tuple of Phase, or None
        What it uses; None where nobody knows: the CPU and memory that it asks for, and no disk.
    need : Resources
        What it asks for.
    run_s : float
        How long it takes alone, in seconds; ``inf`` for one that runs until somebody stops it.
    units_per_s : float
        Units of computation in a core-second, as `calibrate` measures and `real.load.report.calibrated` reads.
    fault : Fault
        What goes wrong.

    Returns
    -------
    list of str
        The container's command; the image's entry point is the program.

    Raises
    ------
    ValueError
        If the time is negative, the speed is not more than 0, or either is not a number.

    Examples
    --------
    >>> run(None, Resources(cpu_milli=500, memory_bytes=2**20), 2.5, 1e6)
    ['run', '--units-per-s', '1000000.0', 'w=2.5,cpu=0.5,memory=1048576']
    """
    if not run_s >= 0:
        raise ValueError(f"a container cannot run for {run_s} s")
    if not (units_per_s > 0 and isfinite(units_per_s)):
        raise ValueError(f"a core cannot compute {units_per_s} units a second")
    words = ["run", "--units-per-s", repr(float(units_per_s))]
    if fault.leak_bps:
        words += ["--leak", repr(float(fault.leak_bps))]
    if fault.exit_code:
        words += ["--exit", str(fault.exit_code)]
    if fault.die_after_s is not None:
        words += ["--die-after", repr(float(fault.die_after_s))]
    return words + [_phase(share * run_s, demand) for share, demand in phases(behaviour, need)]


def prepare(data_bytes: int) -> list[str]:
    """Say what a container is told that makes the file which others on its host read, unless it is there."""
    return ["prepare", str(data_bytes), DATA]


def calibrate(for_s: float = 0.5) -> list[str]:
    """Say what a container is told that measures how many units its core computes in a second.

    It counts CPU time of its own thread, so that it may be done while the host is busy. One host's figure is to be
    used for all: the same work takes longer on a slower one.
    """
    return ["calibrate", repr(float(for_s))]


def threads(behaviour: Behaviour, need: Resources) -> int:
    """Say how many threads a container has at most, what its limit of processes must allow."""
    return 2 + max(ceil(demand.cpu_cores) for _, demand in phases(behaviour, need))


def assumptions(behaviours: Iterable[Behaviour]) -> list[str]:
    """List what a real container does otherwise than the trace says, one line each.

    Parameters
    ----------
    behaviours : iterable of Behaviour
        Those that were run.
    """
    unknown = networked = small = large = 0
    for behaviour in behaviours:
        demands = [phase.demand for phase in behaviour or ()]
        on_disk = [demand for demand in demands if demand.disk_read_bps + demand.disk_write_bps > 0]
        unknown += behaviour is None
        networked += any(demand.net_bps > 0 for demand in demands)
        small += any(demand.io_size_bytes < PAGE_BYTES for demand in on_disk)
        large += any(demand.io_size_bytes > WINDOW_BYTES for demand in on_disk)
    said = {
        "use the CPU and memory that they ask for, and no disk, since nobody says what they use": unknown,
        "do not use the network, since no traffic is made": networked,
        f"use their disk in fewer requests of {PAGE_BYTES} bytes instead of smaller ones": small,
        f"use their disk in requests of {WINDOW_BYTES} bytes instead of larger ones": large,
    }
    return [f"{count} real containers {text}" for text, count in said.items() if count]


def phases(behaviour: Behaviour, need: Resources) -> tuple[Phase, ...]:
    """Give the phases in which something is done; without a behaviour the tank does the same."""
    phases = behaviour or (Phase(1.0, Demand(need.cpu_milli / MILLI, float(need.memory_bytes))),)
    return tuple([phase for phase in phases if phase.share > 0])


def _phase(work_s: float, demand: Demand) -> str:
    words = [("w", work_s), ("cpu", demand.cpu_cores), ("memory", demand.memory_bytes)]
    if demand.disk_read_bps or demand.disk_write_bps:
        words += [
            ("read", demand.disk_read_bps),
            ("write", demand.disk_write_bps),
            ("request", min(ceil(demand.io_size_bytes / PAGE_BYTES) * PAGE_BYTES, WINDOW_BYTES)),
            ("random", demand.random_io),
        ]
    return ",".join(f"{name}={value:.12g}" for name, value in words)
