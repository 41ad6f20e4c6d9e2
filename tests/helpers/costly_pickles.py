"""Pickles of few bytes that ask for much work: one thing that is stored once and named again and again."""

import pickle
import struct

from refnet.checkpoints.readers.torch import torch_legacy

PROTOCOL = b"\x80\x02"
STORED, RECALLED = b"r\1\0\0\0", b"j\1\0\0\0"


def legacy(body: bytes) -> bytes:
    """A file of before version 1.6 around what pushes a state."""
    facts = [pickle.dumps(each, 2) for each in (torch_legacy.MAGIC, torch_legacy.PROTOCOL, {"little_endian": True})]
    return b"".join(facts) + PROTOCOL + body + b"." + pickle.dumps([], 2)


def text(value: str) -> bytes:
    return b"X" + struct.pack("<I", len(value)) + value.encode()


def whole(value: int) -> bytes:
    raw = pickle.encode_long(value)
    return b"\x8a" + bytes([len(raw)]) + raw


def listed(parts: list[bytes]) -> bytes:
    return b"](" + b"".join(parts) + b"e"


def mapped(parts: list[bytes]) -> bytes:
    return b"}(" + b"".join(parts) + b"u"


def _numbers(count: int) -> list[bytes]:
    return [b"K\1"] * count


def _again(stored: bytes, each: bytes, size: int) -> bytes:
    """A thing that is stored, and then used as often as the file has room."""
    count = min((size - len(stored)) // len(each), 100_000)
    return legacy(mapped([text("a"), listed([stored + STORED, *[each] * count])]))


def colliding_keys(seed: int, size: int) -> bytes:
    """Whole numbers of one hash."""
    step = (1 << 61) - 1
    return legacy(mapped([whole(step * place) + b"N" for place in range(1, min(size // 14, 60_000))]))


def colliding_tuples(seed: int, size: int) -> bytes:
    """Pairs of whole numbers of one hash: the second undoes what the first did to it."""
    prime_1, prime_2, prime_5 = 11400714785074694791, 14029467366897019727, 2870177450012600261
    mask, inverse = (1 << 64) - 1, pow(11400714785074694791, -1, 1 << 64)
    wanted, pairs = 0, []
    undo_2 = pow(prime_2, -1, 1 << 64)
    for first in range(1, min(size // 20, 40_000)):
        lane = (prime_5 + first * prime_2) & mask
        lane = ((lane << 31 | lane >> 33) & mask) * prime_1 & mask
        before = wanted * inverse & mask
        before = (before >> 31 | before << 33) & mask
        second = (before - lane) * undo_2 & mask
        if second < (1 << 61) - 1:
            pairs.append(whole(first) + whole(second) + b"\x86N")
    return legacy(mapped(pairs))


def shared_arguments(seed: int, size: int) -> bytes:
    """A call with a long tuple, again and again."""
    stored = b"(" + b"".join(_numbers(size // 8)) + b"t"
    return _again(stored, b"ca\nb\n" + RECALLED + b"R", size)


def shared_deque(seed: int, size: int) -> bytes:
    """A deque of one long list, again and again."""
    return _again(listed(_numbers(size // 8)), b"ccollections\ndeque\n" + RECALLED + b"\x85R", size)


def shared_shape(seed: int, size: int) -> bytes:
    """A tensor's description with a long shape, which is looked at each time."""
    names = [b"ctorch._utils\n_rebuild_tensor_v2\nr\2\0\0\0", b"ctorch\nFloatStorage\nr\3\0\0\0"]
    stored = b"(" + b"".join(_numbers(size // 8)) + b"t" + STORED
    storage = b"(X\7\0\0\0storagej\3\0\0\0X\1\0\0\0sX\3\0\0\0cpuK\1NtQ"
    call = b"j\2\0\0\0(" + storage + b"K\0" + RECALLED * 2 + b"\x89NtR"
    return legacy(mapped([text("a"), listed([*names, stored, *[call] * (size // 2 // len(call))])]))


def shared_options(seed: int, size: int) -> bytes:
    """Options that get one large dictionary, again and again."""
    stored = mapped([text(f"{place:05d}") + b"N" for place in range(size // 30)])
    return _again(stored, b"cargparse\nNamespace\n)R" + RECALLED + b"b", size)


def shared_list(seed: int, size: int) -> bytes:
    """A long list in a list, again and again."""
    return _again(listed(_numbers(size // 8)), RECALLED, size)


def long_names(seed: int, size: int) -> bytes:
    """A class whose module has a long name, again and again."""
    return _again(text("a" * (size // 2)), RECALLED + b"U\1b\x93", size)


def long_keys(seed: int, size: int) -> bytes:
    """A long key above many things."""
    inside = mapped([text(f"{place:05d}") + b"N" for place in range(min(size // 24, 60_000))])
    return legacy(mapped([text("k" * (size // 2)), inside]))


def laughs(seed: int, size: int) -> bytes:
    """A list of lists of lists, each ten times the one before."""
    body = listed([b"N"])
    for place in range(12):
        number = struct.pack("<I", place + 10)
        body = listed([body + b"r" + number, *[b"j" + number] * 9])
    return legacy(mapped([text("a"), body]))


def modules(seed: int, size: int) -> bytes:
    """As ``laughs`` with dictionaries by name, which are walked through by those who look for a network."""
    body = mapped([text("x") + b"N"])
    for place in range(12):
        number = struct.pack("<I", place + 10)
        again = [text(f"{each}") + b"j" + number for each in range(1, 10)]
        body = mapped([text("0") + body + b"r" + number, *again])
    return legacy(mapped([text("state_dict"), body]))


def opcodes(seed: int, size: int) -> bytes:
    """As many opcodes as there may be, which make nothing."""
    return legacy(mapped([text("a"), listed([b"N" * min(size, 500_000)])]))


FILES = {
    make.__name__.replace("_", "-"): make
    for make in (
        colliding_keys, colliding_tuples, shared_arguments, shared_deque, shared_shape, shared_options, shared_list,
        long_names, long_keys, laughs, modules, opcodes,
    )
}  # fmt: skip
