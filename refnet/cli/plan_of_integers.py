"""``refnet plan`` of an integer network: its operations, and what their codes stand for."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from refnet.architecture.plan import make_plan
from refnet.cli import terminal
from refnet.cli.plan_memory import batch_of, describe_memory, show_memory
from refnet.errors import InputError
from refnet.reference.integers.layout import on
from refnet.reference.integers.network import IntegerNetwork, Operation
from refnet.reference.integers.quantisation import activation_limits
from refnet.weights.quantised import QuantisedWeights, to_tensors

if TYPE_CHECKING:
    from refnet.engine.memory_report import MemoryReport

_OF_REAL_NUMBERS = ("padding", "dtype")
_FEW = 3  # numbers of an operation that are shown with it; more are one for each channel


def run(options: argparse.Namespace, weights: QuantisedWeights) -> None:
    """Lay out the operations and show them."""
    given = [f"--{name}" for name in _OF_REAL_NUMBERS if getattr(options, name)]
    if given:
        raise InputError(f"{', '.join(given)}: only for networks of real numbers; {options.model} is of integers")
    network = weights.network
    if options.size is not None:
        network = on(make_plan(weights.architecture, options.size, padding=weights.padding), network)
    memory = _memory(options, weights, network) if options.memory else None
    if options.json:
        terminal.print_json(
            describe(weights, network) | ({} if memory is None else {"memory": describe_memory(memory)})
        )
        return
    _show(weights, network)
    if memory is not None:
        show_memory(memory)


def _memory(options: argparse.Namespace, weights: QuantisedWeights, network: IntegerNetwork) -> MemoryReport:
    """The memory of a run; in use are codes, of the steps alone."""
    from refnet.network.quantised import QuantisedNetwork

    plan = network.plan
    made = QuantisedNetwork(weights, threads=options.threads, size=(plan.height, plan.width))
    return made._memory_of_a_run(plan, batch_of(options))


def describe(weights: QuantisedWeights, network: IntegerNetwork) -> dict[str, Any]:
    """Turn the operations into what JSON can hold; numbers of each channel by their paths in the weight file."""
    tensors = to_tensors(network, weights.engine)
    shapes = network.shapes
    return {
        "model": weights.architecture.name,
        "height": network.plan.height,
        "width": network.plan.width,
        "padding": weights.padding,
        "engine": weights.engine.name,
        "input": {
            "scale": float(network.codes["input"].scale),
            "zero_point": network.codes["input"].zero_point,
            "comes_as": "int8" if network.given is None else "uint8",
        },
        "macs": network.plan.macs,
        "operations": [
            {
                "name": each.name,
                "kind": each.kind,
                "inputs": each.inputs,
                "shape": shapes[each.name],
                "stride": each.stride,
                "pads": each.pads._asdict(),
                "limits": activation_limits(each.limit, network.codes[each.name]),
                **_numbers(each, tensors),
            }
            for each in network.operations
        ],
    }


def _numbers(operation: Operation, tensors: dict[str, Any]) -> dict[str, Any]:
    """The numbers of an operation: few of them as they are, others as where they stand and of which shape."""
    path = operation.name.replace(".", "/") + "/"
    own = {key[len(path) :]: value for key, value in tensors.items() if key.startswith(path)}
    found: dict[str, Any] = {}
    for leaf, value in own.items():
        if "/" in leaf:  # of another operation, whose name begins so
            continue
        few = value.size <= _FEW and leaf not in ("kernel", "kernel_scale", "bias")
        found[leaf] = value.tolist() if few else {"at": path + leaf, "shape": value.shape, "dtype": value.dtype.name}
    return found | {leaf: found[leaf][0] for leaf in ("scale", "zero_point")}


def _show(weights: QuantisedWeights, network: IntegerNetwork) -> None:
    plan = network.plan
    entry = network.codes["input"]
    print(
        f"{weights.architecture.name} in int8, picture {plan.height}x{plan.width}, rounded as by {weights.engine.name}"
    )
    print(f"input: scale {entry.scale:.6g}, zero point {entry.zero_point}\n")
    header = ["operation", "kind", "kernel", "pads", "output", "codes", "scale", "zero", "MACs"]
    macs = {step.name: step.macs for step in plan}
    rows = [_row(each, network, macs) for each in network.operations]
    total = [f"{len(rows)} operations", "", "", "", "", "", "", "", f"{plan.macs:,}"]
    terminal.print_columns("<<<<<<>>>", [header, *rows, total])


def _row(operation: Operation, network: IntegerNetwork, macs: dict[str, int]) -> list[str]:
    to = network.codes[operation.name]
    kernel = ""
    if operation.kernel is not None and operation.kernel.weights.ndim > 2:
        R, S = operation.kernel.weights.shape[:2]
        kernel = f"{R}x{S}" + (f"/{operation.stride}" if operation.stride > 1 else "")
    low, high = activation_limits(operation.limit, to)
    step = operation.name if operation.name in macs else operation.name.rpartition(".")[0]
    counted = macs[step] if operation.kernel is not None else 0
    return [
        operation.name,
        operation.kind,
        kernel,
        " ".join(map(str, operation.pads)) if any(operation.pads) else "",
        "x".join(map(str, network.shapes[operation.name])),
        f"{low}…{high}",
        f"{to.scale:.6g}",
        str(to.zero_point),
        f"{counted:,}" if counted else "",
    ]
