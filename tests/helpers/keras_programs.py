"""What refnet makes of the programs in Keras's files: the network, and its answers in float64."""

from functools import cache

import numpy as np

from refnet.architecture.plan import make_plan
from refnet.architecture.scaling import Coefficients
from refnet.architecture.variants import efficientnet
from refnet.checkpoints.graph.graph import Program
from refnet.checkpoints.graph.match import Found, every_variant, match
from refnet.reference.evaluate import evaluate

WIDTH, DEPTH = 0.02, 0.25
SMALL = efficientnet(Coefficients(width=WIDTH, depth=DEPTH, resolution=64), name="small", classes=5)
TOLERANCE = 1e-9  # of the rms


def found_in(program: Program, **options: object) -> Found:
    """The network that a program is; the narrow one is among those that are known."""
    return match(program.graph, candidates=candidates(), **options)


@cache
def candidates() -> tuple:
    return (SMALL, *every_variant())


def ours(program: Program, found: Found, x: np.ndarray, scale: type = np.float64) -> np.ndarray:
    """What the definition answers in float64: the whole network, from pixels on.

    ``scale`` is the format that the factor of a Rescaling layer is rounded to first.
    """
    plan = make_plan(found.architecture, x.shape[1:3], padding=found.padding)
    answer = dict(evaluate(plan.steps, found.tensors, found.bn_eps, normalised(program, found, x, scale)))
    return answer[plan.outputs[-1]]


def normalised(program: Program, found: Found, x: np.ndarray, scale: type = np.float64) -> np.ndarray:
    """Pixels as the model changes them, by the numbers in its file before they are rounded to float32."""
    do = {"multiply": np.multiply, "subtract": np.subtract, "divide": np.divide, "add": np.add}
    constants = []
    for node in program.graph.nodes.values():
        if node.op == "convolution":
            break
        if "constant" in node.tensors:
            constants.append((node.op, np.broadcast_to(node.tensors["constant"], 3)))
            number = node.tensors["constant"]
            x = do[node.op](x, scale(number) if node.kind == "Rescaling" else number)
    rounded = [("subtract", -array) if op == "add" else (op, array) for op, array in constants]
    identities = {("multiply", 1.0), ("divide", 1.0), ("subtract", 0.0)}
    rounded = [
        (op, array)
        for op, array in rounded
        if not any((op, array.max(), array.min()) == (o, n, n) for o, n in identities)
    ]
    assert found.normalise == tuple((op, tuple(np.float32(array).tolist())) for op, array in rounded)
    return x


def difference(first: np.ndarray, second: np.ndarray) -> float:
    """The largest difference, relative to the rms of the second, whose answers may be pictures of one pixel."""
    second = second.reshape(len(second), -1)
    assert first.shape == second.shape
    return float(np.abs(first - second).max() / np.sqrt(np.square(second).mean()))
