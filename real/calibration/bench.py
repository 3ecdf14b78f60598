"""Containers on a host that is measured: when each was asked for, began, did its work and was known to be done."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from itertools import count
from math import inf
from time import monotonic
from typing import NamedTuple

import docker

from policies.requests import Demand, Resources
from policies.sharing.isolation import Shares
from real.engine import WORK_S, EngineError, connect, explained
from real.labels import Ours
from real.load import command, image, report
from real.running import flags
from real.running.survey import Surveyed
from traces.trace import Phase
from traces.units import MILLI

#: What every container here asks for, and so weighs: a core. Its memory is the least.
NEED = Resources(cpu_milli=MILLI)
#: Work that is over as soon as it began.
TRIVIAL_S = 0.001
#: Seconds of work in which a disk is asked for everything at once: what it takes longer is the disk's.
BURST_S = 0.01


class Lived(NamedTuple):
    """What became of a container.

    Attributes
    ----------
    said_s : float
        From the call that asked for it until the Engine said that it runs, in seconds.
    began_s : float
        From that call until its program began its work.
    ended_s : float
        From the program's end until we knew how it had ended, as a run at sea does: then its room is free.
    report : Report
        What the program said.
    """

    said_s: float
    began_s: float
    ended_s: float
    report: report.Report


class Bench:
    """A host that is measured, which is ready for it (`Surveyed.prepare`).

    Parameters
    ----------
    one : Surveyed
        The host.
    ours : Ours
        By what containers are known.
    """

    def __init__(self, one: Surveyed, ours: Ours) -> None:
        self.name = one.name
        self._one, self._ours = one, ours
        self._client = connect(one.entry, WORK_S)
        self._serial = count()
        self._flags = flags.cpu_flags(Shares(), NEED.cpu_milli, 1.0, sensitive=False)

    def close(self) -> None:
        """Let go of the Engine."""
        self._client.close()

    # -- what is run ----------------------------------------------------------------------------------------

    def trivial(self, at_once: int = 1) -> list[Lived]:
        """Run containers that have nothing to do, so many at once."""
        return self._run([Phase(1.0, Demand(1.0, 0.0))] * at_once, TRIVIAL_S)

    def requests(
        self, n: int, size_bytes: int, *, reads: bool = False, random: float = 0.0, at_once: int = 1
    ) -> list[Lived]:
        """Run containers that make requests to the disk, one after the other, and compute nothing."""
        rate = n * size_bytes / BURST_S
        demand = Demand(0.0, 0.0, rate * reads, rate * (not reads), size_bytes, random)
        return self._run([Phase(1.0, demand)] * at_once, BURST_S)

    @contextmanager
    def beside(self, demand: Demand, n: int) -> Iterator[None]:
        """Have containers beside what is run, until they are no longer needed."""
        names = [self._create(Phase(1.0, demand), inf) for _ in range(n)]
        try:
            for name in names:
                self._client.start(name)
            yield
        finally:
            for name in names:
                self._remove(name)

    def _run(self, phases: Sequence[Phase], run_s: float) -> list[Lived]:
        with ThreadPoolExecutor(len(phases)) as pool:
            return list(pool.map(lambda phase: self._live(phase, run_s), phases))

    def _live(self, phase: Phase, run_s: float) -> Lived:
        client, asked = self._client, monotonic()
        name = self._create(phase, run_s)
        try:
            client.start(name)
            said = monotonic()
            client.wait(name, timeout=10 * WORK_S)
            looked = monotonic()
            state, output = client.inspect_container(name)["State"], client.logs(name)
            looked_s = monotonic() - looked
            told = report.parse(output)
            if state["ExitCode"] or told.began_s is None or not told.done:
                words = " ".join(output.decode(errors="replace").split())[-200:]
                raise EngineError(self.name, f"a container that measures ended with {state['ExitCode']}: {words}")
            at = self._events(name)
        except docker.errors.APIError as error:
            raise explained(self.name, error) from error
        finally:
            self._remove(name)
        # Differences are of times by one clock: the host's need not be ours.
        before_s = at["start"] - told.began_s
        return Lived(said - asked, said - asked - before_s, at["die"] - told.began_s - told.wall_s + looked_s, told)

    def _events(self, name: str) -> dict[str, float]:
        """Give when an Engine told of a container's start and end, by its own clock."""
        at: dict[str, float] = {}
        # From the first event on that it remembers; the library reads times as what they are, 0 as none.
        stream = self._client.events(
            decode=True, since=1, filters={"type": "container", "container": name, "event": ["start", "die"]}
        )
        for event in stream:
            at[event["Action"]] = event["timeNano"] / 1e9
            if "die" in at:
                break
        stream.close()
        return at

    def _create(self, phase: Phase, run_s: float) -> str:
        name = f"{self._one.scratch}-{next(self._serial)}"
        units_per_s = self._one.entry.profile.units_per_s
        config = flags.created(
            self._client, image.tag(), command.run((phase,), NEED, run_s, units_per_s), self._ours.labels(),
            self._flags, NEED.memory_bytes, command.threads((phase,), NEED), self._one.scratch,
        )  # fmt: skip
        self._client.create_container_from_config(config, name)
        return name

    def _remove(self, name: str) -> None:
        with suppress(docker.errors.APIError):  # what is left is removed with everything else
            self._client.remove_container(name, force=True)
