"""What the tank must know of Docker hosts, measured with containers of ours: their profiles, and how fast disks are.

The hosts are to be idle: what else runs there, or on the machine below them, is measured with them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from math import exp
from secrets import token_hex
from statistics import fmean, median
from typing import NamedTuple

import numpy as np

from policies.requests import Demand
from policies.sharing import DISKS, Disk, device_time, disk_named, waterfill
from policies.sharing.disk import PAGE_BYTES
from policies.sharing.slowdown import fitted_wake_up_s
from real.calibration.bench import Bench, Lived
from real.engine import WORK_S, EngineError, connect
from real.labels import Ours, this_owner
from real.load import command, report
from real.running.host import STARTS_AT_ONCE
from real.running.survey import Surveyed, at_once, clean_up, survey
from real.watching.hosts import described
from traces.hosts import Profile
from traces.inventory import HostEntry

#: Sizes of requests of which a disk's speed is made: one page, and what large files are read and written in.
SMALL_BYTES, LARGE_BYTES = PAGE_BYTES, 64 * 1024
#: Requests after which it is known roughly how long one takes.
PILOT = 32
#: Most of them in one measurement: of a disk that is so fast the time of one is known long before.
MOST_REQUESTS = 20_000
#: A named class is kept where the device times that it gives differ by no more than this part from what was measured.
CLOSE = 0.2
#: Neighbours that compute, beside which is measured.
NEIGHBOURS = 3

COMPUTES = Demand(1.0, 0.0)
#: More than any disk can do: requests of a writer that never rests.
WRITES = Demand(0.0, 0.0, disk_write_bps=1e9, io_size_bytes=LARGE_BYTES)


@dataclass(frozen=True)
class Effort:
    """How much is measured.

    Attributes
    ----------
    starts : int
        Starts, of which the median counts, on the idle host and beside each number of neighbours.
    disk_s, disks : float, int
        How long each pattern of requests is measured, in seconds, and how often, of which the shortest counts.
    speeds : int
        How often the speed of a core is measured, of which the median counts.
    """

    starts: int = 4
    disk_s: float = 1.0
    disks: int = 2
    speeds: int = 3


QUICK = Effort(starts=2, disk_s=0.5, disks=1, speeds=1)


class StartTime(NamedTuple):
    """How long starts took among others.

    Attributes
    ----------
    at_once, neighbours : int
        How many began to start together, and how many containers computed beside them.
    began_s : float
        From the call to the beginning of the work, in seconds.
    """

    at_once: int
    neighbours: int
    began_s: float

    def stretched(self, cores: float, start_cores: float = 0.0) -> float:
        """Say how many times longer a start's work takes than on a core of its own, as the tank has it.

        Parameters
        ----------
        cores : float
            Of the host.
        start_cores : float
            As in `traces.hosts.Profile`; 0 where who starts has the weight of a neighbour.
        """
        if start_cores:
            return max(self.at_once / (start_cores + max(cores - self.neighbours, 0.0)), 1.0)
        n = self.at_once + self.neighbours
        return 1.0 / float(waterfill(cores, np.ones(n), np.ones(n))[0])


class StartCost(NamedTuple):
    """What a start costs; see `traces.hosts.Profile`."""

    start_s: float
    start_cpu_s: float
    start_cores: float = 0.0

    def of(self, time: StartTime, cores: float) -> float:
        """Give the seconds that the tank says for what was measured."""
        return self.start_s + self.start_cpu_s * time.stretched(cores, self.start_cores)


def fitted_start(times: Sequence[StartTime], cores: float) -> StartCost:
    r"""Fit what a start costs to how long starts took.

    Parameters
    ----------
    times : sequence of StartTime
        What was measured.
    cores : float
        Of the host.

    Notes
    -----
    Least squares of :math:`t = s + c x`, neither negative, with :math:`x` the time that a core-second takes among all
    that are there (`StartTime.stretched`): with one start on a host of :math:`C \le 1` cores and :math:`k` neighbours
    :math:`(1 + k) / C` where it competes with them, and :math:`1 / q` where only :math:`q` cores are left beside them.
    The second has one parameter more, and is taken where Akaike's criterion says so: where the sum of squares is less
    than :math:`e^{-2/n}` of the other, with :math:`n` the number of `times`.

    Examples
    --------
    >>> alone, beside = StartTime(1, 0, 0.5), StartTime(1, 1, 0.8)
    >>> [round(each, 3) for each in fitted_start([alone, beside], 1.0)]
    [0.2, 0.3, 0.0]
    """

    def missed(cost: StartCost) -> float:
        return sum((cost.of(time, cores) - time.began_s) ** 2 for time in times)

    among = _line(times, cores, 0.0)
    aside = min((_line(times, cores, float(q)) for q in np.geomspace(0.02, max(cores, 1.0), 100)), key=missed)
    # Where a start has a core of its own in any case, nothing is known of what is left.
    return aside if aside.start_cpu_s and missed(aside) < missed(among) * exp(-2 / len(times)) - 1e-12 else among


def _line(times: Sequence[StartTime], cores: float, start_cores: float) -> StartCost:
    x = np.array([one.stretched(cores, start_cores) for one in times])
    t = np.array([one.began_s for one in times])
    spread = x - x.mean()
    slope = float(spread @ t / (spread @ spread)) if spread.any() else 0.0
    if slope <= 0:
        return StartCost(float(t.mean()), 0.0)
    start_s = float(t.mean() - slope * x.mean())
    # Without a wait the line goes through nothing.
    return (
        StartCost(start_s, slope, start_cores) if start_s >= 0 else StartCost(0.0, float(x @ t / (x @ x)), start_cores)
    )


def disk_text(small_s: float, large_s: float, random_s: float | None = None) -> str:
    """Describe a disk for `policies.sharing.disk_named` by how long it takes for requests.

    Parameters
    ----------
    small_s, large_s : float
        Seconds for a request of 4 KiB and of 64 KiB, one after the other.
    random_s : float, optional
        Likewise for one of 4 KiB anywhere; by default as for the others.

    Returns
    -------
    str
        A text after which `policies.sharing.device_time` gives these times, but for rounding. Where a large request
        takes more than its pages do one by one, it is the large one that is right.

    Examples
    --------
    >>> disk_text(0.0024096, 0.0085536)
    '10MB:415'
    """
    pages = LARGE_BYTES // SMALL_BYTES
    page_s = max((large_s - small_s) / (pages - 1), small_s / 1000)  # some time, if none that can be seen
    if page_s > small_s:
        page_s = large_s / pages
    bps, iops = SMALL_BYTES / page_s, max(round(1 / small_s), 1)
    random = "" if random_s is None or random_s <= small_s else f":{max(round(1 / random_s), 1)}"
    power, prefix = next((each for each in ((9, "G"), (6, "M"), (3, "k")) if bps >= 10 ** each[0]), (0, ""))
    return f"{float(f'{bps / 10**power:.4g}'):g}{prefix}B:{iops}{random}"


def request_s(disk: Disk, size_bytes: int, *, reads: bool, random: float = 0.0) -> float:
    """Give the seconds of a disk's time that a request takes."""
    rates = (float(size_bytes), 0.0) if reads else (0.0, float(size_bytes))
    return float(device_time(*rates, size_bytes, random, disk))


