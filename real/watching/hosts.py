"""What runs on Docker hosts, ours and others', how much of them that holds, and what of ours is left there."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeVar

import docker

from policies.errors import UserError
from policies.requests import Resources
from real import labels as label
from real.engine import WORK_S, EngineError, connect, explained
from real.watching.use import cores_now, counters_of, limits_of
from traces.inventory import HostEntry
from traces.units import MILLI

#: Seconds that a host has for all that it is asked at a time.
HOST_S = 20.0
#: Containers of a host that are measured at a time: an Engine takes one or two seconds for each.
AT_ONCE = 16

T = TypeVar("T")


class Named(Protocol):
    """What says which host it is of."""

    @property
    def name(self) -> str: ...


N = TypeVar("N", bound=Named)


def on_each(
    hosts: Sequence[N], ask: Callable[[N], T], limit_s: float | None = HOST_S, grace_s: float = 0.0
) -> list[T | Exception]:
    """Do something with all hosts at a time, each in a thread of its own.

    Whoever interrupts it does not wait long for hosts that hang: an executor would, and the interpreter again.

    Parameters
    ----------
    hosts : sequence
        The hosts.
    ask : callable
        What is done with one.
    limit_s : float, optional
        How long it may take; None for as long as it takes.
    grace_s : float
        How long hosts may take to come to an end when it is interrupted.

    Returns
    -------
    list
        What it gave for each host, or an `EngineError` or `UserError` that names the host.
    """
    answers: list[T | Exception] = [EngineError(host.name, "no answer in time") for host in hosts]

    def one(position: int, host: N) -> None:
        try:
            answers[position] = ask(host)
        except Exception as error:
            answers[position] = explained(host.name, error)

    threads = [threading.Thread(target=one, args=item, daemon=True) for item in enumerate(hosts)]
    for thread in threads:
        thread.start()
    try:
        _join(threads, limit_s)
    except BaseException:
        _join(threads, grace_s)
        raise
    for answer in answers:
        if isinstance(answer, Exception) and not isinstance(answer, EngineError | UserError):
            raise answer
    return list(answers)


def _join(threads: Iterable[threading.Thread], limit_s: float | None) -> None:
    deadline_s = None if limit_s is None else time.monotonic() + limit_s
    for thread in threads:
        thread.join(None if deadline_s is None else max(0.0, deadline_s - time.monotonic()))


class Load(NamedTuple):
    """What running containers of a host use now: cores, and bytes of their working sets."""

    cores: float
    memory_bytes: int


@dataclass(frozen=True)
class Survey:
    """One host as its Engine tells.

    Attributes
    ----------
    version, cgroup, storage : str
        Of Docker; of cgroups, with who drives them; how layers are stored.
    cpus, memory_bytes
        What the Engine reports: all that the machine has.
    labels : mapping
        Of the Engine.
    ours, others : int
        Running containers.
    load : Load
        What they use together.
    """

    version: str
    cgroup: str
    storage: str
    cpus: int
    memory_bytes: int
    labels: Mapping[str, str]
    ours: int
    others: int
    load: Load


def survey(entry: HostEntry) -> Survey:
    """Ask an Engine what it is and what runs there.

    Raises
    ------
    UserError, EngineError
        If it does not answer.
    """
    with closing(connect(entry)) as client:
        info, running = client.info(), client.containers()
        frames = [frame for _, frame in _measured(client, [container["Id"] for container in running])]
        counters = [used for used in map(counters_of, frames) if used is not None]
        ours = sum(of_a_run(container["Labels"]) for container in running)
        return Survey(
            info["ServerVersion"],
            f"v{info.get('CgroupVersion') or '1'} {info['CgroupDriver']}",
            info["Driver"],
            info["NCPU"],
            info["MemTotal"],
            engine_labels(info),
            ours,
            len(running) - ours,
            Load(sum(map(cores_now, frames)), sum(used.memory_bytes for used in counters)),
        )


def described(entry: HostEntry) -> HostEntry:
    """Give an entry with sizes and labels filled in as its Engine reports them, for an inventory anywhere.

    Raises
    ------
    UserError, EngineError
        If the Engine does not answer.
    """
    with closing(connect(entry)) as client:
        info = client.info()
    tls = entry.tls and replace(
        entry.tls, **{name: str(Path(file).absolute()) for name, file in asdict(entry.tls).items() if file}
    )
    return replace(filled(entry, info), tls=tls)


def filled(entry: HostEntry, info: Mapping[str, Any]) -> HostEntry:
    """Give an entry with what its Engine says of itself where the entry says nothing, and the labels of both."""
    return replace(
        entry,
        cpus=entry.cpus or float(info["NCPU"]),
        memory_bytes=entry.memory_bytes or int(info["MemTotal"]),
        labels={**engine_labels(info), **entry.labels},
    )


def of_a_run(labels: Mapping[str, str] | None) -> bool:
    """Say whether a run of ours made what has these labels.

    A container has the labels of its image, too, and anybody may run ours: the owner alone says nothing.
    """
    return label.is_ours(labels) and label.RUN in (labels or ())


def engine_labels(info: Mapping[str, Any]) -> dict[str, str]:
    """Give the labels of an Engine, which are in no order, and may come without a value."""
    return {key: value for key, _, value in (text.partition("=") for text in info.get("Labels") or ())}


def taken(client: docker.APIClient, containers: Iterable[Mapping[str, Any]]) -> Resources:
    """Say how much of a host running containers hold, so that others do without it.

    Parameters
    ----------
    client : docker.APIClient
        The host's Engine.
    containers : iterable of mapping
        As the Engine lists them; of those that are gone meanwhile nothing is held.

    Returns
    -------
    Resources
        CPU and memory.

    Raises
    ------
    docker.errors.DockerException, requests.RequestException
        If the Engine does not answer.

    Notes
    -----
    A container holds its limits (``--cpus`` or ``--cpu-quota``, ``--memory``). One that has none could take
    everything, and then nothing would be left: it counts with what it uses at this moment, which may be less than
    what it uses later. An Engine takes one or two seconds to measure.
    """
    limits, unlimited = {}, []
    for container in containers:
        try:
            there = client.inspect_container(container["Id"])
        except docker.errors.NotFound:
            continue
        if not there["State"]["Running"]:  # it ended a moment ago, and lists do not know yet
            continue
        limits[container["Id"]] = limits_of(there)
        if not all(limits[container["Id"]][:2]):
            unlimited.append(container["Id"])
    for container_id, frame in _measured(client, unlimited):
        used, limit = counters_of(frame), limits[container_id]
        limits[container_id] = limit._replace(
            cpu_milli=limit.cpu_milli or round(cores_now(frame) * MILLI),
            memory_bytes=limit.memory_bytes or (used.memory_bytes if used else 0),
        )
    return Resources(*(sum(column) for column in zip(*limits.values(), strict=True))) if limits else Resources()


def _measured(client: docker.APIClient, containers: Sequence[str]) -> list[tuple[str, Mapping[str, Any]]]:
    """Measure containers, several at a time; those that are gone meanwhile are left out."""

    def one(container_id: str) -> Mapping[str, Any] | None:
        try:
            return client.stats(container_id, stream=False)
        except docker.errors.NotFound:
            return None

    with ThreadPoolExecutor(AT_ONCE) as pool:
        frames = pool.map(one, containers)
        return [(key, frame) for key, frame in zip(containers, frames, strict=True) if frame is not None]


class Leftover(NamedTuple):
    """Something of ours on a host."""

    kind: str  # container, volume or image
    id: str  # what the Engine finds it by
    name: str
    owner: str
    run: str
    state: str = ""


def leftovers(entry: HostEntry, owner: str | None, run: str = "", images: bool = False) -> list[Leftover]:
    """Find what runs of ours have left on a host, running or not.

    Parameters
    ----------
    entry : HostEntry
        The host.
    owner : str, optional
        Whose; None for everybody's.
    run : str
        Of which run; of all where empty.
    images : bool
        Whether images are looked for, too; they are nobody's in particular.

    Raises
    ------
    UserError, EngineError
        If the Engine does not answer.

    """
    wanted = (
        label.Ours(owner, run).filters() if owner else {"label": [label.OWNER] + [f"{label.RUN}={run}"] * bool(run)}
    )
    wanted["label"].append(label.RUN)  # see `of_a_run`
    with closing(connect(entry)) as client:
        found = [
            _leftover("container", each["Id"], each["Names"][0].lstrip("/"), each["Labels"], each["State"])
            for each in client.containers(all=True, filters=wanted)
        ]
        found += [
            _leftover("volume", each["Name"], each["Name"], each["Labels"])
            for each in client.volumes(filters=wanted)["Volumes"] or ()
        ]
        if images:
            found += [
                _leftover("image", each["Id"], (each["RepoTags"] or [each["Id"]])[0], each["Labels"])
                for each in client.images(filters={"label": [label.IMAGE]})
            ]
    return found


def _leftover(kind: str, key: str, name: str, labels: Mapping[str, str] | None, state: str = "") -> Leftover:
    if labels is None or not (label.IMAGE in labels if kind == "image" else of_a_run(labels)):
        raise AssertionError(f"the Engine listed {kind} {name} as ours, and it has no such label")
    return Leftover(kind, key, name, labels.get(label.OWNER, ""), labels.get(label.RUN, ""), state)


def remove_container(client: docker.APIClient, container_id: str) -> None:
    """Remove a container, whether or not it runs or is there; where that is under way already, see its end.

    Raises
    ------
    docker.errors.APIError
        If the Engine will not.
    """
    until_s = time.monotonic() + WORK_S
    while True:
        try:
            client.remove_container(container_id, v=True, force=True)
        except docker.errors.NotFound:
            return
        except docker.errors.APIError as error:
            if "in progress" not in str(error.explanation) or time.monotonic() > until_s:
                raise
            time.sleep(0.1)


def remove(entry: HostEntry, found: Iterable[Leftover]) -> list[str]:
    """Remove what `leftovers` found, containers first; give what could not be, one line each.

    Raises
    ------
    UserError, EngineError
        If the Engine does not answer.
    """
    failed = []
    with closing(connect(entry, WORK_S)) as client:
        for item in found:
            try:
                if item.kind == "container":
                    remove_container(client, item.id)
                elif item.kind == "volume":
                    # Found by its name, which somebody else may have taken meanwhile.
                    if of_a_run(client.inspect_volume(item.id)["Labels"]):
                        client.remove_volume(item.id)
                else:
                    client.remove_image(item.id)
            except docker.errors.NotFound:
                continue
            except docker.errors.APIError as error:
                failed.append(f"host {entry.name}: {item.kind} {item.name}: {' '.join(str(error.explanation).split())}")
    return failed
