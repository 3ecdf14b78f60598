"""What hosts are like before a run: how big, what others hold of them, and whether they are ready for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, TypeVar

import docker
import numpy as np

from policies.errors import UserError
from policies.requests import DEVICE_MICRO, RESOURCES, Resources
from policies.sharing import Disk, disk_named
from real.engine import ANSWER_S, WORK_S, EngineError, connect, explained
from real.labels import Ours, is_ours
from real.load import command, image, report
from real.watching.hosts import N, filled, on_each, remove_container, taken
from traces.hosts import Hosts
from traces.inventory import HostEntry
from traces.units import MILLI

T = TypeVar("T")

#: Bytes of the file on each host that containers read from.
DATA_BYTES = 32 * 2**20


class Surveyed:
    """A Docker host as it was found.

    Attributes
    ----------
    entry : HostEntry
        What the inventory says, with what its Engine said where the inventory says nothing.
    client : docker.APIClient
        For short questions.
    info : mapping
        What its Engine says of itself.
    whole : Resources
        What may be used of it in all.
    held : Resources
        What containers that are not of this run hold of that.
    disk : Disk, optional
        What its disk can do; None where nobody says, and then nobody knows how busy it is.
    attributes : mapping
        Its labels.
    scratch : str
        The volume that containers write into.
    """

    def __init__(self, entry: HostEntry, ours: Ours, disk: Disk | None) -> None:
        self.client = connect(entry, ANSWER_S)
        self.info: Mapping[str, Any] = self.client.info()
        self.entry = filled(entry, self.info)
        self.disk = disk_named(entry.disk) if entry.disk else disk
        self.attributes = self.entry.labels
        self._ours = ours
        self.scratch = f"towtank-{ours.run}"
        self.whole = Resources(
            cpu_milli=round((self.entry.cpus or 0.0) * MILLI),
            memory_bytes=self.entry.memory_bytes or 0,
            disk_micro=DEVICE_MICRO if self.disk else 0,
            net_bps=entry.net_bps,
        )
        self.held = self._held(self.client)

    @property
    def name(self) -> str:
        """What the inventory calls it."""
        return self.entry.name

    @property
    def capacity(self) -> tuple[int, ...]:
        """What a run may use of it: never more than is free after what runs there already."""
        return tuple(max(whole - held, 0) for whole, held in zip(self.whole, self.held, strict=True))

    def capacity_now(self, client: docker.APIClient) -> tuple[int, ...]:
        """Ask again what others hold, and give what a run may use."""
        self.held = self._held(client)
        return self.capacity

    def _held(self, client: docker.APIClient) -> Resources:
        mine = self._ours.labels().items()
        others = [one for one in client.containers() if not mine <= (one.get("Labels") or {}).items()]
        return taken(client, others)

    # -- making it ready ------------------------------------------------------------------------------------

    def prepare(self) -> list[str]:
        """Make a host ready for a run, and say what was found there that a reader must know.

        What an earlier run of this name left behind is removed. The image is loaded, the volume made and filled, and
        the speed of a core measured unless the inventory says it.
        """
        client = connect(self.entry, WORK_S)
        left = remove_all(client, self._ours)
        notes = [f"host {self.name}: {left} containers of an earlier attempt at this run were removed"] if left else []
        image.ensure(client)
        client.create_volume(self.scratch, labels=self._ours.labels())
        device = report.device(self.errand(client, command.prepare(DATA_BYTES)))
        if device and self.info.get("CgroupVersion", "1") == "1":
            with suppress(EngineError):  # a device of that name need not be there for the Engine; then nobody counts
                self.errand(client, command.calibrate(0.01), counted=device)
        if not self.entry.profile.units_per_s:
            units_per_s = report.calibrated(self.errand(client, command.calibrate()))
            if not units_per_s:
                raise EngineError(self.name, "the speed of its cores could not be measured")
            self.entry = replace(self.entry, profile=replace(self.entry.profile, units_per_s=units_per_s))
        return notes

    def errand(self, client: docker.APIClient, words: Sequence[str], counted: str = "") -> bytes:
        """Run a short container to its end, and give what it wrote."""
        from real.running import flags

        config = flags.created(
            client, image.tag(), words, self._ours.labels(), {"cpu_shares": 1024}, 0, 16, self.scratch, counted=counted
        )
        name = f"{self.scratch}-errand"
        client.create_container_from_config(config, name)
        try:
            try:
                client.start(name)
            except docker.errors.APIError as error:
                raise explained(self.name, error) from error
            code = client.wait(name, timeout=WORK_S)["StatusCode"]
            output: bytes = client.logs(name)
        finally:
            client.remove_container(name, force=True)
        if code:
            said = " ".join(output.decode(errors="replace").split())[-200:]
            raise EngineError(self.name, f"{' '.join(words)} ended with {code}: {said}")
        return output


def survey(entries: Sequence[HostEntry], ours: Ours, disk: Disk | None = None) -> list[Surveyed]:
    """Look at hosts, all at once.

    Parameters
    ----------
    entries : sequence of HostEntry
        Which.
    ours : Ours
        What of the containers there belongs to the run.
    disk : Disk, optional
        The disk of those of which the inventory does not say it.

    Raises
    ------
    UserError
        If one cannot be reached; the message names it.
    """
    return at_once(entries, lambda entry: Surveyed(entry, ours, disk))


def prepare(surveyed: Sequence[Surveyed]) -> list[str]:
    """Make hosts ready for a run, all at once, and give what was noticed.

    Raises
    ------
    UserError
        If one cannot be made ready.
    """
    image.program()  # once, before all hosts want it
    notes = [note for some in at_once(surveyed, Surveyed.prepare) for note in some]
    # The same work on every host: what is slower there takes longer.
    speeds = [one.entry.profile.units_per_s for one in surveyed]
    for one in surveyed:
        one.entry = replace(one.entry, profile=replace(one.entry.profile, units_per_s=max(speeds)))
    if max(speeds) > 1.1 * min(speeds):
        slow = surveyed[speeds.index(min(speeds))].name
        notes.append(f"cores differ: those of {slow} compute {min(speeds) / max(speeds):.0%} of what the fastest do")
    return notes


def clean_up(surveyed: Sequence[Surveyed], ours: Ours, inventory: str = "INVENTORY") -> list[str]:
    """Remove what a run left on its hosts, all at once; give a line for each host where that could not be done."""

    def clean(one: Surveyed) -> str:
        try:
            connect(one.entry).close()  # whoever is not there is not waited for long
            client = connect(one.entry, WORK_S)
            remove_all(client, ours)
            volumes = client.volumes(filters=ours.filters())["Volumes"] or ()
            for volume in volumes:
                client.remove_volume(volume["Name"], force=True)
        except Exception as error:
            told = explained(one.name, error)
            if not isinstance(told, EngineError | UserError):
                raise
            return f"{told}; what is left there, towtank hosts clean {inventory} --run {ours.run} removes"
        return ""

    return [line for line in at_once(surveyed, clean) if line]


def remove_all(client: docker.APIClient, ours: Ours) -> int:
    """Remove the containers that are ours, whatever state they are in, and say how many there were."""
    there = client.containers(all=True, filters=ours.filters())
    for one in there:
        if is_ours(one["Labels"]):
            remove_container(client, one["Id"])
    return len(there)


def hosts_of(surveyed: Sequence[Surveyed]) -> Hosts:
    """Give surveyed hosts as machines of a cell."""
    capacity = np.array([one.capacity for one in surveyed], dtype=np.int64).reshape(-1, len(RESOURCES)).T
    disks = [one.disk for one in surveyed]
    return Hosts(
        [one.name for one in surveyed],
        capacity,
        np.ones(len(surveyed), dtype=bool),
        attributes=[one.attributes for one in surveyed],
        disks=disks if any(disks) else (),
    )


def at_once(hosts: Sequence[N], work: Callable[[N], T]) -> list[T]:
    """Do something with every host (`on_each`); an Engine's errors become the user's."""
    done: list[T] = []
    for answer in on_each(hosts, work, limit_s=None, grace_s=ANSWER_S):
        if isinstance(answer, EngineError):
            raise UserError(str(answer)) from answer
        if isinstance(answer, Exception):
            raise answer
        done.append(answer)
    return done
