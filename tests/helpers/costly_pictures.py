"""Pictures of few bytes that ask for much work: scans, segments, chunks, entries, frames, and pixels by the million."""

import io
import struct
import zlib
from collections.abc import Callable

import numpy as np
from PIL import Image

SIDE = 8000  # 64 megapixels, as many as are read


def _saved(kind: str, image: Image.Image, **settings: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **settings)
    return file.getvalue()


def _noise(seed: int, side: int = 64) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (side, side, 3), np.uint8))


# JPEG -----------------------------------------------------------------------------------------------------------------


def _segment(kind: int, data: bytes) -> bytes:
    return bytes([255, kind]) + struct.pack(">H", len(data) + 2) + data


def _before_frame(seed: int, segments: bytes) -> bytes:
    plain = _saved("JPEG", _noise(seed))
    return plain[:2] + segments + plain[2:]


def _progressive(side: int, scans: int) -> bytes:
    """A grey JPEG: the first scan, and then one that refines nothing, again and again."""
    frame = _segment(0xC2, struct.pack(">BHHB", 8, side, side, 1) + b"\1\x11\0")
    table = _segment(0xDB, b"\0" + b"\1" * 64)
    # Codes: of the lowest frequency, one bit for no change; of others, one bit for a run of 2^14 blocks that end.
    direct = _segment(0xC4, b"\0" + bytes([1, *[0] * 15]) + b"\0")
    other = _segment(0xC4, b"\x10" + bytes([1, *[0] * 15]) + b"\xe0")
    blocks = (-(-side // 8)) ** 2
    first = _segment(0xDA, b"\1\1\0\0\0\0") + bytes(-(-blocks // 8))
    run = bytes(-(-15 * -(-blocks // (1 << 14)) // 8) + 1)
    again = _segment(0xDA, b"\1\1\0\1\x3f\0") + run
    return b"\xff\xd8" + table + frame + direct + other + first + again * scans + b"\xff\xd9"


def progressive_scans(seed: int, size: int) -> bytes:
    """As many scans as fit, of few pixels each."""
    return _progressive(1024, min(size // 14, 30_000))


def progressive_large(seed: int, size: int) -> bytes:
    """As many scans as are read, of as many pixels."""
    return _progressive(SIDE, 90)


def empty_segments(seed: int, size: int) -> bytes:
    return _before_frame(seed, _segment(0xEB, b"") * (size // 4))


def exif_segments(seed: int, size: int) -> bytes:
    """EXIF in pieces of a byte."""
    return _before_frame(seed, _segment(0xE1, b"Exif\0\0x") * (size // 11))


def fill_bytes(seed: int, size: int) -> bytes:
    return _before_frame(seed, b"\xff" * size)


def stray_bytes(seed: int, size: int) -> bytes:
    return _before_frame(seed, bytes(size))


def restart_markers(seed: int, size: int) -> bytes:
    plain = _saved("JPEG", _noise(seed))
    return plain[:-2] + b"\xff\xd0" * (size // 2) + plain[-2:]


def _directory(entries: int, kind: int = 7, count: int = 8, at: int = 1 << 30) -> bytes:
    """Entries that lead out of the file, unless told otherwise."""
    listed = b"".join(struct.pack(">HHII", 40_000 + place % 20_000, kind, count, at) for place in range(entries))
    return b"MM\0*\0\0\0\x08" + struct.pack(">H", entries) + listed + bytes(4)


def _in_exif(data: bytes) -> bytes:
    pieces = (data[at : at + 65_000] for at in range(0, len(data), 65_000))
    return b"".join(_segment(0xE1, b"Exif\0\0" + piece) for piece in pieces)


def exif_entries(seed: int, size: int) -> bytes:
    """65,535 entries that lead nowhere, of each of which Pillow warns."""
    return _before_frame(seed, _in_exif(_directory(65_535, count=1 << 30)))


def exif_shared(seed: int, size: int) -> bytes:
    """Entries that all are the whole of the EXIF."""
    entries = min(size // 24, 20_000)
    return _before_frame(seed, _in_exif(_directory(entries, count=12 * entries, at=0) + bytes(size // 2)))


def hidden_scans(seed: int, size: int) -> bytes:
    """Scans in what has a length to one who reads segments, and is skipped without it between restarts."""
    plain = _progressive(1024, 1)
    start = plain.index(b"\xff\xda")
    again = (_segment(0xDA, b"\1\1\0\1\x3f\0") + bytes(3)) * 4000
    hidden = _segment(0x02, again) * max(size // len(again), 1)
    return plain[:start] + _segment(0xDD, b"\0\1") + plain[start:-2] + hidden + plain[-2:]


# PNG ------------------------------------------------------------------------------------------------------------------


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _png(seed: int, chunks: bytes, *, behind: bool = False) -> bytes:
    plain = _saved("PNG", _noise(seed))
    at = plain.index(b"IEND") - 4 if behind else plain.index(b"IDAT") - 4
    return plain[:at] + chunks + plain[at:]


def png_chunks(seed: int, size: int) -> bytes:
    return _png(seed, _chunk(b"prVt", b"") * (size // 12))


def png_chunks_behind(seed: int, size: int) -> bytes:
    return _png(seed, _chunk(b"prVt", b"") * (size // 12), behind=True)


def png_pieces(seed: int, size: int) -> bytes:
    """Pixels in chunks of one byte."""
    side = 0
    data = zlib.compress(np.random.default_rng(seed).bytes((side := int((size // 40) ** 0.5)) * (3 * side + 1)), 0)
    head = b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0))
    return head + b"".join(_chunk(b"IDAT", data[at : at + 1]) for at in range(len(data))) + _chunk(b"IEND", b"")


def png_profiles(seed: int, size: int) -> bytes:
    """Profiles that unpack to as much as Pillow takes."""
    packed = _chunk(b"iCCP", b"a\0\0" + zlib.compress(bytes((1 << 20) - 1), 9))
    return _png(seed, packed * (size // len(packed)))


def png_exif(seed: int, size: int) -> bytes:
    """Entries behind the head of EXIF, which a PNG does not have."""
    return _png(seed, _chunk(b"eXIf", b"Exif\0\0" + _directory(min(size // 12, 65_535), count=1 << 30)))


def png_exif_of_text(seed: int, size: int) -> bytes:
    told = b"\nexif\n1\n" + _directory(min(size // 24, 65_535), count=1 << 30).hex().encode()
    return _png(seed, _chunk(b"iTXt", b"Raw profile type exif\0\0\0\0\0" + told))


def png_texts(seed: int, size: int) -> bytes:
    packed = _chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes((1 << 20) - 1), 9))
    return _png(seed, packed * (size // len(packed)))


def png_bomb(seed: int, size: int) -> bytes:
    return _saved("PNG", Image.new("RGB", (SIDE, SIDE)), optimize=False)


def png_interlaced(seed: int, size: int) -> bytes:
    """As many pixels as there may be, in seven passes."""
    packer = zlib.compressobj(9)
    passes = [(8, 8), (8, 8), (4, 8), (4, 4), (2, 4), (2, 2), (1, 2)]
    data = b"".join(packer.compress(bytes(1 + 3 * SIDE // across) * (SIDE // down)) for across, down in passes)
    head = b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", struct.pack(">IIBBBBB", SIDE, SIDE, 8, 2, 0, 0, 1))
    return head + _chunk(b"IDAT", data + packer.flush()) + _chunk(b"IEND", b"")


def png_frames(seed: int, size: int) -> bytes:
    """An animation of frames that nobody looks at."""
    control = _chunk(b"acTL", struct.pack(">II", size // 60, 0))
    frame = _chunk(b"fcTL", struct.pack(">IIIIIHHBB", 0, 64, 64, 0, 0, 1, 1, 0, 0))
    frames = (
        _chunk(b"fcTL", struct.pack(">IIIIIHHBB", 2 * place + 1, 1, 1, 0, 0, 1, 1, 0, 0))
        + _chunk(b"fdAT", struct.pack(">I", 2 * place + 2) + b"x")
        for place in range(size // 60)
    )
    plain = _saved("PNG", _noise(seed))
    at, end = plain.index(b"IDAT") - 4, plain.index(b"IEND") - 4
    return plain[:at] + control + frame + plain[at:end] + b"".join(frames) + plain[end:]


# Others ---------------------------------------------------------------------------------------------------------------


def gif_comments(seed: int, size: int) -> bytes:
    plain = _saved("GIF", _noise(seed))
    at = plain.index(b"\x2c", 13 + 768) if plain[10] & 128 else 13
    return plain[:at] + b"\x21\xfe\1x\0" * (size // 5) + plain[at:]


def gif_blocks(seed: int, size: int) -> bytes:
    plain = _saved("GIF", _noise(seed))
    at = plain.index(b"\x2c", 13 + 768) if plain[10] & 128 else 13
    return plain[:at] + b"\x21\xfe" + b"\1x" * (size // 2) + b"\0" + plain[at:]


def gif_frames(seed: int, size: int) -> bytes:
    frame = b"\x2c" + struct.pack("<4HB", 0, 0, 1, 1, 0) + b"\2\2\x44\1\0"
    return b"GIF89a" + struct.pack("<2H3B", 64, 64, 0x80, 0, 0) + bytes(6) + frame * (size // len(frame)) + b";"


def gif_large(seed: int, size: int) -> bytes:
    """A frame of one pixel on a screen as large as there may be."""
    return b"GIF89a" + struct.pack("<2H3B", SIDE, SIDE, 0x80, 0, 0) + bytes(6) + b"\x2c" + struct.pack(
        "<4HB", 0, 0, 1, 1, 0
    ) + b"\2\2\x44\1\0;"  # fmt: skip


def tiff_entries(seed: int, size: int) -> bytes:
    return _directory(min(size // 12, 65_535), count=1 << 30) + bytes(64)


def tiff_inner(seed: int, size: int) -> bytes:
    """Entries in the directory of EXIF that the first directory leads to."""
    plain = _saved("TIFF", _noise(seed), exif={0x8769: {0x9000: b"0230"}})
    inner = _directory(min(size // 12, 65_535), count=1 << 30)[8:]
    (first,) = struct.unpack_from("<I", plain, 4)
    (entries,) = struct.unpack_from("<H", plain, first)
    grown = bytearray(plain + plain[first : first + 2 + 12 * entries] + bytes(4))
    struct.pack_into("<I", grown, 4, len(plain))
    for at in range(len(plain) + 2, len(plain) + 2 + 12 * entries, 12):
        if grown[at : at + 2] == b"\x69\x87":
            struct.pack_into("<I", grown, at + 8, len(grown))
    swapped = struct.pack("<H", (len(inner) - 6) // 12) + b"".join(
        struct.pack("<HHII", *entry) for entry in struct.iter_unpack(">HHII", inner[2:-4])
    )
    return bytes(grown) + swapped + bytes(4)


def tiff_shared(seed: int, size: int) -> bytes:
    entries = min(size // 24, 20_000)
    return _directory(entries, count=size // 2, at=0) + bytes(size // 2)


def tiff_strips(seed: int, size: int) -> bytes:
    """Strips of one line, all of them the same bytes."""
    rows = min(size // 8, 60_000)
    offsets = 8
    data = struct.pack(">H", 10)
    after = 8 + 2 + 10 * 12 + 4
    facts = [
        (256, 4, 1, 16), (257, 4, 1, rows), (258, 3, 1, 8 << 16), (259, 3, 1, 1 << 16), (262, 3, 1, 1 << 16),
        (273, 4, rows, after), (277, 3, 1, 1 << 16), (278, 4, 1, 1), (279, 4, rows, after + 4 * rows),
        (284, 3, 1, 1 << 16),
    ]  # fmt: skip
    data += b"".join(struct.pack(">HHII", *fact) for fact in facts) + bytes(4)
    return b"MM\0*" + struct.pack(">I", offsets) + data + struct.pack(">I", 8) * rows + struct.pack(">I", 16) * rows


def tiff_frames(seed: int, size: int) -> bytes:
    """Pictures after the first one, which nobody looks at."""
    file = io.BytesIO()
    small = Image.new("L", (8, 8))
    small.save(file, "TIFF", save_all=True, append_images=[small] * min(size // 300, 4000))
    return file.getvalue()


def webp_frames(seed: int, size: int) -> bytes:
    images = [Image.new("RGB", (64, 64), (place % 256, place // 256, 0)) for place in range(min(size // 100, 2000))]
    return _saved("WEBP", images[0], save_all=True, append_images=images[1:], duration=1)


def webp_large(seed: int, size: int) -> bytes:
    return _saved("WEBP", Image.new("RGB", (SIDE, SIDE)), lossless=True, method=0)


def webp_chunks(seed: int, size: int) -> bytes:
    plain = _saved("WEBP", _noise(seed), exif=b"Exif\0\0MM\0*\0\0\0\x08\0\0")
    grown = plain + b"JUNK\0\0\0\0" * (size // 8)
    return grown[:4] + struct.pack("<I", len(grown) - 8) + grown[8:]


def avif_large(seed: int, size: int) -> bytes:
    return _saved("AVIF", Image.new("RGB", (SIDE, SIDE)), speed=10)


def jpeg2000_tiles(seed: int, size: int) -> bytes:
    return _saved("JPEG2000", Image.new("RGB", (1024, 1024)), tile_size=(8, 8))


def jpeg2000_large(seed: int, size: int) -> bytes:
    return _saved("JPEG2000", Image.new("RGB", (SIDE // 2, SIDE)))


def bmp_runs(seed: int, size: int) -> bytes:
    """Runs of no pixel, line by line."""
    side = 1000
    head = struct.pack("<IiiHHIIiiII", 40, side, side, 1, 8, 1, size, 0, 0, 2, 0) + bytes(8)
    body = b"\0\2\0\0" * (size // 4)
    return b"BM" + struct.pack("<IHHI", 14 + len(head) + len(body), 0, 0, 14 + len(head)) + head + body


def ppm_blanks(seed: int, size: int) -> bytes:
    return b"P2 8 8 255 " + b" " * size + b"1"


def ppm_comments(seed: int, size: int) -> bytes:
    return b"P2 64 64 255\n" + b"1#\n" * (size // 3)


def ppm_numbers(seed: int, size: int) -> bytes:
    side = int((size // 2) ** 0.5)
    return b"P2 %d %d 1\n" % (side, side) + b"1 " * (side * side)


def psd_layers(seed: int, size: int) -> bytes:
    plain = b"8BPS\0\1" + bytes(6) + struct.pack(">HIIHH", 3, 64, 64, 8, 3)
    resources = b"8BIM" + struct.pack(">H", 1) + b"\0\0" + bytes(4)
    listed = resources * (size // len(resources))
    return plain + bytes(4) + struct.pack(">I", len(listed)) + listed + bytes(4) + b"\0\0" + bytes(3 * 64 * 64)


def tga_runs(seed: int, size: int) -> bytes:
    return struct.pack("<3B5x4H2B", 0, 0, 10, 0, 0, SIDE, SIDE, 24, 0) + b"\xff\0\0\0" * min(size // 4, 500_000)


def pcx_large(seed: int, size: int) -> bytes:
    return _saved("PCX", Image.new("L", (SIDE, SIDE)))


def qoi_large(seed: int, size: int) -> bytes:
    return b"qoif" + struct.pack(">IIBB", SIDE, SIDE, 3, 0) + b"\xfd" * (SIDE * SIDE // 62 + 1) + bytes(7) + b"\1"


def sgi_rows(seed: int, size: int) -> bytes:
    """Lines in runs, all of them the same bytes."""
    rows = min(size // 8, 60_000)
    head = struct.pack(">HBBHHHHII", 474, 1, 1, 2, 1000, rows, 1, 0, 255) + bytes(4 + 80 + 4)
    head = head.ljust(512, b"\0")
    at = 512 + 8 * rows
    line = (b"\x7f\0" * 8)[:16] + b"\0"
    return head + struct.pack(">I", at) * rows + struct.pack(">I", len(line)) * rows + line


def ico_many(seed: int, size: int) -> bytes:
    inner = _saved("PNG", _noise(seed))
    count = min(size // 16, 65_535)
    at = 6 + 16 * count
    entry = struct.pack("<4BHHII", 64, 64, 0, 0, 1, 32, len(inner), at)
    return struct.pack("<3H", 0, 1, count) + entry * count + inner


def dds_large(seed: int, size: int) -> bytes:
    head = struct.pack("<4s7I44x", b"DDS ", 124, 0x81007, SIDE, SIDE, SIDE * SIDE // 2, 0, 0)
    head += struct.pack("<II4s5I", 32, 4, b"DXT1", 0, 0, 0, 0, 0) + struct.pack("<5I", 0x1000, 0, 0, 0, 0)
    return head + bytes(SIDE * SIDE // 2)


FILES: dict[str, Callable[[int, int], bytes]] = {
    "progressive-scans.jpg": progressive_scans,
    "empty-segments.jpg": empty_segments,
    "exif-segments.jpg": exif_segments,
    "exif-entries.jpg": exif_entries,
    "exif-shared.jpg": exif_shared,
    "hidden-scans.jpg": hidden_scans,
    "fill-bytes.jpg": fill_bytes,
    "stray-bytes.jpg": stray_bytes,
    "restart-markers.jpg": restart_markers,
    "chunks.png": png_chunks,
    "chunks-behind.png": png_chunks_behind,
    "pieces.png": png_pieces,
    "profiles.png": png_profiles,
    "texts.png": png_texts,
    "exif.png": png_exif,
    "exif-of-text.png": png_exif_of_text,
    "frames.png": png_frames,
    "comments.gif": gif_comments,
    "blocks.gif": gif_blocks,
    "frames.gif": gif_frames,
    "entries.tif": tiff_entries,
    "inner.tif": tiff_inner,
    "shared.tif": tiff_shared,
    "strips.tif": tiff_strips,
    "frames.tif": tiff_frames,
    "frames.webp": webp_frames,
    "chunks.webp": webp_chunks,
    "tiles.jp2": jpeg2000_tiles,
    "runs.bmp": bmp_runs,
    "blanks.ppm": ppm_blanks,
    "comments.ppm": ppm_comments,
    "numbers.ppm": ppm_numbers,
    "resources.psd": psd_layers,
    "runs.tga": tga_runs,
    "rows.sgi": sgi_rows,
    "many.ico": ico_many,
}

# As many pixels as are read, in few bytes: what they cost goes by the pixel.
LARGE: dict[str, Callable[[int, int], bytes]] = {
    "progressive-large.jpg": progressive_large,
    "bomb.png": png_bomb,
    "interlaced.png": png_interlaced,
    "large.gif": gif_large,
    "large.webp": webp_large,
    "large.avif": avif_large,
    "large.jp2": jpeg2000_large,
    "large.pcx": pcx_large,
    "large.qoi": qoi_large,
    "large.dds": dds_large,
}
