"""``refnet golden``: a network's tensors in files, for whoever computes them elsewhere."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from refnet import progress
from refnet.cli import golden_options, golden_tables, terminal
from refnet.errors import InputError
from refnet.files.whole import check_file_target

if TYPE_CHECKING:
    from refnet.architecture.plan import Plan
    from refnet.golden.axes import TensorLayout
    from refnet.golden.manifest import Manifest
    from refnet.golden.record import WrittenTensor

_WRITING = {"output", "dtype", "order", "tile", "weights_order", "weights_tile", "format", "text", "json", "quiet"}
_READING = {"model", "image", "input", "stimulus", "from_order", "from_dtype", "size", "recipe", "compute", "threads"}


def add(commands: Any) -> None:
    """Add the command and its options to the parser."""
    parser = commands.add_parser(
        "golden",
        help="record every tensor of a run, to compare an implementation of your own with",
        description="Run a network once and write the picture, the input and the output of every step. Then print a "
        "line for each tensor: the range, the number of distinct values, the share of zeros, the shares of numbers "
        "below, inside and above the curved part of the activation, and channels in which every number is the same. "
        "With --vectors, --accumulator or --c it makes something else instead.",
    )
    parser.add_argument("model", nargs="?", metavar="MODEL", help=terminal.MODEL)
    parser.add_argument("-o", "--output", metavar="TARGET", help="where to write: a directory, FILE.h5 or FILE.npz")
    golden_options.add_input(parser)
    golden_options.add_choice(parser)
    golden_options.add_storage(parser)
    other = parser.add_argument_group("instead of recording a run")
    other.add_argument(
        "--vectors", action="store_true", help="write small exact test cases of each operation; takes no MODEL"
    )
    other.add_argument(
        "--accumulator",
        metavar="STEP:n,h,w,k",
        help="show how one number of a step comes about, product by product; -o FILE.csv writes it",
    )
    other.add_argument(
        "--c", metavar="DIR", help="write the network as a C99 program that computes the same bits and needs no library"
    )
    parser.add_argument("--threads", type=int, metavar="N", help="how many threads (default: one for each core)")
    parser.add_argument("--quiet", action="store_true", help="print the last line alone")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Record, write vectors or a program, or follow one element."""
    if options.vectors:
        _allow(options, "--vectors", _WRITING)
        return _write_vectors(options)
    if options.model is None:
        raise InputError("MODEL is missing, as in `refnet golden b0@synthetic -o DIR`; only --vectors takes none")
    if options.accumulator is not None:
        _allow(options, "--accumulator", _READING | {"output", "json"})
        return _follow(options)
    if options.c is not None:
        _allow(options, "--c", _READING - {"compute"})
        return _render(options)
    return _record(options)


def _allow(options: argparse.Namespace, mode: str, allowed: set[str]) -> None:
    """Refuse options that mean nothing here."""
    known = allowed | {"command", "run", "version", mode.removeprefix("--")}
    wrong = [name for name, value in vars(options).items() if value not in (None, False) and name not in known]
    if wrong:
        shown = ("MODEL" if name == "model" else "--" + name.removesuffix("_file").replace("_", "-") for name in wrong)
        raise InputError(f"{', '.join(shown)}: has no meaning with {mode}")


def _record(options: argparse.Namespace) -> int:
    from refnet.golden.record import record

    target = _target(options)
    if (options.resume is None) != (options.from_file is None):
        raise InputError("--resume STEP and --from FILE go together")
    if (options.from_order or options.from_dtype) and not (options.from_file or options.input):
        raise InputError(
            "--from-order and --from-dtype say how the file of --from or --input is written; give one of them"
        )
    if (options.weights_order or options.weights_tile) and not options.weights:
        raise InputError("--weights-order and --weights-tile: need --weights as well")
    storage = _storage(options)
    x = _input(options)
    seen: list[WrittenTensor] = []
    with progress.task("recording") as update:

        def watch(recorded: WrittenTensor) -> None:
            seen.append(recorded)
            update(completed=recorded.done, description=f"recording {recorded.entry.name}")

        manifest = record(
            options.model,
            target,
            image=options.image,
            x=x,
            stimulus=options.stimulus,
            steps=options.steps,
            unfused=options.unfused,
            weights=options.weights,
            accumulators=options.accumulators,
            given=_given(options, x),
            padded=options.padded,
            size=options.size,
            recipe=options.recipe,
            compute=options.compute,
            threads=options.threads,
            watch=watch,
            dtype=options.dtype,
            **storage,
        )
    return _show(options, target, manifest, seen)


def _write_vectors(options: argparse.Namespace) -> int:
    from refnet.golden.vectors import record_vectors

    target = _target(options)
    manifest = record_vectors(target, dtype=options.dtype or "float32", **_storage(options))
    return _show(options, target, manifest, [])


def _show(options: argparse.Namespace, target: Path, manifest: Manifest, seen: list[WrittenTensor]) -> int:
    if options.json:
        terminal.print_json(golden_tables.describe(target, manifest, seen))
        return 0
    if not options.quiet:
        if options.vectors:
            golden_tables.show_cases(manifest)
        else:
            golden_tables.show_coverage(seen)
    golden_tables.show_summary(target, manifest)
    return 0


