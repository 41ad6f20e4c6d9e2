"""``refnet eval``: how often networks are right on pictures whose classes are known."""

from __future__ import annotations

import argparse
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from refnet import progress
from refnet.cli import cluster_options, eval_files, eval_tables, picture_options, terminal
from refnet.errors import InputError

if TYPE_CHECKING:
    from typing import Any

    from refnet.evaluation import Agreement, DataSet, Evaluation, OtherAnswers
    from refnet.hub.request import Request
    from refnet.network import Network
    from refnet.pipeline.journal import Journal


def add(commands: Any) -> None:
    """Add the command and its options to the parser."""
    parser = commands.add_parser(
        "eval",
        help="how often networks are right on your pictures",
        description="Classify pictures whose classes are known, and count: top-1 and top-5 with their 95% intervals, "
        "each class, what is taken for what, whether the network is as sure as it is right. Pictures that cannot be "
        "read are reported and count neither as right nor as wrong; the exit code is then 2.",
    )
    parser.add_argument(
        "data",
        nargs="?",
        metavar="DIR",
        help="a folder for each class with its pictures; or a folder of pictures called as in n01440764_10026.JPEG, or "
        "with --truth; or a table of file and class (.csv, .tsv, .txt)",
    )
    parser.add_argument(
        "-m",
        "--models",
        nargs="+",
        metavar="MODEL",
        help=f"one or several, each a {terminal.MODEL} (default: lite0)",
    )
    classes = parser.add_argument_group("which class a picture is of")
    classes.add_argument(
        "--truth",
        metavar="FILE",
        help="a table of file and class; or a class in every line, for the pictures in the order of their names",
    )
    classes.add_argument(
        "--synsets",
        metavar="FILE",
        help="wnid of each number in --truth: the map_clsloc.txt of ImageNet's development kit",
    )
    classes.add_argument(
        "--by",
        choices=("wnid", "label", "number", "order"),
        help="match classes this way; order: folders as sorted, as torchvision's ImageFolder does (default: found out)",
    )
    answers = parser.add_argument_group("other answers")
    answers.add_argument(
        "--from",
        dest="given",
        metavar="FILE",
        help="evaluate these answers instead of running the model: CSV or JSON Lines",
    )
    answers.add_argument(
        "--agree",
        metavar="FILE",
        help="compare with another engine's answers: CSV or JSON Lines of file, class, probability",
    )
    output = parser.add_argument_group("what comes out")
    output.add_argument(
        "-o",
        "--out",
        metavar="FILE",
        help="keep every answer, as `refnet predict -o` does: .csv, .jsonl or .parquet; with several models a file for "
        "each, such as FILE.b0.csv",
    )
    picture_options.add_resume(output)
    output.add_argument("--json", action="store_true", help="print JSON")
    output.add_argument("--html", metavar="FILE", help="write a page for the browser as well")
    picture_options.add_reading(parser)
    cluster_options.add(parser, data_sets=False)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Evaluate each model, compare, show, and write the page; what can be told before anything is run is told then."""
    from refnet.evaluation import between, read_answers, read_data_set
    from refnet.evaluation.report import check_target, write_report

    cluster_options.check(options)
    if options.data is None:
        raise InputError("no data set; want it before -m: `refnet eval DIR -m b0 b1`")
    if options.html is not None:
        check_target(Path(options.html))
    requests = _requests(options)
    kept = eval_files.targets(options, list(requests))
    data = read_data_set(options.data, options.truth, synsets=options.synsets)
    given, others = (None if file is None else read_answers(Path(file)) for file in (options.given, options.agree))
    found: list[Evaluation] = []
    agreements: list[Agreement] = []
    journals: list[Journal] = []
    if len(requests) > 1:  # what does not fit is told before the first one runs, which may take hours
        for request in requests.values():
            _check(request.load(), data, others, options)
    for name, request in requests.items():
        network = request.load()
        _check(network, data, others, options)
        if network.recipe != network.weights.recipe:
            terminal.say(
                f"{name}: recipe {network.recipe.name} instead of the weights' own, {network.weights.recipe.name}"
            )
        found.append(_evaluate(name, network, data, given, kept[name], journals, options))
        if others is not None:
            agreements.append(_agree(found[-1], network, others))
    for journal in journals:  # not before, so that --resume goes on with the last model where others are finished
        journal.remove()
    agreements += [between(one, other) for place, one in enumerate(found) for other in found[place + 1 :]]
    if options.html is not None:
        write_report(found, Path(options.html), agreements)
    _show(found, agreements, options)
    return 2 if any(each.answers.failed for each in found) else 0


def _check(network: Network, data: DataSet, others: OtherAnswers | None, options: argparse.Namespace) -> None:
    """Refuse a network that does not fit the data set, and answers that do not fit the network."""
    from refnet.evaluation import find_truth
    from refnet.evaluation.run import check_classifies

    check_classifies(network)
    find_truth(data, network.weights, options.by)
    if others is not None:
        others.answers(data, network)


def _requests(options: argparse.Namespace) -> dict[str, Request]:
    models = options.models or ["lite0"]
    if options.given is not None and len(models) > 1:
        raise InputError("--from is one model's answers; want one model with -m, whose classes they are")
    if len(set(models)) < len(models):
        raise InputError(f"-m {' '.join(models)}: a model comes twice")
    return {name: picture_options.request(options, model) for name, model in zip(_names(models), models, strict=True)}


def _names(models: list[str]) -> list[str]:
    """What models are called: of files the name without the folder, where these differ."""
    short = [Path(model).name for model in models]
    return short if len(set(short)) == len(short) else models


def _evaluate(
    name: str,
    network: Network,
    data: DataSet,
    given: OtherAnswers | None,
    kept: Path | None,
    journals: list[Journal],
    options: argparse.Namespace,
) -> Evaluation:
    """Run one model; its journal joins ``journals`` once its answers are written."""
    from refnet.cli import many
    from refnet.evaluation import evaluate, from_answers
    from refnet.pipeline import tables

    if given is not None:
        return from_answers(network, data, given, by=options.by, ours=options.models is not None)
    with ExitStack() as stack:
        update = stack.enter_context(progress.task(f"evaluating {name}", total=len(data), unit="pictures"))
        journal = None
        if kept is not None:
            journal = stack.enter_context(eval_files.journal(kept, network, name, data.files, options))
            journal.check_source(not journal.names.isdisjoint(data.files))
            stack.enter_context(many.resumable(journal))
        pipeline = stack.enter_context(cluster_options.pipeline(network, options))
        found = evaluate(
            network,
            data,
            by=options.by,
            name=name,
            journal=journal,
            pipeline=pipeline,
            progress=lambda done, failed: update(completed=done),
        )
        if kept is not None and journal is not None:
            about = {"model": name, "recipe": network.recipe.name}
            tables.write(kept, journal.in_order(data.files), meaning=found.meaning, about=about)
            journals.append(journal)
    return found


def _agree(found: Evaluation, network: Network, others: OtherAnswers) -> Agreement:
    from refnet.evaluation import with_answers

    return with_answers(found, network, others)


def _show(found: list[Evaluation], agreements: list[Agreement], options: argparse.Namespace) -> None:
    from refnet.evaluation.as_json import to_json

    if options.json:
        terminal.print_json(to_json(found, agreements))
    else:
        eval_tables.show(found, agreements)
    for each in found:
        for note in each.notes:
            terminal.say(f"{each.model}: {note}")
        if each.hint:
            terminal.say(f"{each.model}: {each.hint}")
        eval_tables.tell_failed(each)
