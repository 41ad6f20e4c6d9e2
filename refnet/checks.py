"""Checks of arguments: what is accepted comes back in one form, the rest is an error that says what would be right."""

from __future__ import annotations

import operator
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from refnet.architecture import names
from refnet.architecture.plan import Plan
from refnet.architecture.step import Shape
from refnet.architecture.variants import IMAGE_CHANNELS, Architecture
from refnet.errors import InputError

if TYPE_CHECKING:
    from refnet.preprocessing.recipe import Recipe

MAX_THREADS = 256
MAX_BATCH = 4096
MAX_CLASSES = 1 << 20
USUAL_TOP = 5  # predictions, where nobody says how many
NO_CLASSIFIER = (
    ": these weights have no classifier; `features` gives what they end with, the pooled features; "
    "for classes convert a file that has a classifier"
)


def whole_number(name: str, value: int, largest: int) -> int:
    """Check a number of something, at least 1; NumPy's whole numbers are welcome.

    Examples
    --------
    >>> whole_number("batch", np.int32(4), 10)
    4
    """
    try:
        checked = operator.index(value)
    except TypeError:
        checked = 0
    if isinstance(value, bool) or not 1 <= checked <= largest:
        raise InputError(f"{name}={value!r}: want a whole number from 1 to {largest}")
    return checked


def thread_count(threads: int | None) -> int:
    """Check a number of threads; None means one for each core.

    Examples
    --------
    >>> thread_count(3)
    3
    """
    return min(available_cores(), MAX_THREADS) if threads is None else whole_number("threads", threads, MAX_THREADS)


def available_cores() -> int:
    """Number of cores this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def float_dtype(dtype: npt.DTypeLike) -> np.dtype[Any]:
    """Check the dtype of a run.

    Examples
    --------
    >>> float_dtype(np.float64)
    dtype('float64')
    """
    try:
        checked = np.dtype(object if dtype is None else dtype)
    except (TypeError, ValueError):
        checked = np.dtype(object)
    if checked not in (np.float32, np.float64):
        raise InputError(f"dtype {dtype!r}: want float32 or float64")
    return checked


def check_top(top: int | None, architecture: Architecture) -> int:
    """Check how many predictions are asked for; None means five, or as many as there are classes, and all values.

    Examples
    --------
    >>> from refnet.architecture.variants import variant
    >>> check_top(None, variant("b0", classes=3))
    3
    """
    classes = architecture.classes
    if not classes:
        raise InputError(f"{architecture.name} has no step {names.PROBABILITIES!r}{NO_CLASSIFIER}")
    if architecture.top.meaning == "value":
        if top is not None:
            raise InputError(f"top={top}: this network answers with values, which have no rank; leave top out")
        return classes
    return min(USUAL_TOP, classes) if top is None else whole_number("top", top, classes)


def check_recipe(recipe: Recipe, architecture: Architecture, size: tuple[int, int] | None = None) -> Recipe:
    """Refuse a recipe that would leave a black border around every picture, as it makes them smaller than the input.

    ``size`` is that of the input, if it is another than the network was made for.
    """
    side = architecture.resolution if size is None else min(size)
    if recipe.crop == "shorter-side" and recipe.crop_amount < side:
        raise InputError(
            f"recipe {recipe.name} makes the shorter side {recipe.crop_amount:g} pixels long, fewer than the network's "
            f"{side}; name that of a published model, such as {architecture.name}@torchvision, or a crop that fits any "
            "size, such as 'center 0.875'"
        )
    return recipe


def pictures(x: Any, channels: int | None = IMAGE_CHANNELS) -> npt.NDArray[np.float32]:
    """Check a network's input: of so many channels, or, with None, of any number.

    Examples
    --------
    >>> pictures(np.zeros((1, 2, 2, 3), np.float32)).shape
    (1, 2, 2, 3)
    """
    shaped = shaped_pictures(x, channels)
    finite("the input", shaped)
    return shaped


def shaped_pictures(x: Any, channels: int | None, *, or_codes: bool = False) -> npt.NDArray[Any]:
    """Check the shape and type of a network's input, float32 ``or_codes`` of int8, without looking at its numbers."""
    want = f"want a batch of normalised pictures, float32 [N, H, W, {channels or 'C'}], as Network.preprocess makes it"
    if or_codes:
        want += ", or int8, the codes of these"
    if not isinstance(x, np.ndarray):
        raise InputError(f"the input is {type(x).__name__}; {want}")
    if x.ndim != 4 or x.shape[3] != (channels or x.shape[3]):
        raise InputError(f"the input has the shape {list(x.shape)}; {want}")
    if x.dtype != np.float32 and not (or_codes and x.dtype == np.int8):
        raise InputError(f"the input is of {x.dtype}; {want}")
    return x


