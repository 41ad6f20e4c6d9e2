"""Rerun: the model of a golden, run here again in float32 and float64 to judge a port by."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

from refnet.architecture.needed import needed
from refnet.architecture.plan import Plan, make_plan
from refnet.architecture.step import Step
from refnet.arrays import Array
from refnet.comparison.findings import Finding
from refnet.comparison.integers.rerun import IntegerRerun
from refnet.comparison.judgement.verdict import terms_added
from refnet.errors import InputError, RefnetError
from refnet.golden.manifest import Run
from refnet.hub.models import find_any_weights, is_file
from refnet.network import Network
from refnet.reference.numerics import NUMERICS_VERSION
from refnet.weights.quantised import QuantisedWeights
from refnet.weights.weights import Weights


class Rerun:
    """A golden's model in float32, ``single``, and in float64, ``truth``, for pictures of one height and width.

    A dictionary of weights is emptied, since both take their own copies.
    """

    def __init__(self, weights: Weights, size: tuple[int, int], threads: int | None = None) -> None:
        self.size = size
        self.plan: Plan = make_plan(weights.architecture, size, padding=weights.padding)
        self.steps: Mapping[str, Step] = {name: step for step in self.plan for name in (*step.parts, step.name)}
        self.truth = Network(weights, dtype="float64", threads=threads)
        self.single = Network._consume(weights, threads=threads)

    def inputs(self, name: str) -> tuple[str, ...]:
        """Names of what a tensor is made from, the step's own inputs for a part; none of what is no step."""
        return self.steps[name].inputs if name in self.steps else ()

    def terms(self, name: str, given: Collection[str]) -> int:
        """Length of the longest sum between tensors and one that is made from them."""
        if name not in self.steps or name in given:
            return 1
        return max(map(terms_added, needed(self.plan.steps, given, [name])), default=1)

    def run_both(self, given: Mapping[str, Array], name: str) -> tuple[Array, Array]:
        """Run from tensors to one tensor: float32 and float64, [N, …]."""
        ((_, single),) = self.single.resume(given, [name], size=self.size)
        return single, self.run_float64(given, name)

    def run_float64(self, given: Mapping[str, Array], name: str) -> Array:
        """Run from tensors to one tensor in float64."""
        ((_, truth),) = self.truth.resume(given, [name], size=self.size)
        return truth

    def stream(self, network: Network, given: Mapping[str, Array], wanted: Sequence[str]) -> Stream:
        """Run from tensors through all those that are wanted."""
        steps = [name for name in self.steps if name in set(wanted)]
        return Stream(network.resume(given, steps, size=self.size), steps)


class Stream:
    """Tensors that come in an order of their own, one in memory."""

    def __init__(self, tensors: Iterator[tuple[str, Array]], order: Sequence[str]) -> None:
        self._tensors = tensors
        self._left = list(reversed(order))

    def advance_to(self, name: str) -> Array | None:
        """Go on to a tensor; None if it does not come, or has passed by."""
        if name not in self._left:
            return None
        while True:
            found, tensor = next(self._tensors)
            self._left.remove(found)
            if found == name:
                return tensor


def prepare_rerun(
    run: Run, model: str | None, threads: int | None = None
) -> tuple[Rerun | IntegerRerun | None, list[Finding]]:
    """Get a golden's model ready to be run, and say in findings why it cannot be, or what is odd.

    A manifest's model is taken by its name alone, from this machine: what a file says is neither opened nor fetched.
    Raises RefnetError if ``model``, given by the user, cannot be loaded or has other weights than the golden's.
    """
    if model is None:
        name = run.model
        if run.dtype == "int8":
            return None, [_without(f"it is a file of integers of {name}; name it by --model FILE.h5")]
        if is_file(name):
            return None, [_without(f"{name} is a file, which is only opened if you say --model {name}")]
        try:
            weights = find_any_weights(name, download=False)
        except RefnetError as error:
            return None, [_without(f"{error}")]
        if weights.digest() != run.weights:
            other = f"the {name} on this machine has other weights than the golden was recorded with"
            return None, [_without(f"{other}; name the file that has them by --model FILE")]
    else:
        weights = find_any_weights(model)
        if weights.digest() != run.weights:
            raise InputError(
                f"{model} has the weights {weights.digest()[:12]}, the golden was recorded with {run.weights[:12]}; "
                "want the model it was recorded with"
            )
    findings = []
    if run.numerics != NUMERICS_VERSION:
        text = f"the golden has numerics version {run.numerics}, this refnet version {NUMERICS_VERSION}"
        findings.append(Finding("version", None, f"{text}: its bits need not be those computed here"))
    if isinstance(weights, QuantisedWeights):
        return IntegerRerun(weights, run.size), findings
    return Rerun(weights, run.size, threads), findings


def _without(why: str) -> Finding:
    return Finding("model", None, f"nothing is judged by itself, since the golden's model cannot be run here: {why}")


def nearest_held(
    name: str, inputs: Callable[[str], tuple[str, ...]], held: Callable[[str], bool]
) -> tuple[str, ...] | None:
    """Find the tensors to begin with so that one tensor can be made: the last ones before it that are held.

    None if something is missing on the way.

    Examples
    --------
    >>> chain = {"c": ("b", "a"), "b": ("a",), "a": ("input",)}
    >>> nearest_held("c", lambda name: chain.get(name, ()), {"a", "input"}.__contains__)
    ('a',)
    """
    found: dict[str, None] = {}
    seen: set[str] = set()
    open_ends = list(reversed(inputs(name)))
    while open_ends:
        one = open_ends.pop()
        if one in seen:
            continue
        seen.add(one)
        if held(one):
            found[one] = None
        elif inputs(one):
            open_ends += reversed(inputs(one))
        else:
            return None
    return tuple(found) or None
