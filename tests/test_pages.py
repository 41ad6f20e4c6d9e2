"""README and docs/: console sessions, numbers, pictures, the contract's program. Their ``>>>`` run as doctests."""

from __future__ import annotations

import json
import pkgutil
import re
import shlex
import subprocess
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.places import ROOT
from helpers.programs import need
from helpers.tops import TOPS, weights_with

import refnet
from refnet.architecture.names import block_name
from refnet.architecture.padding import Pads, pads
from refnet.architecture.scaling import TABLE, round_filters
from refnet.architecture.top import PUBLISHED_TOP
from refnet.architecture.variants import STAGES
from refnet.checkpoints.publishers import PUBLISHERS
from refnet.cli import main
from refnet.hub.models import synthetic_weights
from refnet.network import Network
from refnet.preprocessing.formats import DECODERS
from refnet.preprocessing.normalise import NORMALISATIONS
from refnet.preprocessing.recipe import RECIPES
from refnet.reference import ops
from refnet.reference.digest import tensor_digest
from refnet.reference.numerics import EXP
from refnet.weights import releases, schema, synthetic

TOP = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md")]
PAGES = {
    path.relative_to(ROOT).as_posix(): path.read_text("utf-8") for path in (*TOP, *sorted(ROOT.glob("docs/**/*.md")))
}
CONTRACT, README = PAGES["docs/contract.md"], PAGES["README.md"]


