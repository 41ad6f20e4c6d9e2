"""The tool that attacks: each attack runs, and planted faults are seen as what they are."""

import json
import sys
from contextlib import nullcontext
from dataclasses import replace
from unittest.mock import patch

import pytest
from helpers.places import ROOT

sys.path.insert(0, str(ROOT / "tools"))

import attack
from attacks import campaign, goldens, mutation, programs, readers, report, tables, watch, worker
from attacks.case import FAULTS, Case, FaultError, Outcome
from attacks.every import ABOUT, ATTACKS
from helpers import planted_attacks

from refnet.comparison.result import Comparison
from refnet.weights import reader


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """What all cases of these tests share."""
    return {"folder": tmp_path_factory.mktemp("kept")}


@pytest.fixture
def case(tmp_path, kept):
    """Make a case of an attack."""

    def make(name="test", number=0):
        folder = tmp_path / f"{len(list(tmp_path.iterdir()))}"
        folder.mkdir(parents=True)
        return Case(name, 7, number, folder, kept)

    return make


# Each attack runs -----------------------------------------------------------------------------------------------------

QUICK = [name for name, each in ATTACKS.items() if each.group in {"pictures", "goldens", "tables", "servers"}]
QUICK += ["readers/weight-file", "readers/tflite", "readers/torch", "readers/safetensors", "compare/npy", "compare/map"]
QUICK += ["compare/one-bit", "compare/changed-number", "verify/certificate"]


@pytest.mark.parametrize("name", QUICK)
def test_an_attack_finds_nothing(name, case, monkeypatch):
    monkeypatch.setenv("REFNET_OFFLINE", "1")
    for number in range(2):
        ATTACKS[name].run(case(name, number))


def test_attacks_by_processes_find_nothing(tmp_path):
    names = [
        "signals/predict-csv",
        "disks/output",
        "disks/short-predict-csv",
        "caches/weights",
        "environments/HOME-empty",
    ]
    found = campaign.Campaign([ATTACKS[name] for name in names], 7, tmp_path).run(minutes=4, processes=1, tries=1)
    assert found.tried == dict.fromkeys(names, 1)
    assert not found.faults


def test_every_group_is_described():
    assert set(ABOUT) == {each.group for each in ATTACKS.values()}


# Planted faults -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    """A campaign of planted faults."""
    keep = tmp_path_factory.mktemp("faults")
    attacks = planted_attacks.ATTACKS.values()
    with patch.object(worker, "GRACE", 1.0):
        found = campaign.Campaign(attacks, 7, keep, "helpers.planted_attacks").run(2, processes=2, tries=1)
    return keep, found


@pytest.mark.parametrize("name", planted_attacks.KINDS)
def test_a_planted_fault_is_seen(name, planted):
    _, found = planted
    assert found.tried[name] == 1
    kinds = [fault.kind for fault in found.faults if fault.case == f"{name}:7:0"]
    assert kinds == [kind for kind in [planted_attacks.KINDS[name][1]] if kind]


def test_the_files_of_a_fault_are_kept(planted):
    keep, _ = planted
    assert (keep / "planted-hang-7-0" / "work" / "kept.txt").exists()
    assert (keep / "planted-traceback-7-0" / "fault.txt").read_text().startswith("planted/traceback:7:0\ntraceback\n")


def test_the_report_counts(planted, tmp_path):
    keep, found = planted
    said = report.of_terminal(found, keep)
    assert "1 hang, 1 crash" in said
    assert "python tools/attack.py --repeat planted/hang:7:0" in said
    page = report.of_page(found, {"planted": "faults"})
    assert "| planted | faults | 10 | 1 |" in page
    report.write_json(found, tmp_path / "found.json")
    assert sum(json.loads((tmp_path / "found.json").read_text())["kinds"].values()) == 9


