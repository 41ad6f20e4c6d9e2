"""The options of somebody's own training beside a state dict: the size of its pictures, their mean and deviation.

Such options have no fixed names. Taken are those that can mean nothing else, and it is told; where two of them say
different things, neither is taken, and that is told too.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from refnet.architecture.padding import MAX_SIDE
from refnet.checkpoints.cards import timm_card
from refnet.checkpoints.cards.card import NO_CARD, Card, Pictures
from refnet.errors import InputError
from refnet.files import strict_json
from refnet.preprocessing.normalise import NORMALISATIONS, Triple
from refnet.weights.labels import Labels, parse_labels

OPTIONS = (
    "args", "opt", "opts", "options", "cfg", "config", "hparams", "hyper_parameters", "hyperparameters", "params",
)  # fmt: skip
_SIZES = ("img_size", "image_size", "imgsz", "im_size", "img_dim", "input_size", "resolution", "img_res")
_MEANS, _STDS = ("mean", "img_mean", "image_mean"), ("std", "img_std", "image_std")
_ARCHITECTURES = (
    "arch",
    "architecture",
    "model",
    "model_name",
    "backbone",
    "encoder",
    "encoder_name",
    "net",
    "network",
)
# What may change a network or its pictures, and is not read: it is told.
_TELLING = re.compile(
    r"(global_)?pool(ing)?(_type)?|gp|bn_eps|bn_tf|norm_eps|temperature|pad(ding)?_type|act(ivation)?(_layer)?|"
    r"(img_|image_)?(mean|std)|normali[sz]e"
)
_LABELS = ("class_to_idx", "idx_to_class", "class_names", "classes", "id2label", "label_names")
_MAX_NESTED = 3
_MAX_JSON = 1 << 16


def from_content(content: Mapping[Any, object]) -> Card:
    """Find what a checkpoint says of a training.

    Examples
    --------
    >>> card = from_content({"hyper_parameters": {"img_size": 300, "lr": 0.1}, "state_dict": {}})
    >>> card.pictures.size, card.told
    (300, ('hyper_parameters.img_size is 300: taken as the side of its pictures',))
    """
    found = [(name, options) for name in OPTIONS if isinstance(options := content.get(name), Mapping)]
    for name, options in found:
        if (card := timm_card.from_options(options, name)) is not None:
            return card
    plain = {key: value for key, value in content.items() if not isinstance(value, Mapping)}
    said = [fact for name, options in (*found, ("", plain)) for fact in _facts(options, name)]
    sizes = {path: side for path, value in said if _last(path) in _SIZES and (side := _side(value)) is not None}
    means = {path: three for path, value in said if _last(path) in _MEANS and (three := _three(value)) is not None}
    stds = {path: three for path, value in said if _last(path) in _STDS and (three := _three(value)) is not None}
    told: list[str] = []
    size = _one(sizes, "the side of its pictures", told)
    mean, std = (_one(each, "of its normalised pixels", told) for each in (means, stds))
    divide = NORMALISATIONS["torch-imagenet"][0]
    hint, source = _hint(said)
    both = mean is not None and std is not None and min(std) > 0
    normalise = (divide, ("subtract", mean), ("divide", std)) if both else None
    labels = _class_names((content, *(options for _, options in found)), told)
    taken = () if normalise is None else (*means, *stds)
    told += [
        f"{path} is {value!r:.60}: not taken"
        for path, value in said
        if _TELLING.fullmatch(_last(path)) and path not in taken and isinstance(value, str | float | int | list | tuple)
        if value
    ]
    if not told and hint is None:
        return NO_CARD
    return Card(source, pictures=Pictures(size, normalise=normalise), labels=labels, hint=hint, told=tuple(told))


def _class_names(places: Iterable[Mapping[Any, object]], told: list[str]) -> Labels | None:
    """What the classes are called, where a training says it: a list, or names and numbers."""
    for name, value in ((name, place.get(name)) for place in places for name in _LABELS):
        if isinstance(value, Mapping) or (isinstance(value, list | tuple) and all(isinstance(v, str) for v in value)):
            try:
                labels = parse_labels(json.dumps(value))
            except (InputError, TypeError, ValueError) as error:
                told.append(f"{name} does not name classes, and is not taken: {error!s:.80}")
                continue
            told.append(f"{name} names {len(labels)} classes")
            return labels
    return None


def from_metadata(metadata: Mapping[str, str]) -> Card:
    """Find the same in the texts that a safetensors file has beside its tensors; each may be JSON.

    Examples
    --------
    >>> from_metadata({"format": "pt", "config": '{"img_size": 300}'}).pictures.size
    300
    >>> from_metadata({"format": "pt", "author": "me"}).told
    ('metadata of the file: author, which say nothing that is known here',)
    """
    content: dict[str, object] = {}
    for name, text in metadata.items():
        try:
            content[name] = strict_json.parse(text, lenient=True) if len(text) <= _MAX_JSON else text
        except ValueError:
            content[name] = text
    card = from_content({"config": content})
    others = [name[:40] for name in content if name != "format"]
    if card is NO_CARD and others:
        words = f"metadata of the file: {', '.join(others[:5])}, which say nothing that is known here"
        return replace(NO_CARD, told=(words,))
    return card


def _hint(said: list[tuple[str, object]]) -> tuple[str | None, str]:
    """Publisher by the name that timm has for a network, and where it stands."""
    for path, value in said:
        if _last(path) in _ARCHITECTURES and isinstance(value, str):
            publisher = timm_card.publisher_of(value.removeprefix("timm/"))
            if publisher is not None:
                return publisher, path
    return None, ""


def _facts(options: Mapping[Any, object], path: str, depth: int = 0) -> Iterator[tuple[str, object]]:
    for key, value in options.items():
        name = f"{path}.{key}" if path else str(key)
        if isinstance(value, Mapping):
            if depth < _MAX_NESTED:
                yield from _facts(value, name, depth + 1)
        elif isinstance(key, str):
            yield name, value


def _last(path: str) -> str:
    return path.rpartition(".")[2].lower()


def _side(value: object) -> int | None:
    """Side of a square picture: one number, or two that are the same; a third in front is the channels."""
    sides = list(value)[-2:] if isinstance(value, list | tuple) else [value]
    right = sides and all(type(side) is int and 8 <= side <= MAX_SIDE for side in sides) and len(set(sides)) == 1
    return sides[0] if right and isinstance(sides[0], int) else None


def _three(value: object) -> Triple | None:
    if not (isinstance(value, list | tuple) and len(value) == 3):
        return None
    if not all(type(number) in (int, float) and 0 <= number <= 1 for number in value):
        return None
    red, green, blue = map(float, value)
    return red, green, blue


def _one(found: Mapping[str, Any], what: str, told: list[str]) -> Any:
    """The one value that all say, if they say one; what became of it is told."""
    values = list(dict.fromkeys(found.values()))
    if len(values) > 1:
        said = ", ".join(f"{path} is {value}" for path, value in list(found.items())[:3])
        told.append(f"{said}: not taken as {what}, for they differ")
        return None
    if values:
        told.append(f"{next(iter(found))} is {values[0]}: taken as {what}")
    return values[0] if values else None
