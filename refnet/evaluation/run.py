"""The run: every picture of a data set through a network; what is found is kept as it comes, and never done twice."""

from __future__ import annotations

import math
import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from refnet.errors import InputError
from refnet.evaluation.answers import Answers
from refnet.evaluation.data_set import DataSet, count
from refnet.evaluation.evaluation import Evaluation
from refnet.evaluation.folders import read_data_set
from refnet.evaluation.matching import By, find_truth
from refnet.evaluation.metrics import DEPTH
from refnet.evaluation.published import published
from refnet.network import Network
from refnet.pipeline.journal import Journal, State, state
from refnet.pipeline.many import with_predictions
from refnet.pipeline.pipeline import Answer, Pipeline
from refnet.pipeline.source import Item
from refnet.pipeline.tables import fields
from refnet.preprocessing.loaders import SOFTWARE

Progress = Callable[[int, int], None]  # how many are done, and how many failed


def evaluate(
    network: Network,
    data: DataSet | str | os.PathLike[str],
    *,
    by: By | None = None,
    name: str | None = None,
    as_published: bool = False,
    journal: Journal | None = None,
    progress: Progress | None = None,
    pipeline: Pipeline | None = None,
) -> Evaluation:
    """Classify every picture of a data set, and count what is right.

    Parameters
    ----------
    network
        What ``refnet.load`` gives.
    data
        What ``read_data_set`` gives, or the folder or table that it would read.
    by
        As for ``find_truth``.
    name
        What the model is called; by default its variant.
    as_published
        As for ``Network.preprocess``.
    journal
        Where each answer is noted at once; pictures that are in it already, and have not changed, are not run again.
    progress
        Told after each picture how many are done and how many of them could not be read.
    pipeline
        What answers for the pictures, such as a ``refnet.cluster.job.ClusterPipeline`` of this network; by default this
        machine.

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
    >>> place = pathlib.Path(tempfile.mkdtemp())
    >>> _ = shutil.copy("refnet/data/chelsea.png", place / "n02123159_1.png")
    >>> found = evaluate(refnet.load("lite0"), place)
    >>> found.top1, [round(bound, 2) for bound in found.top1.interval]
    (Share(right=1, of=1), [0.21, 1.0])
    """
    check_classifies(network)
    if not isinstance(data, DataSet):
        data = read_data_set(data)
    architecture = network.weights.architecture
    truth = find_truth(data, network.weights, by)
    kept = _Kept(data, min(DEPTH, architecture.classes), architecture.top.meaning)
    told = () if journal is None else _take_earlier(journal, data, kept)
    todo = [file for file in data.files if not kept.has(file)]
    notes: Counter[str] = Counter()
    states: dict[str, State] = {}
    begun = time.perf_counter()
    for answer in _run(pipeline or Pipeline(network, as_published=as_published), todo, kept.top, states):
        said = fields(answer)
        if journal is not None:
            journal.add(answer.name, said, states.pop(answer.name))
        kept.take(answer.name, said)
        notes.update(answer.notes)
        if progress is not None:
            progress(kept.done, len(kept.answers.failed))
    seconds = time.perf_counter() - begun
    return Evaluation(
        name or network.variant,
        network.recipe.name,
        data,
        truth,
        kept.answers,
        architecture.classes,
        architecture.top.meaning,
        published(network),
        len(todo) / seconds if todo else math.nan,
        told + tuple(_told(note, count, network) for note, count in notes.items()),
    )


def check_classifies(network: Network) -> None:
    """Refuse a network whose answer is no class."""
    architecture = network.weights.architecture
    if architecture.classes < 2 or architecture.top.meaning == "value":
        raise InputError(
            f"{architecture.name} answers with {architecture.classes or 'no'} values that are no probabilities; "
            "want a network that tells classes apart"
        )


def _take_earlier(journal: Journal, data: DataSet, kept: _Kept) -> tuple[str, ...]:
    """Take what an interrupted run has found of these pictures as they are now; say what is otherwise."""
    done = [file for file in data.files if file in journal.done]
    same = [file for file in done if not journal.has_changed(file, state(Item(file, file)))]
    kept.take_all(journal.in_order(same))
    changed, others = len(done) - len(same), len(journal.names - set(data.files))
    told = (f"{count(changed, 'picture')} done again, changed since the interrupted run",) * bool(changed)
    return told + (f"{count(others, 'picture')} of the interrupted run left out, not in {data.name}",) * bool(others)


def _run(pipeline: Pipeline, files: list[str], top: int, states: dict[str, State]) -> Iterator[Answer]:
    def items() -> Iterator[Item]:
        for file in files:
            item = Item(file, file)  # a picture, whatever pattern its name looks like
            states[file] = state(item)
            yield item

    return with_predictions(pipeline.network, pipeline.answers(items()), top)


def _told(note: str, number: int, network: Network) -> str:
    software = SOFTWARE[network.recipe.loader]
    were = "was" if number == 1 else "were"
    return f"{count(number, 'picture')} {were} {note}, unlike {software}; --as-published reads as that does"


class _Kept:
    """What is found already, by picture."""

    def __init__(self, data: DataSet, top: int, meaning: str) -> None:
        self.top, self.meaning, self.done = top, meaning, 0
        self.answers = Answers.empty(len(data), top)
        self._places = {file: place for place, file in enumerate(data.files)}
        self._has = [False] * len(data)

    def has(self, file: str) -> bool:
        return self._has[self._places[file]]

    def take(self, file: str, said: Mapping[str, Any]) -> None:
        """Take what the journal or the run has of one picture."""
        place = self._places[file]
        self.done += 1
        self._has[place] = True
        if "predictions" in said:
            self.answers.put(place, [(each["index"], each[self.meaning]) for each in said["predictions"]])
        else:
            self.answers.failed[place] = str(said.get("error") or "no answer")

    def take_all(self, found: Iterable[tuple[str, Mapping[str, Any]]]) -> None:
        for file, said in found:
            self.take(file, said)
