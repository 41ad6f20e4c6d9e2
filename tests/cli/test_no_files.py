"""What is no file, given to every command that reads one: refused in a line, at once."""

import os
import shlex

import pytest
from helpers.generated_goldens import NHWC, X, write
from helpers.places import CHELSEA
from helpers.recorded_runs import save

from refnet import cli
from refnet.files import opening

COMMANDS = [
    "predict {}", "predict cat.png -m {}", "features {} -o f.npy --overwrite", "info {}", "compare golden {}",
    "convert {} -o a.h5", "verify {}", "plan {}", "compare {} port", "compare golden port --map {}",
    "compare golden port --truth {}", "golden lite0@synthetic --input {} -o new",
    "golden lite0@synthetic --image {} -o new",
    "eval {}", "eval pictures --truth {}", "eval pictures --truth truth.csv --from {}",
    "bench {}", "quantise {} --pictures pictures -o a.h5", "quantise lite0 --pictures {} -o a.h5",
    "export {} -o a.onnx",
]  # fmt: skip


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    place = tmp_path_factory.mktemp("no_files")
    (place / "cat.png").symlink_to(CHELSEA)
    (place / "pictures").mkdir()
    (place / "pictures" / "cat.png").symlink_to(CHELSEA)
    (place / "truth.csv").write_text("file,wnid\ncat.png,n02123045\n")
    write(place, "npy", [("stem", "NHWC", X, "float32", NHWC)])
    save(place / "port", {"stem": X})
    for suffix in ("", ".npy", ".npz", ".h5", ".json", ".csv", ".parquet", ".png", ".txt"):
        os.mkfifo(place / f"pipe{suffix}")
        (place / f"zero{suffix}").symlink_to("/dev/zero")
        (place / f"loop{suffix}").symlink_to(f"loop{suffix}")
    return place


@pytest.mark.skipif(os.name != "posix", reason="needs pipes with names")
@pytest.mark.parametrize("kind", ["pipe", "zero", "loop"])
@pytest.mark.parametrize("command", COMMANDS)
def test_refused_at_once(place, monkeypatch, capsys, command, kind):
    monkeypatch.chdir(place)
    monkeypatch.setattr(opening, "PATIENCE", 0.05)
    for suffix in ("", ".npy", ".npz", ".h5", ".json", ".csv", ".parquet", ".png", ".txt"):
        assert cli.main(shlex.split(command.format(kind + suffix))) == 2
        lines = capsys.readouterr().err.splitlines()
        assert kind in lines[-1]
        assert "--help" not in lines[-1]
        assert all(line.startswith("refnet: ") for line in lines)
