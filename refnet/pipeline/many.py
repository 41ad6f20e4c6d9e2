"""Many pictures, as ``Network`` takes them: which of them are counted, and what becomes of an error."""

from __future__ import annotations

import logging
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from typing import TYPE_CHECKING, Literal, TypeAlias, cast

from refnet.errors import ImageError, InputError
from refnet.pipeline.pipeline import Answer, Pipeline
from refnet.pipeline.source import Source, items, one_each
from refnet.preprocessing.image_like import ImageLike, how_many

if TYPE_CHECKING:
    from refnet.network import Network

Errors: TypeAlias = Literal["raise", "yield"]

LOGGER = logging.getLogger("refnet")


def stream(pipeline: Pipeline, source: Source, errors: Errors | None) -> Iterator[Answer]:
    """Answer for each picture of a source; unless ``errors`` says otherwise, one that cannot be read is an error."""
    if errors not in (None, "raise", "yield"):
        raise InputError(f"errors={errors!r}: want 'raise' or 'yield'")
    if how_many(source) == "one":
        source = [cast("ImageLike", source)]
    # In a list that is answered by a list, each entry is a picture.
    counted = errors is None and how_many(source) == "several"
    found = one_each(cast("Iterable[ImageLike]", source)) if counted else items(source)
    answers = pipeline.answers(found)
    return answers if errors == "yield" else _raising(answers, tell=counted)


def _raising(answers: Iterator[Answer], *, tell: bool) -> Iterator[Answer]:
    with closing(cast("Generator[Answer]", answers)):
        for answer in answers:
            if answer.error is not None:
                raise naming(answer.name, answer.error)
            if tell and answer.notes:  # whom it comes to hears nothing of notes
                LOGGER.info("a picture was %s; as_published=True reads it otherwise", ", ".join(answer.notes))
            yield answer


def naming(name: str, error: ImageError) -> ImageError:
    """Make the error say which picture it is about."""
    return error if name in str(error) else error.saying(f"{name}: {error}")


def with_predictions(network: Network, answers: Iterator[Answer], top: int) -> Iterator[Answer]:
    """Name the ``top`` classes of each answer that has no error."""
    with closing(cast("Generator[Answer]", answers)):
        for answer in answers:
            if answer.error is None:
                named = network._named(answer.tensors[network.plan.answer], top)
                yield answer._replace(predictions=tuple(named))
            else:
                yield answer
