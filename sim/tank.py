"""The tank: a replay with a virtual clock and modelled hosts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import simpy

from policies.log import Log
from policies.placement import Placer
from policies.scheduling import Architecture, Settings
from sim.contention import Contention, Interplay, Starting
from sim.undisturbed import Delayed, Undisturbed
from traces.hosts import Hosts
from traces.replay import Replay, ReplayOptions


@dataclass(frozen=True)
class TankOptions(ReplayOptions):
    """How a run goes in the tank.

    Attributes
    ----------
    interplay : Interplay, optional
        What containers of one host do to each other; without, each runs as long as the trace says.
    """

    interplay: Interplay | None = None


class Tank(Replay):
    """A simulated cell; its parameters are those of `Replay`, without what is the tank's own."""

    def __init__(
        self,
        hosts: Hosts,
        architecture: Architecture,
        settings: Settings,
        placer: Callable[[str], Placer],
        log: Log,
        options: TankOptions,
    ) -> None:
        env, interplay = simpy.Environment(), options.interplay

        def hosting(tank: Tank) -> Undisturbed | Contention:
            if interplay is None:
                if hosts.start_at_once:
                    return Undisturbed(env, len(hosts), tank.finished)
                return Delayed(env, hosts.profiles, tank.finished, tank.began)
            shared = (
                env, tank.ledger.resources, hosts.capacity, hosts.alive, hosts.disks, interplay, tank.finished,
                tank.use_changed,
            )  # fmt: skip
            if hosts.start_at_once:
                return Contention(*shared)
            return Starting(*shared, profiles=hosts.profiles, began=tank.began)

        measure_s = None if interplay is None else interplay.measure_s
        super().__init__(env, hosts, architecture, settings, placer, log, options, hosting, measure_s)
