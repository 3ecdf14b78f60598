"""Times of starts are read from the log, whoever wrote it: rows of one container or of many."""

import numpy as np
import pytest

from experiments.measures.metrics import Metrics
from policies.log import Event, Levels, Log


class Told:
    """A log of one job on two hosts, and the metrics of it."""

    def __init__(self):
        self._metrics = Metrics(Levels(("cpu_allocated",)))
        self._log = Log([self._metrics])
        self._log.levels = (0.0, 0.0, 0.0)

    def say(self, t_s, event, where, seconds=0.0, job="a"):
        hosts, counts = np.array([*where]), np.array([*where.values()])
        self._log.say(
            t_s, event, job, scheduler="all/0", tasks=int(counts.sum()), seconds=seconds, where=(hosts, counts)
        )

    def starts(self):
        self._log.flush()
        metrics = self._metrics.result(100.0)
        return metrics["start_mean_s"], metrics["start_p90_s"]


def test_nothing_is_known_where_containers_run_when_they_are_placed():
    told = Told()
    told.say(1.0, Event.STARTED, {0: 3})

    assert told.starts() == (None, None)


def test_rows_of_one_container_come_to_the_same_as_a_row_of_many():
    many, single = Told(), Told()
    for told in (many, single):
        told.say(1.0, Event.LAUNCHED, {0: 2, 1: 2})
    many.say(3.0, Event.STARTED, {0: 2})
    many.say(5.0, Event.STARTED, {1: 2})
    for t_s, host in ((3.0, 0), (3.0, 0), (5.0, 1), (5.0, 1)):
        single.say(t_s, Event.STARTED, {host: 1})

    assert many.starts() == single.starts()
    assert many.starts()[0] == pytest.approx(3.0)


def test_of_one_job_on_one_host_the_first_that_was_placed_is_the_first_to_start():
    told = Told()
    told.say(1.0, Event.LAUNCHED, {0: 2})
    told.say(2.0, Event.LAUNCHED, {0: 1})
    told.say(2.5, Event.LAUNCHED, {0: 1}, job="b")
    for t_s in (4.0, 5.0, 6.0):
        told.say(t_s, Event.STARTED, {0: 1})

    assert told.starts()[0] == pytest.approx((3.0 + 4.0 + 4.0) / 3)


@pytest.mark.parametrize("why", [Event.KILLED, Event.PREEMPTED, Event.OUT_OF_MEMORY, Event.FAILED])
def test_who_did_not_start_does_not_count_and_nobody_takes_its_place(why):
    told = Told()
    told.say(1.0, Event.LAUNCHED, {0: 1})
    told.say(2.0, Event.LAUNCHED, {0: 3})
    told.say(4.0, Event.STARTED, {0: 1})  # that of 1
    told.say(5.0, why, {0: 1}, seconds=1.0)  # that of 1, which ran from 4
    told.say(6.0, why, {0: 2}, seconds=4.0)  # two of 2
    told.say(7.0, Event.LAUNCHED, {0: 1})
    told.say(8.0, Event.STARTED, {0: 1})  # the third of 2
    told.say(9.0, Event.STARTED, {0: 1})  # that of 7

    assert told.starts()[0] == pytest.approx((3.0 + 6.0 + 2.0) / 3)


def test_nine_of_ten_started_no_later():
    told = Told()
    told.say(0.0, Event.LAUNCHED, {0: 100})
    for second in range(1, 101):
        told.say(float(second), Event.STARTED, {0: 1})

    assert told.starts() == pytest.approx((50.5, 90.0), abs=0.5)
