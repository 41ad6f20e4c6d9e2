"""Connect: to the scheduler of a Dask cluster that runs somewhere."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from refnet.errors import InputError, input_error


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
    try:
        import distributed
    except ImportError:
        raise InputError(
            "want dask and distributed for a cluster; `pip install 'refnet[cluster]'` brings them"
        ) from None
    options: dict[str, Any] = {"set_as_default": False}
    if "://" in scheduler:
        options["address"] = scheduler
    elif Path(scheduler).is_file():
        options["scheduler_file"] = scheduler
    else:
        hint = "want the address of a Dask scheduler, such as tcp://10.0.0.1:8786, or the file that it wrote"
        raise input_error(f"{scheduler}: there is no such file; {hint}", scheduler, FileNotFoundError())
    try:
        client = distributed.Client(**options)
    except (OSError, ValueError, RuntimeError) as error:  # TimeoutError is an OSError
        raise InputError(f"{scheduler}: no Dask scheduler answers: {error}") from error
    with client, _quiet("distributed", "distributed.client"):  # what they have to tell comes out as an error
        yield client


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
