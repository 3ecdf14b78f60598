"""The commands of the machine that a testbed is made with, and the processes on it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from policies.errors import UserError

#: Lines of a command or file and the Debian package that has it.
NEEDS = Path(__file__).with_name("needs.txt")

#: Packages that only a slow disk needs.
_FOR_SLOW_DISKS = {"gcc", "pkg-config", "libc6-dev", "libfuse3-dev"}


class Commands:
    """Runs commands on behalf of a testbed.

    Parameters
    ----------
    who : str
        Whose commands they are, for messages.
    lock : int, optional
        A descriptor that commands inherit, so that a lock lasts until they have ended, also if we are killed.
    """

    def __init__(self, who: str, lock: int | None = None) -> None:
        self._who = who
        self._inherited = () if lock is None else (lock,)

    def run(self, *words: str | Path) -> str:
        """Run a command to its end and give what it printed.

        Raises
        ------
        UserError
            If it fails: the machine does not let us.
        """
        return self._run(words, self._inherited)

    def launch(self, *words: str | Path) -> None:
        """Run a command that leaves a process behind, which must not hold the lock."""
        self._run(words, ())

    def tried(self, *words: str | Path) -> bool:
        """Run a command that may fail."""
        ended = subprocess.run(words, capture_output=True, pass_fds=self._inherited, check=False)
        return ended.returncode == 0

    def _run(self, words: tuple[str | Path, ...], inherited: tuple[int, ...]) -> str:
        try:
            ended = subprocess.run(
                words, capture_output=True, text=True, pass_fds=inherited, stdin=subprocess.DEVNULL, check=False
            )
        except OSError as error:
            raise UserError(f"{self._who}: {words[0]}: {error.strerror}") from error
        if ended.returncode:
            said = (ended.stderr.strip() or ended.stdout.strip()).splitlines()
            shown = " ".join(str(word) for word in words if "\n" not in str(word))
            raise UserError(f"{self._who}: {shown}: {said[-1] if said else f'exit code {ended.returncode}'}")
        return ended.stdout


def require(slow_disk: bool) -> None:
    """Make sure that a testbed can be made here.

    Raises
    ------
    UserError
        If we are not root on Linux, or a command is missing; the message names Debian's packages.
    """
    if not hasattr(os, "geteuid") or not Path("/proc/self/ns/mnt").exists():
        raise UserError("a testbed needs Linux")
    if os.geteuid() != 0:
        raise UserError("a testbed needs root: it makes network namespaces, mounts and cgroups")
    missing = {
        what: package
        for what, package in needs()
        if (slow_disk or package not in _FOR_SLOW_DISKS) and not (shutil.which(what) or Path(what).exists())
    }
    if missing:
        packages = " ".join(sorted(set(missing.values())))
        raise UserError(f"a testbed needs {', '.join(missing)}, not found here (Debian: apt-get install {packages})")
    if slow_disk and not Path("/dev/fuse").exists():
        raise UserError("a slow disk needs /dev/fuse, which is not here (modprobe fuse)")


def needs() -> Iterator[tuple[str, str]]:
    """Give what must be there and the Debian package that has it."""
    for line in NEEDS.read_text(encoding="utf-8").splitlines():
        what, package = line.split()
        yield what, package


def send(pid: int, what: signal.Signals) -> None:
    """Send a signal to a process that may have gone."""
    with suppress(ProcessLookupError):
        os.kill(pid, what)


def state_of(pid: int) -> str:
    """Say in which state a process is, in the letters of ``/proc/PID/stat``; ``X`` if there is none.

    Whoever is a zombie counts as dead: the first process of a container may take long to reap its orphans.
    """
    with suppress(OSError):
        # The command's name stands before it, in brackets, and may have any letter in it.
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[0]
        return "X" if state == "Z" else state
    return "X"


def name_of(pid: int) -> str:
    """Give the short name of a process, empty if there is none or it is dead."""
    if state_of(pid) == "X":
        return ""
    with suppress(OSError):
        return Path(f"/proc/{pid}/comm").read_text(encoding="utf-8", errors="replace").strip()
    return ""
