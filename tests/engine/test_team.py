from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from refnet.checks import available_cores
from refnet.engine.team import Team


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_everybody_calls_the_function(threads: int) -> None:
    callers = []
    barrier = threading.Barrier(threads, timeout=10)

    def work() -> None:
        barrier.wait()
        callers.append(threading.get_ident())

    Team(threads).run(work)
    assert len(set(callers)) == threads


def test_a_busy_helper_is_not_waited_for() -> None:
    team, release, helper_is_in = Team(2), threading.Event(), threading.Event()

    def occupy() -> None:
        if threading.current_thread() is not other:
            helper_is_in.set()
            release.wait(10)

    other = threading.Thread(target=team.run, args=(occupy,))
    other.start()
    assert helper_is_in.wait(10)
    calls = []
    begin = time.monotonic()
    team.run(lambda: calls.append(1))
    assert calls == [1]
    assert time.monotonic() - begin < 5
    release.set()
    other.join()


def test_an_error_comes_out_when_all_have_ended() -> None:
    barrier, ended = threading.Barrier(3, timeout=10), []

    def fail() -> None:
        place = barrier.wait()
        time.sleep(0.05 * place)
        ended.append(place)
        raise KeyError(place)

    with pytest.raises(KeyError):
        Team(3).run(fail)
    assert sorted(ended) == [0, 1, 2]


def test_cores() -> None:
    assert available_cores() >= 1


def test_without_helpers_the_caller_does_it_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_more_threads(*_: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(ThreadPoolExecutor, "submit", no_more_threads)
    calls = []
    Team(3).run(lambda: calls.append(1))
    assert calls == [1]
