"""Digests: one short name for the exact bits of a tensor, or of many.

A digest depends on nothing but dtype, shape and bits, so any language can recompute it.

Of one tensor, ``tensor_digest``: lower-case hexadecimal SHA-256 of these bytes, in this order:

1. the dtype's name, ``float32`` or ``float64``, of integers ``int8`` or ``int32``, in ASCII;
2. one space;
3. the shape as decimal numbers joined by commas, ``1,112,112,32`` (nothing for a scalar);
4. one newline, 0x0A;
5. the elements, little-endian IEEE-754 or two's complement, in C order: the last axis varies fastest.

Activations are in NHWC order, kernels are [R, S, C, K], depthwise [R, S, C], dense [C, K].
Bits are taken as they are: -0.0 and 0.0 differ, and so do two different NaNs.

Of many tensors, ``tensors_digest``: SHA-256 of one line ``key digest`` for each, sorted by the key's bytes,
each with one space in the middle and one newline at the end.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from refnet.errors import InputError

DTYPES = ("float32", "float64")  # that networks are computed in
INTEGERS = ("int8", "int32")  # codes; sums of their products


def tensor_digest(array: npt.NDArray[Any]) -> str:
    """Digest of one tensor.

    Parameters
    ----------
    array
        f32[...], f64[...], i8[...] or i32[...] of any shape, memory layout and byte order.

    Returns
    -------
    str
        64 hexadecimal digits.

    Raises
    ------
    InputError
        If the dtype is another.

    Examples
    --------
    >>> tensor_digest(np.array([[1.0, 2.0]], dtype="float32"))[:16]
    '91ee71b989701cef'
    >>> import hashlib
    >>> hashlib.sha256(b"float32 1,2" + bytes.fromhex("0a" "0000803f" "00000040")).hexdigest()[:16]
    '91ee71b989701cef'
    """
    array = np.asarray(array)
    if array.dtype.name not in DTYPES + INTEGERS:
        raise InputError(f"a digest is defined for {', '.join(DTYPES + INTEGERS)}, not for {array.dtype.name}")
    header = f"{array.dtype.name} {','.join(map(str, array.shape))}\n"
    digest = hashlib.sha256(header.encode("ascii"))
    digest.update(np.ascontiguousarray(array, array.dtype.newbyteorder("<")).reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


def tensors_digest(tensors: Mapping[str, npt.NDArray[Any]]) -> str:
    """Digest of many named tensors, whatever the order of the mapping.

    Parameters
    ----------
    tensors
        Name to what ``tensor_digest`` takes. Names are steps or weight keys, so they hold neither space nor newline.

    Raises
    ------
    InputError
        If a name holds white space, or a tensor's dtype is none of these.

    Examples
    --------
    >>> zero = np.zeros(3, dtype="float32")
    >>> tensors_digest({"a": zero, "b": zero}) == tensors_digest({"b": zero, "a": zero})
    True
    """
    return digest_of_digests({key: tensor_digest(tensor) for key, tensor in tensors.items()})


def digest_of_digests(digests: Mapping[str, str]) -> str:
    """Digest of many tensors whose own digests are known already."""
    for key in digests:
        if key.split() != [key]:
            raise InputError(f"a tensor's name must be one word, not {key!r}")
    lines = (f"{key} {digests[key]}\n" for key in sorted(digests, key=str.encode))
    return hashlib.sha256("".join(lines).encode()).hexdigest()
