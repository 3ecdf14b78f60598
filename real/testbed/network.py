"""Networks: one bridge, and for each host a network namespace with a cable to it."""

from __future__ import annotations

import json
import re
from pathlib import Path

from policies.errors import UserError
from real.testbed.commands import Commands

#: Where ``ip netns`` keeps namespaces.
NAMESPACES = Path("/run/netns")


class Network:
    """The network of a testbed.

    Parameters
    ----------
    name : str
        The testbed's: the bridge is ``NAME-br``, a host's namespace and its end of the cable on our side ``NAME-I``.
    subnet : int
        The third number of the addresses.
    commands : Commands
        Runs ``ip``.
    """

    def __init__(self, name: str, subnet: int, commands: Commands) -> None:
        self._name, self._subnet, self._commands = name, subnet, commands
        self._bridge = f"{name}-br"
        self._ours = re.compile(rf"{re.escape(name)}-(\d+|br)")

    def address(self, number: int) -> str:
        """Give the address of a host."""
        return f"10.77.{self._subnet}.{10 + number}"

    def namespace(self, number: int) -> Path:
        """Give the file of a host's network namespace."""
        return NAMESPACES / self._cable(number)

    def there(self) -> list[str]:
        """Give links and namespaces that have names of this testbed."""
        namespaces = [path.name for path in NAMESPACES.glob("*")] if NAMESPACES.is_dir() else []
        links = [path.name for path in Path("/sys/class/net").iterdir()]
        return [name for name in dict.fromkeys([*links, *namespaces]) if self._ours.fullmatch(name)]

    def make_bridge(self) -> None:
        """Make the bridge.

        Raises
        ------
        UserError
            If the machine has another address in the subnet.
        """
        gateway = f"10.77.{self._subnet}.1"
        for link in json.loads(self._commands.run("ip", "-json", "-4", "address")):
            for address in link.get("addr_info", ()):
                if address["local"].startswith(f"10.77.{self._subnet}."):
                    raise UserError(
                        f"--subnet {self._subnet}: {link['ifname']} has the address {address['local']}; take another"
                    )
        self._ip("link", "add", "name", self._bridge, "type", "bridge")
        self._ip("address", "add", f"{gateway}/24", "dev", self._bridge)
        self._ip("link", "set", "dev", self._bridge, "up")

    def make(self, number: int) -> None:
        """Make the namespace of a host and its cable to the bridge."""
        cable = self._cable(number)
        self._ip("netns", "add", cable)
        self._ip("link", "add", "name", cable, "type", "veth", "peer", "name", "eth0", "netns", cable)
        self._ip("link", "set", "dev", cable, "master", self._bridge, "up")
        self._ip("-netns", cable, "link", "set", "dev", "lo", "up")
        self._ip("-netns", cable, "address", "add", f"{self.address(number)}/24", "dev", "eth0")
        self._ip("-netns", cable, "link", "set", "dev", "eth0", "up")
        self._ip("-netns", cable, "route", "add", "default", "via", f"10.77.{self._subnet}.1")

    def connect(self, number: int, connected: bool) -> None:
        """Plug a host's cable in, or pull it."""
        self._ip("link", "set", "dev", self._cable(number), "up" if connected else "down")

    def connected(self, number: int) -> bool:
        """Say whether a host's cable is plugged in."""
        flags = Path("/sys/class/net", self._cable(number), "flags")
        return flags.exists() and bool(int(flags.read_text(encoding="utf-8"), 16) & 1)

    def remove(self) -> None:
        """Take away all links and namespaces with names of this testbed."""
        for name in self.there():
            # A cable goes with its namespace, a little later: whoever comes second may find it gone.
            if Path("/sys/class/net", name).exists():
                self._commands.tried("ip", "link", "delete", "dev", name)
            if (NAMESPACES / name).exists():
                self._ip("netns", "delete", name)

    def _cable(self, number: int) -> str:
        return f"{self._name}-{number}"

    def _ip(self, *words: str) -> None:
        self._commands.run("ip", *words)
