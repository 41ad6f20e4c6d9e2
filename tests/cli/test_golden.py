"""The command golden: what it writes, what it prints, and one line for everything that is wrong."""

from __future__ import annotations

import csv
import json
import os
import re
from pathlib import Path

import numpy as np
import pytest
from helpers.places import CHELSEA, DATA
from helpers.terminals import run_in_terminal, screen

import refnet
from refnet import cli
from refnet.golden.read import open_reader, to_logical_axes
from refnet.hub import fetch
from refnet.weights import paths
from refnet.weights.synthetic import picture_tensor

X = picture_tensor(33, 30)


@pytest.fixture(scope="module", autouse=True)
def _compiled():
    """Compile the kernels before any test looks at standard error."""
    for dtype in ("float32", "float64"):
        refnet.load("lite0@synthetic", dtype=dtype).logits(picture_tensor(8, 8))
    refnet.load(DATA / "integers" / "lite.h5").logits(picture_tensor(8, 8))


@pytest.fixture
def run(capsys, tmp_path, monkeypatch):
    """Run ``refnet golden`` in an empty directory: exit code, standard output, standard error."""
    monkeypatch.chdir(tmp_path)
    np.save("x.npy", X)

    def run(*arguments):
        code = cli.main(["golden", *map(str, arguments)])
        return code, *capsys.readouterr()

    return run


def fails(result):
    code, out, err = result
    assert (code, out) == (2, "")
    (line,) = err.splitlines()
    return line.removeprefix("refnet: error: ")


class TestRecording:
    def test_a_photo(self, run):
        code, out, err = run("lite0", "--image", CHELSEA, "-o", "g", "--steps", "stem,block1a.*", "--unfused")
        assert (code, err) == (0, "")
        header, *lines, gap, summary = out.splitlines()
        assert header.split("  ")[0] == "tensor"
        assert gap == ""
        assert [line.split()[0] for line in lines] == [
            "picture", "input", "stem.conv", "stem.bn", "stem.act", "stem", "block1a.depthwise.conv",
            "block1a.depthwise.bn", "block1a.depthwise.act", "block1a.depthwise", "block1a.project.conv",
            "block1a.project.bn", "block1a.project",
        ]  # fmt: skip
        assert lines[0].split() == ["picture", "300x451x3", "0", "231", "216"]
        size = sum(path.stat().st_size for path in Path("g").iterdir())
        assert summary == f"g  lite0  224x224  image chelsea.png  float32  13 tensors  {size:,} bytes"

    def test_columns(self, run):
        _, out, _ = run("lite0", "--stimulus", "codes", "-o", "g", "--steps", "stem, pool")
        header, _, _, stem, pool, *_ = out.splitlines()
        assert [word.strip() for word in header.split("  ") if word] == [
            *("tensor", "shape", "minimum", "maximum", "distinct"),
            *("zeros", "below", "inside", "above", "constant channels"),
        ]  # fmt: skip
        tensor = refnet.load("lite0").features(read("g", "input"), "stem")
        zeros, sixes = (tensor == 0).mean(), (tensor == 6).mean()
        constant = (tensor.reshape(-1, 32).min(0) == tensor.reshape(-1, 32).max(0)).sum()
        assert stem.split() == [
            "stem", "1x112x112x32", "0", "6", f"{len(np.unique(tensor)):,}", f"{zeros:.1%}", f"{zeros:.1%}",
            f"{1 - zeros - sixes:.1%}", f"{sixes:.1%}", str(constant), "of", "32",
        ]  # fmt: skip
        assert len(pool.split()) == 6

    @pytest.mark.parametrize("target", ["g", "g.h5", "g.npz"])
    def test_every_option(self, run, target):
        layout = ["--order", "NCHW", "--tile", "C:16", "--weights-order", "OIHW", "--weights-tile", "O:8"]
        more = ["--format", "hex"] if target == "g" else []
        code, out, err = run(
            "b0@synthetic", "--input", "x.npy", "--from-order", "NHWC", "-o", target, "--steps", "stem",
            "--steps", "pool", "--unfused", "--weights", "--dtype", "float16", "--compute", "float64",
            "--threads", 1, "--quiet", "--padded", *layout, *more,
        )  # fmt: skip
        assert (code, err) == (0, "")
        assert out.startswith(f"{target}  b0@synthetic  33x30  array 1x33x30x3  float64 written as float16  11 tensors")
        wide = refnet.load("b0@synthetic", dtype="float64")
        with open_reader(target) as recording:
            assert recording.names[:6] == ("input", "stem.conv", "stem.bn", "stem.act", "stem", "pool")
            stem, kernel = recording.read("stem"), recording.read("stem/kernel")
            assert (to_logical_axes(stem) == wide.features(X, "stem").astype(np.float16)).all()
            assert stem.array.shape == (1, 2, 17 + 2, 15 + 2, 16)
            assert kernel.array.shape == (4, 3, 3, 3, 8)

    def test_json(self, run):
        code, out, err = run("b0@synthetic", "--size", "32x48", "-o", "g.h5", "--steps", "stem", "--json")
        assert (code, err) == (0, "")
        content = json.loads(out)
        assert (content["target"], content["model"], content["size"]) == ("g.h5", "b0@synthetic", [32, 48])
        picture, _, stem = content["entries"]
        assert (picture["name"], picture["coverage"]) == ("picture", None)
        assert stem["coverage"]["channels"] == 32
        assert set(stem["coverage"]["regions"]) == {"low", "inside", "high"}

    def test_an_older_golden_is_replaced(self, run):
        run("lite0@synthetic", "--size", "32", "-o", "g")
        assert run("lite0@synthetic", "--size", "32", "-o", "g", "--steps", "stem")[0] == 0
        assert sorted(path.name for path in Path("g").iterdir()) == [
            "input.npy", "manifest.json", "picture.npy", "stem.npy",
        ]  # fmt: skip

    def test_a_file_of_weights(self, run):
        model = paths.find("lite0")
        assert run(model, "--size", "32", "-o", "g", "--quiet")[1].startswith("g  lite0  32x32  stimulus codes")

    def test_a_black_picture_is_warned_of(self, run):
        from PIL import Image

        Image.new("RGB", (300, 300)).save("black.png")
        _, _, err = run("lite0@synthetic", "--image", "black.png", "-o", "g", "--size", "32", "--quiet")
        assert err == (
            "refnet: the input has 1 different value (image black.png): many mistakes do not show on it; "
            "--stimulus codes makes one that covers the range\n"
        )


