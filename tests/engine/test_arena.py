from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from refnet.engine.arena import Arena


@given(st.lists(st.tuples(st.integers(1, 50), st.integers(0, 6)), min_size=1, max_size=30))
def test_what_lives_at_the_same_time_does_not_overlap(requests: list[tuple[int, int]]) -> None:
    arena = Arena()
    placed: list[tuple[int, int, int, int]] = []
    for now, (size, life) in enumerate(requests):
        arena.release(before=now)
        offset = arena.place(size, until=now + life)
        for begin, end, since, until in placed:
            if since <= now <= until:
                assert offset >= end or offset + size <= begin
        placed.append((offset, offset + size, now, now + life))
    assert arena.size == max(end for _, end, _, _ in placed)


def test_free_memory_is_used_again() -> None:
    arena = Arena()
    first = arena.place(10, until=0)
    arena.place(10, until=5)
    arena.release(before=1)
    assert arena.place(8, until=5) == first
    assert arena.size == 20


def test_what_is_written_over_lives_on() -> None:
    arena = Arena()
    offset = arena.place(10, until=1)
    arena.extend(offset, until=3)
    arena.release(before=3)
    assert arena.place(5, until=4) == 10
