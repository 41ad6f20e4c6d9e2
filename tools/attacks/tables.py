"""Damaged tables and lists: labels, true classes, answers, journals of interrupted runs, names from standard input."""

from __future__ import annotations

import io
import json
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest.mock import patch

from attacks.case import Attack, Case, FaultError
from attacks.mutation import bytes_of, json_of, text_of
from attacks.readers import make_weight_file
from attacks.watch import command, refused_or

PICTURES = 4
MARGIN = 3_000_000  # bytes that reading a megabyte would take as long as a run over the pictures

LABELS = {
    "lines": "a cat\nein Kätzchen\na dog, hound\n",
    "tabs": "n00000001\ta cat\nn00000002\tein Kätzchen\nn00000003\ta dog\n",
    "csv": 'index,wnid,label\n0,n00000001,"a cat"\n1,n00000002,ein Kätzchen\n2,n00000003,"a dog, hound"\n',
    "id2label": json.dumps({"id2label": {"0": "a cat", "1": "ein Kätzchen", "2": "a dog"}}),
    "indices": json.dumps({"a cat": 0, "ein Kätzchen": 1, "a dog": 2}),
    "keras": json.dumps({"0": ["n00000001", "a cat"], "1": ["n00000002", "ein Kätzchen"], "2": ["n00000003", "a dog"]}),
    "python": "{0: 'a cat', 1: 'ein Kätzchen', 2: 'a dog'}",
}
TRUTHS = {
    "csv": "file,class\n" + "".join(f"photo{i:04}.png,{['cat', 'dog'][i % 2]}\n" for i in range(PICTURES)),
    "tabs": "".join(f"photo{i:04}.png\t{i % 3}\n" for i in range(PICTURES)),
    "order": "0\n2\n1\n0\n",
}
ANSWERS = {
    "csv": "file,class,probability\n" + "".join(f"photo{i:04}.png,cat,0.{i + 1}\n" for i in range(PICTURES)),
    "jsonl": "".join(
        json.dumps({"file": f"photo{i:04}.png", "predictions": [{"index": i % 3, "probability": 0.5}]}) + "\n"
        for i in range(PICTURES)
    ),
}


def pictures(case: Case) -> Path:
    """Write some pictures, once for this process."""
    from helpers.photos import write_pictures

    folder: Path = case.kept["folder"] / "pictures"
    case.once("pictures in a folder", lambda: write_pictures(folder, PICTURES))
    return folder


def model(case: Case) -> list[str]:
    """Name the small network."""
    return ["-m", str(make_weight_file(case)), "--threads", "1"]


def labels(case: Case) -> None:
    """A damaged table of labels."""
    from refnet.weights.labels import read_labels

    text = case.random.choice(list(LABELS.values()))
    data = (json_of if text.startswith("{") and case.random.random() < 0.7 else text_of)(text.encode(), case.random)
    path = case.folder / case.random.choice(["labels.txt", "labels.json", "labels.csv"])
    path.write_bytes(data)
    refused_or(lambda: read_labels(path), len(data))


def truth(case: Case) -> None:
    """A damaged table of true classes, or of the wnids behind its numbers."""
    path, more = case.folder / "truth.csv", []
    path.write_bytes(text_of(case.random.choice(list(TRUTHS.values())).encode(), case.random))
    if case.random.random() < 0.2:
        synsets = case.folder / "map.txt"
        synsets.write_bytes(text_of(b"n00000001 1 cat\nn00000002 2 kitten\nn00000003 3 dog\n", case.random))
        more = ["--synsets", str(synsets)]
    command(["eval", str(pictures(case)), "--truth", str(path), *more, *model(case), *_json(case)], MARGIN)


def answers(case: Case) -> None:
    """Damaged answers of another engine."""
    kind = case.random.choice([*ANSWERS, "parquet"])
    good = case.once("parquet", _parquet) if kind == "parquet" else ANSWERS[kind].encode()
    path = case.folder / f"answers.{kind}"
    path.write_bytes((bytes_of if kind == "parquet" else text_of)(good, case.random))
    truth = case.folder / "truth.csv"
    truth.write_text(TRUTHS["csv"], "utf-8")
    option = case.random.choice(["--from", "--agree"])
    command(["eval", str(pictures(case)), "--truth", str(truth), option, str(path), *model(case), *_json(case)], MARGIN)