def sessions() -> list[list[tuple[str, str]]]:
    """Every console block: each command, with the output shown below it."""
    blocks = [block for page in PAGES.values() for block in re.findall(r"```console\n(.*?)```", page, re.DOTALL)]
    return [re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", block, re.MULTILINE) for block in blocks]


@pytest.mark.parametrize("session", sessions(), ids=lambda session: session[-1][0])
def test_the_console_shows_what_the_page_says(
    session: list[tuple[str, str]],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("refnet").symlink_to(ROOT / "refnet")
    for command, output in session:
        if command.startswith("refnet "):
            wrong = "\nfirst wrong: " in output
            assert main(shlex.split(command)[1:]) == wrong
            assert capsys.readouterr().out == output
        else:
            need("gcc", "make")
            subprocess.run(["bash", "-c", command], check=True)


def recordings() -> list[str]:
    """The list of what can be recorded, a command each."""
    (block,) = re.findall(r"```sh\n(refnet golden .*?)```", PAGES["docs/porting.md"], re.DOTALL)
    return [line.partition("#")[0].strip() for line in block.splitlines()]


@pytest.mark.parametrize("line", recordings())
def test_every_recording_can_be_made(
    line: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    np.save("mine.npy", np.ones((1, 28, 28, 144), np.float32))
    for command in line.split(" && "):
        program, *arguments = shlex.split(command)
        if program == "refnet":
            assert main(arguments) == 0
            assert capsys.readouterr().err == ""
        else:
            need("gcc", "make")
            subprocess.run([program, *arguments], check=True)


def test_there_is_something_to_test() -> None:
    assert len(recordings()) == 7
    assert [len(session) for session in sessions()] == [1, 1, 2, 4]
    assert README.count("\npython3 -m venv") == 2


def test_the_first_page_is_short() -> None:
    assert len(README.encode()) <= 8000
    assert (ROOT / "docs" / "images" / "report.png").stat().st_size <= 300_000


def links() -> list[tuple[str, str]]:
    pattern = r'\]\((?!http|#)([^)#]+)|src="([^"]+)"'
    return [(page, a or b) for page, text in PAGES.items() for a, b in re.findall(pattern, text)]


@pytest.mark.parametrize(("page", "link"), links())
def test_links_lead_somewhere(page: str, link: str) -> None:
    assert (ROOT / page).parent.joinpath(link).exists()


@pytest.mark.parametrize("page", [page for page in PAGES if page.startswith("docs/api/")])
def test_the_reference_names_what_is_there(page: str) -> None:
    names = re.findall(r"^::: (\S+)$", PAGES[page], re.MULTILINE)
    assert names
    for name in names:
        pkgutil.resolve_name(name)


@pytest.mark.parametrize("page", [page for page in PAGES if page != "CHANGELOG.md"])
def test_files_that_pages_name_are_there(page: str) -> None:
    for path in re.findall(r"`((?:refnet|tests|tools|docs|weights)/[\w./]+)`", PAGES[page]):
        assert (ROOT / path).exists(), path


LIMITS = re.findall(
    r"^\| ([^|]+) \| ([\d,]+)( [MG]iB)? \| `(refnet\.[\w.]+)` \|$", PAGES["docs/security.md"], re.MULTILINE
)


def test_the_limits_are_those_of_the_code() -> None:
    assert len(LIMITS) == PAGES["docs/security.md"].count("`refnet.") > 15
    units = {"": 1, " MiB": 1 << 20, " GiB": 1 << 30}
    for what, number, unit, name in LIMITS:
        assert int(number.replace(",", "")) * units[unit] == pkgutil.resolve_name(name), what


def test_the_formats_of_pictures_are_counted() -> None:
    assert f"({len(DECODERS)} formats of pictures" in PAGES["docs/security.md"]


def test_the_accuracies_are_those_of_the_default_weights() -> None:
    rows = re.findall(r"^\| `(\w+)` \| [\d ×]+ \| ([\d.]+) % \|", README, re.MULTILINE)
    assert len(rows) >= 5
    for model, accuracy in rows:
        release = releases.find("lite0@tf:lite" if model == "lite0" else model)
        assert f"{release.top1:.1f}" == accuracy, model


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES.keys())
def test_every_recipe_is_listed(recipe: Any) -> None:
    (normalisation,) = (name for name, operations in NORMALISATIONS.items() if operations == recipe.normalise)
    amount = f" {recipe.crop_amount:g}" if recipe.crop != "none" else ""
    row = f"| `{recipe.name}` | `{recipe.crop}`{amount} | `{recipe.resize}` | `{normalisation}` |\n"
    assert row in PAGES["docs/pictures.md"]
    assert f"\n| `{normalisation}` | " in PAGES["docs/pictures.md"]


# The contract.


def short_hex(value: float) -> str:
    mantissa, exponent = value.hex().split("p")
    return f"{mantissa.rstrip('0').rstrip('.') if '.' in mantissa else mantissa}p{exponent}"


def constants() -> str:
    """The table of exp's constants, as the code has them."""
    formats = [(EXP[dtype], dtype, digits) for dtype, digits in (("float32", 8), ("float64", 16))]
    names = ["inverse_ln2", "ln2_high", "ln2_low", "shifter", "low", "high", "sigmoid_bound"]
    rows = [(name, [getattr(c, name) for c, _, _ in formats]) for name in names]
    length = max(len(c.coefficients) for c, _, _ in formats)
    rows += [(f"c{i}", [dict(enumerate(c.coefficients)).get(i) for c, _, _ in formats]) for i in range(length)]
    lines = []
    for name, values in rows:
        cells = [f"`{name}`"]
        for value, (_, dtype, digits) in zip(values, formats, strict=True):
            if value is None:
                cells += ["", ""]
            else:
                bits = int(np.array(value, dtype).view(f"u{digits // 2}"))
                cells += [f"`{short_hex(value)}`", f"`{bits:0{digits}x}`"]
        lines.append(f"| {' | '.join(cells)} |\n")
    return "".join(lines)


def test_the_contract_states_the_constants_of_the_code() -> None:
    assert constants() in CONTRACT


@pytest.fixture(scope="module")
def program() -> dict[str, Any]:
    """What the contract's Python blocks define, one after the other."""
    source = "\n".join(re.findall(r"```python\n(.*?)```", CONTRACT, re.DOTALL))
    assert "refnet" not in source
    names: dict[str, Any] = {}
    exec(compile(source, "docs/contract.md", "exec"), names)
    return names


@pytest.fixture(scope="module")
def published() -> dict[str, Any]:
    """The published digests of lite0 on noise of 97 x 64 pixels."""
    entries = json.loads((ROOT / "refnet" / "data" / "digests" / "lite0.json").read_text("utf-8"))["entries"]
    (entry,) = (e for e in entries if (e["model"], e["input"], e["size"]) == ("lite0", "noise", [97, 64]))
    found: dict[str, Any] = entry
    return found


def digests(program: dict[str, Any], network: dict[str, Any], height: int, width: int) -> dict[str, str]:
    """Digests of every step, all by the contract's program."""
    with np.errstate(all="ignore"):
        tensors = program["run"](network, program["noise"](height, width))
    return {name: program["digest"](tensor[None]) for name, tensor in tensors.items()}


def test_the_contract_alone_gives_every_bit_of_lite0(program: dict[str, Any], published: dict[str, Any]) -> None:
    network = program["read_weights"](ROOT / "weights" / "lite0.h5")
    assert program["digest_of_many"](network["weights"]) == network["tensors_digest"] == published["weights"]
    assert digests(program, network, 97, 64) == published["steps"]


@pytest.mark.parametrize("padding", ["same", "symmetric"])
def test_the_contract_alone_gives_every_bit_of_b0(program: dict[str, Any], padding: Any) -> None:
    weights = replace(synthetic_weights("b0"), padding=padding)
    network = {
        **vars(weights.architecture.coefficients),
        "classes": weights.architecture.classes,
        "padding": padding,
        "bn_eps": weights.bn_eps,
        "weights": weights.tensors,
    }
    x = synthetic.picture_tensor(45, 38)
    steps = {name: tensor_digest(tensor) for name, tensor in Network(weights).trace(x)}
    assert digests(program, network, 45, 38) == {"input": tensor_digest(x), **steps}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ["folded", *TOPS])
def test_the_contract_alone_gives_every_bit_of_other_tops(program: dict[str, Any], name: str, dtype: Any) -> None:
    folded = name == "folded"
    weights = weights_with(PUBLISHED_TOP if folded else TOPS[name], folded=folded, padding="same@40")
    stated = json.loads(schema.architecture_to_json(weights.architecture))
    network = {**stated, "padding": weights.padding, "bn_eps": weights.bn_eps, "weights": weights.tensors}
    x = synthetic.picture_tensor(33, 19)
    with np.errstate(all="ignore"):
        found = program["run"](network, x[0].astype(dtype))
    for step, tensor in Network(weights, dtype=dtype).trace(x):
        assert same_bits(found[step], tensor[0]), step


def test_the_contract_prints_the_published_digests(published: dict[str, Any]) -> None:
    shown = re.findall(r"^([a-z0-9. ]+?) +([0-9a-f]{64})$", CONTRACT, re.MULTILINE)
    assert len(shown) == 7
    for name, digest in shown:
        assert digest == (published["weights"] if name == "the weights" else published["steps"][name])


def test_the_contract_prints_digests_of_other_runs() -> None:
    x = synthetic.picture_tensor(97, 64)
    shown = re.findall(r"^(\S+), (float32|float64), (\S+) +([0-9a-f]{64})$", CONTRACT, re.MULTILINE)
    assert len(shown) == 5
    for model, dtype, name, digest in shown:
        network = refnet.load(model, dtype=dtype)
        assert digest == tensor_digest(network.features(x, at=[name])[name])


def test_the_worked_example_of_a_digest(program: dict[str, Any]) -> None:
    spelled, digest = re.search(r"^((?:[0-9a-f]{2} ){20}) .*\n([0-9a-f]{64})$", CONTRACT, re.MULTILINE).groups()
    assert bytes.fromhex(spelled) == b"float32 1,2\n" + np.array([1, 2], "<f4").tobytes()
    assert program["digest"](np.array([[1, 2]], np.float32)) == digest


def arguments(dtype: str, count: int) -> Any:
    """Random numbers of every size, and the special ones."""
    rng = np.random.default_rng(5)
    numbers = np.frombuffer(rng.bytes(count * np.dtype(dtype).itemsize), dtype)
    special = [0.0, -0.0, np.inf, -np.inf, np.nan, 1e-40, -1e-40, 5e-324, 6, np.nextafter(6, 7), 87, -87, 708, -708]
    special += [88.72283, 88.72284, 89, -103.97, -103.98, -104, 709.782712893384, 710, -745.1332191019411, -745.2, -746]
    near = rng.normal(0, 20, count)
    with np.errstate(over="ignore"):
        return np.concatenate([numbers, near.astype(dtype), np.array(special).astype(dtype)])


def same_bits(one: Any, other: Any) -> bool:
    """Equal, zeros by their sign too; of a NaN only that it is one."""
    assert one.dtype == other.dtype
    nans = np.isnan(one)
    whole = f"u{one.itemsize}"
    return bool((nans == np.isnan(other)).all() and (one[~nans].view(whole) == other[~nans].view(whole)).all())


@pytest.mark.parametrize(("dtype", "count"), [("float32", 200_000), ("float64", 1000)])
@pytest.mark.parametrize("function", ["exp", "log", "sigmoid", "swish", "relu6", "relu", "tanh"])
def test_the_contracts_functions_are_the_reference(
    program: dict[str, Any], function: str, dtype: str, count: int
) -> None:
    x = arguments(dtype, count)
    with np.errstate(all="ignore"):
        assert same_bits(program[function](x), getattr(ops, function)(x))


def every_65536th(dtype: str) -> Any:
    size = np.dtype(dtype).itemsize
    return (np.arange(65536, dtype=f"u{size}") << np.array(8 * size - 16, f"u{size}")).view(dtype)


@pytest.mark.parametrize("function", ["exp", "log", "sigmoid", "swish", "relu6", "relu", "tanh"])
def test_the_contract_states_what_its_functions_give(function: str) -> None:
    cells = []
    for dtype in ("float32", "float64"):
        with np.errstate(all="ignore"):
            y = getattr(ops, function)(every_65536th(dtype))
        cells.append(f"`{tensor_digest(np.where(np.isnan(y), np.array(0, dtype), y))}`")
    assert f"| {function} | {' | '.join(cells)} |\n" in CONTRACT


def test_the_contract_states_some_bits() -> None:
    rows = re.findall(r"^\| (-?[\d.]+) " + r"\| `([0-9a-f]{8})` " * 4 + r"\|$", CONTRACT, re.MULTILINE)
    assert len(rows) == 7
    for x, *bits in rows:
        argument = np.array([x], np.float32)
        values = [argument, ops.exp(argument), ops.sigmoid(argument), ops.swish(argument)]
        assert [f"{int(value.view(np.uint32)[0]):08x}" for value in values] == bits


@pytest.mark.parametrize(("dtype", "count"), [("float32", 200_000), ("float64", 2000)])
def test_the_contracts_fma_rounds_once(program: dict[str, Any], dtype: str, count: int) -> None:
    rng = np.random.default_rng(6)
    exponents = rng.integers(-149, 128, (3, count)) if dtype == "float32" else rng.integers(-1074, 1024, (3, count))
    exponents[2] = np.where(
        rng.random(count) < 0.7, exponents[0] + exponents[1] + rng.integers(-60, 3, count), exponents[2]
    )
    with np.errstate(all="ignore"):
        x, y, z = np.ldexp(rng.uniform(-1, 1, (3, count)), exponents).astype(dtype)
        assert same_bits(program["fma"](x, y, z), ops.fma(x, y, z))


def test_the_contract_in_float64(program: dict[str, Any]) -> None:
    rng = np.random.default_rng(7)
    x, kernel = rng.normal(size=(5, 4, 12)), rng.normal(size=(3, 3, 12, 2))
    pads = (0, 1, 1, 1)
    reference = ops.convolution(x[None], kernel, stride=2, pads=Pads(*pads))
    assert same_bits(program["convolution"](x, kernel, 2, pads), reference[0])
    reference = ops.depthwise(x[None], kernel[..., 0], stride=2, pads=Pads(*pads))
    assert same_bits(program["depthwise"](x, kernel[..., 0], 2, pads), reference[0])
    vectors = rng.uniform(0.5, 2, (4, 12)).astype(np.float32)
    assert same_bits(program["batch_norm"](x, *vectors, 1e-3), ops.batch_norm(x, *vectors, 1e-3))
    assert same_bits(program["mean"](x), ops.mean(x[None])[0])
    assert same_bits(program["softmax"](x[0, 0]), ops.softmax(x[:1, 0])[0])


def test_the_contract_breaks_ties_by_the_lower_index(program: dict[str, Any]) -> None:
    tied = np.array([0.1, 0.4, 0.1, 0.4], np.float32)
    assert program["top_k"](tied, 4) == ops.top_k(tied[None], 4)[0].tolist() == [1, 3, 0, 2]


@pytest.mark.parametrize("model", TABLE)
def test_the_contract_states_every_variant(model: str) -> None:
    c = TABLE[model]
    assert f"| {model} | {c.width} | {c.depth} | {c.resolution} |\n" in CONTRACT


def test_the_contract_states_every_stage() -> None:
    for number, stage in enumerate(STAGES, start=1):
        columns = (number, stage.repeats, stage.kernel, stage.stride, stage.expansion, stage.channels)
        assert f"| {' | '.join(map(str, columns))} |\n" in CONTRACT


def test_the_contracts_plan_rounds_and_pads_as_the_code(program: dict[str, Any]) -> None:
    for coefficients in TABLE.values():
        for channels in (32, 1280, *(stage.channels for stage in STAGES)):
            expected = round_filters(channels, coefficients.width)
            assert program["scaled_channels"](channels, coefficients.width) == expected
    for rule in ("same", "symmetric"):
        for size, kernel, stride in product(range(1, 40), (1, 3, 5), (1, 2)):
            before, after = program["zeros"](rule, size, kernel, stride)
            assert pads(rule, size, size, kernel, stride) == (before, after, before, after)
    assert [f"block3{program['letters'](repeat)}" for repeat in range(60)] == [block_name(3, n) for n in range(60)]


def test_the_publishers_in_the_pages_are_those_of_the_code() -> None:
    page = (ROOT / "docs" / "weights.md").read_text("utf-8")
    (table,) = re.findall(r"^\| publisher \|[^\n]*\n\|[-|]+\n((?:\|[^\n]*\n)+)", page, re.MULTILINE)
    assert set(re.findall(r"^\| `([a-z-]+)` \|", table, re.MULTILINE)) == PUBLISHERS.keys()
