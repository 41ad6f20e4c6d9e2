"""Bench: what is measured is whole and consistent. How fast anything is, no test asks."""

import json
import re
import shlex
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from helpers.places import DATA

import refnet
from refnet import bench as room
from refnet import cli
from refnet.architecture import names
from refnet.architecture.plan import make_plan
from refnet.architecture.variants import variant
from refnet.bench import StepTime, Timing, bench, bursts, costs, measure, measure_peak, passes, plot
from refnet.bench import peak as bench_peak
from refnet.bench.result import kind_of, short_label
from refnet.engine import clock
from refnet.errors import InputError, RefnetError
from refnet.kernels import fma_loop
from refnet.kernels.integers import dot_loop
from refnet.kernels.integers.machine import dot, is_signed
from refnet.kernels.machine import LANES, Registers
from refnet.weights import synthetic

SMALL = 64
INTEGERS = DATA / "integers" / "lite.h5"
GENEROUS = 1.5  # of the peak: more cannot be, unless the machine changed its pace meanwhile


@pytest.fixture(scope="module", autouse=True)
def _compiled():
    """Compile the kernels before any test looks at standard error."""
    for dtype in ("float32", "float64"):
        refnet.load("lite0@synthetic", dtype=dtype).logits(synthetic.picture_tensor(8, 8))
    refnet.load(INTEGERS).logits(synthetic.picture_tensor(8, 8))


@pytest.fixture(scope="module", params=["b0@synthetic", "lite0"])
def network(request):
    return refnet.load(request.param, threads=2)


@pytest.fixture(scope="module")
def timing(network):
    return bench(network, size=SMALL, rounds=5, steps=True)


@pytest.fixture(autouse=True)
def _quick_bursts(monkeypatch):
    monkeypatch.setattr(bench_peak, "_BURSTS", 2)
    monkeypatch.setattr(bench_peak, "_BURST_SECONDS", 1e-3)
    monkeypatch.setattr(costs, "_BURSTS", 20)
    monkeypatch.setattr(costs, "_PASSES", 3)


@pytest.fixture
def run(capsys):
    """Run ``refnet bench`` in this process: exit code, standard output, standard error."""

    def run(command, *more):
        code = cli.main(["bench", *shlex.split(command), *map(str, more)])
        return code, *capsys.readouterr()

    return run


def made_up(**changes):
    steps = (
        StepTime(("stem",), "stem", 2e-3, 10_000_000, 1e-3),
        StepTime(("block1a.expand",), "expand", 1e-3, 20_000_000, 0.9e-3),
        StepTime(("block1a.squeeze",), "squeeze-excite", 0.5e-3, 0, 0.1e-3),
        StepTime(("block2b.expand", "block2b.add"), "expand", 2e-3, 40_000_000, 1.5e-3),
    )
    values = {
        "variant": "b0", "dtype": "float32", "threads": 2, "batch": 2, "height": 32, "width": 48, "macs": 70_000_000,
        "calls": (0.014, 0.010, 0.012, 0.016, 0.018), "peak": 50.0, "resident_bytes": None, "engine_bytes": 1 << 20,
        "steps": steps, "seconds_of_pass": 6.25e-3,
    }  # fmt: skip
    return Timing(**values | changes)