def _follow(options: argparse.Namespace) -> int:
    import refnet
    from refnet.golden.accumulator import accumulate, check_element
    from refnet.golden.inputs import choose_input

    target = options.output and check_file_target(options.output, ".csv")
    if target and options.json:
        raise InputError("-o and --json: --accumulator writes a file or prints JSON; want one of them")
    x = _input(options)
    network_input = choose_input(options.image, x, options.stimulus)
    network_input.check(options.size, options.recipe)
    plan = _plan(options, x)
    check_element(options.accumulator, plan, batch=1 if x is None else len(x))
    network = refnet.load(
        options.model, dtype=options.compute or "float32", threads=options.threads, recipe=options.recipe
    )
    found = accumulate(
        network,
        network_input.make(network.recipe, plan.height, plan.width, plan.architecture.channels),
        options.accumulator,
    )
    if target:
        golden_tables.write_csv(found, target)
        print(
            f"{terminal.printable(str(target))}  {options.accumulator}  {sum(len(b.taps) for b in found.blocks)} taps"
        )
    elif options.json:
        terminal.print_json(golden_tables.describe_sum(found))
    else:
        golden_tables.show_sum(found)
    return 0


def _render(options: argparse.Namespace) -> int:
    from refnet.checks import check_recipe
    from refnet.export.c99 import integers, render
    from refnet.golden.inputs import choose_input
    from refnet.hub.models import find_any_weights
    from refnet.weights.quantised import QuantisedWeights
    from refnet.weights.releases.recipes import find_recipe

    x = _input(options)
    network_input = choose_input(options.image, x, options.stimulus)
    plan = _plan(options)
    weights = find_any_weights(options.model)
    recipe = check_recipe(find_recipe(options.recipe), weights.architecture) if options.recipe else weights.recipe
    size = network_input.size or (plan.height, plan.width)
    picture = network_input.make(recipe, *size, weights.architecture.channels)
    if isinstance(weights, QuantisedWeights):
        integers.render(weights, picture, options.c, threads=options.threads)
        written = f"{len(weights.network.operations)} operations in C99 without floating point"
    else:
        render(weights, picture, options.c, threads=options.threads)
        written = f"{len(plan)} steps in C99"
    place = terminal.printable(shlex.quote(options.c))
    print(f"{place}  {written}, input {size[0]}x{size[1]}; `make -C {place} check` compares their digests")
    return 0


def _target(options: argparse.Namespace) -> Path:
    if options.output is None:
        raise InputError("-o is missing: want -o DIR, -o FILE.h5 or -o FILE.npz")
    target = Path(options.output)
    if target.suffix.lower() in (".h5", ".npz"):
        if options.format or options.text:
            raise InputError(f"--format and --text are for files in a directory; {target} is one file")
    elif options.text and options.format != "h":
        raise InputError("--text: needs --format h")
    return target


def _storage(options: argparse.Namespace) -> dict[str, Any]:
    from refnet.golden.axes import activation_layout, kernel_layout

    return {
        "layout": activation_layout(options.order or "NHWC", options.tile or ""),
        "kernel_layout": kernel_layout(options.weights_order or "RSCK", options.weights_tile or ""),
        "format": options.format or "npy",
        "text": options.text,
    }


def _layout_from(options: argparse.Namespace) -> TensorLayout:
    from refnet.golden.axes import activation_layout

    return activation_layout(options.from_order or options.order or "NHWC")


def _input(options: argparse.Namespace) -> Any:
    if options.input is None:
        return None
    from refnet.cli.plan import network_of
    from refnet.golden.tensor_from_file import read_input

    layout, channels = _layout_from(options), network_of(options.model).architecture.channels
    return read_input(Path(options.input), layout, size=options.size, dtype=options.from_dtype, channels=channels)


def _given(options: argparse.Namespace, x: Any) -> dict[str, Any] | None:
    if options.resume is None:
        return None
    from refnet.cli.plan import network_of
    from refnet.golden.tensor_from_file import read_step
    from refnet.weights.quantised import QuantisedWeights

    of_codes = isinstance(network_of(options.model), QuantisedWeights)
    step = _plan(options, x)[options.resume]
    shape = (1 if x is None else len(x), *step.shape)
    path, layout = Path(options.from_file), _layout_from(options)
    return {step.name: read_step(path, step.name, shape, layout, dtype=options.from_dtype, of_codes=of_codes)}


def _plan(options: argparse.Namespace, x: Any = None) -> Plan:
    """Lay out the network as it will run, on the input ``x`` where that is a tensor."""
    from refnet.architecture.plan import make_plan
    from refnet.cli.plan import network_of
    from refnet.weights.quantised import QuantisedWeights

    known = network_of(options.model)
    size = options.size if x is None else x.shape[1:3]
    if size is None and isinstance(known, QuantisedWeights):
        return known.network.plan
    return make_plan(known.architecture, size, padding=known.padding)
