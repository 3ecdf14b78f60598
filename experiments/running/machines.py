"""The machines of a study in the tank, and what containers do to each other there."""

from __future__ import annotations

from pathlib import Path

from experiments.results.study import Study
from experiments.running import choices
from policies.errors import UserError
from policies.sharing import disk_named
from sim.contention import Interplay
from traces import inventory
from traces.hostfile import read_hosts
from traces.hosts import Hosts, uniform
from traces.trace import Trace

#: Hosts that a cell may have: more would not fit into the memory of most machines.
MOST_HOSTS = 10**8


def hosts_of(study: Study, trace: Trace | None) -> tuple[Hosts, list[str]]:
    """Give the machines of a study, and notes about them; the trace matters only where its own are wanted.

    Raises
    ------
    UserError
        If the trace is to give them and has none.
    """
    hosts, notes = _machines(study, trace)
    return _with_rates(study, hosts).with_starts(study.start_s, study.start_cpu_s), notes


def _machines(study: Study, trace: Trace | None) -> tuple[Hosts, list[str]]:
    """Give the machines of a study as whoever knows them tells of them."""
    wanted = study.hosts
    own = trace.hosts() if trace is not None and wanted in (None, "trace") else None
    if own is not None:
        return own, []
    if wanted is None:
        raise UserError(f"{study.trace} says nothing about machines: give --hosts N or --hosts FILE")
    if wanted == "trace":
        raise UserError(f"--hosts trace: {study.trace} says nothing about machines")
    if wanted.isdigit():
        if not 1 <= int(wanted) <= MOST_HOSTS:
            raise UserError(f"--hosts must be from 1 to {MOST_HOSTS:,}")
        return uniform(int(wanted), study.host_cpus, study.host_memory_bytes), []
    path = Path(wanted)
    if path.suffix == ".toml":
        return inventory.hosts_of(inventory.read_inventory(path), wanted), []
    return read_hosts(path)


def _with_rates(study: Study, hosts: Hosts) -> Hosts:
    """Give the disks and networks of hosts their place in the books, if they matter."""
    if not study.contention:
        return hosts.without_rates()
    return hosts.with_rates(disk_named(study.host_disk), study.host_net_bps)


def interplay_of(study: Study, hosts: Hosts) -> Interplay | None:
    """Give what is known of containers of one host; None where they do not disturb each other.

    How long requests wait for the CPU is what the study says, else the mean over the hosts of which it was measured.
    """
    if not study.contention:
        return None
    wake_up_s = study.wake_up_s
    if wake_up_s is None:
        measured = [profile.wake_up_s for profile in hosts.profiles if profile.wake_up_s]
        wake_up_s = sum(measured) / len(measured) if measured else 0.0
    return Interplay(choices.isolation(study.isolation), study.interference, wake_up_s, study.measure_s)
