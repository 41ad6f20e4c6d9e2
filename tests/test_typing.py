"""What a type checker sees of the public API, as ``py.typed`` promises: mypy on small programs of users."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

BEGINNING = """
from collections.abc import Sequence
from pathlib import Path
import numpy as np
from PIL import Image
import refnet
from refnet import Network, Prediction
net = refnet.load("lite0")
paths: list[Path] = []
x = np.zeros((1, 224, 224, 3), np.float32)
pixels = np.zeros((224, 224, 3), np.uint8)
opened = open("cat.png", "rb")
either = "cat.png" if len(paths) else ["cat.png"]
"""

ARRAY = "numpy.ndarray[tuple[Any, ...], numpy.dtype[Any]]"
ONE = "list[Prediction]"
STREAM = "Iterator[Answer]"
REVEALED = {
    'refnet.load("b0")': "refnet.network.network.Network",
    'refnet.predict("cat.png")': ONE,
    'refnet.predict(Path("cat.png"), "b0", top=3)': ONE,
    'refnet.predict(b"")': ONE,
    "refnet.predict(pixels)": ONE,
    'refnet.predict(Image.open("cat.png"))': ONE,
    "refnet.predict(paths)": f"list[{ONE}]",
    'refnet.predict(["cat.png", Path("dog.png"), pixels])': f"list[{ONE}]",
    'refnet.predict(("cat.png", b""))': f"list[{ONE}]",
    "refnet.predict(opened)": ONE,
    "refnet.predict(iter(paths))": STREAM,
    'refnet.predict("photos", errors="raise")': STREAM,
    'refnet.predict(paths, errors="yield")': STREAM,
    "net.predict(path for path in paths)": STREAM,
    'net.predict([opened, "photos"], errors="yield")': STREAM,
    'next(net.predict("photos", errors="yield")).predictions[0].label': "str",
    'net.predict("cat.png")': ONE,
    "net.predict(paths, 3)": f"list[{ONE}]",
    'net.predict("cat.png")[0].label': "str",
    'net.predict("cat.png")[0].probability': "float",
    "refnet.predict(either)": f"{ONE} | list[{ONE}]",
    "net.preprocess(paths)": ARRAY,
    'net.preprocess("photos", errors="yield")': STREAM,
    "net.preprocess(iter(paths))": STREAM,
    'net.features("cat.png")': ARRAY,
    "net.features(paths)": ARRAY,
    'net.features(paths, ["stem"])': f"dict[str, {ARRAY}]",
    'net.features(iter(paths), "stem")': STREAM,
    'net.features("photos", ["stem"], errors="yield")': STREAM,
    'refnet.Pipeline(net, "pool").run("photos", recursive=True)': STREAM,
    "net.logits(x)": ARRAY,
    "net.features(x)": ARRAY,
    'net.features(x, "stem")': ARRAY,
    'net.features(x, at=["stem"])': f"dict[str, {ARRAY}]",
    "net.features(x, either)": f"{ARRAY} | dict[str, {ARRAY}]",
    "net.trace(x)": f"Iterator[tuple[str, {ARRAY}]]",
    "net.resume({}, [])": f"Iterator[tuple[str, {ARRAY}]]",
    "refnet.list_models()": "list[str]",
    'refnet.fetch("b0")': "pathlib.Path",
    'refnet.convert("b0.pth")': "pathlib.Path",
    'refnet.quantise("b0", "photos", method="mse")': "pathlib.Path",
    "refnet.published()[0].name": "str",
    'refnet.warmup("b0")[0].dtype': "str",
    'refnet.record("b0", "golden").entries[0].name': "str",
    'refnet.compare("golden", "port").exit_code': "int",
    "refnet.__version__": "str",
}
REFUSED = {
    "refnet.predict(3.14)": "call-overload",
    "refnet.predict([3.14])": "list-item",
    "refnet.predict(x)": "arg-type",
    'refnet.predict("cat.png", top="3")': "call-overload",
    'refnet.predict("cat.png")[0].wind': "attr-defined",
    "refnet.load(5)": "arg-type",
    'refnet.load("b0", threads="2")': "arg-type",
    'refnet.load("b0", thread=2)': "call-arg",
    "net.predict(3.14)": "call-overload",
    "net.preprocess(3.14)": "call-overload",
    "net.features(3.14)": "call-overload",
    'net.predict("cat.png", errors="ignore")': "call-overload",
    "refnet.Pipeline(net, at=7)": "arg-type",
    "net.features(x, at=7)": "call-overload",
    "net.features(x, at=[7])": "list-item",
    "refnet.list_models(5)": "arg-type",
    'refnet.record("b0")': "call-arg",
    'refnet.compare("golden")': "call-arg",
    'refnet.quantise("b0", "photos", per="row")': "arg-type",
    "refnet.nonsense": "attr-defined",
}


@pytest.fixture(scope="module")
def said(tmp_path_factory):
    """Run mypy once over every program: what it says, by the program's line."""
    place = tmp_path_factory.mktemp("programs")
    lines = [*BEGINNING.splitlines(), *(f"reveal_type({shown})" for shown in REVEALED), *REFUSED]
    (place / "program.py").write_text("\n".join(lines) + "\n", "utf-8")
    command = [sys.executable, "-m", "mypy", "--strict", f"--config-file={ROOT / 'pyproject.toml'}"]
    command += ["--follow-imports=silent", f"--cache-dir={place / 'cache'}", "--hide-error-context", "program.py"]
    done = subprocess.run(command, cwd=place, env={**os.environ, "MYPYPATH": str(ROOT)}, capture_output=True, text=True)
    found: dict[str, list[str]] = {}
    for line in done.stdout.splitlines()[:-1]:
        at = re.fullmatch(r"program\.py:(\d+): (.*)", line)
        assert at is not None, done.stdout + done.stderr
        found.setdefault(lines[int(at[1]) - 1], []).append(at[2])
    assert set(found) <= {*(f"reveal_type({shown})" for shown in REVEALED), *REFUSED}, done.stdout
    return found


@pytest.mark.parametrize("program", REVEALED)
def test_what_is_revealed(said, program):
    (note,) = said[f"reveal_type({program})"]
    note = note.replace("tuple[int, str, str, float, str, fallback=refnet.prediction.Prediction]", "Prediction")
    note = re.sub(r"tuple\[int, str, dict.*?refnet\.pipeline\.pipeline\.Answer\]", "Answer", note)
    assert re.sub(r"builtins\.|typing\.", "", note) == f'note: Revealed type is "{REVEALED[program]}"'


@pytest.mark.parametrize("program", REFUSED)
def test_what_is_refused(said, program):
    assert any(note.startswith("error: ") and note.endswith(f"[{REFUSED[program]}]") for note in said[program])