def test_a_page_keeps_its_words(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(f"# Before\n\n{report.BEGIN}\nold\n{report.END}\n\nAfter\n")
    report.write_page("new\n", page)
    assert page.read_text() == f"# Before\n\n{report.BEGIN}\n\nnew\n\n{report.END}\n\nAfter\n"


def seen(attack, case, tries=60):
    """What an attack finds in so many tries."""
    kinds = set()
    for number in range(tries):
        try:
            attack(case(attack.__name__, number))
        except FaultError as fault:
            kinds.add(fault.kind)
            break
    return kinds


def test_a_reader_that_believes_is_found_out(case, monkeypatch):
    """It reads other numbers from a damaged file."""
    good = reader.read(readers.make_weight_file(case()))
    other = {name: tensor + 1 for name, tensor in good.tensors.items()}
    answers = iter([good])  # to whoever reads the good file first
    monkeypatch.setattr(reader, "read", lambda path: next(answers, replace(good, tensors=other)))
    assert seen(readers.weight_file, case, 2) == {"wrong"}


def test_a_comparison_that_sees_nothing_is_found_out(case, monkeypatch):
    monkeypatch.setattr(Comparison, "exit_code", 0)
    assert seen(goldens.changed_number, case, 1) == {"wrong"}
    assert seen(goldens.one_wrong_bit, case, 3) == {"wrong"}


@pytest.mark.parametrize(
    ("code", "err", "kind"),
    [
        (0, "", ""), (2, "refnet: error: no", ""), (2, "", "wrong"), (3, "refnet: error: no", "traceback"),
        (-11, "", "crash"), (1, "Traceback (most recent call last):\n", "traceback"),
    ],
)  # fmt: skip
def test_how_a_command_ends(code, err, kind):
    told = watch.Told(code, "", err)
    with pytest.raises(FaultError) if kind else nullcontext() as caught:
        watch.check_told(["predict"], told)
    assert not kind or caught.value.kind == kind


@pytest.mark.parametrize(
    ("problem", "kind"),
    [
        ("still running 60 s after signal 2", "hang"), ("exit code 1 after signal 2: ", "traceback"),
        ("a traceback: x", "traceback"), (".x.part is left", "leftover"), ("out.csv is half written", "wrong"),
    ],
)  # fmt: skip
def test_what_a_signal_came_to(problem, kind):
    assert programs.fault_of(problem).kind == kind


# Chance ---------------------------------------------------------------------------------------------------------------


def test_a_case_is_drawn_from_its_name(case):
    one, other = case("a", 1).random.random(), case("a", 2).random.random()
    assert one != other
    assert one == Case("a", 7, 1, None).random.random()


@pytest.mark.parametrize("damage", ["bytes_of", "json_of", "zip_of", "png_of", "text_of", "one_bit"])
def test_damage_is_damage_and_repeats(damage, case):
    data = json.dumps({"a": [1, 2, {"b": None}], "c": "text"}).encode()
    how = getattr(mutation, damage)
    damaged = [how(data, case(damage, number).random) for number in range(30)]
    assert damaged == [how(data, Case(damage, 7, number, None).random) for number in range(30)]
    assert sum(each != data for each in damaged) > 20


# The command ----------------------------------------------------------------------------------------------------------


def test_the_command(tmp_path, capsys):
    page, found = tmp_path / "page.md", tmp_path / "found.json"
    words = ["--only", "pictures/png,pictures/bmp", "--tries", "2", "--processes", "1", "--minutes", "1"]
    assert attack.main([*words, "--json", str(found), "--markdown", str(page), "--keep", str(tmp_path / "keep")]) == 0
    assert json.loads(found.read_text())["tried"] == {"pictures/bmp": 2, "pictures/png": 2}
    assert "| pictures | " in page.read_text()
    assert "4 tried in " in capsys.readouterr().out


def test_an_attack_that_is_not_there():
    with pytest.raises(SystemExit, match="no attack nonsense; there are caches, "):
        attack.main(["--only", "nonsense"])


def test_a_case_again(monkeypatch, tmp_path, capsys):
    assert attack.main(["--repeat", "pictures/bmp:7:1", "--keep", str(tmp_path)]) == 0
    assert capsys.readouterr().out.startswith("pictures/bmp:7:1: clean, ")


def test_kinds_are_those_that_are_told():
    found = campaign.Found(7, faults=[Outcome("a:7:0", kind, "") for kind in FAULTS])
    assert found.kinds() == dict.fromkeys(FAULTS, 1)
    assert tables.PICTURES < 10