def _json(case: Case) -> list[str]:
    return case.random.choice([[], ["--json"]])


def _parquet() -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    files = [f"photo{i:04}.png" for i in range(PICTURES)]
    table = pa.table({"file": files, "class": ["cat"] * PICTURES, "probability": [0.5] * PICTURES})
    file = io.BytesIO()
    pq.write_table(table, file)
    return file.getvalue()


def journal(name: str, *arguments: str) -> Callable[[Case], None]:
    """Make the attack on what an interrupted run left, and `--resume` then reads."""

    def run(case: Case) -> None:
        left, whole = case.once(f"journal {name}", lambda: _interrupted(case, name, arguments))
        target = case.folder / name
        data = text_of(left, case.random)
        (case.folder / f"{name}.part").write_bytes(data)
        words = [arguments[0], str(pictures(case)), *arguments[1:], "-o", str(target), "--resume", *model(case)]
        told = command(words, len(data) + MARGIN)
        if told.code == 0 and not whole:
            raise FaultError("wrong", "there was nothing to go on with")
        if told.code == 0 and not target.exists():
            raise FaultError("wrong", f"no result, and exit 0: {told.err}")

    return run


def _interrupted(case: Case, name: str, arguments: tuple[str, ...]) -> tuple[bytes, bytes]:
    """Return the journal of a whole run, as it was just before its end, and the result."""
    from refnet.pipeline.journal import Journal

    target: Path = case.kept["folder"] / name
    copy = target.with_name(f"{name}.copy")
    remove = Journal.remove

    def keep(self: Journal) -> None:
        shutil.copy(self.path, copy)
        remove(self)

    with patch.object(Journal, "remove", keep):
        command([arguments[0], str(pictures(case)), *arguments[1:], "-o", str(target), *model(case)], MARGIN)
    return copy.read_bytes(), target.read_bytes()


def names(case: Case) -> None:
    """Damaged names of pictures from standard input."""
    folder = pictures(case)
    good = "".join(f"{path}\n" for path in sorted(folder.iterdir())).encode()
    given = io.TextIOWrapper(io.BufferedReader(io.BytesIO(text_of(good, case.random))), "utf-8", "surrogateescape")
    with patch.object(sys, "stdin", given):
        command(["predict", "-", "--csv", *model(case)], MARGIN)


def arguments(case: Case) -> None:
    """Words on the command line that nobody expects."""
    words = ["", "-1", "0", "99999999999999999999", "nan", "1e999", "0x10", "a" * 5000, "\udcff", "b0@", "@tf", "../..",
             "1x1", "16384x16384", "b0@synthetic", "lite0", "/dev/null", "-", "--", "\n", "stem[0:0]", "ä"]  # fmt: skip
    options = {
        "predict": ["-m", "--size", "--crop", "--top", "--recipe", "--threads", "--interpolation"],
        "plan": ["--size", "--padding", "--batch", "--threads"],
        "golden": ["--steps", "--stimulus", "--tile", "--order", "--resume", "--accumulator", "--size", "--input"],
        "info": [], "features": ["--at", "-o", "--size"], "eval": ["--truth", "--by", "--from"],
        "convert": ["-m", "--publisher", "--key", "--size", "--labels"], "compare": ["--steps", "--order", "--tile"],
        "bench": ["--size", "--batch", "--rounds", "--seconds"], "export": ["-o", "--size"], "verify": ["--threads"],
    }  # fmt: skip
    name = case.random.choice(list(options))
    given = [name, *case.random.sample([*words, str(pictures(case) / "photo0000.png")], case.random.randint(0, 2))]
    for option in case.random.sample(options[name], min(len(options[name]), case.random.randint(0, 2))):
        given += [option, case.random.choice(words)]
    if name in {"bench", "golden", "verify"}:
        given += ["--threads", "0"]  # refused before a long run begins
    command(given, 20_000_000)


def attacks() -> Iterator[Attack]:
    """All of them."""
    yield Attack("tables/labels", labels)
    yield Attack("tables/truth", truth)
    yield Attack("tables/answers", answers)
    yield Attack("tables/journal", journal("found.csv", "predict"))
    yield Attack("tables/features", journal("found.h5", "features"))
    yield Attack("tables/names", names)
    yield Attack("words/arguments", arguments, seconds=60)
