"""Options that say a recipe by hand, of `refnet predict` and `refnet convert`."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from refnet.preprocessing.by_hand import ByHand

NAMES = ("size", "mean", "std", "crop", "interpolation")  # fields of `ByHand`
_COLOURS = ("RED", "GREEN", "BLUE")


def add(group: Any) -> None:
    """Add the options."""
    group.add_argument("--size", metavar="S", help="side of the network's input in pixels, or HEIGHTxWIDTH")
    group.add_argument(
        "--mean", nargs=3, type=float, metavar=_COLOURS, help="subtracted from pixels, of 0..1 or of 0..255"
    )
    group.add_argument("--std", nargs=3, type=float, metavar=_COLOURS, help="and divided by this, on the same scale")
    group.add_argument(
        "--crop", metavar="C", help="'center 0.875' or squash, as in timm, or 'shorter-side 256', none, …"
    )
    group.add_argument("--interpolation", metavar="I", help="bicubic, bilinear or nearest")


def read(options: argparse.Namespace) -> ByHand:
    """Take what was said."""
    from refnet.preprocessing.by_hand import ByHand

    return ByHand(**{name: getattr(options, name) for name in NAMES})