def read(target, name):
    with open_reader(target) as recording:
        return to_logical_axes(recording.read(name))


class TestResume:
    def test_continues(self, run):
        net = refnet.load("b0@synthetic")
        theirs = net.features(X, "block2a.project") * np.float32(2)
        np.save("theirs.npy", theirs.transpose(0, 3, 1, 2).astype(np.float64))
        resume = ["--resume", "block2a.project", "--from", "theirs.npy", "--from-order", "NCHW"]
        np.save("x.npy", X.transpose(0, 3, 1, 2))
        code, out, err = run("b0@synthetic", "--input", "x.npy", "-o", "g", "--quiet", *resume)
        assert (code, err) == (0, "")
        assert "  array 1x33x30x3, resumed at block2a.project  " in out
        expected = dict(net.resume({"block2a.project": theirs}, ["block2b.add", "logits"], size=(33, 30)))
        assert (read("g", "block2a.project") == theirs).all()
        assert (read("g", "block2b.add") == expected["block2b.add"]).all()
        assert (read("g", "logits") == expected["logits"]).all()

    def test_order_is_that_of_the_golden_unless_told(self, run):
        np.save("theirs.npy", refnet.load("lite0").features(picture_tensor(32, 32), "stem").transpose(0, 3, 1, 2))
        resume = ["--resume", "stem", "--from", "theirs.npy", "--size", "32", "-o", "g"]
        assert run("lite0", *resume, "--order", "NCHW")[0] == 0
        assert "it fits the order NCHW" in fails(run("lite0", *resume))

    @pytest.mark.parametrize(
        ("name", "change", "message"),
        [
            ("nan.npy", lambda x: np.where(np.arange(1280) == 3, np.nan, x), "pool is nan at [0, 3]; every element"),
            ("short.npy", lambda x: x[:, :-1], "pool in the order NC is [1, 1280]"),
            ("bytes.npy", lambda x: x.astype(np.uint8), "uint8; want floating-point numbers"),
        ],
    )
    def test_hostile(self, run, name, change, message):
        np.save(name, change(picture_tensor(1, 1280)[0, :, :, 0]))
        assert message in fails(run("lite0", "--resume", "pool", "--from", name, "-o", "g"))
        assert not Path("g").exists()


