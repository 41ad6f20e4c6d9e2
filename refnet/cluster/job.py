"""Job: parts are handed out to the workers, as many as keep them busy, and what they return comes back."""

from __future__ import annotations

import logging
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import Any, TypeVar

from refnet.checks import whole_number
from refnet.cluster import sent
from refnet.cluster.connect import check_client, not_lost
from refnet.cluster.part import Asked, Part, answer, share_out
from refnet.cluster.sent import Lacking
from refnet.cluster.versions import check_versions, versions
from refnet.errors import RefnetError
from refnet.network import Network
from refnet.pipeline.pipeline import Answer, Pipeline
from refnet.pipeline.source import Item

_log = logging.getLogger("refnet")

AHEAD = 2  # parts for each thread of a worker: the one in hand, and the next
PART = 64  # pictures; their answers come back to the client together
MAX_PART = 1 << 20

Result = TypeVar("Result")


class _FatalPartError(RefnetError):
    """A part that ended every worker that had it."""


class Job:
    """One network and one question on the workers of a Dask cluster.

    Parameters
    ----------
    client
        A ``distributed.Client``.
    pipeline
        What is asked.

    Raises
    ------
    InputError
        If the client is none, or closed; or a worker has another version of refnet, of the numerics or of Pillow.
    RefnetError
        If the scheduler is gone: then, or later.
    """

    def __init__(self, client: Any, pipeline: Pipeline) -> None:
        check_client(client)
        self.client = client
        self._network = pipeline.network
        with not_lost(client, OSError):
            if not client.nthreads():
                _log.info("waiting for the first worker of %s", client.scheduler.address)
                client.wait_for_workers(1)
            check_versions(client)
        self.asked = Asked(sent.describe(pipeline.network), pipeline.at, pipeline.as_published, versions())
        self._content: bytes | None = None

    def results(
        self, work: Callable[..., Result | Lacking], parts: Iterable[Part], *arguments: Any, ordered: bool = True
    ) -> Iterator[tuple[Part, Result]]:
        """Call ``work`` on some worker with each part, and yield what it returns: in order, or as soon as it is there.

        A part whose worker died goes to another one. One that ends every worker is an error: in its place, or, where
        order does not matter, when all others are done. What is left when nobody wants more is not begun.
        """
        under_way = _UnderWay(self, work, parts, arguments)
        try:
            yield from under_way.in_order() if ordered else under_way.as_they_come()
        finally:
            with suppress(RefnetError), not_lost(self.client, OSError):
                self.client.cancel(list(under_way.futures))

    def _result(self, future: Any, done: Part) -> Any:
        from distributed import KilledWorker

        try:
            with not_lost(self.client):
                return future.result()
        except KilledWorker as error:
            names = f"{done.items[0].name} to {done.items[-1].name}"
            raise _FatalPartError(
                f"part {done.number}, {names}, ended every worker that had it, lastly {error.last_worker}; one of "
                "these pictures may need more memory than a worker has"
            ) from error

    def _supply(self, worker: str) -> None:
        """Send a worker the weights, if it still lacks them; if it is gone meanwhile, nobody needs them there."""
        self._content = self._content or sent.content_of(self._network)
        found = self._run(sent.is_here, worker, on_error="ignore")
        if found.get(worker) is False:
            _log.info("%s lacks the weights: they are sent, %.1f MB", worker, len(self._content) / 1e6)
            answers = self._run(sent.receive, worker, self._content, on_error="return")
            for problem in answers.values():
                if isinstance(problem, RefnetError):
                    raise problem

    def _run(self, function: Callable[..., Any], worker: str, *arguments: Any, on_error: str) -> dict[str, Any]:
        with not_lost(self.client, OSError):
            found: dict[str, Any] = self.client.run(
                function, self.asked.network, *arguments, workers=[worker], on_error=on_error
            )
        return found


class _UnderWay:
    """Parts that are with the workers, and one that comes back at a time."""

    def __init__(self, job: Job, work: Callable[..., Any], parts: Iterable[Part], arguments: tuple[Any, ...]) -> None:
        from distributed import as_completed

        self.futures: dict[Any, Part] = {}
        self._finished: dict[int, tuple[Part, Any]] = {}  # that come before others in order
        self._order: deque[int] = deque()
        self._coming = as_completed(loop=job.client.loop)
        self._job, self._work, self._arguments = job, work, arguments
        self._rest = iter(parts)

    def as_they_come(self) -> Iterator[tuple[Part, Any]]:
        fatal: list[_FatalPartError] = []
        for part, result in self:
            if isinstance(result, _FatalPartError):
                fatal.append(result)
            else:
                yield part, result
        if fatal:
            raise RefnetError(f"{fatal[0]}", details=map(str, fatal)) from fatal[0]

    def __iter__(self) -> Iterator[tuple[Part, Any]]:
        self._submit_more()
        for future in self._coming:
            part = self.futures.pop(future)
            try:
                result = self._job._result(future, part)
            except _FatalPartError as error:
                result = error
            if isinstance(result, Lacking):
                self._job._supply(result.worker)
                self._submit(part)
                continue
            self._submit_more()
            yield part, result

    def in_order(self) -> Iterator[tuple[Part, Any]]:
        for part, result in self:
            self._finished[part.number] = part, result
            while self._order and self._order[0] in self._finished:
                following = self._finished.pop(self._order.popleft())
                if isinstance(following[1], _FatalPartError):
                    raise following[1]
                yield following
                self._submit_more()

    def _submit_more(self) -> None:
        with not_lost(self._job.client, OSError):
            most = AHEAD * max(1, sum(self._job.client.nthreads().values()))
        while len(self.futures) + len(self._finished) < most and (part := next(self._rest, None)) is not None:
            self._order.append(part.number)
            self._submit(part)

    def _submit(self, part: Part) -> None:
        job = self._job
        with warnings.catch_warnings(), not_lost(job.client):
            warnings.filterwarnings("ignore", "Sending large graph", UserWarning)  # pictures that are no files
            future = job.client.submit(self._work, job.asked, part, *self._arguments, pure=False, priority=-part.number)
        self.futures[future] = part
        self._coming.add(future)


class ClusterPipeline(Pipeline):
    """A pipeline whose pictures are read and run by the workers of a Dask cluster; the answers are the same.

    Paths and addresses are read by the workers, so they must lead to the same files there. Pictures that are no files
    are sent.

    Parameters
    ----------
    network, at, as_published
        As for ``Pipeline``.
    client
        A ``distributed.Client``.
    part
        How many pictures a worker gets at a time.

    Examples
    --------
    >>> import refnet
    >>> from distributed import Client
    >>> with Client(processes=False, dashboard_address=":0") as client:
    ...     pipeline = ClusterPipeline(refnet.load("lite0"), client, at="pool")
    ...     for answer in pipeline.run("refnet/data/*.png"):
    ...         print(answer.name, answer.tensors["pool"].shape)
    refnet/data/chelsea.png (1280,)
    """

    def __init__(
        self,
        network: Network,
        client: Any,
        at: str | Iterable[str] | None = None,
        *,
        as_published: bool = False,
        part: int = PART,
    ) -> None:
        super().__init__(network, at, as_published=as_published)
        self.part = whole_number("part", part, MAX_PART)
        check_client(client)
        self.client = client

    def answers(
        self, found: Iterable[Item], *, ahead: bool = True, at_hand: Callable[[], bool] = lambda: True
    ) -> Iterator[Answer]:
        """Answer for each of some items, in order; the workers are always ahead."""
        for _, answers in Job(self.client, self).results(answer, share_out(found, self.part)):
            yield from answers
