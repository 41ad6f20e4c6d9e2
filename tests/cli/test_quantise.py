"""``refnet quantise``, as a person sees it."""

import json

import numpy as np
import pytest
from helpers.photos import tiny_weights, write_pictures
from helpers.quantisable import weights as quantisable
from helpers.terminals import run_in_terminal, screen

import refnet
from refnet import cli
from refnet.architecture.top import Top
from refnet.quantisation.nearness import Nearness, StepNearness
from refnet.quantisation.ranges import scale_of
from refnet.quantisation.report.verdict import warnings
from refnet.weights.quantised import Calibration
from refnet.weights.writer import write

PICTURES = 12


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    place = tmp_path_factory.mktemp("quantise")
    write(place / "tiny.h5", tiny_weights())
    write_pictures(place / "photos", PICTURES)
    return place


@pytest.fixture
def run(capsys, tmp_path, monkeypatch, place):
    """Run one command in a folder of its own: exit code, standard output, standard error."""
    monkeypatch.chdir(tmp_path)
    for name in ("tiny.h5", "photos"):
        (tmp_path / name).symlink_to(place / name)

    def run(*arguments):
        code = cli.main(["quantise", *map(str, arguments)])
        return code, *capsys.readouterr()

    return run


def test_what_is_said(run, tmp_path):
    code, out, err = run("tiny.h5", "--pictures", "photos", "--check", "photos/photo0003.png")
    assert code == 0
    table, _, summary = out.partition("\n\n")
    header, *rows = table.splitlines()
    assert header.split("  ")[0] == "step"
    assert rows[0].split()[0] == "stem.conv"
    assert rows[-1].split()[0] == "probabilities"
    first, second = summary.splitlines()
    assert first.startswith("tiny-int8.h5: the same answer as in float32 on ")
    assert " of 1 picture; logits " in first
    assert second == f"digest {refnet.load('tiny-int8.h5').weights.digest()}"
    assert "calibrated on" not in err
    assert not [path.name for path in tmp_path.iterdir() if path.name not in ("tiny.h5", "photos", "tiny-int8.h5")]


def test_json_and_page(run, tmp_path):
    code, out, _ = run("tiny.h5", "--pictures", "photos", "--json", "--page", "a.html", "-o", "a.h5", "--count", 10,
                       "--method", "percentile", "--percentile", "99", "--per", "tensor", "--equalise",
                       "--correct-bias", "--engine", "xnnpack", "--swish", "table")  # fmt: skip
    assert code == 0
    found = json.loads(out)
    calibration = found["calibration"]
    assert (found["file"], found["engine"], found["pictures"]) == ("a.h5", "xnnpack", 10)
    assert calibration.pop("weights_digest") == refnet.load("tiny.h5").weights.digest()
    assert len(calibration.pop("pictures_digest")) == 64
    assert calibration == {
        "method": "percentile 99", "pictures": 10, "per": "tensor", "equalised": True, "bias_corrected": True,
    }  # fmt: skip
    assert any(step["clipped"] for step in found["steps"])
    assert refnet.load("a.h5").weights.engine.name == "xnnpack"
    page = (tmp_path / "a.html").read_text(encoding="utf-8")
    assert all(f'<th scope="row">{step["name"]}</th>' in page for step in found["steps"])
    assert "biases corrected" in page
    assert "<script" not in page


@pytest.mark.parametrize("columns", [60, 120])
def test_on_a_terminal(place, columns):
    arguments = ["-m", "refnet", "quantise", "tiny.h5", "--pictures", "photos", "-o", f"{columns}.h5"]
    code, seen = run_in_terminal(*arguments, where=place, columns=columns)
    lines = screen(seen)
    assert code == 0
    assert max(map(len, lines)) <= columns
    assert any(line.startswith("logits ") for line in lines)
    assert f"{columns}.h5: the same answer as in float32 on" in " ".join(lines)


