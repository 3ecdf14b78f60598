"""The wall clock: nothing happens before its time, threads are heard at once, and it ends only when told."""

import threading
import time

import pytest

from real.clock import WallClock


def test_what_is_due_happens_in_order_and_not_before_its_time():
    clock, seen = WallClock(), []

    def process():
        for wait_s in (0.03, 0.0, 0.02):
            yield clock.timeout(wait_s)
            seen.append((clock.now, clock.wall_s()))

    clock.run(clock.process(process()))

    assert [now for now, _ in seen] == pytest.approx([0.03, 0.03, 0.05])
    assert all(wall_s >= now for now, wall_s in seen)


def test_a_thread_is_heard_at_once_though_nothing_is_due_for_long():
    clock = WallClock()
    heard = clock.event()
    clock.timeout(3600.0)
    told_s = []

    def speak():
        told_s.append(clock.wall_s())
        clock.tell(heard.succeed, "word")

    threading.Timer(0.02, speak).start()
    word = clock.run(heard)

    assert word == "word"
    assert clock.now >= told_s[0]
    assert clock.wall_s() < 60.0


def test_an_empty_heap_is_no_end():
    clock = WallClock()
    end = clock.event()
    told_s = []

    def speak():
        told_s.append(clock.wall_s())
        clock.tell(end.succeed)

    threading.Timer(0.03, speak).start()
    clock.run(end)

    assert clock.now >= told_s[0]


def test_waiting_costs_no_processor_time():
    clock = WallClock()
    began_s = time.process_time()

    clock.run(until=0.3)

    assert clock.now == 0.3
    assert time.process_time() - began_s < 0.1


def test_what_many_threads_tell_is_heard_once_each_and_in_their_order():
    clock, heard = WallClock(), []
    end = clock.event()

    def speak(who):
        for number in range(200):
            clock.tell(heard.append, (who, number))

    threads = [threading.Thread(target=speak, args=(who,)) for who in range(4)]
    for thread in threads:
        thread.start()
    threading.Thread(target=lambda: ([t.join() for t in threads], clock.tell(end.succeed))).start()
    clock.run(end)

    assert len(heard) == 800
    for who in range(4):
        assert [number for one, number in heard if one == who] == list(range(200))


def test_time_that_thinking_takes_is_part_of_the_time_waited():
    clock = WallClock()

    def thinker():
        busy_until = time.monotonic() + 0.05
        while time.monotonic() < busy_until:
            pass
        yield clock.timeout(0.06)
        return clock.now

    assert clock.run(clock.process(thinker())) == pytest.approx(0.06)


def test_what_a_process_raises_ends_the_run():
    clock = WallClock()

    def process():
        yield clock.timeout(0.01)
        raise ValueError("mine")

    clock.process(process())
    with pytest.raises(ValueError, match="mine"):
        clock.run(until=1.0)
    assert clock.wall_s() < 1.0


def test_what_was_told_before_the_run_is_not_lost():
    clock, heard = WallClock(), []
    clock.tell(heard.append, 1)

    clock.run(until=0.01)

    assert heard == [1]
