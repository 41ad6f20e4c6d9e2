"""The commands on a cluster: what they print and write is what one machine prints and writes."""

import json
import re
import shutil
from pathlib import Path

import pyarrow.parquet
import pytest
from helpers.places import CHELSEA

import refnet
from refnet import cli
from refnet.errors import ImageError


@pytest.fixture
def run(client, capsys):
    def run(*arguments: object, on_cluster: bool = True) -> tuple[int, str, str]:
        where = ["--scheduler", client.scheduler.address] if on_cluster else []
        code = cli.main([*map(str, arguments), *where])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def without_times(text: str) -> str:
    """What is said, without pictures/s, and whatever is compiled."""
    lines = [line for line in text.splitlines() if "compiling" not in line]
    return "\n".join(lines).rpartition(", ")[0]


@pytest.mark.parametrize("form", [[], ["--json"], ["--csv"], ["--top", "2"]], ids=" ".join)
def test_predict_prints_the_same(run, photos, form):
    here = run("predict", photos, *form, on_cluster=False)
    there = run("predict", photos, *form)
    assert (there[0], there[1]) == (here[0], here[1]) == (2, here[1])
    assert without_times(there[2]) == without_times(here[2])


@pytest.mark.parametrize(
    ("command", "name"), [(["predict"], "found.csv"), (["predict"], "found.jsonl"), (["features"], "found.npy")]
)
def test_files_are_the_same(run, photos, tmp_path, command, name):
    for folder, on_cluster in (("here", False), ("there", True)):
        (tmp_path / folder).mkdir()
        assert run(*command, photos, "-o", tmp_path / folder / name, on_cluster=on_cluster)[0] == 2
    assert (tmp_path / "there" / name).read_bytes() == (tmp_path / "here" / name).read_bytes()


@pytest.mark.parametrize(("command", "name"), [("predict", "found.parquet"), ("features", "found")])
def test_a_data_set_holds_what_a_file_would(run, photos, tmp_path, command, name):
    place = tmp_path / name
    code, out, said = run(command, photos, "-o", place, "--part", 4)
    digest = json.loads((place / "_summary.json").read_text())["digest"]
    assert (code, out) == (2, "")
    assert said == f"refnet: 9 pictures in 3 parts, 1 failed: the column error says why; digest {digest}\n"
    run(command, photos, "-o", tmp_path / "one.parquet", on_cluster=False)
    there, here = (pyarrow.parquet.ParquetDataset(path).read() for path in (place, tmp_path / "one.parquet"))
    assert there.equals(here)
    code, _, said = run(command, photos, "-o", place, "--part", 4)
    assert (code, said) == (
        2,
        f"refnet: error: {place} holds a finished data set; go on with it by --resume, or start anew by --overwrite\n",
    )
    for choice in ("--resume", "--overwrite"):
        assert run(command, photos, "-o", place, "--part", 4, choice)[0] == 2


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (
            ["--threads", "2"],
            "--threads is for one machine; on a cluster `dask worker --nthreads N` says it to each worker",
        ),
        (["--part", "2"], "--part is about a data set: name its folder with -o FOLDER"),
        (["--part", "0", "-o", "found"], "part=0: want a whole number from 1 to"),
    ],
)
def test_what_makes_no_sense_together(run, options, text):
    code, _, said = run("predict", CHELSEA, *options)
    assert (code, said[: len(text) + 15]) == (2, f"refnet: error: {text}")


def test_a_part_without_a_cluster(run):
    code, _, said = run("predict", CHELSEA, "--part", "2", on_cluster=False)
    assert (code, said) == (
        2,
        "refnet: error: --part is about a cluster: name its scheduler with --scheduler ADDRESS\n",
    )


def test_eval_counts_the_same(run, photos, tmp_path):
    (tmp_path / "data" / "n02123159").mkdir(parents=True)
    for number in range(9):
        shutil.copy(photos / f"cat {number}.png", tmp_path / "data" / "n02123159")
    found = []
    for name, on_cluster in (("here.csv", False), ("there.csv", True)):
        code, out, _ = run("eval", tmp_path / "data", "--json", "-o", tmp_path / name, on_cluster=on_cluster)
        assert code == 2
        found.append(re.sub(r'"pictures_per_second": [^,}]+', "", out))
    assert found[0] == found[1]
    assert (tmp_path / "there.csv").read_bytes() == (tmp_path / "here.csv").read_bytes()


class TestPython:
    def test_predict_says_the_same(self, client):
        here = refnet.predict(CHELSEA)
        assert refnet.predict(CHELSEA, client=client) == here
        assert refnet.predict([CHELSEA, CHELSEA], client=client) == [here, here]
        [answer] = refnet.predict(iter([CHELSEA]), client=client)
        assert (answer.name, list(answer.predictions)) == (str(CHELSEA), here)

    def test_an_error_is_raised_or_handed_out(self, client, photos):
        with pytest.raises(ImageError, match=r"cat 4.png: not a picture"):
            refnet.predict([CHELSEA, photos / "cat 4.png"], client=client)
        found = list(refnet.predict(photos, client=client, errors="yield"))
        assert [Path(answer.name).name for answer in found if answer.error] == ["cat 4.png"]
