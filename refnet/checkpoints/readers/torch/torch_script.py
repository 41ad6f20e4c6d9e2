"""TorchScript archives, as far as tensors go: the attributes of a module and of its parts, by their dotted names.

An archive holds a program too, ``code/``, which is neither run nor read. So all that is found stands under the name
``TorchScript``, and a person has to say that the program is their publisher's own.
"""

from __future__ import annotations

from typing import Any

from refnet.checkpoints.readers.torch.containers import MAX_DEPTH
from refnet.checkpoints.readers.torch.foreign import Opaque
from refnet.checkpoints.readers.torch.tensors import View
from refnet.errors import CheckpointError

MARK = "__torch__"  # what every class of such a program is called after
CONTENT = "TorchScript"
MAX_PARTS = 1 << 17  # modules, tensors and settings; those of B7 are about 50,000
MAX_NAME = 1 << 10


def is_program(names: list[str]) -> bool:
    """Whether members of these names make such an archive."""
    return any(name.endswith("/constants.pkl") for name in names)


def is_unread(name: str) -> bool:
    """Whether a member is the program or what was said about it, and not the tensors; such ones may be compressed."""
    return not name.partition("/")[2].startswith(("data.pkl", "data/", "version", "byteorder", "."))


def content(module: object) -> dict[str, Any]:
    """Find the tensors of the module that the archive's pickle describes."""
    found: dict[str, View] = {}
    todo: list[tuple[tuple[str, ...], object]] = [((), module)]
    seen = 0
    while todo:
        path, value = todo.pop()
        if len(path) > MAX_DEPTH or sum(map(len, path)) > MAX_NAME:
            raise CheckpointError(f"modules in each other more than {MAX_DEPTH} deep, or names of {MAX_NAME} letters")
        if isinstance(value, View):
            found[".".join(path)] = value
            continue
        every = _attributes(value)
        seen += len(every)
        if seen > MAX_PARTS:
            raise CheckpointError(f"a program of more than {MAX_PARTS} modules, tensors and settings")
        parts = [(name, part) for name, part in every if isinstance(name, str) and isinstance(part, View | Opaque)]
        todo += [((*path, name), part) for name, part in reversed(parts)]
    if not found:
        raise CheckpointError(
            "a TorchScript archive without tensors by name, as torch.jit.freeze makes them; "
            "save the state_dict() of the model that it was made of"
        )
    return {CONTENT: found}


def _attributes(value: object) -> list[tuple[object, object]]:
    """What a module consists of: tensors, other modules, settings."""
    if not (isinstance(value, Opaque) and value.name.startswith(MARK)):
        return []
    return [item for part in value.parts if isinstance(part, dict) for item in part.items()]
