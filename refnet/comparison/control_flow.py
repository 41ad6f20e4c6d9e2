"""Control flow: blocks that a port ran twice, or left out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from refnet.architecture import names
from refnet.architecture.needed import needed
from refnet.arrays import Array
from refnet.comparison.diagnosis.diagnosis import Diagnosis
from refnet.comparison.judgement.verdict import judge, rms
from refnet.comparison.rerun import Rerun
from refnet.errors import RefnetError


def other_flow(
    name: str, given: Mapping[str, Array], actual: Array, dtype: str, rerun: Rerun, seen: Array | None = None
) -> Diagnosis | None:
    """Find whether a block that ran twice, or not at all, makes a port's tensor of its tensors before."""
    mask = np.ones(actual.shape, bool) if seen is None else seen
    for mistake, sentence, held in _flows(name, given, rerun):
        try:
            single, truth = rerun.run_both(held, name)
        except RefnetError:
            continue
        if truth.shape == actual.shape and np.isfinite(actual[mask]).all():
            found = judge(actual[mask], single[mask], truth[mask], dtype, rerun.terms(name, held))
            if found.verdict != "wrong":
                return Diagnosis(mistake, sentence, found.error / (rms(actual[mask]) or 1.0), np.inf)
    return None


def _flows(name: str, given: Mapping[str, Array], rerun: Rerun) -> Iterator[tuple[str, str, dict[str, Array]]]:
    """What the steps before a tensor may have been given instead."""
    own = _block(name)
    for block in {_block(step.name): None for step in needed(rerun.plan.steps, given, [name])}:
        result = names.part_name(block, names.ADD)
        if not block or result not in rerun.steps:
            continue
        (entry,) = {read for read in rerun.steps[result].inputs if _block(read) != block}
        if entry not in given:
            continue
        if block == own:
            once = rerun.run_both(given, result)[0]
            yield "block-twice", f"{block} runs twice: once more on its own result", {**given, entry: once}
        elif result not in given:
            yield "block-left-out", f"{block} is left out (skipped): what it reads goes on", {result: given[entry]}


def _block(name: str) -> str:
    """Name of a step's block; empty outside of them."""
    return name.partition(".")[0] if names.in_block(name) else ""
