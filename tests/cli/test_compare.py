"""`refnet compare`: what it prints, how it ends, and one line for everything that is wrong."""

import json
import shutil

import numpy as np
import pytest
from helpers import recorded_runs
from helpers.terminals import run_in_terminal

from refnet import cli
from refnet.hub.models import synthetic_weights
from refnet.network import Network
from refnet.weights import synthetic

STEPS = ["stem", "block1a.depthwise", "block1a.project"]


@pytest.fixture(scope="module")
def golden(tmp_path_factory):
    """A golden of a few steps; a port with the same numbers, and one whose depthwise convolution is doubled."""
    place = tmp_path_factory.mktemp("cli")
    net, x = Network(synthetic_weights("lite0")), synthetic.picture_tensor(32, 48)
    recorded_runs.write_golden(place / "golden", net, x, "lite0@synthetic", STEPS)
    tensors = {"input": x} | dict(net.trace(x, STEPS))
    recorded_runs.save(place / "same", tensors)
    recorded_runs.save(place / "wrong", tensors | {"block1a.depthwise": tensors["block1a.depthwise"] * 2})
    recorded_runs.save(place / "rounded", tensors | {"stem": np.nextafter(tensors["stem"], np.float32(7))})
    recorded_runs.save(place / "hostile", tensors | {"\x1b[31mstem": tensors["stem"]})
    (place / "names").write_text("a b c")
    (place / "empty").mkdir()
    return place


@pytest.fixture
def run(golden, capsys, monkeypatch):
    """Run one command beside the files: exit code, standard output, standard error."""
    monkeypatch.chdir(golden)

    def run(command):
        code = cli.main(["compare", *command.split()])
        return code, *capsys.readouterr()

    return run


def test_the_same(run):
    code, out, err = run("golden same")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0].split() == [
        "tensor", "verdict", "judged", "error", "noise", "ulp", "max", "equal", "max", "abs", "SNR", "dB", "end", "to",
        "end",
    ]  # fmt: skip
    assert [line.split()[:2] for line in lines[1:5]] == [[name, "exact"] for name in ("input", *STEPS)]
    assert lines[5:] == ["", "exact: 4 tensors"]


def test_wrong(run):
    code, out, err = run("golden wrong")
    assert (code, err) == (1, "")
    assert "\nblock1a.depthwise  wrong    by itself" in out
    assert "\nfirst wrong: block1a.depthwise (tensor 3 of 4): relative error " in out
    assert "\nblock1a.depthwise: " in out


def test_rounded(run):
    assert run("golden rounded")[0] == 0
    code, out, _ = run("golden rounded --exact")
    assert code == 1
    assert "\nfirst different: stem (tensor 2 of 4): differently rounded, 100.00% of its elements differ" in out


def test_rounded_is_not_wrong(run):
    code, out, _ = run("golden rounded --exact --json")
    found = json.loads(out)
    assert (code, found["first_different"], found["first_wrong"], found["wrong_by_themselves"]) == (1, "stem", None, [])


def test_runs(run):
    code, out, _ = run("golden wrong same")
    assert code == 1
    assert "\nwrong: the runs differ, first in block1a.depthwise: nearly everywhere, " in out
    assert out.splitlines()[-1] == "the runs differ, first in block1a.depthwise; same: exact: 4 tensors"
    found = json.loads(run("golden same same --json")[1])["runs"]
    assert found == {"paths": ["same", "same"], "judged": "same", "differing": []}


def test_sentences_are_folded_on_a_terminal(golden):
    _, shown = run_in_terminal("-m", "refnet", "compare", "golden", "wrong", "same", where=golden, columns=60)
    lines = shown.replace("\r", "").splitlines()
    begin = next(place for place, line in enumerate(lines) if line.startswith("wrong: the runs differ, first in"))
    assert all(len(line) <= 60 for line in lines[begin:])
    assert lines[begin + 1].startswith("  ")


def test_json(run):
    code, out, err = run("golden wrong --json")
    assert (code, err) == (1, "")
    found = json.loads(out)
    assert (found["result"], found["first_wrong"]) == ("different", "block1a.depthwise")
    # What follows is the golden's: the port went on with other numbers than it dumped.
    assert [tensor["outcome"] for tensor in found["tensors"]] == ["exact", "exact", "wrong", "exact"]
    assert found["tensors"][2]["where"]["sentence"].startswith("wrong ")
    told = found["diagnoses"][0]
    assert (told["tensor"], set(told)) == (
        "block1a.depthwise", {"tensor", "mistake", "sentence", "residual", "before", "alternatives"},
    )  # fmt: skip


def test_options(run):
    code, out, _ = run("golden same --steps stem input --order NHWC --model lite0@synthetic --threads 1")
    assert code == 0
    assert out.splitlines()[-1] == "exact: 2 tensors"


def test_report(run, golden, tmp_path):
    code, _, _ = run(f"golden wrong --html {tmp_path}/report.html")
    assert code == 1
    assert "First wrong: block1a.depthwise" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_names_cannot_steer_the_terminal(run):
    _, out, _ = run("golden hostile")
    assert "\x1b" not in out


def test_damaged_golden(run, golden, tmp_path):
    shutil.copytree(golden / "golden", tmp_path / "golden")
    (tmp_path / "golden" / "stem.npy").write_bytes(b"")
    code, out, err = run(f"{tmp_path}/golden same")
    assert (code, err) == (2, "")
    assert "\ndamaged: stem: the golden's own tensor: " in out


WRONG = {
    "nowhere same": "nowhere does not exist; want a directory, .h5, .npz, or one of",
    "golden nowhere": "nowhere does not exist",
    "same golden": "same has no manifest, so it is no golden; `refnet golden MODEL -o DIR` records one",
    "golden same --map nowhere": "nowhere: cannot read the names: No such file",
    "golden same --map names": "names, line 1: 3 words; want two, the port's name and refnet's",
    "golden same --order NCHWW": "order 'NCHWW': want each of N H W C once",
    "golden same --tile C:16": "tile 'C:16' without an order; want both, such as NCHW and C:16",
    "golden same --truth golden": "golden was computed in float32; want one in float64: `refnet golden MODEL",
    "golden same --model lite0": "lite0 has the weights ",
    "golden same --model b9": "unknown model 'b9'",
    "golden same --steps zebra": "the golden has no 'zebra'; it has input, stem, block1a.depthwise, block1a.project",
    "golden same --threads 0": "threads=0: want a whole number from 1 to 256",
    "golden same --dtype int4": "argument --dtype: invalid choice: 'int4'",
    "golden same --html .": ". not written: it is a directory; want the name of a file",
    "golden same --html report.pdf": "report.pdf not written: its name ends in .pdf; want .html or .htm",
    "golden same --html nowhere/report.html": "nowhere/report.html not written: there is no directory nowhere",
    "golden": "the following arguments are required: PORT; see `refnet compare --help`",
}


@pytest.mark.parametrize("command", WRONG)
def test_one_line_for_what_is_wrong(run, command):
    code, out, err = run(command)
    assert (code, out) == (2, "")
    assert err.startswith(f"refnet: error: {WRONG[command]}")
    assert err.count("\n") == 1


def test_nothing_in_both(run):
    code, out, err = run("golden empty")
    assert (code, err) == (2, "")
    assert out.splitlines()[-1] == "nothing compared: no tensor is in both"
