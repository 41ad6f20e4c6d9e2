"""Options of the commands that run a network on pictures: which pictures, which network, how they are read."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from refnet.cli import recipe_options, terminal

if TYPE_CHECKING:
    from refnet.hub.request import Request


def add(parser: Any) -> None:
    """Add the options."""
    parser.add_argument(
        "photos",
        nargs="+",
        metavar="PATH",
        help="PNG, JPEG, WebP, AVIF, HEIC, TIFF, GIF, …; a folder; a pattern such as 'photos/*.jpg'; "
        "- for paths from standard input, one a line",
    )
    parser.add_argument("-r", "--recursive", action="store_true", help="go into the folders of folders")
    parser.add_argument("-m", "--model", default="lite0", help=f"{terminal.MODEL} (default: lite0)")
    add_reading(parser)


def add_reading(parser: Any) -> None:
    """Add those that say how pictures are read and prepared, and what the network runs with."""
    parser.add_argument(
        "--recipe",
        metavar="NAME",
        help="prepare photos as another publisher does: tf, timm, keras, b4@torchvision, … (default: as it should be)",
    )
    recipe_options.add(parser.add_argument_group("a recipe by hand, where the weights do not know it"))
    parser.add_argument(
        "--as-published",
        action="store_true",
        help="read photos as the publisher's own software does: not turned as EXIF says, transparency dropped",
    )
    parser.add_argument("--threads", type=int, metavar="N", help="by default one for each core")
    parser.add_argument("--dtype", choices=("float32", "float64"), default="float32")


def add_resume(parser: Any) -> None:
    """Add what is to happen to what an unfinished run left."""
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument(
        "--resume", action="store_true", help="go on where an interrupted run with the same FILE stopped"
    )
    choice.add_argument("--overwrite", action="store_true", help="start anew, whatever an earlier run left or finished")


def request(options: argparse.Namespace, model: str) -> Request:
    """Check what was asked for of a model, as far as that can be done before anything is fetched."""
    from refnet.hub.request import make_request

    return make_request(
        model,
        dtype=options.dtype,
        threads=options.threads,
        recipe=options.recipe,
        by_hand=recipe_options.read(options),
    )
