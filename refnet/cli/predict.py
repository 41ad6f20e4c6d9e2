"""``refnet predict``: what is on these photos."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from refnet.cli import cluster_options, picture_options, terminal
from refnet.errors import ImageError, InputError

if TYPE_CHECKING:
    from refnet.cli.many import Pictures
    from refnet.hub.request import Request
    from refnet.network import Network
    from refnet.pipeline.pipeline import Answer
    from refnet.pipeline.source import Item
    from refnet.prediction import Prediction
    from refnet.preprocessing.window import Picture


def add(commands: Any) -> None:
    """Add the command and its options to the parser."""
    parser = commands.add_parser(
        "predict",
        help="what is on these photos",
        description="Classify photos: one in full, several with a line each. Published weights that are not here are "
        "fetched, and that is said; see `refnet fetch --help`. A photo that cannot be read is reported; the others are "
        "classified all the same, and the exit code is then 2.",
    )
    picture_options.add(parser)
    parser.add_argument(
        "--top", type=int, metavar="N", help="how many classes (default: 5, or all if there are fewer; in lines 1)"
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print JSON Lines, an object for each photo, as they come")
    form.add_argument("--csv", action="store_true", help="print CSV, a line for each prediction, as they come")
    form.add_argument("-o", "--out", metavar="FILE", help="write a file once all is done: .jsonl, .csv or .parquet")
    form.add_argument("--parquet", metavar="FILE", help="the same as -o with a FILE that ends in .parquet")
    picture_options.add_resume(parser)
    cluster_options.add(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Classify photos with one network; what can be told before it is fetched is told then."""
    request = picture_options.request(options, options.model)
    request.check_top(options.top)
    folder = cluster_options.data_set(options.parquet or options.out, options)
    path = _target(options) if folder is None else None
    if folder is None and path is None and not options.csv and options.scheduler is None and _is_one(options.photos):
        return _one(options.photos[0], request, options)
    return _many(request, path, folder, options)


def _is_one(photos: list[str]) -> bool:
    from refnet.preprocessing.image_like import how_many

    return len(photos) == 1 and photos[0] != "-" and how_many(photos[0]) == "one"


def _target(options: argparse.Namespace) -> Path | None:
    """The file to be written; what is wrong with it is told before any work is done."""
    name = options.parquet or options.out
    if name is None:
        if options.resume or options.overwrite:
            raise InputError("--resume and --overwrite are about a file: name it with -o FILE")
        return None
    from refnet.cli import many
    from refnet.pipeline.tables import SUFFIXES

    return many.target(name, (".parquet",) if options.parquet else SUFFIXES)


def _many(request: Request, path: Path | None, folder: str | None, options: argparse.Namespace) -> int:
    from refnet.checks import check_top
    from refnet.cli import many

    if path is not None:
        many.check_finished(path, options)
    pictures = many.Pictures(options.photos, recursive=options.recursive)
    # Whoever reads a table wants one, though it has nothing but errors.
    in_table = options.csv or path is not None
    if not pictures.are_there() and not (in_table and pictures.missing):
        pictures.tell_missing()
        for item, problem in pictures.missing if options.json else ():
            _print_error(item.name, problem, options)
        return 2
    network = _load(request, options)
    if folder is not None:
        top = check_top(options.top, network.weights.architecture)
        return cluster_options.write(folder, network, pictures, options, top=top)
    if path is not None:
        return _to_file(network, pictures, path, options)
    tally = many.Tally(network)
    in_lines = not options.json and not options.csv
    ranked = network.weights.architecture.top.meaning != "value"
    top = 1 if in_lines and ranked and options.top is None else options.top
    answers = _answers(network, pictures, pictures.items, top, options)
    lines = terminal.Lines()
    take = _printer(lines, network, options)
    many.go_through(answers, tally, take, doing="predicting", total=pictures.total, flush=lines.flush)
    tally.tell()
    return 2 if tally.failed else 0


def _to_file(network: Network, pictures: Pictures, path: Path, options: argparse.Namespace) -> int:
    from refnet.checks import check_top
    from refnet.cli import many
    from refnet.pipeline import tables

    architecture = network.weights.architecture
    top = check_top(options.top, architecture)
    asked = many.asked(network, options, top=top, **many.folder_of(options.photos))
    return many.keep(
        pictures,
        lambda items: _answers(network, pictures, items, options.top, options),
        many.Tally(network),
        path,
        asked,
        tables.fields,
        lambda records: tables.write(path, records, meaning=architecture.top.meaning, about=_about(network, options)),
        options,
    )


