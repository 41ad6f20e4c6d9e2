import numpy as np
import pytest

import refnet
from refnet import memory
from refnet.bench import bench
from refnet.errors import CheckpointError, ImageError, InputError, WeightsError
from refnet.golden.read import open_reader
from refnet.preprocessing.read_image import read_image

GIGABYTE = 10**9


@pytest.fixture
def little(monkeypatch):
    """A machine with a gigabyte to give."""
    monkeypatch.setattr(memory, "available", lambda: GIGABYTE)


@pytest.fixture(scope="module")
def net():
    return refnet.load("lite0", threads=2)


LARGE = np.broadcast_to(np.float32(0.5), (1, 1 << 14, 1 << 14, 3))
MANY = np.broadcast_to(np.float32(0.5), (20_000, 224, 224, 3))


@pytest.mark.usefixtures("little")
@pytest.mark.parametrize(
    "ask",
    [
        lambda net: net.logits(LARGE),
        lambda net: net.features(LARGE, at=["stem", "pool"]),
        lambda net: next(net.trace(LARGE, "logits")),
        lambda net: next(net.resume({"input": LARGE}, "logits")),
        lambda net: refnet.Network(net.weights, size=1 << 14).predict("refnet/data/chelsea.png"),
        lambda net: refnet.Network(net.weights, size=1 << 14).features("refnet/data/chelsea.png"),
    ],
)
def test_a_large_picture_is_refused_with_the_numbers(net, ask):
    with pytest.raises(
        InputError, match=r"16384x16384 needs \d\d\.\d GB of memory, and 1\.0 GB are free here; want a sm"
    ):
        ask(net)


@pytest.mark.usefixtures("little")
@pytest.mark.parametrize(
    "ask",
    [
        lambda net: net.features(MANY, at="stem"),
        lambda net: next(net.trace(MANY)),
        lambda net: net.preprocess(["refnet/data/chelsea.png"] * 20_000),
        lambda net: net.features(["refnet/data/chelsea.png"] * 20_000, at="stem"),
    ],
)
def test_many_pictures_are_refused_with_the_numbers(net, ask):
    with pytest.raises(InputError, match=r"lite0 on 20000 pictures of 224x224 needs \d+(\.\d)? GB of memory, and 1\.0"):
        ask(net)


def test_a_stream_is_refused_before_its_first_picture_is_computed(net, monkeypatch):
    large = refnet.Network(net.weights, size=2048)
    monkeypatch.setattr(memory, "available", lambda: memory.SMALL)
    with pytest.raises(InputError, match="a run on a picture of 2048x2048 needs"):
        next(large.predict(iter(["refnet/data/chelsea.png"])))


@pytest.mark.usefixtures("little")
def test_a_benchmark_is_refused_before_it_makes_its_pictures(net):
    with pytest.raises(InputError, match=r"3\.2 GB of memory"):
        bench(net, size=1 << 14, rounds=5)


@pytest.mark.usefixtures("little")
def test_a_golden_is_refused_before_its_input_is_made(net, tmp_path):
    with pytest.raises(InputError, match="an input of 16384x16384 needs"):
        refnet.record(net, tmp_path / "golden", size=1 << 14)
    assert not list(tmp_path.iterdir())


@pytest.mark.usefixtures("little")
@pytest.mark.parametrize("suffix", ["npy", "bin"])
def test_a_tensor_is_refused_before_it_is_read(tmp_path, suffix):
    path = tmp_path / f"stem.{suffix}"
    with path.open("wb") as file:
        if suffix == "npy":
            np.lib.format.write_array_header_1_0(
                file, {"descr": "<f4", "fortran_order": False, "shape": (1, 1 << 14, 1 << 14, 4)}
            )
        file.truncate(file.tell() + (1 << 32))
    with open_reader(path, dtype="float32") as reader, pytest.raises(InputError, match=r"needed 8\.6 GB of memory"):
        reader.read("stem")


