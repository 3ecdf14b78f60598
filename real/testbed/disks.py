"""Disks: each host's own, on a loop device, and slow if wished."""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import inf
from pathlib import Path

from policies.errors import UserError
from policies.sharing.disk import PAGE_BYTES
from real.testbed.commands import Commands

SOURCE = Path(__file__).with_name("slowdisk.c")


@dataclass(frozen=True, slots=True)
class SlowDisk:
    """A disk that serves one request after the other, each in ``1 / iops + bytes / bytes_per_s`` seconds.

    Attributes
    ----------
    bytes_per_s : float
        Bytes per second that a request takes beside its base.
    iops : float
        Requests of no bytes per second.
    """

    bytes_per_s: float
    iops: float

    @classmethod
    def read(cls, text: str) -> SlowDisk:
        """Read ``MBps:IOPS``.

        Raises
        ------
        UserError
            If it is something else.

        Examples
        --------
        >>> SlowDisk.read("10:500")
        SlowDisk(bytes_per_s=10000000.0, iops=500.0)
        """
        try:
            megabytes, iops = (float(word) for word in text.split(":"))
        except ValueError:
            megabytes = iops = -1.0
        if not (0 < megabytes < inf and 0 < iops < inf):
            raise UserError(f"--slow-disk {text!r}: must be MBps:IOPS, as 10:500 is")
        return cls(megabytes * 1e6, iops)

    def described(self) -> str:
        """Describe it in the words of `policies.sharing.disk_named`, which counts requests of 4 KiB.

        Examples
        --------
        >>> SlowDisk.read("10:500").described()
        '10MB:415'
        """
        of_a_page = 1 / (1 / self.iops + PAGE_BYTES / self.bytes_per_s)
        return f"{self.bytes_per_s / 1e6:.6f}".rstrip("0").rstrip(".") + f"MB:{max(1, round(of_a_page))}"


class Disks:
    """The disks of a testbed.

    A disk is a sparse file ``NAME-hI.disk``, with the slow server's file of the same name before it if it is slow, a
    loop device on that, and ext4 on the device, mounted where only the host sees it.

    Parameters
    ----------
    name : str
        The testbed's.
    var_dir : Path
        Where the files are.
    commands : Commands
        Makes file systems, mounts and loop devices.
    """

    def __init__(self, name: str, var_dir: Path, commands: Commands) -> None:
        self._var, self._commands = var_dir, commands
        self._ours = re.compile(rf"{re.escape(name)}-h\d+\.disk( \(deleted\))?")
        self._name = name

    @property
    def server(self) -> Path:
        """Where the program of slow disks is."""
        return self._var / "slowdisk"

    def data(self, host: str) -> Path:
        """Say where a host finds its file system."""
        return self._var / host / "data"

    def front(self, host: str) -> Path:
        """Say where a host's slow server shows its file."""
        return self._var / host / "slow"

    def file(self, host: str) -> Path:
        """Give the file that holds a host's disk."""
        return self._var / host / f"{self._name}-{host}.disk"

    def build(self) -> None:
        """Compile the slow server."""
        flags = self._commands.run("pkg-config", "--cflags", "--libs", "fuse3").split()
        self._commands.run("gcc", "-O2", "-pthread", "-o", self.server, SOURCE, *flags)

    def make(self, host: str, size_bytes: int) -> None:
        """Make the file and the file system, at full speed: nothing slow stands before it yet."""
        for folder in (self.data(host), self.front(host)):
            folder.mkdir(parents=True)
        with self.file(host).open("wb") as disk:
            disk.truncate(size_bytes)
        # A small journal: it would be half of a small disk.
        self._commands.run("mkfs.ext4", "-q", "-F", "-m", "0", "-J", "size=16", self.file(host))

    def serve(self, host: str, inside: list[str | Path], door: Path, slow: SlowDisk) -> None:
        """Start the slow server of a host, which returns when its file can be used."""
        self._commands.launch(
            *inside, "sh", "-euc", 'echo $$ > "$0"; exec "$@"', door, self.server, self.file(host), self.front(host),
            f"{slow.bytes_per_s:f}", f"{slow.iops:f}",
        )  # fmt: skip

    def mount(self, host: str, inside: list[str | Path], slow: bool) -> None:
        """Mount a host's file system where only the host sees it."""
        file = self.front(host) / self.file(host).name if slow else self.file(host)
        # Direct I/O hands requests on as they come (see slowdisk.c). The second losetup has the device go with the
        # mount. Nothing may be written in the background: it would take time of a slow disk.
        script = """
            device=$(losetup --find --show $1 "$2")
            mount -n -t ext4 -o noatime,nodiscard,noinit_itable "$device" "$3"
            losetup --detach "$device"
        """
        self._commands.run(*inside, "sh", "-euc", script, "sh", "--direct-io=on" if slow else "", file, self.data(host))

    def unmount(self, host: str, inside: list[str | Path]) -> None:
        """Unmount what there is of a host's disk."""
        for path in (self.data(host), self.front(host)):
            for how in ([], ["--lazy"]):
                if self._commands.tried(*inside, "umount", "--recursive", *how, path):
                    break

    def remove(self) -> None:
        """Detach loop devices that no mount has taken along, if we were killed between one and the other."""
        for device in Path("/sys/block").glob("loop*/loop/backing_file"):
            try:
                backing = device.read_text(encoding="utf-8").strip()
            except OSError:
                continue
            folder, _, name = backing.rpartition("/")
            # A file of a mount that we do not see is shown as if it were in the root.
            if self._ours.fullmatch(name) and (not folder or folder.startswith(f"{self._var}/")):
                self._commands.tried("losetup", "--detach", f"/dev/{device.parts[3]}")
