"""What a testbed shall be, and the names of all that it makes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from policies.errors import UserError
from real.testbed.disks import SlowDisk

MIB = 1 << 20

#: Hosts of a testbed: their addresses end in 11 to 109, and the names of their links have 15 letters at most.
MOST_HOSTS = 99


@dataclass(frozen=True, slots=True)
class TestbedOptions:
    """What a testbed shall be; with one name and one subnet each, several stand side by side.

    Attributes
    ----------
    name : str
        At most 12 small letters, digits and dashes. Whatever the testbed makes has it in its name.
    subnet : int
        The B of the addresses 10.77.B.11, 10.77.B.12, …
    cpus : float
        Cores that the containers of a host may use together.
    memory_bytes : int
        Memory that the containers of a host may use together.
    disk_bytes : int
        Size of a host's disk; it is sparse.
    slow_disk : SlowDisk, optional
        How slow the disk is; without it as fast as the machine's.
    pin : bool
        Give each host a core of its own kind as long as the budgets of those on it fit: containers get what their
        shares say only where they contend for the same core.
    live_restore : bool
        Whether containers outlive their Engine's restart.
    rack_size : int
        Hosts per rack, in the label ``rack``.
    """

    name: str = "towtank"
    subnet: int = 77
    cpus: float = 0.8
    memory_bytes: int = 512 * MIB
    disk_bytes: int = 2048 * MIB
    slow_disk: SlowDisk | None = None
    pin: bool = True
    live_restore: bool = False
    rack_size: int = 2

    #: Its name is no reason for pytest to take it for tests.
    __test__: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z][a-z0-9-]{0,11}", self.name):
            raise UserError(f"--name {self.name!r}: must be at most 12 of a-z, 0-9 and -, a letter first")
        if not 0 <= self.subnet <= 255:
            raise UserError(f"--subnet {self.subnet}: must be from 0 to 255")
        if not 0.01 <= self.cpus <= 1024:
            raise UserError(f"--cpus {self.cpus:g}: must be at least 0.01")
        for option, amount in (("--memory", self.memory_bytes), ("--disk", self.disk_bytes)):
            if amount < 64 * MIB:
                raise UserError(f"{option} {amount}: must be at least 64MiB")
        if self.rack_size < 1:
            raise UserError(f"--rack-size {self.rack_size}: must be at least 1")

    @property
    def run_dir(self) -> Path:
        """Sockets, logs and state. It is made first and goes last: while it is there, the names are the testbed's."""
        return Path(f"/run/{self.name}-testbed")

    @property
    def var_dir(self) -> Path:
        """Disks."""
        return Path(f"/var/tmp/{self.name}-testbed")

    def rack(self, number: int) -> str:
        """Say in which rack a host stands."""
        return f"r{(number - 1) // self.rack_size + 1}"

    def cores(self, hosts: int, there: list[int]) -> list[int | None]:
        """Say which core each host is pinned to.

        Examples
        --------
        >>> TestbedOptions(cpus=0.6).cores(3, there=[0, 1])
        [0, 1, None]
        >>> TestbedOptions(cpus=0.5).cores(3, there=[0, 1])
        [0, 1, 0]
        """
        # Whoever finds no room on a core has its budget over all of them.
        fit = int(1 / self.cpus + 1e-9) * len(there) if self.pin else 0
        return [there[at % len(there)] if at < fit else None for at in range(hosts)]
