"""`refnet eval`: what it prints and keeps, how it ends, and one line for everything that is wrong."""

import json
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from helpers.places import CHELSEA
from helpers.small_weights import make_weights
from helpers.terminals import run_in_terminal, screen
from PIL import Image

import refnet
from refnet import cli
from refnet.weights import writer


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Two small networks, and pictures of three of their ten classes, in folders and side by side."""
    place = tmp_path_factory.mktemp("eval")
    rng = np.random.default_rng(5)
    for name in ("one", "two"):
        weights = make_weights()
        for key, tensor in weights.tensors.items():
            if "variance" not in key:
                weights.tensors[key] = rng.normal(size=tensor.shape).astype(np.float32)
        writer.write(place / f"{name}.h5", weights)
    for number in range(12):
        picture = Image.fromarray(rng.integers(0, 256, (4, 4, 3), np.uint8)).resize((40, 36))
        for file in (place / "set" / f"n0000000{number % 3}" / f"{number}.png", place / "flat" / f"{number:02}.png"):
            file.parent.mkdir(parents=True, exist_ok=True)
            picture.save(file)
    refnet.load(place / "one.h5").predict(file)  # kernels are compiled before anybody looks at standard error
    (place / "elsewhere.csv").write_text("file,class\ncat.png,3\n")
    (place / "beyond.csv").write_text("file,class\n0.png,10\n")
    (place / "truth.txt").write_text("".join(f"n0000000{number % 3}\n" for number in range(12)))
    return place


@pytest.fixture
def run(place, capsys, monkeypatch):
    """Run one command beside the files: exit code, standard output, standard error."""
    monkeypatch.chdir(place)

    def run(command):
        code = cli.main(["eval", *command.split()])
        return code, *capsys.readouterr()

    return run


def top1(model, place):
    network = refnet.load(place / f"{model}.h5")
    return sum(network.predict(file, top=1)[0].wnid == file.parent.name for file in (place / "set").glob("*/*.png"))


def test_a_table(run, place):
    code, out, err = run("set -m one.h5")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[:3] == ["set: 12 pictures, classes said by folders", "3 classes matched by wnid", ""]
    assert lines[3].split() == [
        "model", "top-1", "95%", "interval", "top-5", "95%", "interval", "ECE", "published", "failed", "pictures/s",
    ]  # fmt: skip
    model, first, low_high, *rest = lines[4].split()
    right = top1("one", place)
    low, high = refnet.evaluation.wilson(right, 12)
    assert (model, first, low_high) == ("one.h5", f"{right / 12:.2%}", f"{100 * low:.2f}-{100 * high:.2f}")
    assert rest[3:5] == ["-", "0"]
    assert "taken for" in out


def test_json(run, place):
    code, out, err = run("set -m one.h5 two.h5 --json")
    assert (code, err) == (0, "")
    said = json.loads(out)
    assert [each["model"] for each in said["models"]] == ["one.h5", "two.h5"]
    assert [each["top1"]["right"] for each in said["models"]] == [top1("one", place), top1("two", place)]
    (agreement,) = said["agreement"]
    assert (agreement["first"], agreement["second"]) == ("one.h5", "two.h5")
    assert agreement["same"]["of"] == 12


def test_another_recipe_is_told(run):
    code, _, err = run("set -m one.h5 --recipe timm")
    assert (code, err) == (0, "refnet: one.h5: recipe timm instead of the weights' own, tf\n")


def test_the_same_by_a_list(run):
    first = json.loads(run("set -m one.h5 --json")[1])["models"][0]
    other = json.loads(run("flat --truth truth.txt -m one.h5 --json")[1])["models"][0]
    assert first["top1"] == other["top1"]
    assert first["by_class"] == other["by_class"]


def test_a_page_as_well(run, place):
    code, _, err = run("set -m one.h5 --html page.html")
    assert (code, err) == (0, "")
    assert "one.h5 is right on" in (place / "page.html").read_text("utf-8")


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_answers_are_kept_as_predict_keeps_them(run, place, suffix, capsys):
    assert run(f"set -m one.h5 -o kept.{suffix} --overwrite")[0] == 0
    assert cli.main(["predict", "set", "-r", "-m", "one.h5", "-o", f"predicted.{suffix}", "--overwrite"]) == 0
    capsys.readouterr()
    assert (place / f"kept.{suffix}").read_bytes() == (place / f"predicted.{suffix}").read_bytes()
    whole = json.loads(run("set -m one.h5 --json")[1])["models"][0]
    again = json.loads(run(f"set -m one.h5 --from predicted.{suffix} --json")[1])["models"][0]
    for key in ("top1", "top5", "ece", "by_class", "confusions", "mistakes"):
        assert again[key] == whole[key]


def test_several_models_have_a_file_each(run, place):
    assert run("set -m one.h5 two.h5 -o both.csv --overwrite")[0] == 0
    assert {file.name for file in place.glob("both*")} == {"both.one.h5.csv", "both.two.h5.csv"}
    for more in ("", "--resume"):
        code, out, err = run(f"set -m one.h5 two.h5 -o both.csv {more}")
        assert (code, out) == (2, "")
        assert err == (
            "refnet: error: both.one.h5.csv is there, finished by an earlier run; --overwrite makes it anew, "
            "`--from both.one.h5.csv` evaluates it\n"
        )


def test_several_models_go_on_with_the_one_that_was_interrupted(run, place, monkeypatch):
    from refnet.pipeline.journal import Journal

    assert run("set -m one.h5 two.h5 -o ended.csv --overwrite")[0] == 0
    add, added = Journal.add, []

    def add_or_stop(self, *given):
        if "two" in self.path.name and len(added) == 15:
            raise KeyboardInterrupt
        added.append(given[0])
        add(self, *given)

    with monkeypatch.context() as patch:
        patch.setattr(Journal, "add", add_or_stop)
        code, _, err = run("set -m one.h5 two.h5 -o left.csv")
    assert code == 130
    assert "3 pictures are kept in left.two.h5.csv.part; --resume goes on from there" in err
    code, out, _ = run("set -m one.h5 two.h5 -o left.csv --resume --json")
    assert code == 0
    assert json.loads(out)["models"][0]["pictures_per_second"] is None
    for model in ("one", "two"):
        ended, left = (place / f"{name}.{model}.h5.csv" for name in ("ended", "left"))
        assert left.read_bytes() == ended.read_bytes()
    assert not list(place.glob("*.part"))


def test_the_answers_of_other_pictures_are_not_gone_on_with(run, place):
    from refnet.pipeline.journal import Journal

    with pytest.MonkeyPatch.context() as patch:
        add = Journal.add

        def add_and_stop(self, *given):
            add(self, *given)
            raise KeyboardInterrupt

        patch.setattr(Journal, "add", add_and_stop)
        assert run("set -m one.h5 -o other.csv")[0] == 130
    code, out, err = run("flat --truth truth.txt -m one.h5 -o other.csv --resume")
    assert (code, out) == (2, "")
    assert "other.csv.part is of other pictures, such as set/" in err
    assert "are kept" not in err
    Journal.beside(place / "other.csv").unlink()


@pytest.mark.parametrize("more", ["--agree elsewhere.csv", "--agree beyond.csv", "--truth beyond.csv"])
@pytest.mark.parametrize("models", ["one.h5", "one.h5 two.h5"])
def test_what_does_not_fit_is_told_before_a_network_runs(run, monkeypatch, models, more):
    monkeypatch.setattr("refnet.evaluation.evaluate", lambda *_, **__: pytest.fail("it runs"))
    code, out, err = run(f"{'flat' if 'truth' in more else 'set'} -m {models} {more}")
    assert (code, out) == (2, "")
    assert err.startswith("refnet: error: ")


def test_killed_and_resumed(place, tmp_path):
    """Killed in the middle, it goes on, and the file is that of an undisturbed run."""
    shutil.copytree(place / "set", tmp_path / "set")
    for number in range(150):
        shutil.copy(place / "flat" / "03.png", tmp_path / "set" / "n00000001" / f"more{number}.png")
    command = [sys.executable, "-m", "refnet", "eval", "set", "-m", str(place / "one.h5"), "--threads", "1", "-o"]

    def run(*arguments):
        return subprocess.run([*command, *arguments], cwd=tmp_path, capture_output=True, text=True, check=False)

    journal = tmp_path / "kept.csv.part"
    with subprocess.Popen([*command, "kept.csv"], cwd=tmp_path, stderr=subprocess.PIPE) as process:
        while not (journal.exists() and journal.read_bytes().count(b"\n") > 5):
            assert process.poll() is None
        process.send_signal(signal.SIGKILL)
    assert not (tmp_path / "kept.csv").exists()
    refused = run("kept.csv")
    assert refused.returncode == 2
    assert "kept.csv.part is what an unfinished run left; go on with it by --resume" in refused.stderr
    resumed, undisturbed = run("kept.csv", "--resume", "--json"), run("whole.csv", "--json")
    assert (tmp_path / "kept.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()
    assert not journal.exists()
    one, other = (json.loads(each.stdout)["models"][0] for each in (resumed, undisturbed))
    assert one.pop("pictures_per_second") != other.pop("pictures_per_second")
    assert one == other


def test_agreement_with_another_engine(run, place):
    run("set -m one.h5 -o mine.csv --overwrite")
    rows = [line.split(",") for line in (place / "mine.csv").read_text().splitlines() if re.search(r",1,\d,", line)]
    assert len(rows) == 12
    theirs = [f"{Path(row[0]).name},{row[2]},{row[5]}" for row in rows]
    theirs[2] = f"{Path(rows[2][0]).name},{(int(rows[2][2]) + 1) % 10},0.5"
    (place / "theirs.csv").write_text("\n".join([*theirs[:11], "more.png,3,0.5"]) + "\n")
    code, out, err = run("set -m one.h5 --agree theirs.csv")
    assert (code, err) == (0, "")
    assert re.search(r"^one\.h5 +theirs\.csv +10 of 11 +90\.91% ", out, re.MULTILINE)
    assert f"{Path(rows[2][0]).parent.name}/{Path(rows[2][0]).name}  thing {rows[2][2]} " in out
    assert f"1 picture of one.h5 not in theirs.csv: {Path(rows[11][0]).parent.name}/{Path(rows[11][0]).name}\n" in out
    assert "1 picture of theirs.csv not in one.h5: more.png\n" in out
    assert "of the same class, the numbers are at most 0 apart\n" in out


def test_what_the_publisher_says(run, tmp_path):
    shutil.copy(CHELSEA, tmp_path / "n02123159_1.png")
    code, out, err = run(f"{tmp_path}")
    assert (code, err) == (0, "")
    assert (
        "lite0: top-1 is 24.90 points above the publisher's 75.1%, which its interval, 20.65 to 100.00%, holds; but"
        in out
    )
    assert "taken for" not in out  # one mistake at most is no habit


def test_pictures_that_cannot_be_read(run, place, tmp_path):
    shutil.copytree(place / "set", tmp_path / "set")
    for number in range(10):
        (tmp_path / "set" / "n00000001" / f"broken{number}.png").write_bytes(b"")
    code, out, err = run(f"{tmp_path / 'set'} -m one.h5")
    assert code == 2
    assert re.search(r"^one\.h5 .* 10 +[\d.]+$", out, re.MULTILINE)
    assert err.count("the file is empty\n") == 8
    assert err.endswith("refnet: error: 2 more pictures without an answer, which --json lists\n")


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("", "no data set; want it before -m: `refnet eval DIR -m b0 b1`"),
        ("-m one.h5 set", "no data set; want it before -m: `refnet eval DIR -m b0 b1`"),
        ("nowhere -m one.h5", "nowhere: no such file or directory"),
        ("flat -m one.h5", "flat: nothing says the classes of its 12 pictures; want a folder for each class"),
        ("set", "3 of 3 classes are no wnid of the network: n00000000, n00000001, n00000002; its first is 'n01440764'"),
        ("set -m one.h5 --by label", "3 of 3 classes are no label of the network: n00000000"),
        ("set -m one.h5 --by order", "3 folders and a network of 10 classes"),
        ("set -m one.h5 one.h5", "-m one.h5 one.h5: a model comes twice"),
        ("set -m nobody", "unknown model 'nobody'"),
        ("set -m one.h5 --html page.txt", "page.txt not written: its name ends in .txt; want .html or .htm"),
        ("set -m one.h5 -o kept.txt", "kept.txt not written: its name ends in .txt; want .jsonl or .csv or .parquet"),
        ("set -m one.h5 --resume", "--resume and --overwrite are about a file: name it with -o FILE"),
        ("set -m one.h5 --from truth.txt -o kept.csv", "--from evaluates answers that are in a file already; leave -o"),
        ("set -m one.h5 two.h5 --from truth.txt", "--from is one model's answers; want one model with -m"),
        ("set -m one.h5 --from truth.txt", "truth.txt: no line names a picture"),
        ("set -m one.h5 --agree nowhere.csv", "nowhere.csv: cannot be read: No such file or directory"),
        ("set -m one.h5 lite0", "3 of 3 classes are no wnid of the network: n00000000"),
        ("set -m one.h5 --agree elsewhere.csv", "elsewhere.csv: it names none of the pictures of set"),
        ("set -m one.h5 --agree beyond.csv", "beyond.csv: the class 10 is none of the network's 0..9"),
        ("flat -m one.h5 --truth one.h5", "one.h5: no text in UTF-8"),
        ("set -m one.h5 --by size", "argument --by: invalid choice: 'size'"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(run, command, message):
    code, out, err = run(command)
    assert (code, out) == (2, "")
    (line,) = err.splitlines()
    assert line.startswith("refnet: error: ")
    assert message in line


@pytest.mark.parametrize("columns", [60, 120])
def test_on_a_terminal(place, columns):
    code, seen = run_in_terminal("-m", "refnet", "eval", "set", "-m", "one.h5", "two.h5", where=place, columns=columns)
    assert code == 0
    lines = screen(seen)
    told = [line for line in lines if not line.startswith(("set:", "3 classes"))]
    assert all(len(line) <= columns for line in told)
    assert sum(line.startswith("model ") for line in lines) == (2 if columns == 60 else 1)
    assert "evaluating" not in "\n".join(lines)  # the bar is gone
    assert "evaluating one.h5" in seen
