"""``refnet info``: the variants, what they cost, which weights are on this machine, and which are published."""

from __future__ import annotations

import argparse
from typing import Any

from refnet.architecture.scaling import TABLE
from refnet.architecture.variants import IMAGE_CHANNELS, variant
from refnet.cli import info_published, terminal
from refnet.hub.catalogue import describe, describe_model, weight_file


def add(commands: Any) -> None:
    """Add the command and its options to the parser."""
    parser = commands.add_parser(
        "info",
        help="list the models: what they cost, which weights are here, and which are published",
        description="List all variants, or show all about one model; with --published, list the files that others "
        "published. From Python: refnet.list_models() and refnet.published().",
    )
    parser.add_argument("model", nargs="?", metavar="MODEL", help=terminal.MODEL)
    parser.add_argument(
        "--published", action="store_true", help="every published file; with MODEL (b1, b1@timm-tf:aa), those of it"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Show one model, the table of all variants, or what is published."""
    if options.published:
        info_published.show(options.model, as_json=options.json)
    elif options.model is not None:
        model = describe_model(options.model)
        terminal.print_json(model) if options.json else _show_model(model)
    else:
        variants = [describe(variant(name)) | {"file": weight_file(name)} for name in TABLE]
        terminal.print_json(variants) if options.json else _show_table(variants)
    return 0


_UNUSUAL = ("score", "log_probability", "value")


def _show_table(variants: list[dict[str, Any]]) -> None:
    header = ["model", "width", "depth", "size", "dropout", "params", "GMACs", "paper", "weights"]
    terminal.print_columns("<>>>>>>><", [header, *map(_row, variants)], header=True)
    print("\nGMACs: 10^9 multiply-adds of one picture of that size; paper: the same in Table 2 of Tan & Le, 2019.")
    print(
        "Weights that are not here are fetched on first use, or by `refnet fetch b1`; b1@synthetic has generated ones."
    )


def _row(variant: dict[str, Any]) -> list[str]:
    return [
        variant["name"],
        str(variant["width"]),
        str(variant["depth"]),
        str(variant["resolution"]),
        str(variant["dropout"]),
        f"{variant['params']:,}",
        f"{variant['macs'] / 1e9:.2f}",
        _two_digits(variant["paper_giga_macs"]) or "-",
        variant["file"] or "-",
    ]


def _show_model(model: dict[str, Any]) -> None:
    paper = _two_digits(model["paper_giga_macs"])
    rows = [
        ["model", model["name"]],
        ["width, depth", f"{model['width']}, {model['depth']}"],
        ["picture", f"{model['resolution']} x {model['resolution']} pixels"],
        ["dropout", f"{model['dropout']}, in training only"],
        ["activation", model["activation"]],
        ["blocks", str(model["blocks"])],
        ["classes", str(model["classes"] or "none, the network ends with its features")],
        ["top", ", ".join(model["top"])],
        *([["answer", f"a {model['answer'].replace('_', ' ')} a class"]] if model["answer"] in _UNUSUAL else []),
        *([["channels", str(model["channels"])]] if model["channels"] != IMAGE_CHANNELS else []),
        *([["batch norms", "folded into the convolutions"]] if model["folded"] else []),
        ["parameters", f"{model['params']:,}"],
        ["multiply-adds", f"{model['macs']:,}" + (f" (paper: {paper} G)" if paper else "")],
        ["weights", model["file"] or ("generated" if model["weights"] else "not on this machine")],
    ]
    if model["weights"]:
        rows += [[f"  {key.replace('_', ' ')}", str(value)] for key, value in model["weights"].items() if value]
    terminal.print_columns("<<", rows)
    if not model["weights"]:
        print(f"\n{terminal.printable(model['missing'])}")


def _two_digits(paper: float | None) -> str:
    """Write a number as the paper does: 0.70, 1.0, 19."""
    return "" if paper is None else f"{paper:#.2g}".removesuffix(".")
