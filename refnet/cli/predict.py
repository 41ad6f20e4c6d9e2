"""``refnet predict``: what is on these photos."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from refnet.cli import recipe_options, terminal
from refnet.errors import ImageError

if TYPE_CHECKING:
    from refnet.hub.request import Request
    from refnet.network import Network
    from refnet.prediction import Prediction


def add(commands: Any) -> None:
    """Add the command and its options to the parser."""
    parser = commands.add_parser(
        "predict",
        help="what is on these photos",
        description="Classify photos. Published weights that are not here are fetched, and that is said; see "
        "`refnet fetch --help`. A photo that cannot be read is reported; the others are classified all the "
        "same, and the exit code is then 2.",
    )
    parser.add_argument("photos", nargs="+", metavar="PHOTO", help="PNG, JPEG, WebP, AVIF, HEIC, TIFF, GIF, …")
    parser.add_argument("-m", "--model", default="lite0", help=f"{terminal.MODEL} (default: lite0)")
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
    parser.add_argument("--top", type=int, metavar="N", help="how many classes (default: 5, or all if there are fewer)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--threads", type=int, metavar="N", help="by default one for each core")
    parser.add_argument("--dtype", choices=("float32", "float64"), default="float32")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Classify each photo with one network; what can be told before it is fetched is told then."""
    from refnet.hub.request import make_request

    request = make_request(
        options.model,
        dtype=options.dtype,
        threads=options.threads,
        recipe=options.recipe,
        by_hand=recipe_options.read(options),
    )
    request.check_top(options.top)
    photos = [photo for photo in options.photos if _is_there(photo)]
    results = _classify(photos, request, options) if photos else []
    if options.json:
        terminal.print_json(results)
    return 0 if len(results) == len(options.photos) else 2


def _classify(photos: list[str], request: Request, options: argparse.Namespace) -> list[dict[str, Any]]:
    from refnet.checks import check_top

    network = request.load()
    check_top(options.top, network.weights.architecture)
    if network.recipe != network.weights.recipe:
        terminal.say(f"recipe {network.recipe.name} is used instead of the weights' own, {network.weights.recipe.name}")
    meaning = network.weights.architecture.top.meaning
    if meaning in _MEANINGS:
        terminal.say(_MEANINGS[meaning])
    results: list[dict[str, Any]] = []
    for photo in photos:
        predictions = _predict(network, photo, options.top, as_published=options.as_published)
        if predictions is None:
            continue
        if not options.json:
            _show(predictions, heading=photo if len(options.photos) > 1 else None, first=not results)
        answers = [prediction.fields() for prediction in predictions]
        result = {"file": photo, "model": options.model, "recipe": network.recipe.name, "predictions": answers}
        results.append(result)
    return results


def _is_there(photo: str) -> bool:
    """Whether there is a file; say so if there is none."""
    from refnet.preprocessing.read_image import check_image

    try:
        check_image(photo)
    except ImageError as error:
        terminal.say(f"error: {error}")
        return False
    return True


def _predict(network: Network, photo: str, top: int | None, *, as_published: bool) -> list[Prediction] | None:
    """Classify one photo; say why it cannot be done and return None if it is the photo's fault."""
    from refnet.preprocessing.loaders import SOFTWARE
    from refnet.preprocessing.read_image import read_as

    loader = network.recipe.loader
    try:
        reading = read_as(photo, loader, as_published=as_published)
        if reading.differs:
            how = " and ".join(reading.differs)
            terminal.say(f"{photo}: {how}, unlike {SOFTWARE[loader]}; --as-published reads it as that does")
        return network.predict(reading.picture, top)
    except ImageError as error:
        terminal.say(f"error: {error}")
        return None


def _show(predictions: list[Prediction], *, heading: str | None, first: bool) -> None:
    """Print one photo's answers; with a heading they stand below it, indented, all photos' percentages in one line."""
    rows = [[_number(p), p.label or f"{_word(p)} {p.index}", p.wnid] for p in predictions]
    if heading is not None:
        print(("" if first else "\n") + terminal.printable(heading))
        rows = [[f"{number:>9}", *rest] for number, *rest in rows]
    terminal.print_columns("><<", rows, key=2)  # a number and whose it is


def _word(prediction: Prediction) -> str:
    return "value" if prediction.meaning == "value" else "class"


def _number(prediction: Prediction) -> str:
    return f"{prediction.value:.2%}" if prediction.meaning in ("probability", "score") else f"{prediction.value:.6g}"


# Said once, where it is not what people expect.
_MEANINGS = {
    "score": "scores: each class has a probability of its own; they do not add up to 100 %",
    "log_probability": "natural logarithms of probabilities",
    "value": "values: numbers as the network gives them, no probabilities",
}
