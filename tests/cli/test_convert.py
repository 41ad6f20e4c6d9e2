"""``refnet convert`` and what ``refnet verify`` says of its certificate, as a person sees them."""

import json
import os
import re
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
from helpers.places import CHELSEA
from helpers.terminals import run_in_terminal, screen

from refnet import cli
from refnet.architecture.variants import variant
from refnet.checkpoints import certificate
from refnet.checkpoints.conversion import STAGES
from refnet.checkpoints.publishers import PUBLISHERS
from refnet.weights.synthetic import tensors

TINY = variant("lite0", classes=3)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory) -> Path:
    """Lite0 with three classes, in the names of efficientnet-lite-pytorch."""
    path = tmp_path_factory.mktemp("checkpoint") / "mine.safetensors"
    safetensors.numpy.save_file(PUBLISHERS["lite"].to_theirs(tensors(TINY), TINY), path)
    return path


@pytest.fixture
def run(capsys, tmp_path, monkeypatch):
    """Run one command in a folder of its own: exit code, standard output, standard error."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        code = cli.main(list(map(str, arguments)))
        return code, *capsys.readouterr()

    return run


def test_what_is_said(run, checkpoint):
    code, out, err = run("convert", checkpoint)
    assert (code, err) == (0, "")
    said = dict(re.split(r"  +", line, maxsplit=1) for line in out.splitlines())
    assert said.pop("digest") == json.loads(Path("lite0.certificate.json").read_text())["weights"]["digest"]
    assert said == {
        "file": str(checkpoint),
        "output": "lite0.h5",
        "certificate": "lite0.certificate.json",
        "model": "lite0",
        "classes": "3",
        "answer": "probabilities that add up to 1 (softmax)",
        "pooling": "mean",
        "padding": "same",
        "size": "224",
        "publisher": "lite",
        "recognised by": "the tensors' names",
        "format": "safetensors",
        "averaged": "the file does not say",
        "recipe": "lite",
        "labels": "none",
        "tensors": "247",
        "left out": "0",
        "from 16 bits": "0",
        "subnormals": "0",
        "note": "the file does not say the output: softmax is taken, as usual; --output says otherwise",
    }


def test_json(run, checkpoint):
    _, out, _ = run("convert", checkpoint, "-o", "a.h5", "--json")
    made = json.loads(out)
    assert (made["output"], made["model"], made["recognised_by"]) == ("a.h5", "lite0", "the tensors' names")


def test_there_and_back(run, checkpoint):
    run("convert", checkpoint, "-m", "lite0", "-o", "a.h5")
    code, out, err = run("convert", "a.h5", "--invert", "-o", "back.safetensors")
    assert (code, out, err) == (0, "file    a.h5\noutput  back.safetensors\n", "")
    source, found = map(safetensors.numpy.load_file, (checkpoint, "back.safetensors"))
    assert source.keys() == found.keys()
    assert all(found[name].tobytes() == array.tobytes() for name, array in source.items())


def test_own_labels(run, checkpoint):
    Path("labels.txt").write_text("daisy\nrose\ntulip\n")
    run("convert", checkpoint, "--labels", "labels.txt", "-o", "a.h5")
    np.save("x.npy", np.zeros(1))
    code, out, _ = run("predict", CHELSEA, "-m", "a.h5", "--top", 3)
    assert code == 0
    assert {line.split()[1] for line in out.splitlines()} == {"daisy", "rose", "tulip"}


class TestVerify:
    def test_the_certificate_is_proven(self, run, checkpoint):
        run("convert", checkpoint, "-o", "a.h5")
        code, out, err = run("verify", "a.h5")
        assert (code, err) == (0, "")
        assert re.fullmatch(r"a\.h5  lite0  intact \(247 tensors, digest \w{64}\), .*\n", out)
        assert out.endswith(", all that its certificate says of the weights holds\n")

    def test_a_certificate_that_says_something_else(self, run, checkpoint):
        run("convert", checkpoint, "-o", "a.h5")
        path = certificate.beside(Path("a.h5"))
        path.write_text(path.read_text().replace('"resolution": 224,\n  "padding"', '"resolution": 225,\n  "padding"'))
        code, out, _ = run("verify", "a.h5")
        assert code == 1
        assert out.endswith(
            "), but a.certificate.json says something else: weights.resolution is 225 there and 224 in the weights\n"
        )
        code, out, _ = run("verify", "a.h5", "--json")
        assert code == 1
        assert json.loads(out)[0]["result"] == "differs"

    def test_a_certificate_that_is_no_file(self, run, checkpoint):
        run("convert", checkpoint, "-o", "a.h5")
        certificate.beside(Path("a.h5")).unlink()
        certificate.beside(Path("a.h5")).symlink_to("nowhere")
        code, out, err = run("verify", "a.h5")
        assert (code, out) == (2, "")
        assert "a.certificate.json: cannot read a certificate: No such file or directory; convert" in err

    def test_a_damaged_certificate(self, run, checkpoint):
        run("convert", checkpoint, "-o", "a.h5")
        certificate.beside(Path("a.h5")).write_text("{")
        code, out, err = run("verify", "a.h5")
        assert (code, out) == (2, "")
        assert err.startswith("refnet: error: a.certificate.json: cannot read a certificate: ")


WRONG = {
    "convert nothing.pth": "nothing.pth does not exist",
    "convert .": ".: a folder with one .index file is wanted, found []",
    "convert {checkpoint} -m b0": "the tensors are those of lite0, not of b0",
    "convert {checkpoint} --publisher google": "unknown publisher 'google'; known are tf, keras, lukemelas",
    "convert {checkpoint} --publisher timm": "no variant of timm has these tensors; nearest is lite0: ",
    "convert {checkpoint} --labels nothing.txt": "nothing.txt: cannot read a label table",
    "convert {checkpoint} -o a.bin": "a.bin: want a name that ends in .h5",
    "convert {checkpoint} -o no/a.h5": "no/a.h5 not written: there is no directory no",
    "convert {checkpoint} --invert": "--invert wants -o, a name that ends in .npz or .safetensors",
    "convert {checkpoint} --invert -o a.npz": "cannot be read as HDF5",
}


@pytest.mark.parametrize("line", WRONG)
def test_one_clear_line_for_what_is_wrong(run, checkpoint, line):
    before = list(Path.cwd().iterdir())
    code, out, err = run(*(word.format(checkpoint=checkpoint) for word in line.split()))
    assert (code, out) == (2, "")
    assert err.startswith("refnet: error: ")
    assert err.count("\n") == 1
    assert WRONG[line] in err
    assert list(Path.cwd().iterdir()) == before


@pytest.mark.skipif(os.name != "posix", reason="needs a pseudo-terminal")
def test_a_bar_on_a_terminal(checkpoint, tmp_path):
    code, seen = run_in_terminal("-m", "refnet", "convert", checkpoint, "-o", "a.h5", where=tmp_path)
    assert code == 0
    assert [stage for stage in STAGES if re.search(rf"{stage} .* {STAGES.index(stage)} of 4 stages", seen)] == list(
        STAGES
    )
    assert screen(seen)[0].startswith("file ")


class TestRefusals:
    @pytest.fixture
    def other(self, tmp_path):
        path = tmp_path / "other.safetensors"
        safetensors.numpy.save_file({f"conv{i}.weight": np.ones(3, np.float32) for i in range(500)}, path)
        return path

    def test_a_line_and_all_of_it_on_demand(self, run, other):
        code, out, short = run("convert", other, "--publisher", "timm")
        assert (code, out) == (2, "")
        assert short.count("\n") == 1
        assert short.endswith("500 are unknown: 'conv0.weight', 'conv1.weight', …; --verbose lists all\n")
        _, _, whole = run("convert", other, "--publisher", "timm", "--verbose")
        assert whole.startswith(short)
        assert "refnet:   'conv499.weight' is unknown\n" in whole

    def test_for_programs(self, run, other):
        code, out, _ = run("convert", other, "--publisher", "timm", "--json")
        refused = json.loads(out)
        assert code == 2
        assert refused["error"].startswith(f"{other}: no variant of timm has these tensors")
        assert "'conv499.weight' is unknown" in refused["details"]


class TestNotes:
    """What a conversion has to tell: the first few lines, all with --verbose."""

    @pytest.fixture
    def made(self, monkeypatch):
        from refnet.cli import convert

        monkeypatch.setattr(convert, "MOST_TOLD", 2)
        facts = {"model": "b0", "classes": 1, "answer": "none", "told": ["first " * 20, "second", "third"]}
        return lambda *options: convert._report(cli._parser().parse_args(["convert", "a.pth", *options]), dict(facts))

    def test_in_a_file(self, made, capsys):
        made()
        lines = capsys.readouterr().out.splitlines()
        assert lines[2] == "answer   the numbers themselves, no probabilities"
        assert lines[4:] == ["note     second", "         and 1 more, which --verbose lists, and the certificate"]
        made("--verbose")
        assert capsys.readouterr().out.endswith("note     third\n")

    def test_for_programs(self, made, capsys):
        made("--json")
        assert len(json.loads(capsys.readouterr().out)["told"]) == 3


@pytest.mark.parametrize("width", [60, 120])
def test_at_the_width_of_a_terminal(checkpoint, tmp_path, width):
    """A table keeps to it, with nothing of it lost; a refusal has at most eight lines there at 120."""
    code, seen = run_in_terminal("-m", "refnet", "convert", checkpoint, "-o", "a.h5", where=tmp_path, columns=width)
    lines = screen(seen)
    assert code == 0
    assert max(map(len, lines)) <= width
    assert "answer         probabilities that add up to 1 (softmax)" in lines
    stranger = tmp_path / "a.safetensors"
    safetensors.numpy.save_file({f"{'part.' * 20}{i}": np.ones(3, np.float32) for i in range(500)}, stranger)
    code, seen = run_in_terminal("-m", "refnet", "plan", stranger, where=tmp_path, columns=width)
    assert code == 2
    assert len("".join(screen(seen))) <= 8 * 120
