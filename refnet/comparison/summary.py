"""Comparison: all that was found out, the verdict in a sentence, and the same as JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from refnet.comparison.diagnosis.diagnosis import Diagnosis
from refnet.comparison.findings import Finding, listed
from refnet.comparison.outcome import Against, Row

SAME, DIFFERENT, IMPOSSIBLE = 0, 1, 2  # exit codes


@dataclass(frozen=True)
class Comparison:
    """A golden and a port, compared.

    Attributes
    ----------
    golden, actual
        Their paths, as given.
    model
        Of the golden.
    rows
        One for each tensor that both have, in execution order.
    findings
        What else there is to say, the weightiest first.
    exact
        Whether a difference in rounding counts as one.
    diagnoses
        What the wrong tensors are instead, by name.
    """

    golden: str
    actual: str
    model: str
    rows: tuple[Row, ...]
    findings: tuple[Finding, ...]
    exact: bool = False
    diagnoses: Mapping[str, Diagnosis] = field(default_factory=dict)

    @property
    def first_wrong(self) -> Row | None:
        """The first tensor that is wrong by itself, in execution order."""
        return next((row for row in self.rows if self._fails(row)), None)

    @property
    def others_wrong(self) -> tuple[Row, ...]:
        """The tensors after it that are wrong by themselves too: run from the port's own tensors before them."""
        first = self.first_wrong
        return tuple(
            row for row in self.rows if self._fails(row) and row is not first and row.local and not row.follows
        )

    @property
    def exit_code(self) -> int:
        """0 if nothing is wrong, 1 if something is, 2 if it could not be compared."""
        if not self.rows or any(finding.weight == "damaged" for finding in self.findings):
            return IMPOSSIBLE
        wrong = self.first_wrong is not None or any(finding.weight == "wrong" for finding in self.findings)
        return DIFFERENT if wrong else SAME

    @property
    def verdict(self) -> str:
        """Say it in one sentence.

        Examples
        --------
        >>> Comparison("golden", "port", "b0", (Row("stem", "stem", "exact"),), ()).verdict
        'exact: 1 tensor'
        """
        if not self.rows:
            return "nothing compared: no tensor is in both"
        first = self.first_wrong
        if first is not None:
            at = f"{first.name} (tensor {self.rows.index(first) + 1} of {len(self.rows)})"
            word = "first wrong" if first.outcome == "wrong" else "first different"
            others = [row.name for row in self.others_wrong]
            more = f"; wrong by themselves too: {listed(others, 6)}" if others else self._rest(first)
            return f"{word}: {at}: {self._why(first)}{more}"
        count = f"{len(self.rows)} tensor{'s' if len(self.rows) > 1 else ''}"
        rounded = [row for row in self.rows if row.outcome == "rounded"]
        uncompared = sum(row.outcome == "not compared" for row in self.rows)
        rest = f", {uncompared} of them not compared" if uncompared else ""
        if not rounded:
            return f"exact: {count}{rest}"
        ratio, name = max((_ratio(row), row.name) for row in rounded)
        return (
            f"exact or differently rounded: {count}, {len(rounded)} of them rounded, "
            f"at most {ratio:.2g} noise floors from float64 ({name}){rest}"
        )

    def _rest(self, first: Row) -> str:
        """Say that what comes after the first wrong tensor is right by itself, if all of it is known to be."""
        rest = self.rows[self.rows.index(first) + 1 :]
        follows = rest and all(row.local and not self._fails(row) for row in rest)
        return "; all that follows is right by itself" if follows else ""

    def _fails(self, row: Row) -> bool:
        return row.outcome in ("wrong", "differs") or (self.exact and row.outcome == "rounded")

    def _why(self, row: Row) -> str:
        said = next((f.text for f in self.findings if f.step == row.name and f.weight == "wrong"), None)
        found = row.decisive
        if found is None or (said and math.isinf(found.relative)):
            return said or "it could not be compared"
        differ = 1 - found.measure.share_equal
        if row.outcome == "differs":
            return f"{differ:.2%} of its elements differ, relative error {found.relative:.2g}"
        if row.outcome == "rounded":
            return f"differently rounded, {differ:.2%} of its elements differ"
        text = f"relative error {found.relative:.2g}"
        return f"{text}, where rounding explains {found.noise:.1g}" if found.noise is not None else text

    @property
    def sentences(self) -> tuple[str, ...]:
        """The diagnoses in plain words."""
        return tuple(f"{name}: {told.sentence}" for name, told in self.diagnoses.items())

    def to_json(self) -> dict[str, Any]:
        """Turn it into what JSON can hold; what is no number or infinite becomes null."""
        first = self.first_wrong
        plain: dict[str, Any] = _plain(
            {
                "golden": self.golden,
                "actual": self.actual,
                "model": self.model,
                "result": ("same", "different", "not comparable")[self.exit_code],
                "verdict": self.verdict,
                "first_wrong": first and first.name,
                "wrong_by_themselves": [row.name for row in (first, *self.others_wrong) if row],
                "diagnoses": [{"tensor": name} | asdict(told) for name, told in self.diagnoses.items()],
                "findings": [asdict(finding) for finding in self.findings],
                "tensors": [_row(row) for row in self.rows],
            }
        )
        return plain


def _ratio(row: Row) -> float:
    found = row.decisive
    return found.judgement.rms_ratio if found and found.judgement else 0.0


def _row(row: Row) -> dict[str, Any]:
    return {
        "name": row.name,
        "theirs": row.theirs,
        "outcome": row.outcome,
        "judged": None if row.decisive is None else "by itself" if row.local else "end to end",
        "since": row.since,
        "follows": row.follows or None,
        "shape": row.shape,
        "part": row.part,
        "dtype": row.dtype,
        "order": row.order,
        "order_is": row.how,
        "by_itself": _against(row.local),
        "end_to_end": _against(row.end_to_end),
    }


def _against(found: Against | None) -> dict[str, Any] | None:
    if found is None:
        return None
    judgement = found.judgement
    return asdict(found.measure) | {
        "relative_error": found.relative,
        "relative_noise": found.noise,
        "noise_floors_rms": judgement and judgement.rms_ratio,
        "noise_floors_max": judgement and judgement.max_ratio,
        "verdict": found.outcome,
    }


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
