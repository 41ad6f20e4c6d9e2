"""Label tables in JSON: lists, ``id2label``, ``class_indices``, Keras' ``imagenet_class_index``, timm's own."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from refnet.errors import InputError
from refnet.files import strict_json

Rows = tuple[tuple[str, ...] | None, tuple[str, ...]]  # ids, if there are any, and texts
WANT = (
    'want a list of names, {"0": "cat", …} (id2label), {"cat": 0, …} (class_indices), '
    'or {"0": ["n02123045", "tabby"], …}'
)


def parse_json(text: str) -> Rows:
    """Read labels from JSON, in the order that its numbers say.

    Examples
    --------
    >>> parse_json('{"0": ["n01440764", "tench"], "1": ["n01443537", "goldfish"]}')
    (('n01440764', 'n01443537'), ('tench', 'goldfish'))
    """
    try:
        content = strict_json.parse(text)
    except json.JSONDecodeError as error:
        raise InputError(
            f"line {error.lineno} of the label table: it begins like JSON, but is none: {error.msg}; {WANT}"
        ) from None
    except ValueError as error:
        raise InputError(f"the label table begins like JSON, but cannot be read: {error}") from None
    if isinstance(content, dict):
        return _of_configuration(content) or _of_mapping(content)
    if isinstance(content, list):
        return _of_values(content)
    raise InputError(f"the label table is JSON, but no table; {WANT}")


def in_order(pairs: Iterable[tuple[int, str]]) -> tuple[str, ...]:
    """Names by their numbers, which must count from 0.

    Examples
    --------
    >>> in_order([(1, "dog"), (0, "cat")])
    ('cat', 'dog')
    """
    return tuple(str(value) for value in _values_in_order(pairs))


def _values_in_order(pairs: Iterable[tuple[int, Any]]) -> list[Any]:
    found: dict[int, Any] = {}
    for index, value in pairs:
        if index in found:
            raise InputError(
                f"number {index} comes twice in the label table, for {found[index]!r:.80} and {value!r:.80}"
            )
        found[index] = value
    for index in range(len(found)):
        if index not in found:
            raise InputError(
                f"number {index} is missing in the label table of {len(found)} classes, which go up to {max(found)}; "
                "want each of the network's outputs, counted from 0"
            )
    return [found[index] for index in range(len(found))]


def _of_configuration(content: dict[str, Any]) -> Rows | None:
    """The labels of a whole configuration: Hugging Face's ``id2label``, timm's ``label_names``."""
    stated = content.get("id2label")
    if isinstance(stated, dict):
        return _of_mapping(stated)
    names, texts = content.get("label_names"), content.get("label_descriptions")
    if not isinstance(names, list):
        return None
    if not isinstance(texts, dict):
        return _of_values(names)
    missing = [name for name in names if not (isinstance(name, str) and isinstance(texts.get(name), str))]
    if missing:
        raise InputError(f"label_descriptions of the label table has no text for {missing[0]!r:.80}")
    return tuple(names), tuple(texts[name] for name in names)


def _of_mapping(content: dict[str, Any]) -> Rows:
    """Numbers to names, or names to numbers."""
    if content and all(type(value) is int for value in content.values()):
        return None, in_order((index, name) for name, index in content.items())
    for key in content:
        if not (key.isascii() and key.isdigit() and str(int(key[:10])) == key):
            raise InputError(f"{key!r:.80} in the label table is neither a class's number nor has one; {WANT}")
    return _of_values(_values_in_order((int(key), value) for key, value in content.items()))


def _of_values(values: list[Any]) -> Rows:
    """Names in order, or pairs of an id and a name."""
    if values and all(isinstance(value, str) for value in values):
        return None, tuple(values)
    pairs = [value for value in values if isinstance(value, list) and len(value) == 2]
    if values and len(pairs) == len(values) and all(isinstance(text, str) for pair in pairs for text in pair):
        return tuple(pair[0] for pair in pairs), tuple(pair[1] for pair in pairs)
    odd = next((i for i, value in enumerate(values) if not isinstance(value, str)), 0)
    found = f"class {odd} is {values[odd]!r:.80}" if values else "there is no class"
    raise InputError(f"{found} in the label table; {WANT}")
