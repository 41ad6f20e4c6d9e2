"""Files of features: what any program reads from them is what the network gave."""

import subprocess
import sys

import h5py
import numpy as np
import pyarrow.parquet
import pytest

from refnet.errors import ImageError, RefnetError
from refnet.pipeline import feature_files
from refnet.pipeline.feature_files import Kind, fields, write
from refnet.pipeline.pipeline import Answer

NAMES = ["a.png", "caf\udce9 猫.png", "line\nbreak.png", "z.png"]
RNG = np.random.default_rng(0)


def answers(dtype):
    for place, name in enumerate(NAMES):
        tensors = {"pool": RNG.normal(size=5).astype(dtype), "stem": RNG.normal(size=(3, 2, 4)).astype(dtype)}
        yield Answer(place, name, tensors)


@pytest.fixture(params=["float32", "float64"])
def case(request):
    """Answers, the second place an error; their records; and the kinds of their tensors."""
    given = list(answers(request.param))
    given.insert(1, Answer(1, "bad.png", {}, ImageError("bad.png: the file is empty")))
    dtype = np.dtype(request.param)
    kinds = [Kind("pool", (5,), dtype), Kind("stem", (3, 2, 4), dtype)]
    return given, [(answer.name, fields(answer)) for answer in given], kinds


SHOWN = ["a.png", "caf\\udce9 猫.png", "line\nbreak.png", "z.png"]


def good(given, name):
    return np.stack([answer.tensors[name] for answer in given if answer.error is None])


@pytest.mark.parametrize("step", [0, 1])
def test_npy(tmp_path, case, step):
    given, records, kinds = case
    write(tmp_path / "f.npy", records, [kinds[step]], about={})
    found = np.load(tmp_path / "f.npy")
    expected = good(given, kinds[step].name)
    assert (found.dtype, found.tobytes()) == (expected.dtype, expected.tobytes())
    assert found.shape == expected.shape
    lines = (tmp_path / "f.names.txt").read_text("utf-8").splitlines()
    assert lines == [name.replace("\n", "\\n") for name in SHOWN]
    np.save(tmp_path / "same.npy", expected)
    assert (tmp_path / "f.npy").read_bytes() == (tmp_path / "same.npy").read_bytes()


def test_hdf5(tmp_path, case):
    given, records, kinds = case
    write(tmp_path / "f.h5", records, kinds, about={"model": "lite0"})
    with h5py.File(tmp_path / "f.h5") as file:
        assert dict(file.attrs) == {"model": "lite0"}
        assert file["names"].asstr()[:].tolist() == SHOWN
        for kind in kinds:
            assert file[kind.name].dtype == kind.dtype
            assert file[kind.name][:].tobytes() == good(given, kind.name).tobytes()
    before = (tmp_path / "f.h5").read_bytes()
    write(tmp_path / "f.h5", records, kinds, about={"model": "lite0"})
    assert (tmp_path / "f.h5").read_bytes() == before


def test_parquet(tmp_path, case):
    given, records, kinds = case
    write(tmp_path / "f.parquet", records, kinds, about={"model": "lite0"})
    table = pyarrow.parquet.read_table(tmp_path / "f.parquet")
    assert table.schema.metadata[b"model"] == b"lite0"
    assert table.schema.field("stem").metadata[b"shape"] == b"3,2,4"
    assert table["file"].to_pylist() == [SHOWN[0], "bad.png", *SHOWN[1:]]
    assert table["error"].to_pylist() == [None, "bad.png: the file is empty", None, None, None]
    for kind in kinds:
        rows = table[kind.name].to_pylist()
        assert rows[1] is None
        found = np.array([row for row in rows if row is not None], kind.dtype)
        assert found.tobytes() == good(given, kind.name).tobytes()


@pytest.mark.parametrize("suffix", feature_files.SUFFIXES)
def test_none_and_more_than_are_in_memory(tmp_path, case, monkeypatch, suffix):
    _, records, kinds = case
    kinds = kinds[:1]
    for count, path in ((0, tmp_path / f"none{suffix}"), (7, tmp_path / f"many{suffix}")):
        monkeypatch.setattr(feature_files, "_ROWS_AT_ONCE", 3)
        write(path, records * count, kinds, about={})
        if suffix == ".npy":
            assert np.load(path).shape == (4 * count, 5)
        elif suffix == ".h5":
            with h5py.File(path) as file:
                assert (file["pool"].shape, len(file["names"])) == ((4 * count, 5), 4 * count)
        else:
            assert pyarrow.parquet.read_table(path).num_rows == 5 * count


def test_a_failure_leaves_nothing(tmp_path, case):
    def failing():
        yield from case[1]
        raise OSError(28, "No space left on device")

    for suffix in feature_files.SUFFIXES:
        with pytest.raises(RefnetError, match=f"f{suffix} not written: No space left on device"):
            write(tmp_path / f"f{suffix}", failing(), case[2][:1], about={})
    assert not list(tmp_path.iterdir())


def test_without_pyarrow_it_says_what_to_install(tmp_path, case, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(RefnetError, match=r"pip install 'refnet\[table\]'"):
        write(tmp_path / "f.parquet", case[1], case[2], about={})


@pytest.mark.parametrize("ending", ["h5", "npy"])
def test_a_full_disk_is_one_error(tmp_path, ending):
    """In a process of its own: HDF5's library takes the process with it where it learns of one."""
    script = f"""
import resource, signal
from pathlib import Path
import numpy as np
from refnet.errors import RefnetError
from refnet.pipeline.feature_files import Kind, fields, write
from refnet.pipeline.pipeline import Answer
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
answers = (Answer(place, str(place), {{"pool": np.ones(1280, np.float32)}}) for place in range(100))
kinds = [Kind("pool", (1280,), np.dtype("float32"))]
try:
    write(Path("f.{ending}"), ((answer.name, fields(answer)) for answer in answers), kinds, about={{}})
except RefnetError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"f.{ending} not written: File too large\n", "")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", [".h5", ".parquet"])
def test_codes_say_what_they_stand_for(tmp_path, suffix):
    codes = {"scale": 0.5, "zero_point": -3}
    kinds = [Kind("pool", (2,), np.dtype(np.int8), codes), Kind("input", (1,), np.dtype(np.float32))]
    tensors = {"pool": np.array([-128, 127], np.int8), "input": np.ones(1, np.float32)}
    write(tmp_path / f"f{suffix}", [("a.png", fields(Answer(0, "a.png", tensors)))], kinds, about={})
    if suffix == ".h5":
        with h5py.File(tmp_path / "f.h5") as file:
            assert dict(file["pool"].attrs) == codes
            assert dict(file["input"].attrs) == {}
            assert file["pool"][:].tolist() == [[-128, 127]]
    else:
        table = pyarrow.parquet.read_table(tmp_path / "f.parquet")
        found = table.schema.field("pool").metadata
        assert (found[b"scale"], found[b"zero_point"]) == (b"0.5", b"-3")
        assert table["pool"].to_pylist() == [[-128, 127]]
