"""Control groups: the budget of each host, and a sure list of its processes.

Version 1, version 2, and both together ("hybrid"). Per host there are three groups below ``/NAME``: ``hI`` is the
``--cgroup-parent`` of the Engine and bears the budget; ``hI-engine`` and ``hI-disk`` hold dockerd with its children
and the disk server, in one hierarchy only, where they cost nothing. Processes cannot leave them by forking: what is in
them is the testbed's, whatever happened.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from policies.errors import UserError
from real.testbed.commands import name_of, send, state_of

#: The Linux default, which starves whoever does I/O beside a CPU-bound container less than a short one does: below
#: 5 ms of quota, containers that start hang for minutes.
PERIOD_US = 100_000

#: The group of the testbed itself, with all others in it.
WHOLE = ""

#: The whole testbed against the rest of the machine, which has 1024: the budgets bound it, others shall not.
SHARES = 8192


@dataclass(frozen=True, slots=True)
class Hierarchy:
    """One tree of control groups."""

    path: Path
    controllers: frozenset[str]
    unified: bool


def hierarchies() -> list[Hierarchy]:
    """Find the trees that are mounted here."""
    found: dict[Path, Hierarchy] = {}
    for line in Path("/proc/mounts").read_text(encoding="utf-8").splitlines():
        _, path, kind, options, *_ = line.split()
        if kind == "cgroup2":
            listed = Path(path, "cgroup.controllers").read_text(encoding="utf-8").split()
            found.setdefault(Path(path), Hierarchy(Path(path), frozenset(listed), unified=True))
        elif kind == "cgroup":
            found.setdefault(Path(path), Hierarchy(Path(path), frozenset(options.split(",")), unified=False))
    return list(found.values())


class Cgroups:
    """The control groups of a testbed.

    Parameters
    ----------
    name : str
        The testbed's, which is the group below which all others are.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._trees = hierarchies()
        if not self._trees:
            raise UserError("a testbed needs control groups, and none are mounted in /proc/mounts")
        # Where the Engine's own processes are listed: version 2 if there is any, else any.
        self._listing = next((tree for tree in self._trees if tree.unified), self._trees[0])

    def there(self) -> bool:
        """Say whether there is a group of that name."""
        return any((tree.path / self._name).exists() for tree in self._trees)

    def hosts(self) -> set[str]:
        """Give the hosts that have groups."""
        found = [path.name for tree in self._trees for path in (tree.path / self._name).glob("h*") if path.is_dir()]
        return {name.partition("-")[0] for name in found}

    def make(self, host: str, cpus: float, memory_bytes: int, core: int | None) -> None:
        """Make the groups of a host with its budget."""
        for tree in self._trees:
            top = tree.path / self._name
            group = top / host
            bring = self._delegate if tree.unified else self._inherit
            if tree.unified:
                bring(tree, tree.path)
            for path in (top, group):
                path.mkdir(exist_ok=True)
                bring(tree, path)
            for path, value in _budget(tree, top, group, round(cpus * PERIOD_US), memory_bytes):
                _write(path, value)
            if "cpuset" in tree.controllers and core is not None:
                _write(group / "cpuset.cpus", core)
            # Where swapping is counted, there is none.
            _write_if_there(group / "memory.swap.max", 0)
            _write_if_there(group / "memory.memsw.limit_in_bytes", memory_bytes)
        for part in ("engine", "disk"):
            (self._listing.path / self._name / f"{host}-{part}").mkdir(exist_ok=True)

    def door(self, host: str, part: str) -> Path:
        """Give the file by which a process joins ``engine`` or ``disk`` of a host."""
        return self._listing.path / self._name / f"{host}-{part}" / "cgroup.procs"

    def members(self, host: str, part: str) -> set[int]:
        """Give the processes of the ``engine`` or the ``disk`` of a host."""
        return self._processes([f"{host}-{part}"])

    def containers(self, host: str) -> int:
        """Count the containers of a host in which a process runs."""
        return max(
            sum(bool(_pids(path)) for path in (tree.path / self._name / host).glob("*/")) for tree in self._trees
        )

    def kill(self, *groups: str, patience_s: float = 10.0) -> None:
        """Kill all processes of groups and see them dead.

        Raises
        ------
        UserError
            If one does not die: it waits for a device.
        """
        until = time.monotonic() + patience_s
        # Twice: whoever moves from one group to another just then is missed by one look, as runc's children do.
        while pids := self._processes(groups) or self._processes(groups):
            if time.monotonic() > until:
                stuck = ", ".join(f"{name_of(pid)} ({pid}, state {state_of(pid)})" for pid in sorted(pids))
                raise UserError(f"testbed {self._name}: does not die: {stuck}")
            for pid in pids:
                send(pid, signal.SIGKILL)
            # In version 1 a paused container does not even die.
            for path in self._directories(groups):
                _write_if_there(path / "freezer.state", "THAWED")
            time.sleep(0.02)

    def clear(self, host: str) -> None:
        """Take away the groups of a host's containers, in which nothing runs any more."""
        for path in self._directories([host]):
            if path.name != host:
                with suppress(OSError):
                    path.rmdir()

    def remove(self, patience_s: float = 10.0) -> None:
        """Take all groups of the testbed away, with whatever is still in them."""
        until = time.monotonic() + patience_s
        while left := list(self._directories([WHOLE])):
            self.kill(WHOLE)
            for path in left:
                with suppress(OSError):
                    path.rmdir()
            if self.there():
                if time.monotonic() > until:
                    raise UserError(f"testbed {self._name}: cannot remove control group {left[-1]}")
                time.sleep(0.02)

    def _processes(self, groups: Iterable[str]) -> set[int]:
        return {pid for path in self._directories(groups) for pid in _pids(path)}

    def _directories(self, groups: Iterable[str]) -> Iterator[Path]:
        """Give the directories of groups in all trees, inner ones first."""
        for tree in self._trees:
            for group in groups:
                for path, _, _ in os.walk(tree.path / self._name / group, topdown=False):
                    yield Path(path)

    @staticmethod
    def _delegate(tree: Hierarchy, group: Path) -> None:
        for controller in ("cpu", "memory", "io", "pids", "cpuset"):
            if controller in tree.controllers:
                _write(group / "cgroup.subtree_control", f"+{controller}")

    @staticmethod
    def _inherit(tree: Hierarchy, group: Path) -> None:
        """Fill in what version 1 leaves empty or off in a new group."""
        if "cpuset" in tree.controllers:
            for name in ("cpuset.cpus", "cpuset.mems"):
                _write(group / name, (group.parent / name).read_text(encoding="utf-8").strip())
        if "memory" in tree.controllers:
            # Always on in kernels from 5.11; before, a limit would not hold for the groups below it.
            with suppress(OSError):
                _write_if_there(group / "memory.use_hierarchy", 1)