def finite(what: str, x: npt.NDArray[Any]) -> None:
    """Refuse an array that holds NaN or infinity, and say where."""
    good = np.isfinite(x)
    if not good.all():
        at = [int(i) for i in np.argwhere(~good)[0]]
        raise InputError(f"{what} is {x[tuple(at)]} at {at}; every element must be finite")


def given_tensors(
    given: Mapping[str, npt.NDArray[Any]], plan: Plan, dtype: np.dtype[Any], shapes: Mapping[str, Shape] | None = None
) -> dict[str, npt.NDArray[Any]]:
    """Check tensors of steps, [N, …] by name, to continue a run from, and round them to its dtype; codes must fit it.

    ``shapes`` are those of the tensors that can be given, by default of the plan's steps.

    Examples
    --------
    >>> from refnet.architecture.variants import variant
    >>> from refnet.architecture.plan import make_plan
    >>> pool = np.full((2, 1280), 0.1)
    >>> {name: x.dtype.name for name, x in given_tensors({"pool": pool}, make_plan(variant("b0")), pool.dtype).items()}
    {'pool': 'float64'}
    """
    if shapes is None:
        shapes = {step.name: step.shape for step in plan} | {names.INPUT: plan.steps[0].in_shape}
    checked = {}
    for name, tensor in given.items():
        if name not in shapes:
            raise InputError(f"cannot continue from {name!r}; want a step of `refnet plan {plan.architecture.name}`")
        shape = shapes[name]
        if not isinstance(tensor, np.ndarray) or tensor.ndim != len(shape) + 1 or tensor.shape[1:] != shape:
            found = list(tensor.shape) if isinstance(tensor, np.ndarray) else type(tensor).__name__
            raise InputError(
                f"{name} is {found}; for a {plan.height}x{plan.width} picture want [N, {str(shape)[1:-1].rstrip(',')}]"
            )
        if dtype.kind == "i":
            checked[name] = codes(name, tensor, dtype)
            continue
        if tensor.dtype.kind != "f":
            raise InputError(f"{name} is of {tensor.dtype}; want floating-point numbers")
        plain = np.asarray(tensor)
        finite(name, plain)
        with np.errstate(over="ignore"):
            checked[name] = plain.astype(dtype, copy=False)
        if checked[name] is not plain:
            finite(f"{name} rounded to {dtype}", checked[name])
    counts = {name: len(tensor) for name, tensor in checked.items()}
    if len(set(counts.values())) > 1:
        raise InputError(f"tensors of different numbers of pictures: {counts}")
    return checked


def codes(name: str, tensor: npt.NDArray[Any], dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    """Check integers, of whatever type, that must fit a dtype.

    Examples
    --------
    >>> codes("stem", np.array([-128, 127]), np.dtype(np.int8))
    array([-128,  127], dtype=int8)
    """
    limits = np.iinfo(dtype)
    if tensor.dtype.kind not in "iu":
        raise InputError(f"{name} is of {tensor.dtype}; want codes, whole numbers of {dtype}")
    if tensor.size and not (tensor.min() >= limits.min and tensor.max() <= limits.max):
        raise InputError(
            f"{name} has codes from {tensor.min()} to {tensor.max()}; {dtype} has {limits.min} to {limits.max}"
        )
    return np.asarray(tensor).astype(dtype, copy=False)