class TestVectors:
    def test_written_and_listed(self, run):
        code, out, err = run("--vectors", "-o", "v", "--format", "mem", "--order", "NCHW")
        assert (code, err) == (0, "")
        header, first, *_, gap, summary = out.splitlines()
        assert header.split() == ["case", "inputs", "and", "weights", "output"]
        assert first.split() == ["convolution-1x1-s1-same-4x5-c1-k3", "x", "1x4x5x1,", "kernel", "1x1x1x3", "1x4x5x3"]
        assert gap == ""
        assert summary.startswith("v  vectors  float32, int32, int8  956 tensors  ")
        assert len(list(Path("v").glob("*.mem"))) == 956

    def test_json(self, run):
        _, out, _ = run("--vectors", "-o", "v.npz", "--json")
        assert len(json.loads(out)["cases"]) == 343


class TestC99:
    """The program itself is tested in tests/export/test_c99.py."""

    def test_written(self, run):
        code, out, err = run("lite0", "--input", "x.npy", "--c", "port")
        assert (code, err) == (0, "")
        assert out == "port  61 steps in C99, input 33x30; `make -C port check` compares their digests\n"
        x = np.frombuffer(Path("port/input.bin").read_bytes(), "<f4").reshape(X.shape)
        assert (x == X).all()

    def test_of_integers(self, run):
        code, out, err = run(DATA / "integers" / "lite.h5", "--input", "x.npy", "--c", "port")
        assert (code, err) == (0, "")
        assert out.startswith("port  30 operations in C99 without floating point, input 33x30; `make -C port check`")
        assert len(Path("port/input.bin").read_bytes()) == 33 * 30 * 3

    def test_a_picture_by_another_recipe(self, run):
        for recipe in ((), ("--recipe", "timm")):
            assert run("lite0", "--image", CHELSEA, "--size", "32x40", "--c", f"port{len(recipe)}", *recipe)[0] == 0
        lines = [Path(f"port{n}/digests.txt").read_text().splitlines()[0] for n in (0, 2)]
        assert lines[0] != lines[1]

    def test_wrong(self, run):
        assert fails(run("lite0", "--c", "port", "-o", "g")) == "--output: has no meaning with --c"
        assert fails(run("--c", "port")).startswith("MODEL is missing")
        Path("port").mkdir()
        Path("port/mine.c").touch()
        assert "port not written: it exists and is no empty directory; want a new name" in fails(
            run("b0@synthetic", "--c", "port")
        )


