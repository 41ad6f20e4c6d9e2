"""Work done ahead: in order, bounded, and no thread is left behind."""

import os
import threading
import time

import pytest

from refnet.errors import RefnetError
from refnet.pipeline import ahead
from refnet.pipeline.ahead import AHEAD, in_order


def threads():
    return [thread for thread in threading.enumerate() if thread.name.startswith("refnet-pictures")]


def take(results, seen):
    """Note each result before the next one is asked for."""
    for result in results:
        seen.append(result)


def numbered(count):
    return ((i,) for i in range(count))


@pytest.mark.parametrize("count", [0, 1, 5, 200])
def test_results_come_in_order(count):
    def work(i):
        time.sleep(0.001 * (i % 3))
        return i

    assert list(in_order(work, numbered(count), 3)) == list(range(count))
    assert not threads()


def test_only_so_many_are_under_way():
    given = []

    def endless():
        while True:
            given.append(len(given))
            yield (len(given),)

    results = in_order(lambda i: i, endless(), 2)
    for _ in range(50):
        next(results)
        assert len(given) <= given[-1] + 1
    time.sleep(0.05)
    assert len(given) <= 50 + 2 * AHEAD
    assert len(threads()) <= 2
    results.close()
    assert not threads()


def test_whoever_forgets_the_results_leaves_no_thread():
    results = in_order(lambda i: i, numbered(1000), 2)
    next(results)
    assert threads()
    del results
    assert not threads()


def test_what_comes_now_and_then_is_answered_before_the_next(monkeypatch):
    monkeypatch.setattr(ahead, "SLOW", 0.02)
    answered = []

    def now_and_then():
        for i in range(4):
            time.sleep(0.1)
            assert answered == list(range(i))
            yield (i,)

    take(in_order(lambda i: i, now_and_then(), 2), answered)
    assert answered == [0, 1, 2, 3]


def test_after_a_pause_a_burst_is_not_waited_for_either(monkeypatch):
    monkeypatch.setattr(ahead, "SLOW", 0.02)
    answered = []

    def bursts():
        for i in range(6):
            time.sleep(0.1 * (i % 3 == 0))
            assert answered == list(range(i))
            yield (i,)

    take(in_order(lambda i: i, bursts(), 2), answered)


def test_what_is_not_at_hand_is_not_waited_for():
    answered, there = [], [True, False, False]

    def given():
        yield from numbered(2)
        assert answered == [0, 1]
        yield (2,)

    def work(i):
        time.sleep(0.01)
        return i

    take(in_order(work, given(), 2, at_hand=lambda: there.pop(0) if there else True), answered)
    assert answered == [0, 1, 2]


def test_what_work_raises_comes_out_in_its_place():
    def work(i):
        if i == 3:
            raise KeyError(i)
        return i

    seen = []
    with pytest.raises(KeyError):
        take(in_order(work, numbered(1000), 2), seen)
    assert seen == [0, 1, 2]
    assert not threads()


def test_what_the_source_raises_comes_after_what_it_gave():
    def broken():
        yield from numbered(3)
        raise OSError("no more")

    seen = []
    with pytest.raises(OSError, match="no more"):
        take(in_order(lambda i: i, broken(), 2), seen)
    assert seen == [0, 1, 2]
    assert not threads()


def test_an_interruption_leaves_no_thread():
    def interrupted():
        yield from numbered(3)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(in_order(lambda i: i, interrupted(), 2))
    assert not threads()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_after_a_fork_it_says_so_rather_than_wait_for_ever():
    results = in_order(lambda i: i, numbered(1000), 2)
    next(results)
    child = os.fork()
    if not child:
        try:
            list(results)
        except RefnetError:
            os._exit(7)
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    assert next(results) == 1
