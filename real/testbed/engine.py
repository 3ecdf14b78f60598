"""One Docker Engine: how it is started, asked and told."""

from __future__ import annotations

import shutil
import signal
import socket
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from policies.errors import UserError
from real.testbed.cgroups import Cgroups
from real.testbed.commands import Commands, name_of, send, state_of

PORT = 2375

#: dockerd sleeps a second on purpose before it listens without TLS; the rest is for a slow disk and a busy machine.
READY_WITHIN_S = 60.0

#: How long the commands that become dockerd may take to become it.
EXEC_WITHIN_S = 5.0

#: How long containers have to end by themselves when their host is stopped.
STOP_S = 5.0


@dataclass(frozen=True)
class Engine:
    """The Engine of one host.

    Attributes
    ----------
    host : str
        Name of the host.
    address : str
        Its IP address.
    bridge : str
        Address and mask of the network of its containers.
    run_dir, data_dir : Path
        The testbed's run directory, and the host's file system.
    parent : str
        Control group of its containers.
    cgroups : Cgroups
        Those of the testbed.
    """

    host: str
    address: str
    bridge: str
    run_dir: Path
    data_dir: Path
    parent: str
    cgroups: Cgroups

    @property
    def socket(self) -> Path:
        """Its Unix socket."""
        return self.run_dir / f"{self.host}.sock"

    @property
    def url(self) -> str:
        """Its address as Docker's clients take it."""
        return f"tcp://{self.address}:{PORT}"

    @property
    def log(self) -> Path:
        """What it says."""
        return self.run_dir / self.host / "engine.log"

    @property
    def _exec_root(self) -> Path:
        return self.run_dir / self.host / "exec"

    def pid(self) -> int | None:
        """Give the process of dockerd, or none if it does not run."""
        # Its children are dockerd for a moment, too: they are younger.
        found = [pid for pid in self.cgroups.members(self.host, "engine") if name_of(pid) == "dockerd"]
        return min(found, key=_started) if found else None

    def launch(
        self, commands: Commands, entrance: list[str | Path], core: int | None, labels: dict[str, str],
        live_restore: bool,
    ) -> None:  # fmt: skip
        """Start dockerd, which is not ready then (`wait`).

        Parameters
        ----------
        commands : Commands
            Starts it.
        entrance : list of str
            What leads into the namespaces of the host.
        core : int, optional
            The core that it is pinned to; it then reports one CPU.
        labels : dict
            Labels of the Engine.
        live_restore : bool
            Whether containers outlive it.
        """
        folder = self.run_dir / self.host
        folder.mkdir(exist_ok=True)
        # Whoever was killed has left its number, which another process may have by now, or a zombie: the next dockerd
        # would believe it, or wait for a dead containerd until it gives up.
        (folder / "dockerd.pid").unlink(missing_ok=True)
        containerd = self._exec_root / "containerd" / "containerd.pid"
        if containerd.exists() and name_of(_number_in(containerd)) != "containerd":
            containerd.unlink()
        daemon: list[str | Path] = [
            "dockerd", "--data-root", self.data_dir / "docker", "--exec-root", self._exec_root,
            "--pidfile", folder / "dockerd.pid", "--host", f"unix://{self.socket}", "--host", self.url,
            # Without it dockerd sleeps for 15 s, to have us think about TLS.
            "--tls=false", "--bip", self.bridge, "--iptables=false", "--ip6tables=false", "--ip-forward=false",
            "--ip-masq=false", "--userland-proxy=false", "--storage-driver", "overlay2",
            "--cgroup-parent", self.parent, "--exec-opt", "native.cgroupdriver=cgroupfs", "--log-level", "warn",
        ]  # fmt: skip
        for name, value in labels.items():
            daemon += ["--label", f"{name}={value}"]
        if live_restore:
            daemon.append("--live-restore")
        pinned = [] if core is None else ["taskset", "--cpu-list", str(core)]
        # In the group first: whatever happens from here on, it is known to be ours.
        script = 'echo $$ > "$0"; log=$1; shift; exec setsid --fork "$@" >> "$log" 2>&1 < /dev/null'
        door = self.cgroups.door(self.host, "engine")
        commands.launch("sh", "-euc", script, door, self.log, *pinned, *entrance, *daemon)

    def wait(self) -> None:
        """Wait until it answers.

        Raises
        ------
        UserError
            If it ends instead, or takes too long; the message has the last line that it said.
        """
        launched = time.monotonic()
        while not self.answers():
            waited_s = time.monotonic() - launched
            if waited_s > READY_WITHIN_S or (waited_s > EXEC_WITHIN_S and self.pid() is None):
                raise UserError(f"host {self.host}: its Engine does not start: {self._last_words()}")
            time.sleep(0.05)

    def _last_words(self) -> str:
        with suppress(OSError, IndexError):
            return self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-1]
        return "it says nothing"

    def answers(self, timeout_s: float = 1.0) -> bool:
        """Ask it whether it is there."""
        with suppress(OSError), socket.socket(socket.AF_UNIX) as talk:
            talk.settimeout(timeout_s)
            talk.connect(str(self.socket))
            talk.sendall(b"GET /_ping HTTP/1.0\r\nHost: engine\r\n\r\n")
            return b" 200 " in talk.recv(64)
        return False

    def signal(self, what: signal.Signals) -> None:
        """Send a signal to dockerd.

        Raises
        ------
        UserError
            If it does not run.
        """
        pid = self.pid()
        if pid is None:
            raise UserError(f"host {self.host}: its Engine does not run")
        send(pid, what)
        if what is signal.SIGKILL:
            while state_of(pid) != "X":
                time.sleep(0.005)

    def stop(self) -> None:
        """Shut down in order: containers are asked to end, then killed, and the Engine ends."""
        pid = self.pid()
        if pid is not None:
            send(pid, signal.SIGCONT)
            send(pid, signal.SIGTERM)
            for patience_s in (STOP_S, 2 * STOP_S):
                until = time.monotonic() + patience_s
                while state_of(pid) != "X" and time.monotonic() < until:
                    time.sleep(0.02)
                if state_of(pid) != "X":
                    self.cgroups.kill(self.host)
        self.lose_power()

    def lose_power(self) -> None:
        """Kill all that runs here, and forget what was in memory.

        A containerd of which a zombie is left would have the next dockerd wait for it in vain, as it reads its number
        in files that no power loss would leave.
        """
        self.cgroups.kill(self.host, f"{self.host}-engine")
        self.cgroups.clear(self.host)
        self.socket.unlink(missing_ok=True)
        shutil.rmtree(self._exec_root, ignore_errors=True)


def _number_in(file: Path) -> int:
    with suppress(OSError, ValueError):
        return int(file.read_text(encoding="utf-8"))
    return -1


def _started(pid: int) -> int:
    with suppress(OSError, IndexError):
        return int(Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[19])
    return 2**63
