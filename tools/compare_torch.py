"""Compare refnet with another implementation, efficientnet-pytorch 0.7.1, on the same weights and inputs.

    python tools/compare_torch.py [b0 b1 …] [--size N] [--inputs N] > docs/results/compare_torch.md

All of B0–B7 by default, each at its own resolution, on refnet's generated weights and eight generated inputs
of float32 in [-2, 2). Every tensor both sides have is compared: stem, the output of every block, head, logits.
It shows that

1. refnet in float32 is nearer to the truth, the float64 run of refnet, than PyTorch in float32: by rms over the
   logits of all inputs (which is nearer at a single one is partly luck: each is printed);
2. in float64 the two agree to 1e-9 of each tensor's rms, so the truth is not a matter of opinion.

Prints Markdown tables, and ends with 1 if a claim fails anywhere; nothing that fails is left out.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch_peer import compared_tensors, peer, peer_tensors

from refnet.architecture import names
from refnet.architecture.scaling import TABLE
from refnet.hub.models import synthetic_weights
from refnet.network import Network
from refnet.version import __version__
from refnet.weights import synthetic

Array = npt.NDArray[Any]

VARIANTS = ("b0", "b1", "b2", "b3", "b4", "b5", "b6", "b7")
INPUTS = 8
FLOAT64_AGREES = 1e-9
THREADS = 2


@dataclass(frozen=True)
class Distance:
    """How far the others are from refnet's float64 run at one tensor, all relative to its rms.

    Attributes
    ----------
    ours, theirs
        Rms of the difference to refnet and to PyTorch in float32.
    float64
        Largest difference to PyTorch in float64.
    """

    ours: float
    theirs: float
    float64: float

    @property
    def ratio(self) -> float:
        """Below 1 where refnet is nearer."""
        return self.ours / self.theirs


Distances = dict[str, Distance]


def compare(variant: str, size: int | None = None, inputs: int = INPUTS) -> Iterator[Distances]:
    """Compare one variant; yield, for each input, the distances by name of the tensor in execution order."""
    weights = synthetic_weights(variant)
    size = size or weights.architecture.resolution
    wanted = compared_tensors(weights.architecture)
    net, net64 = (Network(weights, dtype=dtype, threads=THREADS) for dtype in ("float32", "float64"))
    model, model64 = peer(weights, size), peer(weights, size, torch.float64)
    for number in range(1, inputs + 1):
        x = synthetic.uniform(f"input {number}", (1, size, size, 3)) * np.float32(2)
        ours = net.features(x, wanted)
        theirs, theirs64 = (peer_tensors(each, weights.architecture, x) for each in (model, model64))
        truth = net64.features(x, wanted)
        yield {name: distance(truth[name], ours[name], theirs[name], theirs64[name]) for name in wanted}


def distance(truth: Array, ours: Array, theirs: Array, theirs64: Array) -> Distance:
    """Measure three results against refnet's float64 run."""
    scale = rms(truth)
    return Distance(
        ours=rms(ours - truth) / scale,
        theirs=rms(theirs - truth) / scale,
        float64=float(np.abs(theirs64 - truth).max()) / scale,
    )


def rms(x: Array) -> float:
    """Root of the mean of squares, in float64."""
    return float(np.sqrt(np.mean(np.square(x, dtype=np.float64))))


def over_inputs(every: list[Distances], name: str) -> Distance:
    """Distances of one tensor over several inputs: the rms, and the largest in float64."""
    each = [distances[name] for distances in every]
    return Distance(
        ours=rms(np.array([one.ours for one in each])),
        theirs=rms(np.array([one.theirs for one in each])),
        float64=max(one.float64 for one in each),
    )


def wrong_claims(every: list[Distances]) -> list[str]:
    """Say which claims do not hold for a variant."""
    logits = over_inputs(every, names.LOGITS)
    wrong = [] if logits.ours < logits.theirs else [f"PyTorch is nearer at the logits, ratio {logits.ratio:.2f}"]
    return wrong + [
        f"input {number}: float64 differs by {each.float64:.1e} at {name}"
        for number, distances in enumerate(every, start=1)
        for name, each in distances.items()
        if not each.float64 <= FLOAT64_AGREES
    ]


