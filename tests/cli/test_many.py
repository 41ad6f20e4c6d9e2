"""Many pictures on the command line: what a person sees, what a program reads, what an interrupted run leaves."""

import csv
import io
import json
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import h5py
import numpy as np
import pyarrow.parquet
import pytest
from helpers.photos import tiny_weights, write_no_pictures, write_odd, write_pictures, write_wrong
from helpers.places import CHELSEA, ROOT
from helpers.terminals import run_in_terminal, screen
from helpers.tops import TOPS, weights_with

import refnet
from refnet import cli
from refnet.hub import fetch
from refnet.network import Network
from refnet.pipeline.journal import Journal
from refnet.weights import writer

PICTURES = 40


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A model, and a folder of photos, good and bad, with another folder in it."""
    place = tmp_path_factory.mktemp("place")
    writer.write(place / "tiny.h5", tiny_weights())
    write_pictures(place / "photos", PICTURES)
    write_wrong(place / "photos")
    write_odd(place / "photos")
    write_no_pictures(place / "photos")
    write_pictures(place / "photos" / "inner", 2, prefix="in")
    return place


@pytest.fixture
def run(capsys, monkeypatch, place):
    """Run one command there, with the model: exit code, standard output, standard error."""
    monkeypatch.chdir(place)

    def run(command, *arguments, stdin=None, model="tiny.h5"):
        if stdin is not None:
            monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        capsys.readouterr()  # of a run that was ended
        code = cli.main([command, *map(str, arguments), "-m", model])
        return code, *capsys.readouterr()

    return run


@pytest.fixture(scope="module")
def expected(place):
    """What each photo is, one by one, by its path as found; None if it cannot be read."""
    network = Network(tiny_weights())
    found = {}
    for path in sorted(
        path for path in (place / "photos").iterdir() if path.suffix.lower() in (".png", ".jpg", ".gif")
    ):
        if path.is_file() or path.is_symlink():
            try:
                found[f"photos/{path.name}"] = network.predict(path)
            except refnet.ImageError:
                found[f"photos/{path.name}"] = None
    del found["photos/.hidden.png"]
    return found


def good(expected):
    return {name: answers for name, answers in expected.items() if answers is not None}


class TestLines:
    def test_a_line_for_each_photo(self, run, expected):
        code, out, err = run("predict", "photos")
        assert code == 2
        lines = out.splitlines()
        assert len(lines) == len(good(expected))
        for line, (name, (best, *_)) in zip(lines, good(expected).items(), strict=True):
            number, label, shown = line[:7], line[9:39].rstrip(), line[41:]
            assert number == f"{best.value:.2%}".rjust(7)
            assert label == best.label
            assert shown == cli.terminal.printable(name)
        errors = [line for line in err.splitlines() if line.startswith("refnet: error: ")]
        assert len(errors) == 5
        assert "refnet: photos: notes.txt is left out, by its ending no picture" in err.splitlines()
        assert err.splitlines()[-1].startswith(f"refnet: {len(expected)} pictures, 5 failed, ")

    def test_more_classes_are_on_the_same_line(self, run, expected):
        code, out, err = run("predict", "photos/photo0000.png", "photos/photo0001.png", "--top", 3)
        assert (code, err) == (0, "")
        for line, name in zip(out.splitlines(), ["photos/photo0000.png", "photos/photo0001.png"], strict=True):
            rest = "".join(f"  {p.value:.2%} {p.label}" for p in expected[name][1:])
            assert line.endswith(f"  {name}{rest}")

    def test_errors_stand_in_their_place(self, place):
        command = [sys.executable, "-m", "refnet", "predict", "photos/photo0000.png", "photos/text.jpg", CHELSEA]
        done = subprocess.run(
            [*command, "-m", "tiny.h5"], cwd=place, env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120,
        )  # fmt: skip
        first, error, last, summary = done.stdout.splitlines()
        assert first.endswith("photo0000.png")
        assert error.startswith("refnet: error: photos/text.jpg: not a picture")
        assert last.endswith("chelsea.png")
        assert summary.startswith("refnet: 3 pictures, 1 failed, ")

    @pytest.mark.skipif(os.name != "posix", reason="needs a pseudo-terminal")
    @pytest.mark.parametrize("columns", [60, 120])
    def test_on_a_terminal(self, place, expected, columns):
        arguments = ("-m", "refnet", "predict", "photos", "-m", "tiny.h5")
        code, seen = run_in_terminal(*arguments, where=place, columns=columns, COLUMNS=str(columns))
        assert code == 2
        assert re.search(rf"of {len(expected)}\b", seen)  # the bar
        lines = screen(seen)
        names = [
            line.rpartition("  ")[2] for line in lines if line.partition("%")[0].strip().replace(".", "").isdigit()
        ]
        assert names == [cli.terminal.printable(name) for name in good(expected)]
        assert any(line.startswith(f"refnet: {len(expected)} pictures, 5 failed, ") for line in lines)
        assert lines[-1] == ""

    def test_values_come_all_in_their_order(self, run, place):
        writer.write(place / "values.h5", weights_with(TOPS["values above 0"]))
        code, out, err = run("predict", "photos/photo000[01].png", model="values.h5")
        assert (code, err.count("\n")) == (0, 1)
        network = refnet.load(place / "values.h5")
        for line, name in zip(out.splitlines(), ["photos/photo0000.png", "photos/photo0001.png"], strict=True):
            first, *others = network.predict(name)
            rest = "".join(f"  {p.value:.6g} value {p.index}" for p in others)
            assert line == f"{first.value:>7.6g}  {'value 0':30}  {name}{rest}"

    def test_a_folder_of_one_photo_has_one_line(self, run, place):
        write_pictures(place / "alone", 1)
        code, out, err = run("predict", "alone")
        assert (code, err, len(out.splitlines())) == (0, "", 1)

    def test_nothing_is_fetched_for_nothing(self, run, place, monkeypatch):
        monkeypatch.setattr(fetch, "fetch", lambda name: pytest.fail(f"{name} is fetched"))
        (place / "none").mkdir(exist_ok=True)
        (place / "none" / "notes.txt").touch()
        code, out, err = run("predict", "none", "a.png", "b/*.png", model="b7")
        assert (code, out) == (2, "")
        assert err.splitlines() == [
            "refnet: none: notes.txt is left out, by its ending no picture",
            "refnet: error: a.png: cannot read the picture: No such file or directory",
            "refnet: error: b/*.png: there is no file of that name, and none that this pattern matches",
        ]
        _, out, _ = run("predict", "a.png", "b/*.png", "--json", model="b7")
        assert [json.loads(line)["file"] for line in out.splitlines()] == ["a.png", "b/*.png"]
        code, out, err = run("predict", "none", model="b7")
        assert (code, out) == (2, "")
        assert err.endswith("error: none: no pictures; folders of folders are looked into with --recursive\n")

    def test_what_was_read_otherwise_is_summed_up(self, run, place):
        from PIL import Image

        (place / "clear").mkdir(exist_ok=True)
        for name in "abc":
            Image.new("RGBA", (8, 8), (200, 0, 0, 90)).save(place / "clear" / f"{name}.png")
        _, _, err = run("predict", "clear")
        assert err == (
            "refnet: 3 pictures were laid on white where it is transparent, unlike TensorFlow's decode_image; "
            "--as-published reads as that does\n"
        )
        assert run("predict", "clear", "--as-published")[2] == ""

    @pytest.mark.skipif(os.name != "posix", reason="needs a pipe that its reader may leave")
    def test_nobody_reads_the_rest(self, place):
        command = (
            f"{sys.executable} -m refnet predict photos photos photos -m tiny.h5 | head -n 2; echo ${{PIPESTATUS[0]}}"
        )
        done = subprocess.run(
            ["bash", "-c", command], cwd=place, env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        assert done.stdout.splitlines()[2:] == ["141"]
        assert "Traceback" not in done.stderr


class TestSources:
    def test_recursive(self, run, expected):
        code, out, _ = run("predict", "photos", "--recursive", "--csv", "--top", 1)
        assert code == 2
        names = [row["file"] for row in csv.DictReader(io.StringIO(out))]
        inner = ["photos/inner/in0000.png", "photos/inner/in0001.png"]
        assert names == [name.encode(errors="backslashreplace").decode() for name in [*expected, *inner]]

    def test_a_pattern_that_no_shell_has_seen(self, run):
        code, out, err = run("predict", "photos/photo000[12].png", "photos/**/in*.png")
        assert (code, err) == (0, "")
        assert [line.rpartition("  ")[2] for line in out.splitlines()] == [
            "photos/photo0001.png", "photos/photo0002.png", "photos/inner/in0000.png", "photos/inner/in0001.png",
        ]  # fmt: skip

    def test_paths_from_standard_input(self, run, expected):
        odd = os.fsencode("photos/caf\udce9.png")
        code, out, err = run("predict", "-", "--json", stdin=b"photos/photo0001.png\r\n\n" + odd + b"\nphotos/inner")
        assert (code, err) == (0, "")
        found = [json.loads(line) for line in out.splitlines()]
        assert [line["file"] for line in found] == [
            "photos/photo0001.png", "photos/caf\udce9.png", "photos/inner/in0000.png", "photos/inner/in0001.png",
        ]  # fmt: skip
        assert found[1]["predictions"] == [p.fields() for p in expected["photos/caf\udce9.png"]]
        code, out, err = run("predict", "-", stdin=b"")
        assert (code, out) == (2, "")
        assert err.startswith("refnet: error: standard input names no pictures")

    def test_names_from_standard_input_are_no_patterns(self, run):
        code, out, err = run("predict", "-", "--json", stdin=b"photos/photo000[1].png\nphotos/photo*.png\n")
        assert code == 2
        assert [json.loads(line)["file"] for line in out.splitlines()] == [
            "photos/photo000[1].png",
            "photos/photo*.png",
        ]
        assert err.count("No such file or directory") == 2

    @pytest.mark.parametrize("written", [b"\xef\xbb\xbfa.png\nb c.png\r\n\nd.png", b"a.png\0b c.png\0d.png\0"])
    @pytest.mark.parametrize("at_once", [1, 4, 100])
    def test_however_names_are_written(self, monkeypatch, written, at_once):
        monkeypatch.setattr(cli.many.stdin, "_AT_ONCE", at_once)
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(written)))
        assert list(cli.many.stdin.Names()) == ["a.png", "b c.png", "d.png"]

    @pytest.mark.skipif(os.name != "posix", reason="needs pipes that can be asked")
    def test_what_was_named_is_answered_while_standard_input_stays_open(self, place):
        command = [sys.executable, "-m", "refnet", "predict", "-", "--json", "-m", "tiny.h5"]
        names = ["photos/photo0000.png", "photos/photo0001.png", "photos/photo0002.png"]
        with subprocess.Popen(
            command, cwd=place, env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        ) as process:  # fmt: skip
            end = threading.Timer(60, process.kill)
            end.start()
            try:
                for burst in (names, names[:1], names[1:]):
                    process.stdin.write("".join(f"{name}\n" for name in burst))
                    process.stdin.flush()
                    assert [json.loads(process.stdout.readline())["file"] for _ in burst] == burst
                process.stdin.close()
                assert process.wait() == 0
            finally:
                end.cancel()


class TestTables:
    def test_json_lines(self, run, expected):
        code, out, _ = run("predict", "photos", "--json")
        assert code == 2
        assert out.isascii()
        found = [json.loads(line) for line in out.splitlines()]
        assert [line["file"] for line in found] == list(expected)
        for line in found:
            assert (line["model"], line["recipe"]) == ("tiny.h5", "lite")
            answers = expected[line["file"]]
            assert ("error" in line) == (answers is None)
            assert line.get("predictions") == (answers and [p.fields() for p in answers])

    @pytest.mark.parametrize(("option", "suffix"), [("--json", ".jsonl"), ("--csv", ".csv")])
    def test_a_file_holds_what_would_be_printed(self, run, tmp_path, option, suffix):
        printed = run("predict", "photos", option)
        written = run("predict", "photos", "-o", tmp_path / f"a{suffix}")
        assert (written[0], written[1]) == (2, "")
        assert (tmp_path / f"a{suffix}").read_text("utf-8") == printed[1]
        assert [path.name for path in tmp_path.iterdir()] == [f"a{suffix}"]

    def test_a_table_of_nothing_but_errors(self, run, tmp_path):
        code, out, err = run("predict", "none.png", "b/*.png", "--csv")
        assert code == 2
        assert run("predict", "none.png", "b/*.png", "-o", tmp_path / "a.csv")[:2] == (2, "")
        assert (tmp_path / "a.csv").read_text("utf-8") == out
        rows = list(csv.DictReader(io.StringIO(out)))
        assert [row["file"] for row in rows] == ["none.png", "b/*.png"]
        assert all(row["error"] and f"refnet: error: {row['error']}" in err for row in rows)

    def test_parquet_says_what_csv_says(self, run, tmp_path):
        _, out, _ = run("predict", "photos", "--csv", "--top", 2)
        assert run("predict", "photos", "--parquet", tmp_path / "a.parquet", "--top", 2)[0] == 2
        rows = pyarrow.parquet.read_table(tmp_path / "a.parquet").to_pylist()
        as_text = [{name: "" if cell is None else str(cell) for name, cell in row.items()} for row in rows]
        assert as_text == list(csv.DictReader(io.StringIO(out)))

    def test_features(self, run, expected, tmp_path):
        network = Network(tiny_weights())
        assert run("features", "photos", "-o", tmp_path / "f.npy")[0] == 2
        assert run("features", "photos", "-o", tmp_path / "f.h5", "--at", "pool", "stem", "input")[0] == 2
        assert run("features", "photos", "-o", tmp_path / "f.parquet")[0] == 2
        arrays = np.load(tmp_path / "f.npy")
        assert arrays.tobytes() == network.features(list(good(expected))).tobytes()
        with h5py.File(tmp_path / "f.h5") as file:
            assert file["pool"][:].tobytes() == arrays.tobytes()
            assert file["stem"][:].tobytes() == network.features(list(good(expected)), "stem").tobytes()
            assert file["input"][:].tobytes() == network.preprocess(list(good(expected))).tobytes()
        table = pyarrow.parquet.read_table(tmp_path / "f.parquet")
        assert len(table) == len(expected)
        assert np.array([row for row in table["pool"].to_pylist() if row], np.float32).tobytes() == arrays.tobytes()

    @pytest.mark.parametrize(
        ("command", "arguments", "complaint"),
        [
            ("predict", ("-o", "a.txt"), "a.txt not written: its name ends in .txt; want .jsonl or .csv or .parquet"),
            ("predict", ("--parquet", "a.csv"), "a.csv not written: its name ends in .csv; want .parquet"),
            ("predict", ("-o", "no/a.csv"), "no/a.csv not written: there is no directory no"),
            ("predict", ("--resume",), "--resume and --overwrite are about a file: name it with -o FILE"),
            ("predict", ("--json", "-o", "a.csv"), "argument -o/--out: not allowed with argument --json"),
            ("features", (), "the following arguments are required: -o/--out"),
            ("features", ("-o", "a.npy", "--at", "pool", "stem"), "--at names 2 steps, and a.npy can hold one"),
            ("features", ("-o", "a.h5", "--at", "stm"), "tiny has no step 'stm'"),
        ],
    )
    def test_what_is_wrong_is_told_first(self, run, command, arguments, complaint):
        code, out, err = run(command, "photos", *arguments)
        assert (code, out) == (2, "")
        assert f"refnet: error: {complaint}" in err

    def test_without_pyarrow(self, run, monkeypatch):
        monkeypatch.setitem(sys.modules, "pyarrow", None)
        code, _, err = run("predict", "photos", "-o", "a.parquet")
        assert code == 2
        assert err == "refnet: error: Parquet needs pyarrow: pip install 'refnet[table]'; or ask for .csv or .jsonl\n"


SLOWLY = """
import sys, time
from refnet import cli
from refnet.pipeline.journal import Journal
add = Journal.add
Journal.add = lambda *given: (time.sleep(0.05), add(*given))
sys.exit(cli.main(sys.argv[1:]))
"""


class TestResume:
    def test_a_photo_that_is_named_twice_is_computed_once(self, run, tmp_path, monkeypatch):
        name = "photos/photo0001.png"
        added = []
        monkeypatch.setattr(Journal, "add", with_note(Journal.add, added))
        assert run("predict", name, "photos/photo0000.png", name, "-o", tmp_path / "a.csv", "--top", 1)[0] == 0
        rows = list(csv.DictReader(io.StringIO((tmp_path / "a.csv").read_text("utf-8"))))
        assert [row["file"] for row in rows] == [name, "photos/photo0000.png", name]
        assert added == [name, "photos/photo0000.png"]

    def test_what_an_unfinished_run_left_is_not_lost(self, run, tmp_path):
        path = tmp_path / "a.csv"
        leave_unfinished(run, path)
        code, _, err = run("predict", "photos", "-o", path)
        assert code == 2
        assert "go on with it by --resume, or start anew by --overwrite" in err
        code, _, err = run("predict", "photos", "-o", path, "--resume", "--top", 2)
        assert code == 2
        assert "asked something else (top 3 there, 2 now)" in err
        assert run("predict", "photos", "-o", path, "--overwrite", "--top", 2)[0] == 2
        assert not Journal.beside(path).exists()

    def test_it_goes_on_where_it_stopped_though_the_folder_has_grown(self, run, place, tmp_path, monkeypatch):
        path = tmp_path / "a.csv"
        leave_unfinished(run, path)
        kept = Journal.beside(path).read_bytes()
        new = write_pictures(place / "photos", 1, prefix="a_new")
        added = []
        try:
            whole = undisturbed(run, tmp_path / "b.csv")
            monkeypatch.setattr(Journal, "add", with_note(Journal.add, added))
            code, _, err = run("predict", "photos", "-o", path, "--resume")
            assert code == 2
            assert path.read_bytes() == whole
            good = [line for line in kept.splitlines()[1:-1] if b'{"error":' not in line]  # the last was cut short
            earlier = len(good)
            assert f"pictures, {earlier} of them earlier, 5 failed" in err
            assert f"photos/{Path(new[0]).name}" in added
            assert not [name for name in added if json.dumps(name).encode() in b"".join(good)]
        finally:
            Path(new[0]).unlink()

    @pytest.mark.parametrize("command", ["predict", "features"])
    @pytest.mark.parametrize("more", [(), ("--resume",)])
    def test_what_is_finished_is_neither_replaced_nor_taken_for_an_answer(self, run, tmp_path, command, more):
        path = tmp_path / "a.parquet"
        path.write_bytes(b"of another model")
        code, out, err = run(command, "photos", "-o", path, *more)
        assert (code, out) == (2, "")
        assert err == f"refnet: error: {path} is there, finished by an earlier run; --overwrite makes it anew\n"
        assert path.read_bytes() == b"of another model"
        assert run(command, "photos/photo0000.png", "-o", path, "--overwrite")[0] == 0
        assert pyarrow.parquet.read_table(path)["file"][0].as_py() == "photos/photo0000.png"

    def test_names_beside_an_array_are_not_replaced_either(self, run, tmp_path):
        (tmp_path / "a.names.txt").write_text("mine")
        code, _, err = run("features", "photos", "-o", tmp_path / "a.npy")
        assert code == 2
        assert "a.names.txt is there, finished by an earlier run" in err

    def test_other_pictures(self, run, place, tmp_path, monkeypatch):
        path = tmp_path / "a.csv"
        leave_unfinished(run, path)
        kept = Journal.beside(path).read_bytes()
        code, _, err = run("predict", "photos/inner", "-o", path, "--resume")
        assert code == 2
        assert "a.csv.part is of other pictures, such as photos/" in err
        assert "are kept" not in err
        assert kept.startswith(Journal.beside(path).read_bytes())
        monkeypatch.setattr(os, "getcwd", lambda: "/elsewhere")
        code, _, err = run("predict", "photos", "-o", path, "--resume")
        assert f"asked something else (folder {str(place)!r} there, '/elsewhere' now)" in err

    def test_what_has_changed_is_done_again_and_what_failed_is_tried_again(self, run, tmp_path, monkeypatch):
        photos = tmp_path / "mine"
        names = write_pictures(photos, 4)
        (photos / "a.png").touch()
        names = [str(photos / "a.png"), *names]
        path = tmp_path / "a.csv"
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Journal, "add", until(Journal.add, 4, []))
            with pytest.raises(SystemExit):
                run("predict", photos, "-o", path)
        Path(names[0]).write_bytes(Path(names[2]).read_bytes())
        Path(names[1]).write_bytes(Path(names[2]).read_bytes())
        Path(names[3]).unlink()
        added = []
        monkeypatch.setattr(Journal, "add", with_note(Journal.add, added))
        code, _, err = run("predict", photos, "-o", path, "--resume")
        assert code == 0
        assert err.splitlines() == [
            "refnet: 1 picture was done again, changed since the interrupted run",
            "refnet: 1 picture was left out: the interrupted run did them, and they are not among these",
        ]
        assert added == [names[0], names[1], names[4]]
        assert run("predict", photos, "-o", tmp_path / "b.csv")[0] == 0
        assert path.read_bytes() == (tmp_path / "b.csv").read_bytes()

    @pytest.mark.skipif(os.name != "posix", reason="needs ulimit")
    def test_a_full_disk(self, place, tmp_path):
        path = tmp_path / "a.csv"
        command = f"ulimit -f 3; exec {sys.executable} -m refnet predict photos -m tiny.h5 -o {path}"
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(
            ["bash", "-c", command], cwd=place, env=environment, capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 2
        *_, kept, error = done.stderr.splitlines()
        assert re.fullmatch(rf"refnet: \d+ pictures are kept in {path}\.part; --resume goes on from there", kept)
        assert error == f"refnet: error: {path}.part not written: File too large"

    @pytest.mark.skipif(os.name != "posix", reason="needs a pseudo-terminal")
    def test_ctrl_c(self, run, place, tmp_path):
        path = tmp_path / "a.csv"
        whole = undisturbed(run, path)
        path.unlink()
        arguments = ("-c", SLOWLY, "predict", "photos", "-m", "tiny.h5", "-o", path)
        code, seen = run_in_terminal(*arguments, where=place, columns=120, interrupt_at=r"1\d of \d+, ")
        assert code == 130
        (told,) = [line for line in screen(seen) if "are kept in" in line]
        assert told.endswith(f"pictures are kept in {path}.part; --resume goes on from there")
        assert run("predict", "photos", "-o", path, "--resume")[0] == 2
        assert path.read_bytes() == whole

    @pytest.mark.skipif(os.name != "posix", reason="needs signals")
    @pytest.mark.parametrize(
        ("command", "suffix"), [("predict", ".jsonl"), ("features", ".parquet"), ("features", ".npy")]
    )
    def test_killed_at_random_moments(self, run, place, tmp_path, command, suffix):
        """REFNET_KILLS says how often, for a longer try."""
        many, path = tmp_path / "many", tmp_path / f"a{suffix}"
        kills = int(os.environ.get("REFNET_KILLS", "2"))
        write_pictures(many, 150 * kills)
        write_wrong(many)
        assert run(command, many, "-o", path)[0] == 2
        whole = {file.name: file.read_bytes() for file in tmp_path.glob("a*")}
        for file in tmp_path.glob("a*"):
            file.unlink()
        seed = random.Random(f"{command}{suffix}")
        for _ in range(kills):
            number = seed.choice([signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
            arguments = [command, str(many), "-o", str(path), "-m", "tiny.h5", "--resume"]
            kill_after(seed.randrange(1, 100), number, path, arguments, place)
        names = [
            json.loads(line)[0]
            for line in Journal.beside(path).read_bytes().split(b"\n")[1:-1]
            if line[-1:] == b"]" and b'{"error":' not in line
        ]
        assert len(set(names)) == len(names)
        assert run(command, many, "-o", path, "--resume")[0] == 2
        assert {file.name: file.read_bytes() for file in tmp_path.glob("a*")} == whole


def kill_after(lines, number, path, arguments, where):
    """Start a run and end it by a signal once its journal has so many more lines, if it does not end before."""
    journal = Journal.beside(path)
    before = journal.read_bytes().count(b"\n") if journal.exists() else 0
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "refnet", *arguments]
    with subprocess.Popen(
        command, cwd=where, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        end = time.monotonic() + 120
        while process.poll() is None and time.monotonic() < end:
            if journal.exists() and journal.read_bytes().count(b"\n") >= before + lines:
                process.send_signal(number)
                break
            time.sleep(0.002)
        process.communicate(timeout=60)


def undisturbed(run, path):
    assert run("predict", "photos", "-o", path)[0] == 2
    return path.read_bytes()


def leave_unfinished(run, path, count=17):
    """Leave what a run leaves that was killed after so many pictures, while it wrote the next one."""
    with pytest.MonkeyPatch.context() as patch:
        left = []
        patch.setattr(Journal, "add", until(Journal.add, count, left))
        with pytest.raises(SystemExit):
            run("predict", "photos", "-o", path)
    assert left
    with Journal.beside(path).open("ab") as file:
        file.write(b'["photos/pho')


def until(add, count, left):
    def add_or_stop(self, name, fields, now):
        if len(left) == count:
            raise SystemExit
        left.append(name)
        add(self, name, fields, now)

    return add_or_stop


def with_note(add, added):
    def note(self, name, fields, now):
        added.append(name)
        add(self, name, fields, now)

    return note