def _answers(
    network: Network, pictures: Pictures, items: Iterator[Item], top: int | None, options: argparse.Namespace
) -> Iterator[Answer]:
    from refnet.checks import check_top
    from refnet.pipeline.many import with_predictions

    with cluster_options.pipeline(network, options) as pipeline:
        answers = pipeline.answers(items, at_hand=pictures.are_at_hand)
        yield from with_predictions(network, answers, check_top(top, network.weights.architecture))


def _printer(lines: terminal.Lines, network: Network, options: argparse.Namespace) -> Callable[[Answer], None]:
    """What shows one answer on standard output."""
    from refnet.pipeline import tables

    if options.json:
        about = _about(network, options)
        return lambda answer: lines.print(tables.json_line((answer.name, tables.fields(answer)), about))
    if options.csv:
        meaning = network.weights.architecture.top.meaning
        lines.print(tables.csv_lines([tables.columns(meaning)]))
        return lambda answer: lines.print(tables.csv_lines(tables.rows((answer.name, tables.fields(answer)))))
    return lambda answer: None if answer.error else lines.print(_line(answer))


def _about(network: Network, options: argparse.Namespace) -> dict[str, str]:
    return {"model": options.model, "recipe": network.recipe.name}


def _line(answer: Answer) -> str:
    """One photo in one line: the best class, whose photo it is, and what else was asked for."""
    on_terminal = sys.stdout.isatty()
    room = min(30, max(12, shutil.get_terminal_size().columns // 3)) if on_terminal else 30
    names = [_short(prediction, room) for prediction in answer.predictions]
    best, *others = map(_number, answer.predictions)
    shown = terminal.fitted(names[0], room, cut=on_terminal)
    text = f"{best:>7}  {shown}  {terminal.printable(answer.name)}"
    return text + "".join(f"  {number} {name}" for number, name in zip(others, names[1:], strict=True))


def _short(prediction: Prediction, room: int) -> str:
    """A class by the first of its names, if there is no room for all of them."""
    name = _named(prediction)
    return name if len(name) <= room else name.partition(",")[0]


def _load(request: Request, options: argparse.Namespace) -> Network:
    from refnet.checks import check_top

    network = request.load()
    check_top(options.top, network.weights.architecture)
    if network.recipe != network.weights.recipe:
        terminal.say(f"recipe {network.recipe.name} is used instead of the weights' own, {network.weights.recipe.name}")
    meaning = network.weights.architecture.top.meaning
    if meaning in _MEANINGS:
        terminal.say(_MEANINGS[meaning])
    return network


def _one(photo: str, request: Request, options: argparse.Namespace) -> int:
    """Classify one photo, with the network alone."""
    from refnet.preprocessing.read_image import check_image

    try:
        check_image(photo)
        network = _load(request, options)
        predictions = network.predict(_read(photo, network, options), options.top)
    except ImageError as error:
        terminal.say(f"error: {error}")
        if options.json:
            _print_error(photo, error, options)
        return 2
    if options.json:
        said = [prediction.fields() for prediction in predictions]
        print(json.dumps({"file": photo, **_about(network, options), "predictions": said}))
    else:
        rows = [[_number(p), _named(p), p.wnid] for p in predictions]
        terminal.print_columns("><<", rows, key=2)  # a number and whose it is
    return 0


def _print_error(photo: str, error: ImageError, options: argparse.Namespace) -> None:
    print(json.dumps({"file": photo, "model": options.model, "error": str(error)}))


def _read(photo: str, network: Network, options: argparse.Namespace) -> Picture:
    from refnet.preprocessing.image_like import is_address
    from refnet.preprocessing.loaders import SOFTWARE
    from refnet.preprocessing.read_image import read_as

    loader = network.recipe.loader
    if is_address(photo):
        from refnet.pipeline.addresses import read_anywhere  # late: a file needs none of it

        reading = read_anywhere(photo, loader, as_published=options.as_published)
    else:
        reading = read_as(photo, loader, as_published=options.as_published)
    if reading.differs:
        how = " and ".join(reading.differs)
        terminal.say(f"{photo}: {how}, unlike {SOFTWARE[loader]}; --as-published reads it as that does")
    return reading.picture


def _named(prediction: Prediction) -> str:
    word = "value" if prediction.meaning == "value" else "class"
    return prediction.label or f"{word} {prediction.index}"


def _number(prediction: Prediction) -> str:
    return f"{prediction.value:.2%}" if prediction.meaning in ("probability", "score") else f"{prediction.value:.6g}"


# Said once, where it is not what people expect.
_MEANINGS = {
    "score": "scores: each class has a probability of its own; they do not add up to 100 %",
    "log_probability": "natural logarithms of probabilities",
    "value": "values: numbers as the network gives them, no probabilities",
}
