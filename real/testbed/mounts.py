"""Mount namespaces: what one host mounts, no other sees, and it all goes with the namespace."""

from __future__ import annotations

import os
from pathlib import Path

from real.testbed.commands import Commands


class Mounts:
    """The mount namespaces of a testbed, each kept by a file.

    Parameters
    ----------
    run_dir : Path
        The run directory of the testbed; the files are in its folder ``ns``.
    commands : Commands
        Mounts.
    """

    def __init__(self, run_dir: Path, commands: Commands) -> None:
        self._run, self._commands = run_dir, commands
        self._folder = run_dir / "ns"

    def inside(self, host: str) -> list[str | Path]:
        """Give the words that run a command in the namespace of a host."""
        return ["nsenter", f"--mount={self._file(host)}", "--"]

    def entrance(self, host: str, network: Path) -> list[str | Path]:
        """Give the words that run a command in the mount and network namespaces of a host, under the host's name."""
        rename = 'echo "$0" > /proc/sys/kernel/hostname; exec "$@"'
        namespaces = [f"--mount={self._file(host)}", f"--net={network}"]
        return ["nsenter", *namespaces, "--", "unshare", "--uts", "--", "sh", "-euc", rename, host]

    def there(self, host: str) -> bool:
        """Say whether a host's namespace is there."""
        return os.path.ismount(self._file(host))

    def make_folder(self) -> None:
        """Make the folder a mount of its own: the kernel lets files keep namespaces only where mounts are private."""
        self._folder.mkdir()
        self._commands.run("mount", "--bind", self._folder, self._folder)
        self._commands.run("mount", "--make-private", self._folder)

    def make(self, host: str, staging: Path) -> None:
        """Make a namespace, with what every Engine takes for its own made private.

        Parameters
        ----------
        host : str
            Name of the host.
        staging : Path
            A directory that is free for a mount while this goes on.

        Notes
        -----
        Under ``/run`` are the sockets of containerd's shims, which a crash would leave behind, and plugins; in
        ``/etc/docker`` are, up to Engine 20.10, the key that the Engine's ID is made from, and the settings of an
        Engine that the machine itself has. What is unmounted outside is unmounted inside too (``slave``): else a
        namespace would keep the disks and networks of other testbeds alive.
        """
        file = self._file(host)
        file.touch()
        self._commands.run("unshare", f"--mount={file}", "--propagation", "slave", "--", "true")
        staging.mkdir(exist_ok=True)
        script = """
            mount -n -t tmpfs -o mode=755,size=16m towtank "$1"
            mkdir "$1/${2##*/}"
            mount -n --bind "$2" "$1/${2##*/}"
            mount -n --move "$1" /run
            mkdir -p /etc/docker
            mount -n -t tmpfs -o mode=755,size=1m towtank /etc/docker
        """
        self._commands.run(*self.inside(host), "sh", "-euc", script, "sh", staging, self._run)

    def remove(self) -> None:
        """Let go of all namespaces: with its last process each is gone."""
        if self._folder.is_dir():
            for file in self._folder.iterdir():
                while self._commands.tried("umount", file):
                    pass
        while self._commands.tried("umount", self._folder):
            pass

    def _file(self, host: str) -> Path:
        return self._folder / host