def summary(variant: str, size: int, every: list[Distances]) -> str:
    """Row of the first table."""
    pooled = {name: over_inputs(every, name) for name in every[0]}
    logits = pooled[names.LOGITS]
    worst = max(pooled, key=lambda name: pooled[name].float64)
    return row(
        (
            variant.upper(), f"{size}", f"{logits.ours:.2e}", f"{logits.theirs:.2e}",
            f"{logits.ratio:.2f}" if logits.ratio < 1 else f"**{logits.ratio:.2f}**",
            f"{sum(one[names.LOGITS].ratio < 1 for one in every)} of {len(every)}",
            f"{sum(one.ratio < 1 for one in pooled.values())} of {len(pooled)}",
            f"{logits.float64:.1e}", f"{pooled[worst].float64:.1e} ({worst})",
        )
    )  # fmt: skip


def row(cells: tuple[str, ...]) -> str:
    """One line of a Markdown table."""
    return f"| {' | '.join(cells)} |"


def header(*titles: str) -> str:
    """First two lines of a Markdown table."""
    return f"{row(titles)}\n{'|---' * len(titles)}|"


def preamble(arguments: list[str], inputs: int) -> str:
    """Say what was run, by which versions, and how to read it."""
    packages = ("numpy", "numba", "torch", "efficientnet-pytorch")
    versions = ", ".join(f"{package} {version(package)}" for package in packages)
    return f"""\
# refnet and efficientnet-pytorch on the same weights

`{" ".join(["python tools/compare_torch.py", *arguments])}`

refnet {__version__}, {versions}; {THREADS} threads each; PyTorch used {torch.backends.cpu.get_cpu_capability()}.
refnet's bits are the same anywhere; PyTorch's depend on the CPU and the version.

Generated weights and inputs. The truth is refnet's float64 run. Every figure is relative to the rms of the true
tensor: for float32 the rms of the difference, over {inputs} inputs; for float64 the largest difference to
PyTorch's float64 run. A ratio below 1 says that refnet's float32 is nearer than PyTorch's. The tensors are stem,
the output of every block, head and logits.
"""


def main(arguments: list[str] | None = None) -> int:
    """Run the command line."""
    arguments = sys.argv[1:] if arguments is None else arguments
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("variants", nargs="*", metavar="VARIANT", help="b0 to b7; by default all of them")
    parser.add_argument("--size", type=int, help="side of the pictures in pixels; by default each variant's own")
    parser.add_argument("--inputs", type=int, default=INPUTS, help=f"how many; by default {INPUTS}")
    options = parser.parse_args(arguments)
    if unknown := sorted(set(options.variants) - set(VARIANTS)):
        parser.error(f"unknown {', '.join(unknown)}; want some of {', '.join(VARIANTS)}")
    torch.set_num_threads(THREADS)

    found: dict[str, list[Distances]] = {}
    print(preamble(arguments, options.inputs))
    print(
        header(
            "", "size", "refnet float32", "PyTorch float32", "ratio", "inputs, refnet nearer", "tensors, refnet nearer",
            "float64, logits", "float64, worst tensor",
        )
    )  # fmt: skip
    for variant in options.variants or VARIANTS:
        print(f"{variant} …", file=sys.stderr, flush=True)
        found[variant] = list(compare(variant, options.size, options.inputs))
        print(summary(variant, options.size or TABLE[variant].resolution, found[variant]), flush=True)

    print("\n## Logits, input by input\n\nThe ratio for each input.\n")
    print(header("", *(f"{number}" for number in range(1, options.inputs + 1))))
    for variant, every in found.items():
        print(row((variant.upper(), *(f"{one[names.LOGITS].ratio:.2f}" for one in every))))

    print("\n## Tensor by tensor")
    for variant, every in found.items():
        print(f"\n### {variant.upper()}\n")
        print(header("tensor", "refnet float32", "PyTorch float32", "ratio", "float64"))
        for name in every[0]:
            each = over_inputs(every, name)
            figures = (f"{each.ours:.2e}", f"{each.theirs:.2e}", f"{each.ratio:.2f}", f"{each.float64:.1e}")
            print(row((name, *figures)))

    wrong = [f"{variant}: {claim}" for variant, every in found.items() for claim in wrong_claims(every)]
    for claim in wrong:
        print(claim, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