def test_the_same_from_python(run, place, tmp_path):
    assert run("tiny.h5", "--pictures", "photos", "-o", "a.h5", "--method", "mse")[0] == 0
    written = refnet.quantise(tmp_path / "tiny.h5", [f"photos/photo{i:04}.png" for i in reversed(range(PICTURES))],
                              out="b.h5", method="mse", threads=1)  # fmt: skip
    assert written.read_bytes() == (tmp_path / "a.h5").read_bytes()
    network = refnet.load("tiny.h5", size=48)
    assert refnet.load(refnet.quantise(network, "photos", out="c.h5")).plan.height == 48


def test_few_pictures(run, tmp_path):
    (tmp_path / "classes" / "cat").mkdir(parents=True)
    (tmp_path / "classes" / "cat" / "a.png").symlink_to(tmp_path / "photos" / "photo0001.png")
    assert "there are no pictures" in run("tiny.h5", "--pictures", "classes")[2]
    code, _, err = run("tiny.h5", "--pictures", "classes", "-r")
    assert code == 0
    assert "calibrated on 1 picture: others may reach farther, and are clipped; want 50 or more" in err


WRONG = [
    ("nowhere", "nowhere: there is no such folder or picture"),
    ("photos --check nowhere", "nowhere: there is no such folder or picture"),
    ("empty", "empty: there are no pictures; want some to calibrate on"),
    ("text", "photo.png"),
    ("photos --count 0", "count=0: want a whole number of pictures"),
    ("photos --percentile 99", "--percentile is of --method percentile, not of min-max"),
    ("photos --method percentile --percentile 20", "percentile 20.0: want a number above 50"),
    ("photos --engine tpu", "no engine 'tpu'; want one of tflm"),
    ("photos --page a.txt", "a.txt not written: its name ends in .txt; want .html or .htm"),
    ("photos -o a.tflite", "a.tflite not written: its name ends in .tflite; want .h5"),
    ("photos -o tiny.h5", "tiny.h5 is the weight file itself; want another name"),
    ("photos -o no/such/a.h5", "there is no directory no/such"),
    ("photos --check empty", "empty: there are no pictures"),
]


@pytest.mark.parametrize(("arguments", "message"), WRONG)
def test_what_is_wrong(run, tmp_path, arguments, message):
    (tmp_path / "empty").mkdir()
    (tmp_path / "text").mkdir()
    (tmp_path / "text" / "photo.png").write_text("no picture")
    code, out, err = run("tiny.h5", "--pictures", *arguments.split())
    assert (code, out) == (2, "")
    assert message in err.splitlines()[-1]
    assert not list(tmp_path.glob("*-int8.h5"))


def test_networks_that_cannot_be(run, tmp_path):
    write(tmp_path / "top.h5", quantisable(lite=True, top=Top("max")))
    assert "pool is a step of the kind max" in run("top.h5", "--pictures", "photos")[2]
    assert run("tiny.h5", "--pictures", "photos")[0] == 0
    assert (
        "tiny-int8.h5 is of integers already; want the network of float32"
        in run("tiny-int8.h5", "--pictures", "photos")[2]
    )
    assert "tiny-int8.h5 is there already; name the output with -o" in run("tiny.h5", "--pictures", "photos")[2]


def test_a_bad_one_is_said():
    """And what was not tried yet."""
    step = StepNearness("logits", "dense", scale_of(0, 1))
    step.add(np.ones(100, np.float32), np.full(100, 50, np.int8))  # 0.7 for 1
    (said,) = warnings(Nearness((step,), 100, 90, 0.5), Calibration("min-max", 100, "", "tensor"))
    assert said.startswith("another answer on 10 of 100 pictures")
    assert said.endswith("; --per channel, --correct-bias, --method mse, --equalise may help")
    step.add(np.ones(100, np.float32), np.full(100, -128, np.int8))
    assert "logits comes with 2.6 dB, noise of 74% of the signal" in next(
        warnings(Nearness((step,), 100, 100, 0.5), Calibration("mse", bias_corrected=True, equalised=True))
    )
    good = StepNearness("logits", "dense", scale_of(0, 1))
    good.add(np.ones(100, np.float32), np.full(100, 127, np.int8))
    assert not list(warnings(Nearness((good,), 100, 97, 0.1), Calibration()))
