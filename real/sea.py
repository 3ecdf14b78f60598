"""The sea: a replay with the wall clock, on actual Docker hosts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from policies.errors import UserError
from policies.log import Log
from policies.placement import Placer
from policies.scheduling import Architecture, Settings
from real.clock import WallClock
from real.labels import Ours
from real.running import flags
from real.running.fleet import Fleet, Rules
from real.running.survey import Surveyed, hosts_of
from traces.replay import Replay, ReplayOptions
from traces.trace import Arrival


@dataclass(frozen=True)
class SeaOptions(ReplayOptions):
    """How a run goes at sea.

    Attributes
    ----------
    rules : Rules
        How containers are run, and what is done about failures.
    measure_s : float
        How often the use of hosts is measured for those who decide, in seconds.
    """

    rules: Rules = field(default_factory=Rules)
    measure_s: float = 60.0


class Sea(Replay):
    """Docker hosts as a cell.

    Parameters
    ----------
    surveyed : sequence of Surveyed
        The hosts.
    ours : Ours
        By what containers and volumes of this run are known.
    architecture, settings, placer, log
        As in `Replay`.
    options : SeaOptions
        How the run goes.

    Raises
    ------
    UserError
        If what is asked for cannot be had at sea.
    """

    def __init__(
        self,
        surveyed: Sequence[Surveyed],
        ours: Ours,
        architecture: Architecture,
        settings: Settings,
        placer: Callable[[str], Placer],
        log: Log,
        options: SeaOptions,
    ) -> None:
        if architecture.preempt_gap is not None:
            raise UserError("pre-emption is for the tank: at sea, what must make room takes its time to end")
        flags.check(options.rules.isolation)
        clock = WallClock()

        def hosting(sea: Sea) -> Fleet:
            return Fleet(clock, sea, surveyed, ours, options.rules)

        hosts = hosts_of(surveyed)
        super().__init__(clock, hosts, architecture, settings, placer, log, options, hosting, options.measure_s)
        assert isinstance(self._hosting, Fleet)
        self._fleet = self._hosting

    def run(self, arrivals: Iterator[Arrival], tick: Callable[[float], None] = lambda now: None) -> float:
        """Run a workload on hosts that are ready for it (`real.running.survey.prepare`); else as `Replay.run`."""
        self._fleet.begin()
        try:
            return super().run(arrivals, tick)
        finally:
            self._fleet.end()

    def notes(self) -> list[str]:
        """Say what a reader of the results must know, one line each."""
        return self._fleet.noted()
