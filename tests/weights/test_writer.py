"""What is written is read back, the same content is the same bytes, and nothing is written by halves."""

import dataclasses
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import pytest
from helpers.places import ROOT
from helpers.small_weights import assert_same, make_weights
from helpers.tops import TOPS, weights_with

from refnet.architecture.plan import make_plan
from refnet.architecture.scaling import Coefficients, compound
from refnet.architecture.top import PUBLISHED_TOP
from refnet.errors import WeightsError
from refnet.preprocessing.recipe import LITE, TENSORFLOW
from refnet.reference.digest import tensors_digest
from refnet.weights import reader, writer
from refnet.weights.labels import Labels
from refnet.weights.weights import Provenance, Weights

TINY = make_weights().architecture
OTHER_BLOCK = dataclasses.replace(TINY.blocks[0], stride=2)


def read_back(tmp_path: Path, weights: Weights) -> Weights:
    writer.write(tmp_path / "tiny.h5", weights)
    return reader.read(tmp_path / "tiny.h5")


class TestRoundTrip:
    def test_everything_comes_back(self, tmp_path):
        weights = make_weights()
        limits = np.finfo(np.float32)
        weights.tensors["logits/kernel"].flat[:4] = limits.max, limits.min, limits.smallest_subnormal, -0.0
        again = read_back(tmp_path, weights)
        assert_same(again, weights)
        assert list(again.tensors) == [w.key for w in make_plan(weights.architecture).weights]
        for key, tensor in again.tensors.items():
            assert tensor.tobytes() == weights.tensors[key].tobytes()
            assert tensor.flags.c_contiguous
            assert tensor.dtype.isnative

    @pytest.mark.parametrize("changes", [
        {"labels": None},
        {"padding": "symmetric", "bn_eps": 1e-5},
        {"recipe": LITE},
        {"provenance": Provenance("")},
        {"provenance": Provenance("x", averaging="raw", dropped=(("a" * 4000, "ü" * 2000),))},
        {"classes": 0},
        {"coefs": Coefficients(0.1, 0.1, 32, lite=True), "classes": 3},
        {"coefs": Coefficients(0.3, 1.7, 17, dropout=0.0), "classes": 3},
        {"coefs": dataclasses.replace(compound(0.5), width=0.1), "classes": 3},
    ])  # fmt: skip
    def test_what_is_optional_and_own_coefficients(self, tmp_path, changes):
        weights = make_weights(**changes)
        again = read_back(tmp_path, weights)
        assert_same(again, weights)
        assert any(key.startswith("logits/") for key in again.tensors) == (changes.get("classes") != 0)

    def test_a_path_may_be_a_string(self, tmp_path):
        writer.write(str(tmp_path / "tiny.h5"), make_weights())
        assert reader.read(str(tmp_path / "tiny.h5")).architecture.name == "tiny"


@pytest.mark.parametrize("folded", [False, True])
@pytest.mark.parametrize("top", [PUBLISHED_TOP, *TOPS.values()], ids=["published", *TOPS])
def test_any_top_and_zeros_come_back(top, folded, tmp_path):
    weights = weights_with(top, folded=folded, padding="same@96")
    writer.write(tmp_path / "tiny.h5", weights)
    again = reader.read(tmp_path / "tiny.h5")
    assert (again.architecture, again.padding) == (weights.architecture, "same@96")
    assert again.digest() == weights.digest()


