"""Inventories: Docker hosts, where they are reached, what may be used of them, and what was measured of them.

An inventory is a TOML file with a table ``[[host]]`` for each host. Sea and tank read the same file: the sea goes by
addresses, the tank by sizes and by what was measured.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np

from policies.errors import UserError
from policies.requests import RESOURCES
from policies.sharing import disk_named
from traces.hosts import Hosts, Profile, sizes
from traces.units import MILLI, size


@dataclass(frozen=True, slots=True)
class Tls:
    """Files of a TLS connection: who may vouch for the Engine, and who we are."""

    ca: str
    cert: str = ""
    key: str = ""


@dataclass(frozen=True)
class HostEntry:
    """One Docker host.

    Attributes
    ----------
    name : str
        What it is called here.
    address : str
        Where its Engine listens: ``unix://``, ``tcp://`` or ``ssh://``; empty where a context says it.
    context : str
        The Docker context that says it.
    cpus : float, optional
        Cores that may be used; by default all that the Engine reports.
    memory_bytes : int, optional
        Likewise.
    disk : str
        What its disk can do, as `policies.sharing.disk_named` reads it; empty where nobody says.
    net_bps : int
        Bytes per second of its network; 0 where nobody says.
    labels : mapping
        Beside those that the Engine has.
    tls : Tls, optional
        How ``tcp://`` is protected.
    fence : str
        A command after which, if it succeeds, nothing runs on the host any more; empty where there is none.
    profile : Profile
        What was measured.
    """

    name: str
    address: str = ""
    context: str = ""
    cpus: float | None = None
    memory_bytes: int | None = None
    disk: str = ""
    net_bps: int = 0
    labels: Mapping[str, str] = field(default_factory=dict)
    tls: Tls | None = None
    fence: str = ""
    profile: Profile = field(default_factory=Profile)

    @property
    def is_local(self) -> bool:
        """Whether its Engine listens on a socket of this machine."""
        return self.address.startswith("unix://")


#: How each key of a ``[[host]]`` is read; the file says ``memory``, a number or a size.
_KEYS = ("name", "address", "context", "cpus", "memory", "disk", "net_bps", "labels", "tls", "fence", "profile")


def read_inventory(path: Path) -> list[HostEntry]:
    """Read an inventory file.

    Raises
    ------
    UserError
        Naming the file, the host and the key.
    """
    try:
        plain = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{path}: {error.strerror or error}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: {error}") from None
    for key in plain:
        if key != "host":
            raise UserError(f"{path}: unknown key {key!r}; an inventory has tables [[host]]")
    tables = plain.get("host")
    if not isinstance(tables, list) or not tables:
        raise UserError(f"{path}: there is no [[host]]")
    entries = [_entry(table, f"{path}: host {number}", path.parent) for number, table in enumerate(tables, 1)]
    names = [entry.name for entry in entries]
    for name in names:
        if names.count(name) > 1:
            raise UserError(f"{path}: host {name!r} is there twice")
    return entries


def _entry(table: Any, where: str, folder: Path) -> HostEntry:
    """Make a host of its table; files are named relative to the inventory's folder."""
    try:
        known = _checked(table, _KEYS)
        name = known.pop("name", None)
        if not (isinstance(name, str) and name):
            raise ValueError("name is missing")
        where += f" ({name})"
        memory = known.pop("memory", None)
        if memory is not None:
            known["memory_bytes"] = size(memory) if isinstance(memory, str) else memory
        tls, profile = known.pop("tls", None), known.pop("profile", None)
        if tls is not None:
            files = _checked(tls, ("ca", "cert", "key"))
            known["tls"] = Tls(**{role: str(folder / file) for role, file in files.items()})
        if profile is not None:
            known["profile"] = Profile(**_checked(profile, [entry.name for entry in fields(Profile)]))
        entry = HostEntry(name, **known)
        _check(entry)
    except (ValueError, TypeError, UserError) as error:
        raise UserError(f"{where}: {error}") from None
    return entry


def _checked(table: Any, known: Sequence[str]) -> dict[str, Any]:
    if not isinstance(table, Mapping):
        raise ValueError("not a table")
    for key in table:
        if key not in known:
            near = get_close_matches(key, known, 1)
            raise ValueError(f"unknown key {key!r}" + (f"; did you mean {near[0]!r}?" if near else ""))
    return dict(table)


