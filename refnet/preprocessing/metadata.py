"""What a picture's file has beside its pixels, bounded before Pillow reads it: scans, segments, EXIF and TIFF entries.

Pillow and libjpeg go through all of a file's scans, segments and entries, however many there are: 30,000 scans of a
JPEG of 400 kB take them 20 s, and of each entry that leads out of its file Pillow warns. Real files are far from these
limits. EXIF that is past them is hidden from Pillow, as if it were not there; the rest is refused.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, cast

from refnet.errors import ImageError

MAX_SCANS = 100  # of a JPEG; progressive ones have about 10, the most divided ones 64
MAX_SEGMENTS = 1 << 14  # before its pixels; a profile takes up to 255
MAX_EXIF = 16  # segments of EXIF
MAX_ENTRIES = 512  # of a directory; there are not as many tags for photographs
MAX_COMMENTS = 100  # in a PPM of text
MAX_LOST = 8  # entries that lead out of the file
EXIF = b"Exif\0\0"
PROFILE = "Raw profile type exif"  # EXIF as text, in a PNG
HIDDEN = b"exif\0\0"  # what Pillow does not know

_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")  # neither stuffed, nor filled up, nor of a restart
# Markers without a length, and those that mean nothing, which libjpeg skips between restarts without theirs.
_ALONE = frozenset((*range(0x01, 0xC0), 0xD8))
_APP1, _SCAN, _END = 0xE1, 0xDA, 0xD9
_SEQUENTIAL = (0xC0, 0xC1, 0xC9)  # frames that are decoded in one go, where one scan has all the planes
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8}  # by kind of value

_HEADS = re.compile(b"(?:%s)*" % EXIF)
_COMMENT = re.compile(rb"#[^\r\n]*")
# Directories that Pillow goes into when it has read a TIFF: of EXIF, of the place, and one that is never in the first.
_INNER = (0x8769, 0x8825, 0xA005)
_REAL, _OFFSETS = _INNER[:2], (4, 13, 16)


class _Segment(NamedTuple):
    kind: int
    start: int
    end: int


def bounded(data: bytes, name: str, where: str) -> bytes:
    """Refuse a file of a format whose parts are too many; give it back, without EXIF of which that is so.

    Examples
    --------
    >>> scan = bytes([255, 0xDA, 0, 2])
    >>> bounded(bytes([255, 0xD8]) + 101 * scan, "JPEG", "cat.jpg")
    Traceback (most recent call last):
        ...
    refnet.errors.ImageError: cat.jpg: a JPEG of more than 100 scans, which no camera or program writes; save it as PNG
    """
    if name == "JPEG":
        return _bounded_jpeg(data, where)
    if name == "TIFF":
        tiff = _Tiff(data)
        if not tiff.is_sane(tiff.first):
            raise ImageError(
                f"{where}: a TIFF whose directory has more than {MAX_ENTRIES} entries, or more than {MAX_LOST} that "
                "lead out of the file: it is damaged; save it as PNG"
            )
        return tiff.without_lost_directories()
    if name == "PPM" and data[:2] in (b"P1", b"P2", b"P3") and len(_COMMENT.findall(data)) > MAX_COMMENTS:
        raise ImageError(f"{where}: a PPM with more than {MAX_COMMENTS} comments; save it as PNG")
    return data


def exif_in(info: Mapping[Any, Any]) -> bytes | None:
    r"""EXIF that Pillow found in a file, where it looks for it; text that is none is a ``ValueError``, as from Pillow.

    Examples
    --------
    >>> exif_in({PROFILE: "\nexif\n 2\n4d4d"})
    b'MM'
    """
    stated = info.get("exif")
    if stated is None and isinstance(text := info.get(PROFILE), str):
        stated = bytes.fromhex("".join(text.split("\n")[3:]))
    return stated if isinstance(stated, bytes) else None


def is_sane(directory: bytes) -> bool:
    """Whether what begins like a TIFF file, as EXIF does, has as many entries as a real one, and not many lost ones.

    Examples
    --------
    >>> entry = struct.pack(">HHII", 0x112, 3, 1, 6 << 16)
    >>> is_sane(bytes.fromhex("4d4d002a000000080001") + entry)
    True
    >>> is_sane(bytes.fromhex("4d4d002a00000008ffff") + 65_535 * entry)
    False
    """
    heads = cast("re.Match[bytes]", _HEADS.match(directory)).end()  # Pillow takes two, and older ones any number
    tiff = _Tiff(directory[heads:])
    return heads <= 2 * len(EXIF) and tiff.is_sane(tiff.first)


class _Tiff:
    """The directories of a TIFF file, found as Pillow finds them."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        order = ">" if data[:1] == b"M" else "<"
        self._is_big = data[2:3] == b"+"
        head, count, entry = ("8xQ", "Q", "HHQQ") if self._is_big else ("4xI", "H", "HHII")
        self._head, self._count, self._entry = (struct.Struct(order + form) for form in (head, count, entry))

    @property
    def first(self) -> int:
        """Where the first directory is."""
        return self._head.unpack_from(self.data)[0] if len(self.data) >= self._head.size else len(self.data)

    def is_sane(self, start: int) -> bool:
        """Whether a directory has as many entries as a real one, and not many that lead out of the file."""
        entries = self._entries(start)
        if entries is None:
            return False
        lost, room, inline = 0, len(self.data), 8 if self._is_big else 4
        for _, kind, values, place in entries:
            size = values * _SIZES.get(kind, 0)
            if size > inline:
                room -= size  # parts that lie on each other are read once for each entry
                lost += room < 0 or place + size > len(self.data)
        return lost <= MAX_LOST

    def without_lost_directories(self) -> bytes:
        """The file, whose directories of EXIF and of the place Pillow does not find where they are not sane."""
        hidden = [
            self.first + self._count.size + at * self._entry.size + (self.data[:1] == b"M")
            for at, (tag, kind, values, place) in enumerate(self._entries(self.first) or ())
            if tag in _INNER and not (tag in _REAL and kind in _OFFSETS and values == 1 and self.is_sane(place))
        ]
        if not hidden:
            return self.data
        data = bytearray(self.data)
        for place in hidden:
            data[place] -= 1  # a tag that nobody knows, and as the one before in the order that tags must have
        return bytes(data)

    def _entries(self, start: int) -> list[tuple[int, int, int, int]] | None:
        """Read a directory, as far as it is there; None where it is longer than any real one."""
        begin = start + self._count.size
        if begin > len(self.data):
            return []
        (count,) = self._count.unpack_from(self.data, start)
        if count > MAX_ENTRIES:
            return None
        whole = self.data[begin : begin + count * self._entry.size]
        return list(self._entry.iter_unpack(whole[: len(whole) // self._entry.size * self._entry.size]))


def _bounded_jpeg(data: bytes, where: str) -> bytes:
    exif = []
    segments = scans = 0
    planes = b""  # how many of them one scan has to have
    for segment in _segments(data):
        if segment.kind in _SEQUENTIAL:
            planes = data[segment.start + 5 : segment.start + 6]
        if segment.kind == _SCAN:
            scans += 1
            if planes and data.startswith(planes, segment.start):
                break  # libjpeg reads no further
        elif segment.kind == _APP1 and data.startswith(EXIF, segment.start):
            exif.append(segment)
        segments += not scans
        if scans > MAX_SCANS:
            raise ImageError(
                f"{where}: a JPEG of more than {MAX_SCANS} scans, which no camera or program writes; save it as PNG"
            )
        if segments > MAX_SEGMENTS:
            raise ImageError(f"{where}: a JPEG with more than {MAX_SEGMENTS} segments before its pixels: save it anew")
    if not exif or (len(exif) <= MAX_EXIF and is_sane(b"".join(data[s.start + len(EXIF) : s.end] for s in exif))):
        return data
    hidden = bytearray(data)
    for segment in exif:
        hidden[segment.start : segment.start + len(EXIF)] = HIDDEN
    return bytes(hidden)


def _segments(data: bytes) -> Iterator[_Segment]:
    """Every segment of a JPEG up to its end; what lies between them is skipped, as libjpeg does."""
    at = 2
    while marker := _MARKER.search(data, at):
        kind, at = data[marker.start() + 1], marker.end()
        if kind == _END:
            return
        if kind in _ALONE:
            continue
        end = at + max(int.from_bytes(data[at : at + 2], "big"), 2)
        yield _Segment(kind, at + 2, end)
        at = end