def _budget(tree: Hierarchy, top: Path, group: Path, quota_us: int, memory_bytes: int) -> Iterator[tuple[Path, object]]:
    """Give what is to be written into which file of the groups of a testbed and a host, in the words of a version."""
    if "cpu" in tree.controllers and tree.unified:
        yield top / "cpu.weight", SHARES * 100 // 1024
        yield group / "cpu.max", f"{quota_us} {PERIOD_US}"
    elif "cpu" in tree.controllers:
        yield top / "cpu.shares", SHARES
        yield group / "cpu.cfs_period_us", PERIOD_US
        yield group / "cpu.cfs_quota_us", quota_us
    if "memory" in tree.controllers:
        yield group / ("memory.max" if tree.unified else "memory.limit_in_bytes"), memory_bytes


def _pids(path: Path) -> set[int]:
    try:
        listed = (path / "cgroup.procs").read_text(encoding="utf-8").split()
    except OSError:
        return set()
    # 0 is a process of another PID namespace.
    return {int(pid) for pid in listed if pid != "0" and state_of(int(pid)) != "X"}


def _write(path: Path, value: object) -> None:
    try:
        path.write_text(f"{value}\n", encoding="utf-8")
    except OSError as error:
        raise UserError(f"{path}: {value} is refused: {error.strerror}") from error


def _write_if_there(path: Path, value: object) -> None:
    if path.exists():
        with suppress(OSError):
            path.write_text(f"{value}\n", encoding="utf-8")
