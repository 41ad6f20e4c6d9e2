"""Many pictures through a network: the same bits as one by one, whatever holds them and however many threads."""

import os
import subprocess
import sys
import threading
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from helpers.photos import pixels, tiny_weights, write_odd, write_pictures, write_wrong
from helpers.places import CHELSEA, ROOT
from PIL import Image

import refnet
from refnet import Answer, Network, Pipeline
from refnet.engine.program import Program
from refnet.errors import ImageError, InputError, WeightsError
from refnet.pipeline import ahead
from refnet.prediction import Prediction


@pytest.fixture(scope="module")
def net():
    return Network(tiny_weights(), threads=2)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder of good and bad pictures."""
    place = tmp_path_factory.mktemp("pictures")
    write_pictures(place, 12)
    write_wrong(place)
    write_odd(place)
    return place


def one_by_one(net, folder):
    """What each picture of a folder gives by itself, by its name: tensors, or None."""
    found = {}
    for path in sorted(map(str, folder.iterdir())):
        try:
            found[path] = net.features(path, at=["stem", "probabilities"])
        except ImageError:
            found[path] = None
    return found


@pytest.mark.parametrize("threads", [1, 2, 7])
@pytest.mark.parametrize("together", [False, True])
def test_the_same_bits_as_one_by_one(folder, monkeypatch, threads, together):
    net = Network(tiny_weights(), threads=threads)
    expected = one_by_one(net, folder)
    if together:  # as for networks whose pictures do not fit the caches
        monkeypatch.setattr(Program, "pictures_at_once", lambda self, threads, batch: 1)
    answers = list(Pipeline(net, ["probabilities", "stem"]).run(folder))
    assert [answer.name for answer in answers] == list(expected)
    assert [answer.place for answer in answers] == list(range(len(expected)))
    for answer in answers:
        tensors = expected[answer.name]
        assert (answer.error is None) == (tensors is not None)
        assert list(answer.tensors) == (["probabilities", "stem"] if tensors else [])
        for name, tensor in answer.tensors.items():
            assert tensor.dtype == np.float32
            assert tensor.tobytes() == tensors[name][0].tobytes()


def test_what_is_wrong_with_each(folder, net):
    errors = {Path(answer.name).name: answer.error for answer in Pipeline(net).run(folder) if answer.error}
    expected = write_wrong_again(folder)
    assert errors.keys() == expected.keys()
    for name, text in expected.items():
        assert text in str(errors[name])
        assert str(folder / name) in str(errors[name])


def write_wrong_again(folder):
    place = folder.parent / "wrong"
    place.mkdir(exist_ok=True)
    for path in place.iterdir():
        path.unlink()
    return write_wrong(place)


def test_inputs_and_nothing_else(net, folder):
    paths = sorted(folder.glob("photo*"))
    for answer, x in zip(Pipeline(net, "input").run(paths), net.preprocess(paths), strict=True):
        assert list(answer.tensors) == ["input"]
        assert (answer.tensors["input"] == x).all()
    (both,) = Pipeline(net, ["stem", "input"]).run(paths[0])
    assert set(both.tensors) == {"stem", "input"}
    assert (net.features(both.tensors["input"][None], "stem") == both.tensors["stem"]).all()


def test_unknown_steps_are_refused_at_once(net):
    with pytest.raises(InputError, match="no step 'stm'"):
        Pipeline(net, at=["stem", "stm"])


def test_what_is_no_picture_at_all_ends_it(net):
    answers = Pipeline(net).run([pixels(1), 3.14, pixels(2)])
    assert next(answers).error is None
    with pytest.raises(InputError, match="a picture cannot be float"):
        next(answers)
    with pytest.raises(InputError, match="want uint8"):
        list(Pipeline(net).run(np.zeros((3, 8, 8, 3))))
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("refnet-pictures")]


def test_how_the_publisher_would_have_read_it(net):
    clear = Image.fromarray(np.dstack([pixels(1), pixels(2)[..., :1]]))
    (shown,) = Pipeline(net).run(clear)
    (published,) = Pipeline(net, as_published=True).run(clear)
    assert shown.notes == ("laid on white where it is transparent",)
    assert published.notes == ()
    assert (published.tensors["probabilities"] == net.probabilities(net.preprocess(clear, as_published=True))[0]).all()
    assert (published.tensors["probabilities"] != shown.tensors["probabilities"]).any()


def test_an_endless_source_takes_no_more_memory_for_more_pictures(net):
    def endless():
        while True:
            yield np.zeros((1000, 1000, 3), np.uint8)

    answers = Pipeline(net).run(endless())
    for _ in range(4 * ahead.AHEAD):
        next(answers)
    tracemalloc.start()
    for _ in range(60):  # 180 MB of pictures
        next(answers)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    answers.close()
    assert peak < (2 * ahead.AHEAD + 8) * 3_000_000


def take_names(answers, seen):
    """Note each name before the next answer is asked for."""
    for answer in answers:
        seen.append(answer.name)


def opened(paths):
    for path in paths:
        with Path(path).open("rb") as file:
            yield file


def test_a_panorama_of_60_megapixels(net, tmp_path):
    row = np.arange(20_000, dtype=np.uint16).astype(np.uint8)
    Image.fromarray(np.broadcast_to(row, (3000, 20_000))).save(tmp_path / "wide.jpg", quality=50)
    Image.fromarray(pixels(1)).save(tmp_path / "small.png")
    small, wide = Pipeline(net).run(tmp_path)
    assert (small.error, wide.error) == (None, None)
    assert (wide.tensors["probabilities"] == net.probabilities(net.preprocess(tmp_path / "wide.jpg"))[0]).all()


class TestNetwork:
    """``predict``, ``features`` and ``preprocess`` of one picture, of a list, of a stream."""

    def test_a_list_is_answered_by_a_list(self, net, folder):
        paths = sorted(folder.glob("photo*"))
        arrays = np.stack([pixels(i) for i in range(len(paths))])
        expected = [net.predict(path) for path in paths]
        assert net.predict(paths) == net.predict(list(arrays)) == net.predict(arrays) == expected
        assert net.predict(arrays[:0]) == net.predict([]) == []
        x = np.concatenate([net.preprocess(path) for path in paths])
        assert (net.preprocess(paths) == x).all()
        assert (net.preprocess(arrays) == x).all()
        assert net.features(paths).tobytes() == net.features(arrays).tobytes() == net.features(x).tobytes()
        both = net.features(tuple(paths), ["stem", "pool"])
        assert {name: tensor.tobytes() for name, tensor in both.items()} == {
            name: net.features(x, name).tobytes() for name in ("stem", "pool")
        }
        assert net.features([]).shape == (0, 128)

    def test_an_open_file_is_one_picture(self, net):
        expected = net.predict(CHELSEA)
        with CHELSEA.open("rb") as file:
            assert net.predict(file) == expected
        with CHELSEA.open("rb") as file, CHELSEA.open("rb") as other:
            assert net.predict([file, other]) == [expected] * 2
        with CHELSEA.open("rb") as file:
            assert net.features(file).tobytes() == net.features(CHELSEA).tobytes()
        with pytest.raises(ImageError, match="closed file"):
            net.predict(file)

    def test_one_array_is_one_picture(self, net):
        assert net.features(pixels(1)).tobytes() == net.features(net.preprocess(pixels(1))).tobytes()

    def test_a_folder_a_pattern_or_an_iterator_is_answered_by_a_stream(self, net, folder):
        paths = sorted(map(str, folder.glob("photo*")))
        expected = [(path, tuple(net.predict(path, 2))) for path in paths]
        for source in (str(folder / "photo*"), iter(paths), opened(paths)):
            answers = list(net.predict(source, 2))
            assert all(type(answer) is Answer and type(answer.predictions[0]) is Prediction for answer in answers)
            assert [(answer.name, answer.predictions) for answer in answers] == expected
        pools = net.features(str(folder / "photo*"))
        assert [answer.tensors["pool"].tobytes() for answer in pools] == [net.features(p).tobytes() for p in paths]
        inputs = net.preprocess(iter(paths))
        assert [answer.tensors["input"].tobytes() for answer in inputs] == [net.preprocess(p).tobytes() for p in paths]

    def test_errors_are_raised_in_their_place(self, net, folder):
        seen: list[str] = []
        with pytest.raises(ImageError, match=r"cut\.jpg"):
            take_names(net.predict(folder), seen)
        assert seen == [path for path in sorted(map(str, folder.iterdir())) if path < str(folder / "cut.jpg")]
        paths = sorted(folder.glob("photo*"))[:3]
        seen = []
        with pytest.raises(ImageError, match=r"empty\.png: the file is empty"):
            take_names(net.predict(iter([*paths, folder / "empty.png", *paths])), seen)
        assert seen == list(map(str, paths))
        for call in (net.predict, net.features, net.preprocess):
            with pytest.raises(ImageError, match=r"empty\.png: the file is empty"):
                call([paths[0], folder / "empty.png"])
            with pytest.raises(ImageError, match="picture 2: the given 3 bytes: not a picture"):
                call([paths[0], b"GIF"])
            with pytest.raises(ImageError, match="Is a directory"):
                call([paths[0], folder])  # a list has an answer for each entry

    def test_errors_are_yielded_if_asked_for(self, net, folder):
        good = sorted(folder.glob("photo*"))[0]
        source = [good, b"GIF", good]
        for answers in (net.predict(source, errors="yield"), net.features(source, errors="yield")):
            first, second, third = answers
            assert (first.error, third.error) == (None, None)
            assert isinstance(second.error, ImageError)
            assert (second.predictions, second.tensors) == ((), {})
        (one,) = net.predict(good, errors="yield")
        (raising,) = net.predict(good, errors="raise")
        assert list(one.predictions) == list(raising.predictions) == net.predict(good)
        with pytest.raises(InputError, match="errors='ignore': want 'raise' or 'yield'"):
            net.predict(good, errors="ignore")

    def test_what_can_be_told_at_once_is(self, net):
        for call in (lambda: net.predict("*.png", 7), lambda: net.features("*.png", "stm")):
            with pytest.raises(InputError, match=r"want a whole number|no step"):
                call()

    def test_a_list_says_what_was_read_otherwise(self, net, caplog):
        caplog.set_level("INFO", "refnet")
        clear = Image.fromarray(np.dstack([pixels(1), pixels(2)[..., :1]]))
        net.predict([clear])
        assert caplog.messages == [
            "a picture was laid on white where it is transparent; as_published=True reads it otherwise"
        ]

    def test_no_finite_answer(self):
        weights = tiny_weights()
        weights.tensors["logits/bias"] = np.full(3, np.float32(3e38))
        weights.tensors["logits/kernel"] = np.full_like(weights.tensors["logits/kernel"], 3e38)
        net = Network(weights, threads=2)
        for source in (pixels(1), [pixels(1)]):
            with pytest.raises(WeightsError, match="no finite answer"):
                net.predict(source)


def test_the_door_takes_the_same(folder, tmp_path):
    from refnet.weights import writer

    writer.write(tmp_path / "tiny.h5", tiny_weights())
    net, model = refnet.load(tmp_path / "tiny.h5"), tmp_path / "tiny.h5"
    paths = sorted(folder.glob("photo*"))
    assert refnet.predict(paths, model) == net.predict(paths)
    named = {answer.name: answer.predictions for answer in refnet.predict(folder, model, top=1, errors="yield")}
    assert named.keys() == set(map(str, folder.iterdir()))
    assert list(named[str(paths[0])]) == net.predict(paths[0], 1)
    with pytest.raises(FileNotFoundError):
        refnet.predict([paths[0], "nowhere.jpg"], "b7")  # told before anything is fetched
    with pytest.raises(ImageError, match="Is a directory"):
        refnet.predict([folder], "b7")


FORK = """
import os, sys
import refnet
from refnet import Pipeline
pipeline = Pipeline(refnet.load("lite0@synthetic", threads=2, size=64))
chelsea = sys.argv[1]
expected = [answer.tensors["probabilities"].tobytes() for answer in pipeline.run([chelsea] * 4)]
child = os.fork()
found = [answer.tensors["probabilities"].tobytes() for answer in pipeline.run([chelsea] * 4)]
if child:
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
assert found == expected
os._exit(0)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_before_and_after_a_fork():
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", FORK, str(CHELSEA)], cwd=ROOT, timeout=120)
    assert done.returncode == 0


@pytest.mark.parametrize("how", ["refnet.predict(photo)", "refnet.cli.main(['predict', photo])"])
def test_one_picture_needs_no_pipeline_and_no_thread(how):
    program = f"""
import sys, threading, refnet.cli
photo = sys.argv[1]
{how}
used = [name for name in sys.modules if name.startswith("refnet.pipeline")]
print(used, [thread.name for thread in threading.enumerate() if "pictures" in thread.name])
"""
    done = subprocess.run(
        [sys.executable, "-c", program, CHELSEA], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert done.stdout.splitlines()[-1] == "[] []", done.stderr
