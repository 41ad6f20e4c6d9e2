"""Predict on a cluster, as ``Network.predict`` does here."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from refnet.checks import check_top
from refnet.cluster.job import ClusterPipeline
from refnet.network import Network
from refnet.pipeline.many import Errors, stream, with_predictions
from refnet.pipeline.pipeline import Answer
from refnet.pipeline.source import Source
from refnet.prediction import Prediction
from refnet.preprocessing.image_like import how_many


def predict_on(
    client: Any, network: Network, image: Source, top: int | None, *, as_published: bool, errors: Errors | None
) -> list[Prediction] | list[list[Prediction]] | Iterator[Answer]:
    """Classify pictures by the workers of a Dask cluster: what comes out is what ``network.predict`` says.

    Examples
    --------
    >>> import refnet
    >>> from distributed import Client
    >>> with Client(processes=False, dashboard_address=":0") as client:
    ...     [best] = refnet.predict("refnet/data/chelsea.png", top=1, client=client)
    >>> best.label
    'tiger cat'
    """
    top = check_top(top, network.weights.architecture)
    pipeline = ClusterPipeline(network, client, as_published=as_published)
    answers = with_predictions(network, stream(pipeline, image, errors), top)
    kind = how_many(image) if errors is None else "stream"
    if kind == "stream":
        return answers
    found = [list(answer.predictions) for answer in answers]
    return found[0] if kind == "one" else found
