"""Judge: whether a comparison found the first wrong tensor, and whether what it said names the mistake."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from planting.truth import Truth
from refnet.comparison import Comparison

UNRELATED = ("missing", "dtype", "names")  # kinds of findings, of which every port of this shape gets notes
LEAD = re.compile(
    r"\blead\b|explains? .*%|% of the error|no known|nothing known|the nearest|error is noise|fixed point: its numbers",
    re.IGNORECASE,
)
#: Counts, a first element and its numbers, and what should have been computed: they tell nothing of the mistake.
ASIDE = re.compile(
    r": (?:all )?[\d,]+ (?:of [\d,]+ )?elements, first .*| element of [\d,]+: \(.*|,? instead of [^;:]*", re.IGNORECASE
)
WRONG = ("wrong", "differs")  # outcomes; of a rounded tensor the order of its roundings may be claimed
MOST_LEFT = 0.1  # of the error: what a name may leave


class Judged(NamedTuple):
    """The judgement of one comparison.

    Attributes
    ----------
    expected, first
        The first tensor that differs from the right port's, and the one that was called the first wrong.
    naming
        ``named``, ``wrongly named``, ``lead``, ``unnamed``; or ``no effect``, ``not located``. Of right ports ``right``
        or ``false alarm``.
    elsewhere
        What was claimed of tensors that are right, or wrong for what happened before.
    text
        All that was said of the first wrong one.
    """

    expected: str | None
    first: str | None
    naming: str
    elsewhere: tuple[str, ...]
    text: str


def judge(found: Comparison, expected: str | None, truths: list[Truth], anywhere: list[Truth]) -> Judged:
    """Hold what was said against what was planted: in the first wrong tensor, and anywhere."""
    first = found.first_wrong
    name = None if first is None else _plain(first.theirs)
    text = said_of(found, None if first is None else first.name)
    wrong = {tensor.name for tensor in found.tensors if tensor.outcome in WRONG}
    confident = {at: claim for at, claim in found.diagnoses.items() if at in wrong and is_confident(claim)}
    elsewhere = tuple(
        f"{at}: {claim.sentence}"
        for at, claim in confident.items()
        if (first is None or at != first.name) and not any(_says(claim.sentence, at, truth) for truth in anywhere)
    )
    if not anywhere:
        return Judged(None, name, "false alarm" if found.exit_code else "right", elsewhere, text)
    if expected is None:
        return Judged(None, name, "no effect", elsewhere, text)
    if name != _plain(expected):
        return Judged(_plain(expected), name, "not located", elsewhere, text)
    return Judged(name, name, naming(text, name, first.name in confident, truths), elsewhere, text)


def naming(text: str, tensor: str, confident: bool, truths: list[Truth]) -> str:
    """Whether one line of what was said of a tensor contains all that a truth demands."""
    lines = text.splitlines()
    certain = lines if confident else [line for line in lines if not LEAD.search(line)]
    if any(_says(line, tensor, truth) for line in certain for truth in truths):
        return "named"
    if confident:
        return "wrongly named"
    return "lead" if any(_says(line, tensor, truth) for line in lines for truth in truths) else "unnamed"


def _says(line: str, tensor: str, truth: Truth) -> bool:
    """Whether a line says it; results of a convolution alone are its sums, so the line says whose results it tells."""
    part = "conv: " if tensor.endswith(".conv") else ""
    return truth.matches(part + ASIDE.sub("", line))


def is_confident(claim: Any) -> bool:
    """Whether a diagnosis claims a mistake, and is no lead."""
    if claim.mistake is None or getattr(claim, "lead", False):
        return False
    return not claim.residual > MOST_LEFT * claim.before


def said_of(found: Comparison, step: str | None) -> str:
    """All that the terminal says of a step, and of the whole run, a sentence a line."""
    general = [
        finding.text
        for finding in found.findings
        if finding.step in (None, step) and (finding.kind not in UNRELATED or finding.severity == "wrong")
    ]
    start = f"{step}: "
    spoken = (*found.sentences, *found.places)  # what was computed, and where it is wrong
    own = [line.removeprefix(start) for line in spoken if line.startswith(start)]
    return "\n".join([*own, *general])


def _plain(name: str) -> str:
    """A tensor's name without the slices behind it."""
    return name.partition("[")[0]