class TestBytes:
    """A file's bytes are a function of its content."""

    def test_time_and_order_and_layout_do_not_matter(self, tmp_path):
        weights = make_weights()
        shuffled = {key: np.asfortranarray(weights.tensors[key]) for key in sorted(weights.tensors, reverse=True)}
        writer.write(tmp_path / "one.h5", weights)
        time.sleep(1.1)  # HDF5's time stamps count seconds
        writer.write(tmp_path / "two.h5", dataclasses.replace(weights, tensors=shuffled))
        assert (tmp_path / "one.h5").read_bytes() == (tmp_path / "two.h5").read_bytes()

    def test_reading_and_writing_again_gives_the_same_file(self, tmp_path):
        writer.write(tmp_path / "one.h5", make_weights())
        writer.write(tmp_path / "two.h5", reader.read(tmp_path / "one.h5"))
        assert (tmp_path / "one.h5").read_bytes() == (tmp_path / "two.h5").read_bytes()

    def test_the_file_is_what_the_schema_says(self, tmp_path):
        """As any HDF5 program sees it: the porter's view."""
        weights = make_weights()
        writer.write(tmp_path / "tiny.h5", weights)
        with h5py.File(tmp_path / "tiny.h5") as file:
            for weight in make_plan(weights.architecture).weights:
                dataset = file[weight.key]
                assert (dataset.dtype.str, dataset.shape) == ("<f4", weight.shape)
                assert dataset.chunks is None
                assert dataset.compression is None
            assert set(file) == {key.partition("/")[0] for key in weights.tensors} | {"labels", "dropped"}
            assert file["labels/wnid"][3] == b"n00000003"
            assert file["dropped/reason"][1].decode() == "no use either"
            attributes = dict(file.attrs)
        assert attributes.pop("recipe").decode() == TENSORFLOW.to_json()
        assert len(attributes.pop("metadata_digest")) == 64
        assert attributes == {
            "schema": 1,
            "architecture": b'{"name": "tiny", "width": 0.1, "depth": 0.1, "resolution": 32, "dropout": 0.2, '
            b'"lite": false, "classes": 10}',
            "padding": b"same",
            "bn_eps": 1e-3,
            "publisher": "Jörg".encode(),
            "source": b"tiny.pth",
            "source_sha256": b"0123456789abcdef" * 4,
            "averaging": b"ema",
            "licence": b"CC0-1.0",
            "tensors_digest": tensors_digest(weights.tensors).encode(),
        }

    def test_the_umask_decides_who_may_read(self, tmp_path):
        writer.write(tmp_path / "tiny.h5", make_weights())
        (tmp_path / "plain").touch()
        assert (tmp_path / "tiny.h5").stat().st_mode == (tmp_path / "plain").stat().st_mode