@pytest.mark.usefixtures("little")
def test_a_checkpoint_is_refused_before_it_is_read_or_hashed(tmp_path):
    path = tmp_path / "large.pth"
    with path.open("wb") as file:
        file.write(b"PK\3\4")
        file.truncate(2 * GIGABYTE)
    with pytest.raises(CheckpointError, match=r"large\.pth: reading it needs 2\.0 GB of memory"):
        refnet.convert(path, out=tmp_path / "out.h5")


def test_a_network_is_refused_before_its_weights_are_made(monkeypatch):
    monkeypatch.setattr(memory, "available", lambda: memory.SMALL)
    with pytest.raises(InputError, match="b7 with generated weights needs"):
        refnet.load("b7@synthetic")


def test_a_weight_file_is_refused_before_it_is_read(monkeypatch):
    monkeypatch.setattr(memory, "SMALL", 1 << 20)
    monkeypatch.setattr(memory, "available", lambda: 1 << 21)
    from refnet.weights import paths, reader

    with pytest.raises(WeightsError, match="a network of that size needs"):
        reader.read(paths.find("lite0"))


def test_a_picture_is_refused_before_it_is_decoded(monkeypatch):
    monkeypatch.setattr(memory, "available", lambda: memory.SMALL)
    with pytest.raises(ImageError, match=r"8000 x 8000 pixels need 0\.4 GB of memory"):
        read_image(b"P5 8000 8000 255\n")


def test_what_is_known_of_the_system(tmp_path, monkeypatch):
    said = tmp_path / "meminfo"
    said.write_text("MemTotal: 4000 kB\nMemAvailable: 2000 kB\nSwapFree: 500 kB\nHugePages_Total: 0\n")
    monkeypatch.setattr(memory, "LINUX", said)
    monkeypatch.setattr(memory, "OWN_GROUPS", tmp_path / "none")
    assert memory.available() == 2500 << 10


@pytest.mark.parametrize(
    ("line", "folder", "most", "used", "start"),
    [
        ("0::/a/b", "a", "memory.max", "memory.current", ""),
        ("7:memory:/a/b", "memory/a", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_"),
    ],
)
def test_control_groups_have_their_say(tmp_path, monkeypatch, line, folder, most, used, start):
    """The limit may be that of a group around this one; files' pages can be taken back, read once or twice."""
    groups = tmp_path / "cgroup"
    (groups / folder / "b").mkdir(parents=True)
    (groups / folder / "b" / most).write_text("max\n")
    for name, text in (
        (most, "1000\n"),
        (used, "900\n"),
        ("memory.stat", f"anon 7\n{start}inactive_file 20\n{start}active_file 30\n"),
    ):
        (groups / folder / name).write_text(text)
    (tmp_path / "self").write_text(f"{line}\n1:cpu:/\n")
    monkeypatch.setattr(memory, "GROUPS", groups)
    monkeypatch.setattr(memory, "OWN_GROUPS", tmp_path / "self")
    assert memory.available() == 150


def test_names_of_groups_that_are_no_text(tmp_path, monkeypatch):
    own = tmp_path / "self"
    monkeypatch.setattr(memory, "OWN_GROUPS", own)
    for said in (b"0::/\xff\n", b"nonsense\n", b""):
        own.write_bytes(said)
        assert memory.lack(1 << 60)


def test_nothing_is_refused_where_nothing_is_known(monkeypatch):
    monkeypatch.setattr(memory, "available", lambda: None)
    assert memory.lack(1 << 60) == ""


def test_a_small_run_asks_nobody(net, monkeypatch):
    monkeypatch.setattr(memory, "available", lambda: pytest.fail("asked"))
    assert net.logits(np.zeros((2, 64, 64, 3), np.float32)).shape == (2, 1000)


def test_it_is_refused_in_one_line(monkeypatch, capsys):
    from refnet.cli import main

    monkeypatch.setattr(memory, "available", lambda: GIGABYTE)
    assert main(["predict", "refnet/data/chelsea.png", "--size", "16384"]) == 2
    assert "needs" in capsys.readouterr().err