class TestTiming:
    def test_numbers(self):
        timing = made_up()
        assert (timing.seconds, timing.quartiles, timing.seconds_per_picture) == (0.014, (0.012, 0.016), 0.007)
        assert timing.gflops == pytest.approx(20)
        assert timing.share_of_peak == pytest.approx(0.4)
        assert timing.all_steps.seconds == pytest.approx(5.5e-3)
        assert timing.rest.seconds == pytest.approx(0.75e-3)

    def test_bounds(self):
        timing = made_up()
        assert [step.share_of_bound for step in timing.steps] == pytest.approx([0.5, 0.9, 0.2, 0.75])
        assert timing.all_steps.bound == pytest.approx(3.5e-3)
        assert timing.by_kind()[0].bound == pytest.approx(2.4e-3)
        unknown = StepTime(("stem",), "stem", 2e-3, 10_000_000)
        assert unknown.share_of_bound is None
        assert made_up(steps=(unknown, *timing.steps)).all_steps.bound is None

    def test_kinds_are_sums(self):
        expand, stem, gate = made_up().by_kind()
        assert (expand.kind, expand.macs, expand.seconds) == ("expand", 60_000_000, 3e-3)
        assert expand.steps == ("block1a.expand", "block2b.expand", "block2b.add")
        assert expand.gflops == pytest.approx(40)
        assert (stem.kind, gate.kind, gate.gflops) == ("stem", "squeeze-excite", 0)

    def test_kinds_of_all_steps(self):
        plan = make_plan(variant("b0"))
        kinds = {kind_of([step]) for step in plan}
        depthwise = {f"depthwise {kernel}x{kernel}{stride}" for kernel in (3, 5) for stride in ("", "/2")}
        assert kinds == depthwise | {
            *("stem", "expand", "squeeze-excite", "project", "add", "head", "pool", "logits", "probabilities")
        }
        assert kinds - {"add", "probabilities"} <= set(plot._COLOURS)

    def test_kind_of_what_runs_as_one(self):
        plan = make_plan(variant("b0"))
        block = [plan[f"block2a.{part}"] for part in ("expand", "depthwise", "squeeze")]
        assert kind_of(block) == "expand + depthwise 3x3/2"
        assert kind_of([plan["block2a.squeeze"], plan["block2a.excite"]]) == "squeeze-excite"


class TestBench:
    def test_what_it_was_asked(self, network, timing):
        assert (timing.variant, timing.dtype, timing.threads) == (network.variant, "float32", 2)
        assert (timing.batch, timing.height, timing.width, len(timing.calls)) == (1, SMALL, SMALL, 5)
        assert timing.macs == make_plan(network.weights.architecture, SMALL).macs

    def test_all_is_above_zero(self, timing):
        assert min(timing.calls) > 0
        assert all(step.seconds > 0 for step in timing.by_kind())
        assert 0 < timing.share_of_peak < GENEROUS
        assert timing.engine_bytes > 4e6
        assert timing.resident_bytes > timing.engine_bytes

    def test_every_step_is_timed_once(self, network, timing):
        timed = [name for step in timing.steps for name in step.steps]
        steps = [step.name for step in network.plan]
        assert timed == steps[: steps.index(names.LOGITS) + 1]
        assert sum(step.macs for step in timing.steps) == timing.macs
        assert sum(step.macs for step in timing.by_kind()) == timing.macs
        assert timing.all_steps.seconds == pytest.approx(sum(step.seconds for step in timing.by_kind()))

    def test_steps_and_the_rest_are_a_whole_call(self, timing):
        assert timing.rest.seconds > 0
        whole = timing.all_steps.seconds + timing.rest.seconds
        assert whole == pytest.approx(timing.seconds_of_pass, rel=1e-12)

    def test_calls_and_passes_take_turns(self, monkeypatch):
        made = []
        monkeypatch.setattr(passes.Passes, "add", lambda self: made.append("pass"))
        measure._time_calls(
            lambda: made.append("call"), 2, 1.0, lambda phase: None, passes.Passes.__new__(passes.Passes)
        )
        assert made == ["call", "pass", "call", "pass"]

    def test_every_step_has_a_bound(self, timing):
        assert all(step.bound > 0 for step in timing.steps)
        assert 0 < timing.all_steps.share_of_bound < GENEROUS

    def test_every_kind_has_a_colour(self, timing):
        colours = [plot._COLOURS[kind.kind] for kind in timing.by_kind()]
        assert len(set(colours)) == len(colours)

    def test_batches_and_sizes(self):
        phases = []
        timing = bench(refnet.load("lite0", dtype="float64", threads=1), batch=3, size=(32, 48), rounds=2,
                       progress=phases.append)  # fmt: skip
        assert (timing.batch, timing.height, timing.width, timing.dtype, timing.steps) == (3, 32, 48, "float64", ())
        assert timing.seconds_per_picture == timing.seconds / 3
        assert phases == ["the peak", "call 1 of 2", "call 2 of 2", "the peak"]

    def test_for_some_time(self):
        timing = bench(refnet.load("lite0", threads=1), size=16, seconds=1e-9)
        assert len(timing.calls) == measure._FEWEST_CALLS

    @pytest.mark.parametrize(
        ("wrong", "message"),
        [
            ({"batch": 0}, "batch=0: want a whole number from 1 to 4096"),
            ({"batch": True}, "batch=True: want a whole number"),
            ({"rounds": 2.0}, "rounds=2.0: want a whole number from 1 to"),
            ({"seconds": 0}, "seconds=0: want a number of seconds above 0"),
            ({"seconds": float("nan")}, "seconds=nan: want"),
            ({"seconds": "long"}, "seconds='long': want"),
            ({"size": 0}, "input size 0x0: each side must be 1 to"),
        ],
    )
    def test_wrong_numbers(self, wrong, message):
        with pytest.raises(InputError) as error:
            bench(refnet.load("lite0"), **wrong)
        assert str(error.value).startswith(message)

    def test_memory_elsewhere(self, monkeypatch):
        """Without Linux's /proc, from getrusage; on Windows not at all."""

        def missing(*_):
            raise OSError

        monkeypatch.setattr(Path, "read_text", missing)
        assert measure._most_resident() > 1 << 20
        monkeypatch.setitem(sys.modules, "resource", None)
        assert measure._most_resident() is None


