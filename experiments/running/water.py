"""In which water a run goes: the tank, or Docker hosts. Everything else of a run is the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial

from experiments.results.study import RunKey, Study
from experiments.running import choices
from experiments.running.at_sea import docker_hosts, is_at_sea
from experiments.running.machines import hosts_of, interplay_of
from policies.errors import UserError
from policies.log import Levels
from sim import Tank, TankOptions
from sim.contention import levels_of
from traces.hosts import Hosts
from traces.replay import Replay, ReplayOptions
from traces.trace import Trace


@dataclass(frozen=True)
class Water:
    """What a run goes on in.

    Attributes
    ----------
    hosts : Hosts
        Its machines.
    levels : Levels
        What the levels of its log are.
    world : callable
        Makes its world, of who schedules, how, who places, where it is written, and the options.
    options : callable
        Makes the options of its world, of those that every world has (`traces.replay.ReplayOptions`).
    shared : bool
        Whether containers share their hosts, so that it matters what they use.
    notes : list of str
        What a reader of the results must know of it; complete once the water is left.
    """

    hosts: Hosts
    levels: Levels
    world: Callable[..., Replay]
    options: Callable[..., ReplayOptions]
    shared: bool
    notes: list[str] = field(default_factory=list)


@contextmanager
def water_of(study: Study, key: RunKey, trace: Trace) -> Iterator[Water]:
    """Give the water of a run, and leave it as it was found.

    Raises
    ------
    UserError
        If there is no such water, or it has no hosts.
    """
    if is_at_sea(study):
        with _sea(study, key) as water:
            yield water
    else:
        yield _tank(study, trace)


def _tank(study: Study, trace: Trace) -> Water:
    hosts, notes = hosts_of(study, trace)
    if not len(hosts):
        raise UserError("there are no hosts")
    interplay = interplay_of(study, hosts)

    shared = interplay is not None
    return Water(
        hosts,
        levels_of(hosts.resources(), shared=shared),
        partial(Tank, hosts),
        partial(TankOptions, interplay=interplay),
        shared,
        notes,
    )


@contextmanager
def _sea(study: Study, key: RunKey) -> Iterator[Water]:
    from real import Rules, Sea, SeaOptions, levels_at_sea
    from real.running.survey import hosts_of as hosts_found

    notes: list[str] = []
    rules = Rules(choices.isolation(study.isolation), study.network, study.restarts, study.lost_after_s)
    with docker_hosts(study, key, notes) as (surveyed, ours):
        hosts = hosts_found(surveyed)
        yield Water(
            hosts,
            levels_at_sea(hosts.resources()),
            partial(Sea, surveyed, ours),
            partial(SeaOptions, rules=rules, measure_s=study.measure_s),
            shared=True,
            notes=notes,
        )
