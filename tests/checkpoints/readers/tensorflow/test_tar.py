"""Archives that hold a checkpoint: packed in every usual way, and hostile ones."""

import gzip
import io
import tarfile
from pathlib import Path

import numpy as np
import pytest
from helpers.places import DATA
from helpers.tf_writer import packed, raw
from hypothesis import given, settings
from hypothesis import strategies as st

from refnet.checkpoints.readers.tensorflow import tar, tensor_bundle
from refnet.errors import CheckpointError

FOLDER = DATA / "tf"
INDEX, DATA = (FOLDER / f"small.ckpt.{suffix}" for suffix in ("index", "data-00000-of-00001"))

MEMBERS = [
    ("net", "DIRTYPE"),
    ("net/checkpoint", b"model_checkpoint_path: 'model.ckpt'"),
    ("net/model.ckpt.data-00000-of-00001", DATA.read_bytes()),
    ("net/model.ckpt.index", INDEX.read_bytes()),
]
LONG = "a" * 60 + "/" + "b" * 60


def renamed(prefix: str) -> list[tuple[str, bytes | str]]:
    return [(f"{prefix}/{name}", content) for name, content in MEMBERS]


def read_all(path: Path) -> dict[str, np.ndarray]:
    with tensor_bundle.opened(path) as bundle:
        return bundle.read(name for name, entry in bundle.entries.items() if entry.dtype in tensor_bundle.READABLE)


def refused(path: Path, message: str) -> None:
    with pytest.raises(CheckpointError, match=message) as caught:
        read_all(path)
    assert str(caught.value).startswith(f"{path}: ")