class TestRefusedWriting:
    """Nothing is written that could not be read, and nothing by halves."""

    @staticmethod
    def assert_refused(tmp_path, weights, message):
        path = tmp_path / "tiny.h5"
        path.write_bytes(b"what was there before")
        with pytest.raises(WeightsError, match=message):
            writer.write(path, weights)
        assert path.read_bytes() == b"what was there before"
        assert list(tmp_path.iterdir()) == [path]

    @pytest.mark.parametrize(
        ("key", "change", "message"),
        [
            ("stem/kernel", lambda t: t.astype(np.float64), r"stem/kernel is float64\[3, 3, 3, 8\], not float32"),
            ("stem/kernel", lambda t: t[..., :7], r"stem/kernel is float32\[3, 3, 3, 7\], not float32\[3, 3, 3, 8\]"),
            ("logits/bias", lambda t: np.where(np.arange(10) == 7, np.float32(np.nan), t), r"logits/bias\[7\] is nan"),
            ("logits/bias", lambda t: t * 0 + np.float32(np.inf), r"logits/bias\[0\] is inf"),
            ("head/bn/variance", lambda t: t - 1, r"head/bn/variance\[\d+\] is -0\.\d+, which .* has no root"),
            ("head/bn/gamma", lambda t: t * 0 + np.float32(3e38), r"head/bn/\*: a scale or shift of .* beyond float32"),
        ],
    )
    def test_tensors_no_network_can_run_with(self, tmp_path, key, change, message):
        weights = make_weights()
        weights.tensors[key] = change(weights.tensors[key])
        self.assert_refused(tmp_path, weights, message)

    def test_a_variance_of_zero_without_epsilon(self, tmp_path):
        weights = make_weights(bn_eps=0.0)
        weights.tensors["stem/bn/variance"][5] = 0
        self.assert_refused(tmp_path, weights, r"stem/bn/variance\[5\] is 0.0, which with eps 0.0 has no root")

    def test_all_that_is_missing_or_unknown_is_named(self, tmp_path):
        weights = make_weights()
        del weights.tensors["stem/kernel"], weights.tensors["logits/bias"]
        weights.tensors["extra"] = np.zeros(1, np.float32)
        message = "not written: .*stem/kernel is missing; logits/bias is missing; extra is unknown"
        self.assert_refused(tmp_path, weights, message)

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"padding": "valid"}, "padding is 'valid', not one of same, symmetric"),
            ({"bn_eps": float("nan")}, "bn_eps is nan"),
            ({"bn_eps": -1e-3}, "bn_eps is -0.001"),
            ({"labels": Labels(("a",), ("b",))}, "must both have 10 rows"),
            ({"labels": Labels(("a",), ("b",)), "classes": 0}, "labels/wnid and labels/text must both have 0 rows"),
            ({"provenance": Provenance("two\nlines")}, "publisher must be printable"),
            ({"provenance": Provenance("x" * 5000)}, "publisher must be printable and at most 4096 bytes"),
            ({"provenance": Provenance("\ud800")}, "publisher must be printable"),
            ({"provenance": Provenance("x", averaging="mean")}, "averaging is 'mean'"),
            ({"provenance": Provenance("x", source_sha256="12")}, "source_sha256 is '12'"),
            ({"provenance": Provenance("x", dropped=(("a\0", "b"),))}, "dropped/name must be printable"),
            ({"architecture": dataclasses.replace(TINY, name="../x")}, "name = ../x"),
            ({"architecture": dataclasses.replace(TINY, blocks=(OTHER_BLOCK, *TINY.blocks[1:]))}, "do not build"),
        ],
    )
    def test_metadata_no_file_may_have(self, tmp_path, changes, message):
        self.assert_refused(tmp_path, make_weights(**changes), message)

    def test_logits_without_a_classifier(self, tmp_path):
        weights = make_weights(classes=0)
        weights.tensors["logits/bias"] = np.zeros(0, np.float32)
        self.assert_refused(tmp_path, weights, "logits/bias is unknown")

    def test_an_interrupted_write_leaves_nothing(self, tmp_path, monkeypatch):
        def interrupt(path):
            raise KeyboardInterrupt

        monkeypatch.setattr("os.fsync", interrupt)  # all is written, nothing has its name yet
        with pytest.raises(KeyboardInterrupt):
            writer.write(tmp_path / "tiny.h5", make_weights())
        assert not list(tmp_path.iterdir())

    def test_a_full_disk(self, tmp_path):
        """In a process of its own, which the HDF5 library would not survive, if it wrote the file."""
        program = """
import resource, sys
from pathlib import Path
from refnet.weights import paths, reader, writer
from refnet.errors import WeightsError

weights = reader.read(paths.find("lite0"))
_, most = resource.getrlimit(resource.RLIMIT_FSIZE)
for limit in map(int, sys.argv[2:]):
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, most))
    try:
        writer.write(Path(sys.argv[1], "x.h5"), weights)
    except WeightsError as error:
        print(error)
"""
        whole = (ROOT / "weights" / "lite0.h5").stat().st_size
        limits = [0, 1, 4096, whole // 2, whole - 4096, whole - 1, whole]
        run = subprocess.run(
            [sys.executable, "-c", program, tmp_path, *map(str, limits)], capture_output=True, text=True, check=False
        )
        assert (run.returncode, run.stderr) == (0, "")
        assert run.stdout.splitlines() == [f"{tmp_path}/x.h5 not written: File too large"] * (len(limits) - 1)
        assert [path.name for path in tmp_path.iterdir()] == ["x.h5"]
        assert (tmp_path / "x.h5").read_bytes() == (ROOT / "weights" / "lite0.h5").read_bytes()

    @pytest.mark.parametrize(
        ("file", "message"),
        [("absent/tiny.h5", ".*No such file"), ("file/tiny.h5", ""), ("directory.h5", "")],
    )
    def test_a_path_that_cannot_be_written(self, tmp_path, file, message):
        (tmp_path / "file").touch()
        (tmp_path / "directory.h5").mkdir()
        with pytest.raises(WeightsError, match=rf"{file} not written: {message}"):
            writer.write(tmp_path / file, make_weights())
        assert sorted(path.name for path in tmp_path.iterdir()) == ["directory.h5", "file"]