class TestAccumulator:
    def test_table(self, run):
        code, out, err = run("lite0", "--accumulator", "block2a.project:0,1,2,3", "--input", "x.npy")
        assert (code, err) == (0, "")
        title, gap, header, *lines = out.splitlines()
        assert (title, gap) == ("block2a.project:0,1,2,3  float32  96 taps in 3 blocks", "")
        assert header.split()[:7] == ["block", "ky", "kx", "ci", "x", "weight", "sum"]
        assert len(lines) == 96 + 3 + 3
        value = refnet.load("lite0").features(X, "block2a.project")[0, 1, 2, 3]
        assert lines[-1].split() == ["bn", str(value), f"{value.view(np.uint32):08x}"]

    def test_json(self, run):
        _, out, _ = run("lite0", "--accumulator", "logits:0,5", "--stimulus", "noise", "--size", "32", "--json",
                        "--compute", "float64")  # fmt: skip
        found = json.loads(out)
        value = refnet.load("lite0", dtype="float64").logits(picture_tensor(32, 32))[0, 5]
        assert found["after"]["biased"] == {"value": value, "bits": f"{value.view(np.uint64):016x}"}
        assert (found["step"], found["at"], len(found["blocks"])) == ("logits", [0, 5], 40)
        assert set(found["blocks"][0]["taps"][0]) == {"ky", "kx", "ci", "x", "weight", "sum"}

    def test_csv(self, run):
        code, out, _ = run("lite0", "--accumulator", "stem:0,0,0,1", "-o", "taps.csv")
        assert (code, out) == (0, "taps.csv  stem:0,0,0,1  27 taps\n")
        with Path("taps.csv").open(newline="") as file:
            header, *rows = csv.reader(file)
        assert (len(header), {len(row) for row in rows}) == (10, {10})
        assert [row[0] for row in rows[27:]] == ["block 0", "scale", "shift", "bn", "act"]
        assert rows[26][6] == rows[27][6]
        for row in rows:
            assert np.uint32(int(row[-1], 16)).view(np.float32) == np.float32(row[6])

    def test_an_input_of_another_size(self, run):
        np.save("wide.npy", picture_tensor(8, 260))
        assert run("lite0", "--accumulator", "stem:0,3,129,0", "--input", "wide.npy")[0] == 0
        assert "inside 1,4,130,32" in fails(run("lite0", "--accumulator", "stem:0,4,0,0", "--input", "wide.npy"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("", "MODEL is missing, as in `refnet golden b0@synthetic -o DIR`; only --vectors takes none"),
        ("b1", "-o is missing: want -o DIR, -o FILE.h5 or -o FILE.npz"),
        ("b1 -o nowhere/g", "nowhere/g not written: No such file or directory"),
        ("b1 -o g --steps blokc1a.gate", "b1 has no step 'blokc1a.gate'; did you mean block1a.gate"),
        ("b1 -o g --image x.npy --stimulus codes", "not allowed with argument --image"),
        ("b1 -o g --image nowhere.png", "nowhere.png: cannot read the picture"),
        ("b1 -o g --image x.npy", "x.npy"),
        ("b1 -o g --resume stem", "--resume STEP and --from FILE go together"),
        ("b1 -o g --from x.npy", "--resume STEP and --from FILE go together"),
        ("b1 -o g --resume stm --from x.npy", "no step 'stm' in b1"),
        (
            "b1 -o g --resume stem --from x.npy",
            "x.npy: x is [1, 33, 30, 3]; stem in the order NHWC is [1, 120, 120, 32]",
        ),
        ("b1 -o g --input x.npy --order NCHW", "33 channels; want 3; it fits the order NHWC (--from-order NHWC)"),
        (
            "b1 -o g --from-order NCHW",
            "--from-order and --from-dtype say how the file of --from or --input is written; give one",
        ),
        ("b1 -o g --weights-order OIHW", "--weights-order and --weights-tile: need --weights as well"),
        ("b1 -o g.h5 --format hex", "--format and --text are for files in a directory; g.h5 is one file"),
        ("b1 -o g --text", "--text: needs --format h"),
        ("b1 -o g --order NCW", "order 'NCW': want each of N H W C once"),
        ("b1 -o g --tile C", "tile 'C': want an axis"),
        ("b1 -o g --size 0", "input size 0x0"),
        ("b1 -o g --threads 300", "threads=300: want a whole number from 1 to 256"),
        ("b1 -o g --dtype float8", "argument --dtype: invalid choice"),
        ("b1 --vectors -o v", "MODEL: has no meaning with --vectors"),
        ("--vectors -o v --from x.npy --unfused", "--from, --unfused: has no meaning with --vectors"),
        ("--vectors -o v --dtype float16", "vectors are exact; want float32 or float64"),
        ("b1 --accumulator stem:0,0,0,0 --steps stem", "--steps: has no meaning with --accumulator"),
        ("b1 --accumulator stem:0,0,0,0 -o g", "g not written: its name has no ending; want .csv"),
        ("b1 --accumulator stem:0,0,0,0 -o no/a.csv", "no/a.csv not written: there is no directory no"),
        ("b1 --accumulator stem:0,0,0,0 -o a.csv --json", "-o and --json: --accumulator writes a file or prints JSON"),
        ("b1 --accumulator stem:0,0,0", "no element 'stem:0,0,0'; want stem:n,h,w,k inside 1,120,120,32"),
        ("b1 --accumulator stem:0,0,0,0 --input nowhere.npy", "nowhere.npy does not exist"),
        ("b1 --accumulator stem:0,0,0,0 --input x.npy --size 40", "the input is (33, 30), not of the size (40, 40)"),
        ("b1 -o g --input x.npy --recipe lite", "array 1x33x30x3 is the network's input itself; want no recipe"),
        ("b1 -o . --size 32", "holds files that do not belong to a golden (x.npy); want a new or empty directory"),
    ],
)
def test_wrong_arguments_are_told_before_anything_is_fetched(run, monkeypatch, arguments, message):
    monkeypatch.setattr(fetch, "fetch", lambda name: pytest.fail("fetched"))
    assert message in fails(run(*arguments.split()))
    assert [path.name for path in Path().iterdir()] == ["x.npy"]


@pytest.mark.skipif(os.name != "posix", reason="needs a pseudo-terminal")
def test_a_bar_on_a_terminal(tmp_path):
    arguments = ["golden", "b3@synthetic", "-o", "g", "--quiet"]
    code, seen = run_in_terminal("-m", "refnet", *arguments, where=tmp_path)
    assert code == 0
    assert re.search(r"recording .* \d+%", seen)
    size = sum(path.stat().st_size for path in (tmp_path / "g").iterdir())
    shown = [line for line in screen(seen) if line]
    assert shown == [f"g  b3@synthetic  300x300  stimulus codes  float32  206 tensors  {size:,} bytes"]
