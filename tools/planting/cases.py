"""Cases: which network a port runs, on what, and what it writes; each with its golden and the right port's run."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

import refnet
from planting.layers import Array, Scene
from planting.program import Program, Run, Tensors, right_program, run, stage_name
from refnet.architecture import names
from refnet.architecture.plan import Plan, make_plan
from refnet.architecture.scaling import Coefficients
from refnet.architecture.variants import efficientnet
from refnet.golden.stimuli import codes
from refnet.hub.models import find_weights
from refnet.preprocessing.read_image import read_image
from refnet.preprocessing.recipe import LITE, TENSORFLOW
from refnet.weights import synthetic
from refnet.weights.weights import Provenance, Weights
from refnet.weights.writer import write

#: Networks by name, and how often each is drawn; the narrow ones are small enough for many draws.
NETWORKS = {"narrow": 8, "narrow-lite": 4, "b0@synthetic": 3, "lite0": 2, "b3@synthetic": 0.5}
NARROW = {"narrow": (False, TENSORFLOW), "narrow-lite": (True, LITE)}
SIZES = {(64, 64): 6, (77, 60): 5, (95, 129): 4, (128, 128): 1, (224, 224): 0.5}
SOURCES = {"codes": 2, "chelsea": 2, "noise": 3, "batch": 2}  # two pictures, one tensor, three
DUMPS = {"full": 8, "thinned": 3, "blocks": 2, "pieces": 1, "unfused": 3}
ORDERS = ("NHWC", "NCHW")


class Case(NamedTuple):
    """A network, the size of its input, what is on it, the port's order of axes, and which tensors it writes."""

    network: str
    size: tuple[int, int]
    source: str
    order: str
    dump: str

    @property
    def ground(self) -> tuple[str, tuple[int, int], str, bool]:
        """What its golden depends on."""
        return self.network, self.size, self.source, self.dump == "unfused"

    def __str__(self) -> str:
        return f"{self.network}, {self.size[0]} x {self.size[1]}, {self.source}, {self.order}, {self.dump} dump"


def draw_case(rng: np.random.Generator, sources: tuple[str, ...]) -> Case:
    """Draw one whose source is one of these."""
    allowed = {name: share for name, share in SOURCES.items() if name in sources}
    tables = {"network": NETWORKS, "size": SIZES, "source": allowed, "order": dict.fromkeys(ORDERS, 1), "dump": DUMPS}
    drawn = {name: _weighted(rng, table) for name, table in tables.items()}
    if drawn["dump"] == "pieces":
        drawn["order"] = "NHWC"  # the brackets speak of these axes
    if drawn["network"] == "b3@synthetic" and drawn["size"] == (224, 224):
        drawn["size"] = (95, 129)  # costs as much as four others
    return Case(**drawn)


def _weighted(rng: np.random.Generator, table: dict) -> object:
    shares = np.array(list(table.values()), float)
    return list(table)[rng.choice(len(shares), p=shares / shares.sum())]


class Noise(NamedTuple):
    """Rms and largest rounding error of a tensor: of its own layer, and of all layers up to it."""

    own: tuple[float, float]
    in_all: tuple[float, float]


@dataclass(frozen=True, eq=False)
class Ground:
    """What a case stands on: the golden's path, the model to run again, the source, the right port and its run."""

    golden: Path
    model: str
    plan: Plan
    source: Array
    right: Run
    noise: dict[str, Noise]


@lru_cache(maxsize=4)
def ground(network: str, size: tuple[int, int], source: str, unfused: bool) -> Ground:
    """Record a golden and run the right port beside it."""
    _, model = _weights(network)
    plan, program = right_port(network, size)
    pixels = _source(source, size)
    folder = Path(tempfile.mkdtemp(prefix="ground-", dir=_home()))
    given = {"image": pixels, "size": size} if pixels.dtype == np.uint8 else {"x": pixels}
    refnet.record(model, folder / "golden", unfused=unfused, **given)
    right = run(program, pixels, parts=unfused)
    return Ground(folder / "golden", model, plan, pixels, right, dict(_noise(right)))


@lru_cache(maxsize=32)
def right_port(network: str, size: tuple[int, int]) -> tuple[Plan, Program]:
    """Make the plan, and the port that is right, in NHWC."""
    weights, _ = _weights(network)
    plan = make_plan(weights.architecture, size, padding=weights.padding)
    return plan, right_program(plan, weights)


@lru_cache(maxsize=1)
def _home() -> str:
    home = tempfile.mkdtemp(prefix="planting-")
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    return home


@lru_cache(maxsize=len(NETWORKS))
def _weights(network: str) -> tuple[Weights, str]:
    """Weights, and what refnet finds them by."""
    if network not in NARROW:
        return find_weights(network), network
    lite, recipe = NARROW[network]
    architecture = efficientnet(Coefficients(width=0.4, depth=0.4, resolution=64, lite=lite), name=network, classes=50)
    weights = Weights(architecture, "same", 1e-3, recipe, synthetic.tensors(architecture), None, Provenance("planted"))
    path = Path(_home()) / f"{network}.h5"
    write(path, weights)
    return weights, str(path)


