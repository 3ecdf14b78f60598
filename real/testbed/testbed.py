"""The testbed as a whole: hosts side by side, what they are told to suffer, and nothing left afterwards."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import ClassVar

from policies.errors import UserError
from real.testbed.cgroups import Cgroups
from real.testbed.commands import Commands, require, send, state_of
from real.testbed.disks import Disks, SlowDisk
from real.testbed.engine import Engine
from real.testbed.mounts import Mounts
from real.testbed.network import Network
from real.testbed.options import MIB, MOST_HOSTS, TestbedOptions

#: What can be done to a host.
FAULTS = ("kill", "crash", "freeze", "thaw", "cut", "heal", "hang", "unhang", "stop", "start")

#: How long another command may hold the testbed before we give up.
_PATIENCE_S = 20.0


@dataclass(frozen=True, slots=True)
class HostStatus:
    """How a host is.

    Attributes
    ----------
    name, address : str
        ``h1``, and where its Engine listens.
    engine : str
        ``up``, ``down``, ``frozen``, or ``silent`` if it runs and does not answer.
    network : str
        ``up`` or ``cut``.
    disk : str
        ``up`` or ``hung``.
    containers : int
        How many run, also without an Engine.
    core : int, optional
        The core that it is pinned to.
    rack : str
        Where it stands.
    """

    name: str
    address: str
    engine: str
    network: str
    disk: str
    containers: int
    core: int | None
    rack: str


class NotUpError(UserError):
    """There is no such testbed."""


class Testbed:
    """Docker Engines side by side on this machine.

    Each host has its own dockerd and containerd, a file system of its own on a loop device, its own mount, network
    and UTS namespaces, an address ``tcp://10.77.B.1I:2375`` and a Unix socket, and a control group that bounds what its
    containers use together.

    Parameters
    ----------
    options : TestbedOptions
        What it shall be. Of a testbed that is up only the name counts, the rest is what it was made with.
    """

    #: Its name is no reason for pytest to take it for tests.
    __test__: ClassVar[bool] = False

    def __init__(self, options: TestbedOptions | None = None) -> None:
        self._options = options or TestbedOptions()
        self._run, self._var = self._options.run_dir, self._options.var_dir
        self._state = self._run / "testbed.json"
        # Says that the directory of disks is ours also when the run directory has gone.
        self._mark = self._var / "towtank-testbed"

    def up(self, hosts: int) -> None:
        """Make hosts ``h1`` to ``hN`` and wait until they answer; if that fails, nothing stays.

        Raises
        ------
        UserError
            If it is up already, something with its names is there, or the machine does not let us.
        """
        options = self._options
        if not 1 <= hosts <= MOST_HOSTS:
            raise UserError(f"a testbed has 1 to {MOST_HOSTS} hosts, not {hosts}")
        require(slow_disk=options.slow_disk is not None)
        there = sorted(os.sched_getaffinity(0))
        if options.cpus > len(there):
            raise UserError(f"--cpus {options.cpus:g}: this machine has {len(there)}")
        self._refuse_if_there()
        self._run.mkdir()
        try:
            with self._locked(fcntl.LOCK_EX) as commands:
                self._write_state(options.cores(hosts, there))
                self._make(commands)
        except BaseException:
            self.down()
            raise

    def down(self) -> None:
        """Take everything away; it may be called again, at any time, also if nothing is there.

        Raises
        ------
        UserError
            If something cannot be taken away.
        """
        if not self._run.exists() and not self._mark.exists():
            return
        require(slow_disk=False)
        # Without a run directory the machine has been restarted, and only files are left.
        with suppress(NotUpError), self._locked(fcntl.LOCK_EX) as commands:
            self._take_down(commands)
        if self._mark.exists():
            shutil.rmtree(self._var)

    def status(self) -> list[HostStatus]:
        """Say how the hosts are.

        Raises
        ------
        UserError
            If it is not up.
        """
        options, cores = self._read_state()
        parts = _Parts(options, Commands(self._who))
        return [self._status_of(parts, number, core) for number, core in enumerate(cores, start=1)]

    def fault(self, host: str, what: str) -> None:
        """Do something of `FAULTS` to a host, and return when it has happened.

        ``kill`` is kill -9 of dockerd, which containers outlive. ``crash`` is a power loss: nothing runs there then,
        whatever was wrong before, which makes it the fence of the host. ``freeze`` has dockerd take connections and
        answer nothing (``thaw``), ``cut`` pulls the network cable (``heal``), ``hang`` has the disk answer nothing
        (``unhang``). ``stop`` shuts the host down in order. ``start`` starts dockerd on the same disk after ``kill``,
        ``crash`` or ``stop``, and waits until it answers.

        Raises
        ------
        UserError
            If there is no such host or fault, it cannot happen now, or the testbed is not up.
        """
        if what not in FAULTS:
            raise UserError(f"{what!r} is no fault; there are {', '.join(FAULTS)}")
        options, cores = self._read_state()
        names = [f"h{number}" for number in range(1, len(cores) + 1)]
        if host not in names:
            raise UserError(f"{self._who} has no host {host!r}; it has {', '.join(names)}")
        number = names.index(host) + 1
        require(slow_disk=False)
        # Other hosts may have theirs at the same time, and nobody waits for an Engine that starts.
        with self._locked(fcntl.LOCK_SH) as commands, self._locked(fcntl.LOCK_EX, host):
            parts = _Parts(options, commands)
            engine = parts.engine(number)
            match what:
                case "kill":
                    engine.signal(signal.SIGKILL)
                case "freeze":
                    engine.signal(signal.SIGSTOP)
                case "thaw":
                    engine.signal(signal.SIGCONT)
                case "cut" | "heal":
                    parts.network.connect(number, what == "heal")
                case "hang" | "unhang":
                    if options.slow_disk is None:
                        raise UserError(f"host {host}: only a slow disk can hang, see --slow-disk")
                    parts.signal_disk(host, signal.SIGSTOP if what == "hang" else signal.SIGCONT)
                case "crash":
                    # Whoever waits for a disk cannot be killed; with its power back, a disk works again.
                    parts.signal_disk(host, signal.SIGCONT)
                    engine.lose_power()
                case "stop":
                    engine.stop()
                case "start":
                    if engine.pid() is not None:
                        raise UserError(f"host {host}: its Engine runs")
                    parts.launch(number, cores[number - 1])
        if what == "start":
            engine.wait()

    def inventory_text(self, towtank: str = "towtank") -> str:
        """Give the hosts as an inventory in TOML.

        Parameters
        ----------
        towtank : str
            How the command line is called, for the fences.
        """
        options, cores = self._read_state()
        parts = _Parts(options, Commands(self._who))
        lines = [f"# Testbed {options.name}: {len(cores)} Docker Engines on one machine."]
        for number in range(1, len(cores) + 1):
            lines += [
                "",
                "[[host]]",
                f'name = "h{number}"',
                f'address = "{parts.engine(number).url}"',
                f"cpus = {options.cpus:g}",
                f'memory = "{_binary(options.memory_bytes)}"',
            ]
            if options.slow_disk is not None:
                lines.append(f'disk = "{options.slow_disk.described()}"')
            fence = f"{towtank} testbed fault h{number} crash --name {options.name}"
            lines += [f'labels = {{ rack = "{options.rack(number)}" }}', f"fence = {json.dumps(fence)}"]
        return "\n".join(lines) + "\n"

    @property
    def inventory_file(self) -> Path:
        """Where the inventory is written unless it is said otherwise; it goes with the testbed."""
        return self._run / f"{self._options.name}.toml"

    @property
    def _who(self) -> str:
        return f"testbed {self._options.name}"

    def _refuse_if_there(self) -> None:
        """Whatever has our names and is not ours would be taken away with us."""
        name = self._options.name
        if self._run.exists():
            raise UserError(f"{self._who} is up, or was not taken down: towtank testbed down --name {name}")
        if self._mark.exists():
            raise UserError(f"{self._who} was up before this machine restarted: towtank testbed down --name {name}")
        others = [str(self._var)] if self._var.exists() else []
        others += Network(name, self._options.subnet, Commands(self._who)).there()
        others += [f"control group /{name}"] if Cgroups(name).there() else []
        if others:
            raise UserError(f"{self._who}: {', '.join(others)} is there and not ours; take another --name")

    def _make(self, commands: Commands) -> None:
        options, cores = self._read_state()
        parts = _Parts(options, commands)
        self._var.mkdir()
        self._mark.touch()
        if options.slow_disk is not None:
            parts.disks.build()
        parts.mounts.make_folder()
        parts.network.make_bridge()
        for number, core in enumerate(cores, start=1):
            host = f"h{number}"
            parts.cgroups.make(host, options.cpus, options.memory_bytes, core)
            parts.network.make(number)
            parts.disks.make(host, options.disk_bytes)
            parts.mounts.make(host, self._var / host / "staging")
            inside = parts.mounts.inside(host)
            if options.slow_disk is not None:
                parts.disks.serve(host, inside, parts.cgroups.door(host, "disk"), options.slow_disk)
            parts.disks.mount(host, inside, options.slow_disk is not None)
            parts.launch(number, core)
        for number in range(1, len(cores) + 1):
            parts.engine(number).wait()

    def _take_down(self, commands: Commands) -> None:
        parts = _Parts(self._options, commands)
        hosts = sorted({*parts.cgroups.hosts(), *(path.name for path in self._var.glob("h*"))})
        for host in hosts:
            # Nobody can die who waits for a hung disk, and from now on nobody waits for a slow one.
            parts.signal_disk(host, signal.SIGCONT)
            parts.signal_disk(host, signal.SIGUSR1)
        parts.cgroups.kill(*hosts, *(f"{host}-engine" for host in hosts))
        for host in hosts:
            if parts.mounts.there(host):
                parts.disks.unmount(host, parts.mounts.inside(host))
        parts.mounts.remove()
        parts.cgroups.remove()
        parts.disks.remove()
        parts.network.remove()
        # Killed between making it and marking it, we have left it empty.
        if self._var.exists():
            shutil.rmtree(self._var)
        shutil.rmtree(self._run)

    def _status_of(self, parts: _Parts, number: int, core: int | None) -> HostStatus:
        engine, host = parts.engine(number), f"h{number}"
        pid = engine.pid()
        if pid is None:
            state = "down"
        elif state_of(pid) == "T":
            state = "frozen"
        else:
            state = "up" if engine.answers() else "silent"
        hung = any(state_of(pid) == "T" for pid in parts.cgroups.members(host, "disk"))
        return HostStatus(
            host, engine.url, state, "up" if parts.network.connected(number) else "cut", "hung" if hung else "up",
            parts.cgroups.containers(host), core, parts.options.rack(number),
        )  # fmt: skip

    def _write_state(self, cores: list[int | None]) -> None:
        unfinished = self._state.with_suffix(".unfinished")
        unfinished.write_text(json.dumps({"options": asdict(self._options), "cores": cores}), encoding="utf-8")
        unfinished.replace(self._state)

    def _read_state(self) -> tuple[TestbedOptions, list[int | None]]:
        try:
            state = json.loads(self._state.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise NotUpError(f"{self._who} is not up") from None
        slow = state["options"].pop("slow_disk")
        return TestbedOptions(**state["options"], slow_disk=SlowDisk(**slow) if slow else None), state["cores"]

    @contextmanager
    def _locked(self, how: int, host: str = "") -> Iterator[Commands]:
        """Hold the testbed or a host, alone or with others; commands hold it with us, and on if we are killed."""
        folder = self._run / host
        until = time.monotonic() + _PATIENCE_S
        try:
            lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        except FileNotFoundError:
            raise NotUpError(f"{self._who} is not up") from None
        try:
            while True:
                try:
                    fcntl.flock(lock, how | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > until:
                        raise UserError(f"{self._who}: another command is at work on it") from None
                    time.sleep(0.05)
            # Whoever had it before us may have taken it away.
            if not os.fstat(lock).st_nlink:
                raise NotUpError(f"{self._who} is not up")
            yield Commands(self._who, lock)
        finally:
            os.close(lock)


class _Parts:
    """What a testbed is made of."""

    def __init__(self, options: TestbedOptions, commands: Commands) -> None:
        self.options, self._commands = options, commands
        self.cgroups = Cgroups(options.name)
        self.network = Network(options.name, options.subnet, commands)
        self.mounts = Mounts(options.run_dir, commands)
        self.disks = Disks(options.name, options.var_dir, commands)

    def engine(self, number: int) -> Engine:
        """Give the Engine of a host."""
        host = f"h{number}"
        return Engine(
            host, self.network.address(number), f"172.30.{number}.1/24", self.options.run_dir, self.disks.data(host),
            f"/{self.options.name}/{host}", self.cgroups,
        )  # fmt: skip

    def signal_disk(self, host: str, what: signal.Signals) -> None:
        """Send a signal to the disk server of a host, if there is one."""
        for pid in self.cgroups.members(host, "disk"):
            send(pid, what)

    def launch(self, number: int, core: int | None) -> None:
        """Start the Engine of a host."""
        entrance = self.mounts.entrance(f"h{number}", self.network.namespace(number))
        labels = {"rack": self.options.rack(number)}
        self.engine(number).launch(self._commands, entrance, core, labels, self.options.live_restore)


def _binary(amount: int) -> str:
    return f"{amount // MIB}MiB" if amount % MIB == 0 else str(amount)
