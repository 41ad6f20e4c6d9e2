"""``refnet plan``: every step of a network, without running it."""

from __future__ import annotations

import argparse
import re
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from refnet.architecture.plan import Plan, make_plan
from refnet.architecture.step import Step
from refnet.cli import plan_of_integers, terminal
from refnet.cli.plan_memory import batch_of, describe_memory, show_memory
from refnet.errors import InputError
from refnet.weights.quantised import QuantisedWeights

if TYPE_CHECKING:
    from refnet.engine.memory_report import MemoryReport
    from refnet.hub.models import Outline


def add(commands: Any) -> None:
    """Add the command and its options to the parser."""
    parser = commands.add_parser(
        "plan",
        help="every step of a network with its shapes, without running it",
        description="Show the steps of a network in the order of execution. Sizes are height x width x channels, "
        "pads are zeros at the top, bottom, left, right.",
    )
    parser.add_argument("model", metavar="MODEL", help=terminal.MODEL)
    parser.add_argument("--size", type=picture_size, metavar="HxW", help="of the picture (default: the variant's own)")
    parser.add_argument(
        "--padding",
        metavar="RULE",
        help="same, symmetric or same@SIZE: rule of the weights (default: same; for an .h5 file, its own)",
    )
    parser.add_argument("--memory", action="store_true", help="show the memory of a run as well, in bytes")
    parser.add_argument("--threads", type=int, metavar="N", help="for --memory: of the run (default: all cores)")
    parser.add_argument("--batch", type=int, metavar="N", help="for --memory: pictures (default: 1)")
    parser.add_argument("--dtype", choices=("float32", "float64"), help="for --memory: of the run (default: float32)")
    parser.add_argument(
        "--json", action="store_true", help="print JSON, with the keys of the weights, epsilon and the constants of exp"
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Lay out the network and show it."""
    known = network_of(options.model)
    given = [f"--{name}" for name in ("threads", "batch", "dtype") if getattr(options, name) is not None]
    if given and not options.memory:
        raise InputError(f"{', '.join(given)}: only with --memory")
    if isinstance(known, QuantisedWeights):
        plan_of_integers.run(options, known)
        return 0
    plan = make_plan(known.architecture, options.size, padding=options.padding or known.padding)
    memory = _memory(plan, options) if options.memory else None
    if options.json:
        terminal.print_json(
            describe(plan, known.bn_eps) | ({} if memory is None else {"memory": describe_memory(memory)})
        )
    else:
        _show(plan, memory)
    return 0


def _memory(plan: Plan, options: argparse.Namespace) -> MemoryReport:
    from refnet.checks import thread_count
    from refnet.engine.memory_report import report_memory

    threads = thread_count(options.threads)
    return report_memory(plan, options.dtype or "float32", threads=threads, batch=batch_of(options))


def picture_size(text: str) -> tuple[int, int]:
    """Read an option's ``224`` or ``224x320`` as (height, width)."""
    match = re.fullmatch(r"([0-9]{1,9})(?:x([0-9]{1,9}))?", text)
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not a size; want 224, or HEIGHTxWIDTH as in 224x320")
    return int(match[1]), int(match[2] or match[1])


def network_of(model: str) -> Outline | QuantisedWeights:
    """Find what a model looks like; a name needs no weights on this machine."""
    from refnet.hub.models import Outline, find_any_weights, is_file, outline

    if not is_file(model):
        return outline(model)
    weights = find_any_weights(model)
    if isinstance(weights, QuantisedWeights):
        return weights
    return Outline(weights.architecture, weights.padding, weights.bn_eps)


def describe(plan: Plan, bn_eps: float) -> dict[str, Any]:
    """Turn a plan into what JSON can hold, with the numbers that a port of it needs; docs/contract.md says for what."""
    from refnet.reference.numerics import EXP, NUMERICS_VERSION, TAPS_PER_BLOCK, constants_in_hex

    return {
        "model": plan.architecture.name,
        "height": plan.height,
        "width": plan.width,
        "padding": plan.padding,
        "bn_eps": bn_eps,
        "numerics": NUMERICS_VERSION,
        "taps_per_block": TAPS_PER_BLOCK,
        "constants": {dtype: constants_in_hex(dtype) for dtype in EXP},
        "params": plan.params,
        "macs": plan.macs,
        "steps": [
            asdict(step)
            | {"pads": step.pads._asdict(), "params": step.params, "parts": step.parts}
            | ({"eps": step.bn_eps(bn_eps)} if step.normalized else {})
            for step in plan
        ],
    }


def _show(plan: Plan, memory: MemoryReport | None) -> None:
    print(f"{plan.architecture.name}, picture {plan.height}x{plan.width}, padding {plan.padding}\n")
    header = ["step", "op", "kernel", "pads", "output", "activation", "params", "MACs"]
    total = [f"{len(plan)} steps", "", "", "", "", "", f"{plan.params:,}", f"{plan.macs:,}"]
    table = [header, *map(_row, plan), total]
    if memory is None:
        terminal.print_columns("<<<<<<>>", table)
        return
    in_use = ["in use", *(f"{used:,}" if used else "with a later step" for used in memory.in_use.values()), ""]
    terminal.print_columns("<<<<<<>>>", [[*row, used] for row, used in zip(table, in_use, strict=True)])
    show_memory(memory)


def _row(step: Step) -> list[str]:
    slides = step.op in ("convolution", "depthwise")
    stride = f"/{step.stride}" if step.stride > 1 else ""
    return [
        step.name,
        step.op,
        f"{step.kernel}x{step.kernel}{stride}" if slides else "",
        " ".join(map(str, step.pads)) if any(step.pads) else "",
        "x".join(map(str, step.shape)),
        "" if step.activation == "none" else step.activation,
        f"{step.params:,}" if step.params else "",
        f"{step.macs:,}" if step.macs else "",
    ]