@dataclass
class Calibrated:
    """What was measured of a host.

    Attributes
    ----------
    entry : HostEntry
        It as an inventory has it, with its disk and profile as they were measured.
    told : list of str
        What came out, one line each, also what no profile has.
    """

    entry: HostEntry
    told: list[str] = field(default_factory=list)


def calibrate(
    entries: Sequence[HostEntry],
    effort: Effort | None = None,
    tell: Callable[[str], None] = lambda line: None,
    *,
    together: bool = False,
) -> list[Calibrated]:
    """Measure hosts, and leave nothing there, however it ends.

    Parameters
    ----------
    entries : sequence of HostEntry
        Which.
    effort : Effort, optional
        How much is measured.
    tell : callable
        Told what is being measured; from several threads if `together`.
    together : bool
        Whether all are measured at once: right for machines that share nothing. By default one after the other.

    Raises
    ------
    UserError
        If one cannot be reached, or something that must be measured cannot be.
    """
    ours = Ours(this_owner(), f"calibrate-{token_hex(4)}")
    # What it says was measured is measured anew.
    fresh = [replace(described(entry), profile=Profile()) for entry in entries]

    def one(found: Surveyed) -> Calibrated:
        try:
            return _Calibration(found, ours, effort or Effort(), tell).run()
        finally:
            for line in clean_up([found], ours):
                tell(line)

    surveyed = survey(fresh, ours)
    if together:
        return at_once(surveyed, one)
    return [made for found in surveyed for made in at_once([found], one)]