class TestArchives:
    @pytest.mark.parametrize("kind", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
    @pytest.mark.parametrize("prefix", [".", "efficientnet", LONG, f"{LONG}/ü{'c' * 30}"])
    @pytest.mark.parametrize("gzipped", [False, True])
    def test_every_way_to_pack(self, tmp_path, kind, prefix, gzipped):
        data = packed(renamed(prefix), kind)
        (tmp_path / "x.tar.gz").write_bytes(gzip.compress(data) if gzipped else data)
        ours = read_all(tmp_path / "x.tar.gz")
        theirs = read_all(FOLDER / "small.ckpt")
        assert list(ours) == list(theirs)
        assert all(array.tobytes() == theirs[name].tobytes() for name, array in ours.items())

    def test_the_published_kind(self):
        with tensor_bundle.opened(FOLDER.parent / "families" / "tf.tar.gz") as bundle:
            assert bundle.read(["global_step"])["global_step"] == 218949

    def test_what_systems_add(self, tmp_path):
        (tmp_path / "x.tar").write_bytes(packed([*MEMBERS, ("net/._model.ckpt.index", b"other properties")]))
        assert read_all(tmp_path / "x.tar")["global_step"] == 218949

    @pytest.mark.parametrize(
        ("members", "message"),
        [
            (MEMBERS[:1], "found \\[\\] among \\[\\]"),
            (MEMBERS[:3], "want one checkpoint in the archive, found \\[\\] among \\['net/checkpoint'"),
            ([*MEMBERS, ("other.index", b"")], "found \\['net/model.ckpt.index', 'other.index'\\]"),
            ([*MEMBERS[:2], MEMBERS[3]], r"the archive has no net/model\.ckpt\.data-00000-of-00001"),
            ([*MEMBERS, MEMBERS[3]], "has 'net/model.ckpt.index' twice"),
            ([*MEMBERS, ("./net//checkpoint", b"")], "has 'net/checkpoint' twice"),
            ([*MEMBERS, ("link", "SYMTYPE")], "'link' in the archive is a symbolic link"),
            ([*MEMBERS, ("link", "LNKTYPE")], "a hard link"),
            ([*MEMBERS, ("tty", "CHRTYPE")], "a device"),
            ([*MEMBERS, ("disk", "BLKTYPE")], "a device"),
            ([*MEMBERS, ("pipe", "FIFOTYPE")], "a pipe"),
            ([*MEMBERS, ("sparse", "GNUTYPE_SPARSE")], "neither a file nor a directory"),
            ([*MEMBERS, ("/etc/passwd", b"")], "path '/etc/passwd'"),
            ([*MEMBERS, ("/", "DIRTYPE")], "path '/"),
            ([*MEMBERS, ("net/../../x", b"")], "not below the archive's own folder"),
            ([*MEMBERS, ("..", "DIRTYPE")], "not below the archive's own folder"),
            ([*MEMBERS, ("c:\\x", b"")], "not below the archive's own folder"),
            ([*MEMBERS, ("a\nb", b"")], "not below the archive's own folder"),
            ([(f"{i}", b"") for i in range(4097)], "more than 4096 members"),
        ],
    )
    def test_hostile_members(self, tmp_path, members, message):
        (tmp_path / "x.tar").write_bytes(packed(members))
        with pytest.raises(CheckpointError, match=message):
            read_all(tmp_path / "x.tar")

    @pytest.mark.parametrize(
        "headers",
        [{"size": "5"}, {"linkpath": "x"}, {"GNU.sparse.major": "1"}, {"hdrcharset": "BINARY"}, {"path": "../x"}],
    )
    def test_hostile_extended_headers(self, tmp_path, headers):
        with tarfile.open(tmp_path / "x.tar", "w", format=tarfile.PAX_FORMAT) as archive:
            member = tarfile.TarInfo("x")
            member.pax_headers = headers
            archive.addfile(member)
        refused(tmp_path / "x.tar", "extended headers state|own folder")

    @pytest.mark.parametrize(
        ("records", "message"),
        [
            (b"path=x\n", "malformed"),
            (b"9 path=x", "malformed"),
            (b"99 path=x\n", "malformed"),
            (b"2 path=x\n", "malformed"),
            (b"0 path=x\n", "malformed"),
            (b"9" * 60_000, "malformed"),
            (b"9 path=\xff\n", "not UTF-8"),
            (bytes(1 << 17), "extended header of 131072 bytes"),
        ],
    )
    def test_malformed_extended_headers(self, tmp_path, records, message):
        (tmp_path / "x.tar").write_bytes(raw(b"x", b"x", records) + raw(b"y", b"0", b"") + bytes(1024))
        refused(tmp_path / "x.tar", message)

    @pytest.mark.parametrize("size", [b"\x80" + bytes(10) + b"\1", b"\xff" * 12, b"-1", b"9", b"", b"1 1", b"0x1"])
    def test_sizes_that_are_not_octal(self, tmp_path, size):
        (tmp_path / "x.tar").write_bytes(raw(b"x", b"0", b"", size) + bytes(1024))
        refused(tmp_path / "x.tar", "not octal")

    def test_a_header_that_is_damaged(self, tmp_path):
        (tmp_path / "x.tar").write_bytes(packed(MEMBERS).replace(b"net/check", b"net/chick"))
        refused(tmp_path / "x.tar", "checksum")

    def test_cut_short_anywhere(self, tmp_path):
        plain = packed(MEMBERS).rstrip(b"\0")
        for data in (plain, gzip.compress(plain + bytes(1024))):
            for length in range(0, len(data), 97):
                (tmp_path / "x.tar").write_bytes(data[:length])
                with pytest.raises(CheckpointError):
                    read_all(tmp_path / "x.tar")

    def test_a_member_larger_than_the_archive(self, tmp_path):
        (tmp_path / "x.tar").write_bytes(raw(b"x.index", b"0", b"", b"77777777777") + bytes(1024))
        refused(tmp_path / "x.tar", "the archive is cut short")

    def test_a_gzip_bomb(self, tmp_path):
        (tmp_path / "x.tar.gz").write_bytes(gzip.compress(bytes(1 << 26)))
        refused(tmp_path / "x.tar.gz", "bytes of gzip become more than")

    def test_a_gzip_of_anything(self, tmp_path):
        (tmp_path / "x.tar.gz").write_bytes(gzip.compress(b"anything" * 100))
        refused(tmp_path / "x.tar.gz", "gzip of something that is no tar archive; decompress it with gunzip")
        damaged = bytearray(packed(MEMBERS))
        damaged[0] ^= 1
        (tmp_path / "x.tar.gz").write_bytes(gzip.compress(damaged))
        refused(tmp_path / "x.tar.gz", "the archive is damaged: a header does not have its checksum")
        (tmp_path / "x.tar.gz").write_bytes(b"\x1f\x8b" + bytes(100))
        refused(tmp_path / "x.tar.gz", "cannot decompress")


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=1500))
def test_any_archive(data):
    for archive in (data, raw(b"x", b"x", data) + bytes(1024), raw(b"x", b"L", data) + bytes(1024)):
        try:
            tar.members(io.BytesIO(archive))
        except CheckpointError:
            continue
