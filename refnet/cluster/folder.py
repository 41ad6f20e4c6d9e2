"""A folder at any address, in which files appear whole or not at all."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

from refnet.errors import InputError, RefnetError, input_error
from refnet.files.whole import not_written, whole_file
from refnet.files.workplace import NAME
from refnet.pipeline.addresses import file_system

# Where what is written is there in one step, once it is complete.
_STORES = frozenset({"s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "adl", "oci", "oss", "memory", "hf"})


class Folder(NamedTuple):
    """A folder by its address; a local one by its path from the root."""

    address: str

    @classmethod
    def at(cls, place: str) -> Folder:
        """Take an address, or a path as it reads here."""
        system, path = file_system(place)
        return cls(str(Path(path).absolute()) if _is_local(system) else place.rstrip("/"))

    def names(self) -> list[str]:
        """What is in it, sorted; nothing where there is no such folder."""
        system, path = file_system(self.address)
        try:
            system.invalidate_cache()
            found = [each.rstrip("/") for each in system.ls(path, detail=False)]
            is_file = found == [path.rstrip("/")] and not system.isdir(path)
        except FileNotFoundError:
            return []
        except Exception as error:  # a protocol may raise anything at all
            raise input_error(f"{self.address}: cannot be read: {_reason(error)}", self.address, error) from error
        if is_file:
            raise InputError(f"{self.address} is a file; want a new or empty folder", filename=self.address)
        return sorted(each.rsplit("/", 1)[-1] for each in found)

    def make(self) -> None:
        """Make it, where folders have to be made."""
        system, path = file_system(self.address)
        system.makedirs(path, exist_ok=True)

    def open(self, name: str) -> Any:
        """Open a file to be read."""
        system, path = file_system(self.address)
        return system.open(f"{path}/{name}", "rb")

    def remove(self, name: str) -> None:
        """Remove a file, if it is there."""
        system, path = file_system(self.address)
        try:
            system.rm_file(f"{path}/{name}")
        except FileNotFoundError:
            return

    def remove_unfinished(self) -> None:
        """Remove what dead workers were writing."""
        system, path = file_system(self.address)
        for name in self.names():
            if NAME.fullmatch(name):
                with suppress(FileNotFoundError):
                    system.rm(f"{path}/{name}", recursive=True)

    def write(self, name: str, content: bytes) -> None:
        """Write a file, which is there once it is complete; another one of that name is replaced."""
        system, path = file_system(self.address)
        target = f"{path}/{name}"
        if _is_local(system):
            with whole_file(Path(target)) as unfinished:
                unfinished.write_bytes(content)
        elif _STORES & _protocols(system):
            system.pipe_file(target, content)
        else:
            unfinished_one = f"{path}/.{secrets.token_hex(8)}.part"
            system.pipe_file(unfinished_one, content)
            if system.exists(target):
                system.rm_file(target)
            system.mv(unfinished_one, target)


@contextmanager
def writing(target: str) -> Iterator[None]:
    """Do as ``not_written``, where a protocol may raise anything at all."""
    try:
        with not_written(target):
            yield
    except RefnetError:
        raise
    except Exception as error:
        raise InputError(f"{target} not written: {_reason(error)}", filename=target) from error


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def _is_local(system: Any) -> bool:
    return "file" in _protocols(system)


def _protocols(system: Any) -> set[str]:
    protocol = system.protocol
    return {protocol} if isinstance(protocol, str) else set(protocol)
