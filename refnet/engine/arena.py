"""The arena: places for tensors in one piece of memory, each free again after its last reader."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Arena:
    """First-fit allocation over time; sizes and offsets count elements.

    Examples
    --------
    >>> arena = Arena()
    >>> arena.place(10, until=1), arena.place(5, until=3)
    (0, 10)
    >>> arena.release(before=2)
    >>> arena.place(8, until=4), arena.size
    (0, 15)
    """

    size: int = 0
    _live: list[tuple[int, int, int]] = field(default_factory=list)  # (offset, end, until), by offset

    def place(self, size: int, *, until: int) -> int:
        """Reserve ``size`` elements until a point in time; return their offset."""
        offset = 0
        for begin, end, _ in self._live:
            if offset + size <= begin:
                break
            offset = end
        self._live.append((offset, offset + size, until))
        self._live.sort()
        self.size = max(self.size, offset + size)
        return offset

    @property
    def in_use(self) -> int:
        """Elements reserved now."""
        return sum(end - offset for offset, end, _ in self._live)

    def extend(self, offset: int, *, until: int) -> None:
        """Keep what lies at ``offset`` for longer: another tensor is written over it."""
        self._live = [(o, end, max(t, until) if o == offset else t) for o, end, t in self._live]

    def release(self, *, before: int) -> None:
        """Free what is not needed from ``before`` on."""
        self._live = [item for item in self._live if item[2] >= before]
