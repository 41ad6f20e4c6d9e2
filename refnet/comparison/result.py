"""The result of a comparison: all that was found out, the verdict in a sentence, and the same as JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, NamedTuple

from refnet.comparison.diagnosis.diagnosis import Diagnosis
from refnet.comparison.findings import OTHER_NETWORK, Finding, listed
from refnet.comparison.runs import Runs
from refnet.comparison.tensor_result import Deviation, TensorResult

SAME, DIFFERENT, IMPOSSIBLE = 0, 1, 2  # exit codes
MOST_TOLD = 4  # tensors of which it is said where they are wrong; JSON and the page have all


class Said(NamedTuple):
    """A sentence on one tensor: where it is wrong, what it was computed as, or what only comes near that."""

    kind: Literal["where", "named", "lead"]
    text: str


@dataclass(frozen=True)
class Comparison:
    """A golden and a port, compared.

    Attributes
    ----------
    golden, actual
        Their paths, as given.
    model
        Of the golden.
    tensors
        A result for each tensor that both have, in execution order.
    findings
        What else there is to say, the gravest first.
    exact
        Whether a difference in rounding counts as one.
    diagnoses
        What the wrong tensors are instead, by name.
    runs
        What differs between several runs of the port, of which ``actual`` is the one that is right furthest.
    rounds_as
        Of integers: the other engine that all of the port's tensors are those of; else empty.
    """

    golden: str
    actual: str
    model: str
    tensors: tuple[TensorResult, ...]
    findings: tuple[Finding, ...]
    exact: bool = False
    diagnoses: Mapping[str, Diagnosis] = field(default_factory=dict)
    runs: Runs | None = None
    rounds_as: str = ""

    @property
    def of_codes(self) -> bool:
        """Whether it is of integers, which are equal or not."""
        return any(result.decisive is not None and result.decisive.of_codes for result in self.tensors)

    @property
    def first_wrong(self) -> TensorResult | None:
        """The first tensor that is wrong by itself, in execution order."""
        return next((result for result in self.tensors if self._fails(result)), None)

    @property
    def wrong_by_themselves(self) -> tuple[TensorResult, ...]:
        """The first wrong tensor, and those after it that no earlier mistake explains."""
        first = self.first_wrong
        return tuple(
            found
            for found in self.tensors
            if found is first or (self._fails(found) and found.by_itself and not found.follows)
        )

    @property
    def exit_code(self) -> int:
        """0 if nothing is wrong, 1 if something is, 2 if it could not be compared."""
        if not self.tensors or any(finding.severity == "damaged" for finding in self.findings):
            return IMPOSSIBLE
        wrong = self.first_wrong is not None or any(finding.severity == "wrong" for finding in self.findings)
        return DIFFERENT if wrong else SAME

    @property
    def verdict(self) -> str:
        """Say it in one sentence.

        Examples
        --------
        >>> Comparison("golden", "port", "b0", (TensorResult("stem", "stem", "exact"),), ()).verdict
        'exact: 1 tensor'
        """
        if self.runs and self.runs.differing:
            return f"the runs differ, first in {self.runs.differing[0].name}; {self.actual}: {self._verdict()}"
        return self._verdict()

    def _verdict(self) -> str:
        """Say it of the one dump that is judged."""
        if not self.tensors:
            return "nothing compared: no tensor is in both"
        if self._other_network:
            return self._other_network
        first = self.first_wrong
        if first is not None:
            at = f"{first.name} (tensor {self.tensors.index(first) + 1} of {len(self.tensors)})"
            word = "first wrong" if first.outcome == "wrong" else "first different"
            others = [other.name for other in self.wrong_by_themselves[1:]]
            more = f"; {word.split()[1]} by themselves too: {listed(others, 6)}" if others else self._rest(first)
            return f"{word}: {at}: {self._why(first)}{more}"
        count = f"{len(self.tensors)} tensor{'s' if len(self.tensors) > 1 else ''}"
        rounded = [result for result in self.tensors if result.outcome == "rounded"]
        uncompared = sum(result.outcome == "not compared" for result in self.tensors)
        rest = f", {uncompared} of them not compared" if uncompared else ""
        if not rounded:
            return f"exact: {count}{rest}"
        if self.rounds_as:
            return f"{self.rounds_as}'s to the bit: {count}, {len(rounded)} of them other codes than the golden's{rest}"
        ratio, name = max((_ratio(result), result.name) for result in rounded)
        return (
            f"exact or differently rounded: {count}, {len(rounded)} of them rounded, "
            f"at most {ratio:.2g} noise floors from float64 ({name}){rest}"
        )

    def _rest(self, first: TensorResult) -> str:
        """Say that what comes after the first wrong tensor is right by itself, if all of it is known to be."""
        rest = self.tensors[self.tensors.index(first) + 1 :]
        follows = rest and all(result.by_itself and not self._fails(result) for result in rest)
        return "; all that follows is right by itself" if follows else ""

    @property
    def _other_network(self) -> str:
        return next((finding.text for finding in self.findings if finding.kind == OTHER_NETWORK), "")

    def _fails(self, result: TensorResult) -> bool:
        return result.outcome in ("wrong", "differs") or (self.exact and result.outcome == "rounded")

    def _why(self, result: TensorResult) -> str:
        if result.holds:
            return f"it holds {result.holds}: overwritten before it was dumped"
        said = next((f.text for f in self.findings if f.step == result.name and f.severity == "wrong"), None)
        found = result.decisive
        if found is None or (said and math.isinf(found.relative)):
            return said or "it could not be compared"
        differ = 1 - found.distance.share_equal
        if result.outcome == "differs":
            return f"{differ:.2%} of its elements differ, relative error {found.relative:.2g}"
        if result.outcome == "rounded":
            return f"differently rounded, {differ:.2%} of its elements differ"
        return found.words

    @property
    def sentences(self) -> tuple[str, ...]:
        """The diagnoses in plain words."""
        return tuple(f"{name}: {diagnosis.sentence}" for name, diagnosis in self.diagnoses.items())

    @property
    def places(self) -> tuple[str, ...]:
        """Where the first tensors that are wrong by themselves are wrong, in plain words."""
        return tuple(f"{found.name}: {found.where.sentence}" for found in self._placed if found.where)

    @property
    def _placed(self) -> tuple[TensorResult, ...]:
        wrong = () if self._other_network else self.wrong_by_themselves[:MOST_TOLD]
        return tuple(found for found in wrong if found.where)

    @property
    def account(self) -> tuple[Said, ...]:
        """Of one tensor after the other, where it is wrong, and what was computed instead or what comes near."""
        places = dict(zip((found.name for found in self._placed), self.places, strict=True))
        said: list[Said] = []
        for name in dict.fromkeys([*places, *self.diagnoses]):
            if name in places:
                said.append(Said("where", places[name]))
            if name in self.diagnoses:
                diagnosis = self.diagnoses[name]
                said.append(Said("lead" if diagnosis.mistake is None else "named", f"{name}: {diagnosis.sentence}"))
        return tuple(said)

    def to_json(self) -> dict[str, Any]:
        """Turn it into what JSON can hold; what is no number or infinite becomes null."""
        different = self.first_wrong
        wrong = [found.name for found in self.wrong_by_themselves if found.outcome != "rounded"]
        plain: dict[str, Any] = _plain(
            {
                "golden": self.golden,
                "actual": self.actual,
                "model": self.model,
                "result": ("same", "different", "not comparable")[self.exit_code],
                "verdict": self.verdict,
                "runs": self.runs and self.runs.to_json(),
                "rounds_as": self.rounds_as or None,
                "first_different": different and different.name,
                "first_wrong": wrong[0] if wrong else None,
                "wrong_by_themselves": wrong,
                "diagnoses": [{"tensor": name} | asdict(found) for name, found in self.diagnoses.items()],
                "findings": [asdict(finding) for finding in self.findings],
                "tensors": [_tensor(found) for found in self.tensors],
            }
        )
        return plain


def _ratio(result: TensorResult) -> float:
    found = result.decisive
    return found.judgement.rms_ratio if found and found.judgement else 0.0


def _tensor(result: TensorResult) -> dict[str, Any]:
    return {
        "name": result.name,
        "theirs": result.theirs,
        "outcome": result.outcome,
        "judged": None if result.decisive is None else "by itself" if result.by_itself else "end to end",
        "run_from": result.run_from,
        "follows": result.follows or None,
        "holds": result.holds or None,
        "shape": result.shape,
        "part": result.part,
        "where": result.where and asdict(result.where) | {"sentence": result.where.sentence},
        "dtype": result.dtype,
        "order": result.order,
        "order_is": result.how,
        "by_itself": _deviation(result.by_itself),
        "end_to_end": _deviation(result.end_to_end),
    }


def _deviation(found: Deviation | None) -> dict[str, Any] | None:
    if found is None:
        return None
    judgement = found.judgement
    return asdict(found.distance) | {
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
