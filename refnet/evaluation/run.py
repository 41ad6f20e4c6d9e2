"""The run: every picture of a data set through a network; what is found is kept as it comes, and never done twice."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from refnet.errors import InputError, WeightsError
from refnet.evaluation.answers import Answers
from refnet.evaluation.data_set import DataSet
from refnet.evaluation.evaluation import Evaluation
from refnet.evaluation.matching import By, find_truth
from refnet.evaluation.metrics import DEPTH
from refnet.evaluation.published import published
from refnet.network import Network
from refnet.pipeline.journal import Journal
from refnet.pipeline.pipeline import Pipeline
from refnet.prediction import predictions

Fields = Mapping[str, Any]  # of one picture, as the journal keeps them
Progress = Callable[[int, int], None]  # how many are done, and how many failed


def evaluate(
    network: Network,
    data: DataSet,
    *,
    by: By | None = None,
    name: str | None = None,
    as_published: bool = False,
    journal: Journal | None = None,
    progress: Progress | None = None,
) -> Evaluation:
    """Classify every picture of a data set, and count what is right.

    Parameters
    ----------
    network
        What ``refnet.load`` gives.
    data
        What ``read_data_set`` gives.
    by
        As for ``find_truth``.
    name
        What the model is called; by default its variant.
    as_published
        As for ``Network.preprocess``.
    journal
        Where each answer is noted at once; pictures that are in it already are not run again.
    progress
        Told after each picture how many are done and how many of them could not be read.

    Returns
    -------
    Evaluation
        A picture that cannot be read counts neither as right nor as wrong: it is in ``answers.failed``.

    Raises
    ------
    InputError
        If the classes do not match (see ``find_truth``), or the network answers with values of no class.
    WeightsError
        If a number of an answer is not finite.

    Examples
    --------
    >>> import pathlib, shutil, tempfile
    >>> import refnet
    >>> from refnet.evaluation import read_data_set
    >>> place = pathlib.Path(tempfile.mkdtemp())
    >>> _ = shutil.copy("refnet/data/chelsea.png", place / "n02123159_1.png")
    >>> found = evaluate(refnet.load("lite0"), read_data_set(place))
    >>> found.top1, [round(bound, 2) for bound in found.top1.interval]
    (Share(right=1, of=1), [0.21, 1.0])
    """
    check_classifies(network)
    truth = find_truth(data, network.weights, by)
    top = min(DEPTH, network.weights.architecture.classes)
    answers, speed = _answers(network, data, top, as_published, journal, progress)
    return Evaluation(
        name or network.variant,
        network.recipe.name,
        data,
        truth,
        answers,
        network.weights.architecture.classes,
        network.weights.architecture.top.meaning,
        published(network),
        speed,
    )


def check_classifies(network: Network) -> None:
    """Refuse a network whose answer is no class."""
    architecture = network.weights.architecture
    if architecture.classes < 2 or architecture.top.meaning == "value":
        raise InputError(
            f"{architecture.name} answers with {architecture.classes or 'no'} values that are no probabilities; "
            "want a network that tells classes apart"
        )


def _answers(
    network: Network,
    data: DataSet,
    top: int,
    as_published: bool,
    journal: Journal | None,
    progress: Progress | None,
) -> tuple[Answers, float]:
    """Run what is not done yet; return all answers, and pictures per second."""
    found, meaning = Answers.empty(len(data), top), network.weights.architecture.top.meaning
    done: Mapping[str, int] = {} if journal is None else journal.done
    places = {file: place for place, file in enumerate(data.files)}
    todo = [file for file in data.files if file not in done]
    if journal is not None:
        for file, known in journal.in_order([file for file in data.files if file in done]):
            _put(found, places[file], known, meaning)
    begun = time.perf_counter()
    for file, fields in _run(network, todo, top, as_published):
        if journal is not None:
            journal.add(file, fields)
        _put(found, places[file], fields, meaning)
        if progress is not None:
            progress(len(found.failed) + int(found.answered.sum()), len(found.failed))
    seconds = time.perf_counter() - begun
    return found, len(todo) / seconds if todo else math.nan


def _run(network: Network, files: list[str], top: int, as_published: bool) -> Iterator[tuple[str, Fields]]:
    pipeline = Pipeline(network, as_published=as_published)
    meaning = network.weights.architecture.top.meaning
    # As paths: the name of a picture is never a pattern.
    for file, answer in zip(files, pipeline.run(map(Path, files)), strict=True):
        if answer.error is not None:
            yield file, {"error": str(answer.error)}
            continue
        row = answer.tensors[network.plan.answer]
        if not np.isfinite(row).all():
            raise WeightsError(
                f"{file}: {network.variant} gives no finite answer: its weights overflow {network.dtype}"
            )
        best = predictions(row, top, network.labels, meaning)
        yield file, {"predictions": [prediction.fields() for prediction in best]}


def _put(answers: Answers, place: int, fields: Fields, meaning: str) -> None:
    """Put in what the journal or the run has of one picture."""
    if "predictions" not in fields:
        answers.failed[place] = str(fields.get("error") or "no answer")
        return
    answers.put(place, [(each["index"], each[meaning]) for each in fields["predictions"]])