def _check(entry: HostEntry) -> None:
    for name in ("address", "context", "disk", "fence"):
        if not isinstance(getattr(entry, name), str):
            raise ValueError(f"{name} must be a text")
    if bool(entry.address) == bool(entry.context):
        raise ValueError("give either an address or a context")
    if entry.address and not entry.address.startswith(("unix://", "tcp://", "ssh://")):
        raise ValueError(f"address {entry.address!r} must begin with unix://, tcp:// or ssh://")
    for name in ("cpus", "memory_bytes"):
        value = getattr(entry, name)
        if value is not None and not (isinstance(value, float | int) and 0 < value < 2**47):
            raise ValueError(f"{name.removesuffix('_bytes')} must be more than 0, and of one machine")
    if not (isinstance(entry.net_bps, int) and entry.net_bps >= 0):
        raise ValueError("net_bps must be a whole number and not negative")
    if not isinstance(entry.labels, Mapping) or not all(isinstance(value, str) for value in entry.labels.values()):
        raise ValueError("labels must be a table of texts")
    if entry.disk:
        disk_named(entry.disk)


def entries_named(text: str) -> list[HostEntry]:
    """Give the hosts that a user names in one word.

    Parameters
    ----------
    text : str
        An inventory file; or addresses (``unix:///var/run/docker.sock``, ``tcp://10.0.0.1:2376``) and contexts
        (``context:NAME``), separated by commas. Where ``DOCKER_CERT_PATH`` is set and ``DOCKER_TLS_VERIFY`` is not
        empty, ``tcp://`` addresses are protected with the files there, as the ``docker`` command does.

    Raises
    ------
    UserError
        If it is none of these.
    """
    if "://" not in text and not text.startswith("context:"):
        return read_inventory(Path(text))
    certs, verify = os.environ.get("DOCKER_CERT_PATH"), os.environ.get("DOCKER_TLS_VERIFY")
    tls = Tls(*(str(Path(certs) / file) for file in ("ca.pem", "cert.pem", "key.pem"))) if certs and verify else None
    entries = []
    for word in text.split(","):
        kind, _, rest = word.partition(":")
        entry = (
            HostEntry(rest, context=rest)
            if kind == "context"
            else HostEntry(word.rpartition("//")[2].strip("/") or word, word, tls=tls if kind == "tcp" else None)
        )
        try:
            _check(entry)
        except ValueError as error:
            raise UserError(f"{word}: {error}") from None
        entries.append(entry)
    if len({entry.name for entry in entries}) < len(entries):
        raise UserError(f"{text}: a host is there twice")
    return entries


def as_toml(entries: Sequence[HostEntry]) -> str:
    """Write an inventory; what is as by default is left out."""
    import tomli_w

    tables = []
    for entry in entries:
        default = asdict(HostEntry(entry.name, profile=Profile()))
        table = {key: value for key, value in asdict(entry).items() if key == "name" or value != default[key]}
        if "memory_bytes" in table:
            table["memory"] = table.pop("memory_bytes")
        if "tls" in table:
            # Files are read as lying beside the inventory, also one that has no name.
            table["tls"] = {role: file for role, file in table["tls"].items() if file}
        tables.append(table)
    return tomli_w.dumps({"host": tables})


def hosts_of(entries: Sequence[HostEntry], source: str) -> Hosts:
    """Give the hosts of an inventory as machines for the tank.

    Raises
    ------
    UserError
        If a host does not say how big it is.
    """
    for entry in entries:
        if entry.cpus is None or entry.memory_bytes is None:
            raise UserError(f"{source}: host {entry.name!r} says no cpus or no memory: the tank cannot ask its Engine")
    cpus = np.array([entry.cpus for entry in entries], dtype=np.float64)
    capacity = sizes(cpus * MILLI, np.array([entry.memory_bytes for entry in entries], dtype=np.float64))
    capacity[RESOURCES.index("net")] = [entry.net_bps for entry in entries]
    disks = [disk_named(entry.disk) if entry.disk else None for entry in entries]
    profiles = [entry.profile for entry in entries]
    return Hosts(
        [entry.name for entry in entries],
        capacity,
        np.ones(len(entries), dtype=bool),
        attributes=[dict(entry.labels) for entry in entries],
        disks=disks if any(disks) else (),
        profiles=profiles if any(one != Profile() for one in profiles) else (),
    )