def _source(source: str, size: tuple[int, int]) -> Array:
    if source == "codes":
        return codes()
    if source == "chelsea":
        return read_image(Path(refnet.__file__).parent / "data" / "chelsea.png")
    return synthetic.uniform(f"planting/{source}", (3 if source == "batch" else 1, *size, 3)) * np.float32(2)


def _noise(right: Run) -> Iterator[tuple[str, Noise]]:
    """What rounding to float32 costs each tensor: within its own layer, and from the input to it."""
    exact: Tensors = {names.INPUT: right.tensors[names.INPUT].astype(np.float64)}
    yield names.INPUT, Noise(INPUT_NOISE, INPUT_NOISE)
    for layer in right.program.layers:
        near = Scene({name: right.tensors[name].astype(np.float64) for name in layer.reads})
        own = {stage_name(layer, stage): tensor for stage, tensor in layer.compute(near)}
        exact |= {stage_name(layer, stage): tensor for stage, tensor in layer.compute(Scene(exact))}
        for name, tensor in own.items():
            if name in right.tensors:
                ours = right.tensors[name]
                yield name, Noise(_distance(ours, tensor), _distance(ours, exact[name]))


INPUT_NOISE = (3e-6, 3e-5)  # of resizes in other orders, on a scale of about 1


def _distance(ours: Array, theirs: Array) -> tuple[float, float]:
    """Rms and maximum of the difference."""
    difference = np.abs(ours - theirs)
    return float(np.sqrt(np.mean(np.square(difference)))), float(difference.max())


def first_change(ours: Tensors, right: Tensors, noise: dict[str, Noise], plan: Plan) -> str | None:
    """The first tensor that a port wrote and that is not the right port's, but for roundings; None if there is none.

    A limit is 8 times the rms, and 16 times the largest, of what rounding does to that tensor: in its own layer if the
    port also wrote what the layer reads, else on the whole way from the input.
    """
    reads = {name: step.inputs for step in plan for name in (*step.parts, step.name)}
    for name in ours:
        if name not in right or name == "picture":
            continue
        if ours[name].shape != right[name].shape:
            return name
        base = name.partition("[")[0]
        allowed = noise[base].own if all(read in ours for read in reads.get(base, ())) else noise[base].in_all
        with np.errstate(invalid="ignore", over="ignore"):
            found = _distance(ours[name].astype(np.float64), right[name])
        if not (found[0] <= 8 * allowed[0] and found[1] <= 16 * allowed[1]):  # NaN is a change
            return name
    return None


def choose(tensors: Iterable[str], case: Case, rng: np.random.Generator) -> list[str]:
    """Choose which of its tensors a port writes."""
    tensors = list(tensors)
    blocks = _ends_of_blocks(tensors)
    match case.dump:
        case "thinned":
            chosen = [name for name in tensors if name == names.INPUT or rng.random() < 0.7]
        case "blocks":
            chosen = [name for name in tensors if name in blocks or not name.startswith("block")]
        case _:
            chosen = tensors
    picture = ["picture"] if "picture" in chosen and rng.random() < 0.5 else []
    return picture + [name for name in chosen if name != "picture"]


def written(tensors: Tensors, case: Case, chosen: Sequence[str]) -> Tensors:
    """Those of the chosen tensors that there are, under the names of their files: whole ones, or slices in brackets."""
    there = {name: tensors[name] for name in chosen if name in tensors}
    if case.dump != "pieces":
        return there
    return {_piece(name, tensor.shape): _cut(tensor) for name, tensor in there.items()}


def _ends_of_blocks(steps: list[str]) -> set[str]:
    ends = {name.partition(".")[0]: name for name in steps if name.startswith("block")}
    return set(ends.values())


def _cut(tensor: Array) -> Array:
    """The upper left quarter of pictures that are large enough."""
    return tensor[:, : tensor.shape[1] // 2, : tensor.shape[2] // 2] if _is_cut(tensor.shape) else tensor


def _piece(name: str, shape: tuple[int, ...]) -> str:
    return f"{name}[:,0:{shape[1] // 2},0:{shape[2] // 2},:]" if _is_cut(shape) else name


def _is_cut(shape: tuple[int, ...]) -> bool:
    return len(shape) == 4 and min(shape[1:3]) >= 8


def save(tensors: Tensors, case: Case, target: Path) -> Path:
    """Write tensors as the port's files: an archive, or for pieces a folder, in its order of axes."""
    laid = {
        name: np.ascontiguousarray(tensor.transpose(0, 3, 1, 2))
        if case.order == "NCHW" and tensor.ndim == 4
        else np.ascontiguousarray(tensor)
        for name, tensor in tensors.items()
    }
    if case.dump == "pieces":
        target.mkdir()
        for name, tensor in laid.items():
            np.save(target / f"{name}.npy", tensor)
        return target
    path = target.with_suffix(".npz")
    np.savez(path, **laid)
    return path
