"""Markdown tables, and the cells of those that compare engines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import numpy as np
from peers import Peer


def row(cells: Iterable[object]) -> str:
    """One line of a Markdown table."""
    return f"| {' | '.join(map(str, cells))} |"


def header(*titles: str) -> str:
    """First two lines of a Markdown table."""
    return f"{row(titles)}\n{'|---' * len(titles)}|"


def spread(values: np.ndarray, digits: int) -> str:
    """Median and quartiles."""
    low, median, high = np.percentile(values, (25, 50, 75))
    return f"{median:.{digits}f} ({low:.{digits}f}–{high:.{digits}f})"


def milliseconds(times: dict[str, np.ndarray], *engines: str) -> str:
    """Time of an engine, or of the faster of several that are variations of one."""
    there = [engine for engine in engines if engine in times]
    if not there:
        return "–"
    best = min(there, key=lambda engine: np.median(times[engine]))
    return spread(times[best], 1) + (f" {best.split()[-1]}" if len(engines) > 1 else "")


def ratio(ours: np.ndarray | None, theirs: Iterable[np.ndarray]) -> str:
    """Our time over the shortest of theirs, round by round."""
    there = list(theirs)
    return spread(ours / np.min(there, axis=0), 2) if ours is not None and there else "–"


def fastest(times: dict[str, np.ndarray], peers: list[Peer]) -> str:
    """Who was the fastest, and in how many rounds if it was not always the same."""
    names = {engine: peer.name for peer in peers for engine in peer.engines if engine in times}
    if not names:
        return "–"
    order = list(names)
    first = np.argmin([times[engine] for engine in order], axis=0)
    wins = Counter(names[order[place]] for place in first).most_common()
    return wins[0][0] if len(wins) == 1 else ", ".join(f"{name} {count}" for name, count in wins)


def share(times: dict[str, np.ndarray], engine: str, macs: int, peak: float) -> str:
    """How much of the peak in GFLOP/s an engine reaches."""
    return f"{2 * macs / 1e6 / np.median(times[engine]) / peak:.0%}" if engine in times else "–"


def distance(logits: np.ndarray, truth: np.ndarray) -> str:
    """Relative rms, median and largest ulp of float32 logits."""
    error = np.abs(logits - truth)
    relative = np.sqrt(np.mean(error**2) / np.mean(truth**2))
    ulp = error / np.spacing(np.abs(truth).astype(np.float32))
    return f"{relative:.2e}, ulp {np.median(ulp):.1f}, {ulp.max():.0f}"
