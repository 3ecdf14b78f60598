"""``towtank testbed``: Docker Engines side by side on this machine, to test at sea without a sea."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Any

import click

from experiments.cli.kinds import Size
from experiments.cli.named import FAULT

_NAME = click.option("--name", default="towtank", show_default=True, help="Which testbed; several stand side by side.")


@click.group()
def testbed() -> None:
    """Make Docker hosts on this Linux machine, and have them fail (needs root)."""


@testbed.command(epilog="Example: towtank testbed up 3 --cpus 0.6 --slow-disk 20:1000")
@click.argument("hosts", metavar="N", type=click.IntRange(min=1))
@_NAME
@click.option("--cpus", type=float, default=0.8, show_default=True, help="Cores per host.")
@click.option("--memory", type=Size(), default="512MiB", show_default=True, help="Memory per host.")
@click.option("--disk", type=Size(), default="2GiB", show_default=True, help="Size of a host's disk; it is sparse.")
@click.option("--slow-disk", metavar="MBps:IOPS", help="How slow the disk is [default: as fast as the machine's].")
@click.option("--pin/--no-pin", default=True, show_default=True, help="A core for each host, while the cores last.")
@click.option("--subnet", type=int, default=77, show_default=True, metavar="B", help="Addresses are 10.77.B.11, …")
@click.option("--live-restore", is_flag=True, help="Containers outlive a restart of their Engine.")
@click.option("--rack-size", type=int, default=2, show_default=True, help="Hosts per rack (label rack).")
@click.option(
    "--inventory", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
    help="Where the inventory goes [default: NAME.toml in the testbed's run directory].",
)  # fmt: skip
def up(
    hosts: int, name: str, memory: int, disk: int, slow_disk: str | None, inventory: Path | None, **others: Any
) -> None:
    """Make N hosts, h1 to hN, and print their inventory."""
    from real.testbed import SlowDisk, Testbed, TestbedOptions

    slow = SlowDisk.read(slow_disk) if slow_disk is not None else None
    made = Testbed(TestbedOptions(name=name, memory_bytes=memory, disk_bytes=disk, slow_disk=slow, **others))
    made.up(hosts)
    text = made.inventory_text(f"{shlex.quote(sys.executable)} -m experiments")
    (inventory or made.inventory_file).write_text(text, encoding="utf-8")
    click.echo(text, nl=False)


@testbed.command(epilog="Example: towtank testbed down")
@_NAME
def down(name: str) -> None:
    """Take a testbed away: processes, mounts, disks, networks, control groups and files."""
    from real.testbed import Testbed, TestbedOptions

    Testbed(TestbedOptions(name=name)).down()


@testbed.command(epilog="Example: towtank testbed status")
@_NAME
def status(name: str) -> None:
    """Say how the hosts are."""
    from real.testbed import Testbed, TestbedOptions

    columns = "{:6}{:26}{:8}{:9}{:6}{:>11}  {:6}{}"
    click.echo(columns.format("host", "address", "engine", "network", "disk", "containers", "core", "rack"))
    for host in Testbed(TestbedOptions(name=name)).status():
        core = "any" if host.core is None else str(host.core)
        row = (host.name, host.address, host.engine, host.network, host.disk, host.containers, core, host.rack)
        click.echo(columns.format(*row))


@testbed.command(
    epilog="""Example: towtank testbed fault h1 crash

    \b
    kill     kill -9 of dockerd; containers live on
    crash    power loss: all that runs on the host is killed, and a hung disk is free again
    freeze   dockerd takes connections and answers nothing, until thaw
    cut      the network cable is pulled, until heal; containers live on
    hang     the slow disk answers nothing, until unhang
    stop     the host is shut down in order; its containers end
    start    dockerd starts on the same disk, after kill, crash or stop
    """
)
@click.argument("host")
@click.argument("what", type=FAULT)
@_NAME
def fault(host: str, what: str, name: str) -> None:
    """Do something to a host: kill, crash, freeze, thaw, cut, heal, hang, unhang, stop or start."""
    from real.testbed import Testbed, TestbedOptions

    Testbed(TestbedOptions(name=name)).fault(host, what)