class _Calibration:
    """A host while it is measured."""

    def __init__(self, one: Surveyed, ours: Ours, effort: Effort, tell: Callable[[str], None]) -> None:
        self._one, self._effort = one, effort
        self._tell = lambda line: tell(f"{one.name}: {line}")
        self._ours = ours
        self._cores = float(one.entry.cpus or 1.0)
        self._made = Calibrated(one.entry)
        self._starts: list[StartTime] = []

    def run(self) -> Calibrated:
        if others := self._one.held.cpu_milli:
            self._say(f"containers of others hold {others / 1000:g} cores, and are measured with it")
        self._tell("the speed of its cores")
        notes = self._one.prepare()
        self._made.told += notes
        speeds = [self._one.entry.profile.units_per_s, *(self._speed() for _ in range(self._effort.speeds - 1))]
        bench = Bench(self._one, self._ours)
        try:
            profile = Profile(units_per_s=median(speeds))
            self._tell("starts and ends on an idle host")
            idle = [life for _ in range(self._effort.starts) for life in bench.trivial()]
            self._took(1, 0, idle)
            rounds = (self._effort.starts + 1) // 2
            self._took(STARTS_AT_ONCE, 0, [life for _ in range(rounds) for life in bench.trivial(STARTS_AT_ONCE)])
            profile = replace(profile, end_s=median(life.ended_s for life in idle))
            self._say(
                f"a start takes {median(life.began_s for life in idle):.3f} s (its Engine says so after "
                f"{median(life.said_s for life in idle):.3f} s), an end {profile.end_s:.3f} s"
            )
            self._tell("the disk")
            disk, write_s = self._disk(bench)
            profile = self._beside_writer(bench, profile, write_s, median(life.began_s for life in idle))
            profile = self._beside_computing(bench, profile, write_s)
        finally:
            bench.close()
        self._made.entry = replace(self._made.entry, disk=disk, profile=profile)
        return self._made

    def _say(self, line: str) -> None:
        self._made.told.append(line)

    def _speed(self) -> float:
        client = connect(self._one.entry, WORK_S)
        speed = report.calibrated(self._one.errand(client, command.calibrate()))
        client.close()
        if not speed:
            raise EngineError(self._one.name, "the speed of its cores could not be measured")
        return speed

    def _took(self, at_once: int, neighbours: int, lives: Sequence[Lived]) -> float:
        """Take note of starts, and give the median."""
        began_s = median(life.began_s for life in lives)
        self._starts.append(StartTime(at_once, neighbours, began_s))
        return began_s

    # -- the disk -------------------------------------------------------------------------------------------

    def _disk(self, bench: Bench) -> tuple[str, float]:
        """Describe the disk, and give the seconds of a large write."""
        took: dict[tuple[int, bool], float] = {}
        for size in (SMALL_BYTES, LARGE_BYTES):
            for reads in (False, True):
                took[size, reads], cpu_s = self._request_s(bench, size, reads=reads)
                self._say(
                    f"{'reads' if reads else 'writes'} of {size // 1024} KiB: {took[size, reads] * 1e3:.3f} ms each, "
                    f"{cpu_s * 1e6:.0f} us of CPU"
                )
        random_s, _ = self._request_s(bench, SMALL_BYTES, reads=True, random=1.0)
        self._say(f"reads of 4 KiB anywhere: {random_s * 1e3:.3f} ms each")
        # A description has one speed for both directions.
        small_s, large_s = (fmean(took[size, reads] for reads in (False, True)) for size in (SMALL_BYTES, LARGE_BYTES))
        measured = disk_text(small_s, large_s, random_s if random_s > 1.1 * took[SMALL_BYTES, True] else None)
        said = self._made.entry.disk
        self._say(f"the disk is {measured}" + (f"; the inventory says {said}" if said else ""))
        if said in DISKS and all(
            abs(request_s(disk_named(said), size, reads=reads) - time_s) <= CLOSE * time_s
            for (size, reads), time_s in took.items()
        ):
            self._say(f"that is {said}, which is kept")
            measured = said
        return measured, took[LARGE_BYTES, False]

    def _request_s(self, bench: Bench, size: int, *, reads: bool, random: float = 0.0) -> tuple[float, float]:
        """Give how long a request takes, and how much CPU; the least, since whatever disturbs makes it longer."""
        n, took = PILOT, list[tuple[float, float]]()
        while len(took) < self._effort.disks:
            (life,) = bench.requests(n, size, reads=reads, random=random)
            if life.report.wall_s >= self._effort.disk_s / 2 or n == MOST_REQUESTS:
                took.append((life.report.wall_s / n, life.report.cpu_s / n))
            else:
                n = min(max(round(self._effort.disk_s * n / life.report.wall_s), 2 * n), MOST_REQUESTS)
        return min(took)

    # -- beside others --------------------------------------------------------------------------------------

    def _n(self, each_s: float) -> int:
        """Give how many requests of so many seconds are measured."""
        return min(max(round(self._effort.disk_s / each_s), PILOT), MOST_REQUESTS)

    def _beside_writer(self, bench: Bench, profile: Profile, write_s: float, idle_s: float) -> Profile:
        self._tell("beside one that writes")
        n = self._n(write_s)
        with bench.beside(WRITES, 1):
            (life,) = bench.requests(n, LARGE_BYTES)
            slowed = life.report.wall_s / n / write_s
            start_s = median(life.began_s for _ in range(self._effort.starts) for life in bench.trivial())
        self._say(
            f"beside one that writes all the time a writer is {slowed:.2f} times slower (the tank says 2), and a start "
            f"takes {start_s:.3f} s"
        )
        return replace(profile, start_disk_s=max(start_s - idle_s, 0.0))

    def _beside_computing(self, bench: Bench, profile: Profile, write_s: float) -> Profile:
        n = self._n(write_s)
        per, slowdowns = max(round(self._cores), 1), []
        with ExitStack() as stack:
            for k in range(1, NEIGHBOURS + 1):
                self._tell(f"beside {k * per} that compute")
                stack.enter_context(bench.beside(COMPUTES, per))
                self._took(1, k * per, [life for _ in range(self._effort.starts) for life in bench.trivial()])
                (life,) = bench.requests(n, LARGE_BYTES)
                slowdowns.append(life.report.wall_s / n / write_s)
        cost = fitted_start(self._starts, self._cores)
        self._say(
            f"a start costs {cost.start_s:.3f} s and {cost.start_cpu_s:.3f} core-seconds"
            + (f", for which {cost.start_cores:.2f} cores are left beside containers" if cost.start_cores else "")
        )
        for time in self._starts:
            self._say(
                f"a start, {time.at_once} at once beside {time.neighbours} that compute: {time.began_s:.3f} s; "
                f"the tank says {cost.of(time, self._cores):.3f} s"
            )
        # The tank counts the threads that compete for each core.
        wake_up_s = max(fitted_wake_up_s(write_s, slowdowns) * self._cores / per, 0.0)
        for k, slowed in enumerate(slowdowns, 1):
            says = 1.0 + wake_up_s * k * per / self._cores / write_s
            self._say(f"a writer beside {k * per} that compute: {slowed:.2f} times slower; the tank says {says:.2f}")
        return replace(profile, **cost._asdict(), wake_up_s=wake_up_s)
