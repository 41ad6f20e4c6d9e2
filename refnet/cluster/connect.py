"""Connect: to the scheduler of a Dask cluster that runs somewhere."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager
from typing import Any

from refnet.errors import InputError, RefnetError, input_error
from refnet.files import opening, strict_json

PATIENCE = 30  # seconds, until whoever answers must have answered as a scheduler does
_WANT = "want the address of a Dask scheduler, such as tcp://10.0.0.1:8786, or the file that it wrote"


@contextmanager
def connected(scheduler: str) -> Iterator[Any]:
    """Give a client of the scheduler at an address, or of the one that wrote this file; then take leave of it.

    Examples
    --------
    >>> with connected("scheduler.json") as client:
    ...     pass
    Traceback (most recent call last):
        ...
    refnet.errors.InputNotFoundError: scheduler.json: there is no such file; want the address of a Dask scheduler, ...
    """
    distributed = dask_distributed()
    address = scheduler if "://" in scheduler else _address_in(scheduler)
    try:
        asyncio.run(_greet(address))
        client = distributed.Client(address, set_as_default=False)
    except Exception as error:  # what somebody else answers may end in anything
        reason = str(error) or f"nothing that Dask says came within {PATIENCE} s"
        raise InputError(f"{scheduler}: no Dask scheduler answers: {reason}") from error
    with _quiet("distributed", "distributed.client"), client:  # what they have to tell comes out as an error
        yield client


def dask_distributed() -> Any:
    """Import what talks to a cluster, or say how to get it."""
    try:
        import distributed
    except ImportError:
        raise InputError(
            "want dask and distributed for a cluster; `pip install 'refnet[cluster]'` brings them"
        ) from None
    return distributed


def check_client(client: Any) -> None:
    """Refuse what is no client of a Dask cluster, or no longer one.

    Examples
    --------
    >>> check_client("tcp://10.0.0.1:8786")
    Traceback (most recent call last):
        ...
    refnet.errors.InputError: client is str; want a distributed.Client, such as distributed.Client("tcp://10.0.0.1:8786")
    """
    if not isinstance(client, dask_distributed().Client):
        example = client if isinstance(client, str) and "://" in client else "tcp://10.0.0.1:8786"
        raise InputError(
            f'client is {type(client).__name__}; want a distributed.Client, such as distributed.Client("{example}")'
        )
    if client.asynchronous:
        raise InputError("client is asynchronous; want a distributed.Client that is not")
    if client.status not in ("running", "connecting"):
        raise InputError(f'client is {client.status}; want one that is open: distributed.Client("tcp://…")')


@contextmanager
def not_lost(client: Any, *also: type[Exception]) -> Iterator[None]:
    """Say of an error by which Dask tells that its scheduler is gone, where it was and what may be done."""
    from distributed.client import ClosedClientError
    from distributed.comm import CommClosedError

    try:
        yield
    except RefnetError:
        raise
    except (CancelledError, ClosedClientError, CommClosedError, *also) as error:
        raise RefnetError(
            f"lost the scheduler at {client.scheduler.address}; with -o, what is done is kept, and --resume goes on"
        ) from error


MAX_BYTES = 1 << 24  # of a scheduler's file
_SCHEDULER = strict_json.fields({"address": strict_json.TEXT}, others=True)


def _address_in(file: str) -> str:
    """The address that a scheduler wrote into its file."""
    try:
        stated = strict_json.read(opening.read_bytes(file, MAX_BYTES), _SCHEDULER)
    except FileNotFoundError as error:
        raise input_error(f"{file}: there is no such file; {_WANT}", file, error) from None
    except OSError as error:
        raise input_error(f"{file}: cannot be read: {error.strerror}; {_WANT}", file, error) from error
    except ValueError as error:
        raise InputError(f"{file}: no file of a Dask scheduler, which states its address; {_WANT}") from error
    address: str = stated["address"]
    if "://" not in address:
        raise InputError(f"{file}: the address in it is {address!r}; {_WANT}")
    return address


async def _greet(address: str) -> None:
    """Wait for a scheduler to answer, which a client may do for ever where something else does."""
    from distributed import Security, rpc

    async with asyncio.timeout(PATIENCE):
        async with rpc(address, connection_args=Security().get_connection_args("client")) as scheduler:
            await scheduler.identity()


@contextmanager
def _quiet(*names: str) -> Iterator[None]:
    logs = [logging.getLogger(name) for name in names]
    before = [log.level for log in logs]
    for log in logs:
        log.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for log, level in zip(logs, before, strict=True):
            log.setLevel(level)