class TestRows:
    @pytest.mark.parametrize("threads", [1, 3])
    def test_a_timed_pass_is_a_call(self, threads):
        net = refnet.load("b0@synthetic", threads=threads)
        x = synthetic.picture_tensor(40, 33)
        rows = clock.RowClock(net._engine, make_plan(net.weights.architecture, (40, 33)))
        timed, found = net._run_by(rows.interpreter), []
        for _ in range(2):
            seconds = rows.time(lambda: found.append(timed.logits(x)))
            assert (seconds[:-1] >= 0).all()
            assert seconds[-1] > 0
            assert seconds.shape == (len(rows.steps) + 1,)
            assert (found[-1] == net.logits(x)).all()
        assert net._engine._interpret != rows.interpreter

    def test_the_middle_half_counts(self):
        counted = passes.Passes.__new__(passes.Passes)
        counted._found = [np.array(each) for each in ([1.0, 9.0], [2.0, 1.0], [3.0, 3.0], [0.0, 1.0])]
        assert counted.means() == ([2.5], 4.5)
        counted._found = [np.array([2.0, 0.5])]
        assert counted.means() == ([2.0], 2.5)

    def test_steps_that_run_as_one(self):
        """Fused into a later row, sharing a row, and with rows before them that make no tensor of a step."""
        steps = [step.name for step in make_plan(variant("lite0"))]
        rows = {name: 2 * i + 1 for i, name in enumerate(steps)}
        first, second, third, fourth, *_ = steps
        del rows[second]
        rows[fourth] = rows[third]
        found, ends = clock._steps_by_row(make_plan(variant("lite0")), rows)
        assert found[:2] == [(first,), (second, third, fourth)]
        assert ends[:3] == [2, 6, 10]
        assert found[-1] == (names.LOGITS,)

    def test_a_system_without_the_clock(self, monkeypatch):
        monkeypatch.delattr(clock.time, "CLOCK_MONOTONIC")
        clock._clocked.cache_clear()
        with pytest.raises(RefnetError, match="cannot be timed on this system"):
            bench(refnet.load("lite0"), size=8, rounds=1, steps=True)


def test_integers(run):
    """Steps, their sum, and speed in operations of integers."""
    network = refnet.load(INTEGERS, threads=1)
    timing = bench(network, rounds=5, steps=True)
    assert (timing.dtype, timing.unit, timing.height) == ("int8, tflm", "Gop/s", 48)
    assert timing.macs == sum(step.macs for step in timing.steps) == network.plan.macs
    assert timing.all_steps.bound is None
    assert timing.engine_bytes > sum(tensor.nbytes for tensor in network.weights.tensors.values()) // 2
    assert bench(network, rounds=5, size=33).height == 33
    code, out, err = run(f"{INTEGERS} --rounds 5 --steps --threads 1")
    assert (code, err) == (0, "")
    assert "Gop/s" in out
    assert "bound" not in out
    assert "int8, tflm, 1 thread" in out


class TestPeak:
    @pytest.mark.parametrize("dtype", ["float32", np.float64, "int8"])
    @pytest.mark.parametrize("threads", [1, 2, None])
    def test_it_is_a_number(self, dtype, threads):
        assert 0 < measure_peak(dtype, threads) < np.inf

    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    def test_the_chains_are_computed(self, dtype):
        values = fma_loop.start_values(dtype)
        start = values[LANES:].copy()
        fma_loop.burn(values, 1)
        expected = start
        for _ in range(fma_loop._UNROLLED):
            expected = expected * dtype(0.5) + dtype(0.5)  # exact
        assert (values[LANES:] == expected).all()
        assert (values[:LANES] == 0.5).all()
        assert fma_loop.operations_of(values) == 2 * fma_loop._UNROLLED * start.size
        fma_loop.burn(values, 100)
        assert (values[LANES:] == 1).all()

    def test_the_sums_of_integers_are_computed(self):
        """Each lane adds the products of its own four bytes and four weights, -128 to 127."""
        values = dot_loop.start_values()
        weights, start = values[:64].view(np.int8).astype(np.int64), values[64:].copy()
        dot_loop.burn(values, 1)
        total = start.view(np.int32).astype(np.int64)
        for _ in range(dot_loop._UNROLLED):
            codes = np.int8 if is_signed(dot()) else np.uint8
            bytes_ = total.astype(np.int32).view(codes).astype(np.int64).reshape(-1, 4)
            total = total + (bytes_ * np.tile(weights, len(bytes_) // 16).reshape(-1, 4)).sum(axis=1)
        assert (values[64:].view(np.int32) == total.astype(np.int32)).all()
        assert dot_loop.operations_of(values) == 2 * dot_loop._UNROLLED * start.size

    @pytest.mark.parametrize("itemsize", [4, 8])
    @pytest.mark.parametrize("machine", [Registers(32, 64), Registers(16, 32), Registers(16, 16), Registers(32, 16)])
    def test_chains_fit_the_registers(self, itemsize, machine):
        chains = fma_loop.chain_vectors(itemsize, machine) * LANES * itemsize // machine.size
        assert 8 <= chains <= machine.count - 2

    def test_wrong_arguments(self):
        with pytest.raises(InputError, match="dtype 'float16': want float32 or float64"):
            measure_peak("float16")
        with pytest.raises(InputError, match="threads=0: want a whole number from 1 to 256"):
            measure_peak("float32", 0)

    def test_without_a_compiler(self, monkeypatch):
        monkeypatch.setattr(bench_peak.numba.config, "DISABLE_JIT", 1)
        with pytest.raises(RefnetError, match="NUMBA_DISABLE_JIT"):
            measure_peak()

    def test_without_threads(self, monkeypatch):
        class Poor(ThreadPoolExecutor):
            started = 0

            def submit(self, *arguments):
                self.started += 1
                if self.started > 1:
                    raise RuntimeError("can't start new thread")
                return super().submit(*arguments)

        monkeypatch.setattr(bursts, "ThreadPoolExecutor", Poor)
        with pytest.raises(RefnetError, match="cannot start 2 threads to measure the peak: can't start new thread"):
            measure_peak("float32", 2)


class TestPlot:
    @pytest.mark.parametrize(
        ("suffix", "magic"), [(".png", b"\x89PNG"), (".SVG", b"<?xml"), (".pdf", b"%PDF")]
    )  # fmt: skip
    def test_formats(self, tmp_path, suffix, magic, monkeypatch):
        monkeypatch.delitem(sys.modules, "matplotlib.pyplot", raising=False)  # others' tests may have brought it
        path = tmp_path / f"bars{suffix}"
        path.write_bytes(b"old")
        plot.save_plot(made_up(), path)
        assert path.read_bytes().startswith(magic)
        assert list(tmp_path.iterdir()) == [path]
        assert "matplotlib.pyplot" not in sys.modules

    def test_what_is_on_it(self):
        timing = made_up()
        figure = plot.draw(timing, "b0, now")
        times, shares = figure.axes
        bars = [(bar.get_y() + bar.get_height() / 2, bar.get_x(), bar.get_width()) for bar in times.patches[:4]]
        expected = [(0, 0, 2000), (1, 0, 1000), (1, 1000, 500), (2, 0, 2000)]
        assert np.array(bars) == pytest.approx(np.array(expected))
        _, marks = times.collections
        assert [segment[0][0] for segment in marks.get_segments()] == pytest.approx([1000, 1000, 1500])
        assert [bar.get_width() for bar in shares.patches[:3]] == pytest.approx([50, 100 / 1.5, 75])
        assert [label.get_text() for label in times.get_yticklabels()] == ["stem", "block1a", "block2b"]
        assert figure.texts[0].get_text() == "b0, now"
        legend = [text.get_text() for text in figure.legends[0].get_texts()]
        assert legend == ["expand  48.0%", "stem  32.0%", "squeeze-excite  8.0%", "bound  56.0%"]

    def test_without_bounds(self):
        steps = [replace(step, bound=None) for step in made_up().steps]
        times, shares = plot.draw(made_up(steps=tuple(steps)), "b0").axes
        assert not any(marks.get_segments() for marks in times.collections)
        assert [bar.get_width() for bar in shares.patches[:3]] == pytest.approx([20, 160 / 3, 80])

    @pytest.mark.parametrize("name", ["b0", "l2"])
    def test_it_is_seen_in_one_look(self, name):
        plan = make_plan(variant(name))
        steps = tuple(StepTime((step.name,), kind_of([step]), 1e-3, step.macs, 1e-3) for step in plan)
        width, height = plot.draw(made_up(steps=steps), name).get_size_inches() * plot._DOTS_PER_INCH
        assert width <= 1600
        assert height <= 1400

    def test_short_labels(self):
        labels = [short_label(step.steps) for step in made_up().steps]
        assert labels == ["stem", "block1a.expand", "block1a.squeeze", "block2b.expand + add"]

    def test_nothing_to_draw(self, tmp_path):
        with pytest.raises(InputError, match=r"no steps to draw; measure it with bench\(\.\.\., steps=True\)"):
            plot.save_plot(made_up(steps=()), tmp_path / "a.png")

    def test_what_is_in_the_way(self, tmp_path):
        (tmp_path / "a.png").mkdir()
        with pytest.raises(InputError, match=r"a\.png not written: "):
            plot.save_plot(made_up(), tmp_path / "a.png")
        assert list(tmp_path.iterdir()) == [tmp_path / "a.png"]


class TestCommand:
    QUICK = "--size 64 --rounds 3 --threads 2"

    def test_a_table(self, run):
        code, out, err = run(f"lite0 EfficientNet-B0 lite0@synthetic {self.QUICK}")
        assert code == 0
        assert err == "refnet: no weights of b0 on this machine; timing b0@synthetic, which takes as long\n"
        header, *rows = out.splitlines()[:4]
        assert header.split()[:5] == ["model", "size", "calls", "ms", "quartiles"]
        assert [row.split()[:3] for row in rows] == [
            [name, "64x64", "3"] for name in ("lite0", "b0@synthetic", "lite0@synthetic")
        ]
        assert "\nfloat32, 2 threads, batch 1; ms: the median call" in out

    def test_json(self, run):
        code, out, err = run(f"{self.QUICK} --json --batch 2 --dtype float64 --steps")
        assert (code, err) == (0, "")
        (found,) = json.loads(out)
        steps, kinds, ms = (found.pop(key) for key in ("steps", "kinds", "ms"))
        all_steps, rest = (found.pop(key) for key in ("all_steps", "rest"))
        plan = make_plan(variant("b0"), SMALL)
        settings = {"model": "b0@synthetic", "size": [64, 64], "batch": 2, "dtype": "float64", "threads": 2}
        assert {key: found[key] for key in settings} == settings
        assert (found["macs"], found["calls"]) == (plan.macs, 3)
        assert set(found) - set(settings) == {
            *("macs", "calls", "ms_per_picture", "gflops", "peak_gflops", "share_of_peak"),
            *("resident_bytes", "engine_bytes", "us_of_pass"),
        }
        assert 0 < ms["min"] <= ms["low_quartile"] <= ms["median"] <= ms["high_quartile"]
        assert found["ms_per_picture"] == ms["median"] / 2
        assert 0 < found["share_of_peak"] < GENEROUS
        for rows in (steps, kinds):
            assert sum(row["macs"] for row in rows) == plan.macs
            assert sum(row["share_of_time"] for row in (*rows, rest)) == pytest.approx(1)
            assert sum(row["us"] for row in (*rows, rest)) == pytest.approx(found["us_of_pass"])
            assert sum(row["bound_us"] for row in rows) == pytest.approx(all_steps["bound_us"])
        assert set(steps[0]) == {
            *("steps", "kind", "us", "share_of_time", "bound_us", "share_of_bound", "macs", "gflops", "share_of_peak"),
        }
        assert steps[0]["steps"] == ["stem", "block1a.depthwise"]

    def test_steps_and_a_plot(self, run, tmp_path):
        code, out, err = run(f"lite0 {self.QUICK} --plot", tmp_path / "lite0.png")
        assert (code, err) == (0, "")
        title, _, header, stem, *_ = out.splitlines()
        assert title == "lite0, one picture of 64x64, float32, 2 threads"
        assert header.split() == [*["step", "us", "time", "bound", "of", "bound", "GFLOP/s", "of", "peak", "kind"]]
        assert stem.startswith("stem ")
        assert re.search(r"\nblock2b\.project \+ add +[\d.% ]+project\n", out)
        assert re.search(
            r"\nall steps +[\d.]+ .*\nrest of the call +[\d.]+ +[\d.]+%\nthe whole call +[\d.]+ +100\.0%", out
        )
        assert max(map(len, out.splitlines())) <= 120
        assert (tmp_path / "lite0.png").stat().st_size > 10_000

    def test_a_line_for_a_terminal(self, run, monkeypatch):
        monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
        code, _, err = run(f"lite0 {self.QUICK}")
        assert code == 0
        assert err.startswith("\r\x1b[Klite0: the peak")
        assert err.endswith("\r\x1b[K")
        assert "\n" not in err

    @pytest.mark.parametrize(
        ("command", "message"),
        [
            ("b9", "unknown model 'b9'; want one of b0, b1"),
            ("nowhere.h5", "nowhere.h5 does not exist"),
            ("--batch 0", "batch=0: want a whole number from 1 to 4096"),
            ("--batch few", "argument --batch: invalid int value: 'few'; see `refnet bench --help`"),
            ("--threads 0", "threads=0: want a whole number from 1 to 256"),
            ("--rounds 0", "rounds=0: want a whole number from 1 to"),
            ("--seconds nan", "seconds=nan: want a number of seconds above 0"),
            ("--seconds 1 --rounds 1", "argument --rounds: not allowed with argument --seconds"),
            ("--size 0x5", "input size 0x5: each side must be 1 to 16384 pixels"),
            ("--size big", "argument --size: 'big' is not a size"),
            ("--dtype int8", "argument --dtype: invalid choice: 'int8'"),
            ("--plot bars.gif", "bars.gif not written: its name ends in .gif; want .png or .svg or .pdf"),
            ("--plot bars", "bars not written: its name has no ending; want .png or .svg or .pdf"),
            (
                "--plot nowhere/bars.png",
                "nowhere/bars.png not written: there is no directory nowhere",
            ),
            ("lite0 b0 --plot bars.png", "--plot draws one model; got 2"),
        ],
    )
    def test_one_line_for_what_is_wrong(self, run, monkeypatch, tmp_path, command, message):
        monkeypatch.chdir(tmp_path)
        code, out, err = run(command)
        assert (code, out) == (2, "")
        assert err.startswith(f"refnet: error: {message}")
        assert err.count("\n") == 1

    def test_without_matplotlib(self, run, monkeypatch):
        monkeypatch.setattr(room.measure, "bench", None)  # never reached
        monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
        assert run("--plot bars.png") == (
            2, "", "refnet: error: a plot needs matplotlib: pip install 'refnet[plot]'\n",
        )  # fmt: skip

    def test_help(self, capsys):
        with pytest.raises(SystemExit, match="0"):
            cli.main(["bench", "--help"])
        assert capsys.readouterr().out.startswith("usage: refnet bench [-h]")
