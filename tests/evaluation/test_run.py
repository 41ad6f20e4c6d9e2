"""A network on a data set: the answers are those of `predict`, whatever fails, is interrupted or is there already."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from helpers.small_weights import make_weights
from helpers.tops import TOPS, weights_with

from refnet.errors import InputError
from refnet.evaluation import evaluate, find_truth, read_data_set
from refnet.network import Network
from refnet.pipeline.journal import Journal


def test_the_answers_are_those_of_predict(network, pictures):
    data = read_data_set(pictures)
    found = evaluate(network, data)
    assert len(data) == 12
    for place, file in enumerate(data.files):
        theirs = network.predict(file)
        assert found.answers.classes[place].tolist() == [each.index for each in theirs]
        assert found.answers.values[place].tolist() == [each.value for each in theirs]
    pairs = list(zip(data.files, data.given, strict=True))
    assert found.top1 == (sum(network.predict(file, top=1)[0].wnid == given for file, given in pairs), 12)
    among = sum(given in [each.wnid for each in network.predict(file)] for file, given in pairs)
    assert found.top5 == (among, 12)
    assert found.truth.classes.tolist() == [int(given[1:]) for given in data.given]
    assert found.pictures_per_second > 0
    assert len(found.calibration) == 15
    assert 0 <= found.ece <= 1
    assert found.published is None


def test_a_picture_that_cannot_be_read_is_neither_right_nor_wrong(network, pictures, tmp_path):
    shutil.copytree(pictures, tmp_path / "some")
    (tmp_path / "some" / "n00000001" / "broken.png").write_bytes(b"no picture")
    (tmp_path / "some" / "n00000001" / "gone.png").symlink_to("nowhere.png")
    done = []
    found = evaluate(network, read_data_set(tmp_path / "some"), progress=lambda *now: done.append(now))
    assert len(found.data) == 14
    assert found.top1.of == 12
    assert sorted(found.answers.failed.values()) == [
        f"{tmp_path}/some/n00000001/broken.png: not a picture; want one of the formats PNG, JPEG, WebP, GIF, BMP, "
        "TIFF, PPM, AVIF, HEIC, JPEG 2000, ICO, QOI, PSD, PCX, SGI, DDS, TGA",
        f"{tmp_path}/some/n00000001/gone.png: cannot read the picture: No such file or directory",
    ]
    assert done[-1] == (14, 2)
    assert [now for now, _ in done] == list(range(1, 15))


def test_a_name_is_never_a_pattern(network, pictures, tmp_path):
    (tmp_path / "n00000000").mkdir()
    shutil.copy(pictures / "n00000000" / "0.png", tmp_path / "n00000000" / "[a]*.png")
    shutil.copy(pictures / "n00000000" / "3.png", tmp_path / "n00000000" / "a.png")
    found = evaluate(network, read_data_set(tmp_path))
    assert found.answers.failed == {}
    assert len(found.answers.classes) == 2


def test_nothing_is_done_twice(network, pictures, tmp_path, monkeypatch):
    data = read_data_set(pictures)
    whole = evaluate(network, data)
    part = replace(data, files=data.files[3:8], given=data.given[3:8])
    with Journal(tmp_path / "found.csv", {"model": "tiny"}) as journal:
        evaluate(network, part, journal=journal)
    with Journal(tmp_path / "found.csv", {"model": "tiny"}, resume=True) as journal:
        ran = []
        again = evaluate(network, data, journal=journal, progress=lambda now, failed: ran.append(now))
        assert ran == list(range(6, 13))
        assert np.array_equal(again.answers.classes, whole.answers.classes)
        assert np.array_equal(again.answers.values, whole.answers.values)
        assert [name for name, _ in journal.in_order(data.files)] == list(data.files)
        assert np.isnan(evaluate(network, data, journal=journal).pictures_per_second)  # all were there


def test_what_has_changed_is_done_again_and_what_is_gone_left_out(network, pictures, tmp_path):
    shutil.copytree(pictures, tmp_path / "some")
    data = read_data_set(tmp_path / "some")
    with Journal(tmp_path / "found.csv", {}) as journal:
        evaluate(network, data, journal=journal)
    shutil.copyfile(data.files[0], data.files[1])
    Path(data.files[2]).unlink()
    now = read_data_set(tmp_path / "some")
    with Journal(tmp_path / "found.csv", {}, resume=True) as journal:
        found = evaluate(network, now, journal=journal)
    assert found.notes == (
        "1 picture done again, changed since the interrupted run",
        f"1 picture of the interrupted run left out, not in {tmp_path / 'some'}",
    )
    assert np.array_equal(found.answers.values, evaluate(network, now).answers.values)


def test_what_failed_is_tried_again(network, pictures, tmp_path):
    (tmp_path / "n00000000").mkdir()
    (tmp_path / "n00000000" / "broken.png").write_bytes(b"")
    data = read_data_set(tmp_path)
    with Journal(tmp_path / "found.csv", {}) as journal:
        evaluate(network, data, journal=journal)
    with Journal(tmp_path / "found.csv", {}, resume=True) as journal:
        assert not journal.done
        found = evaluate(network, data, journal=journal)
    assert found.answers.failed == {0: f"{data.files[0]}: the file is empty"}
    assert found.top1.of == 0
    assert found.against_published == ()
    assert np.isnan(found.ece)
    shutil.copyfile(pictures / "n00000000" / "0.png", data.files[0])
    with Journal(tmp_path / "found.csv", {}, resume=True) as journal:
        assert not evaluate(network, data, journal=journal).answers.failed


def test_few_classes_have_no_top_5(pictures):
    found = evaluate(Network(make_weights(classes=4), threads=1), read_data_set(pictures))
    assert found.top5 is None
    assert found.answers.classes.shape == (12, 4)
    assert all(score.top5 is None for score in found.by_class)


@pytest.mark.parametrize("top", ["values of a generalised mean", "bounded values"])
def test_values_are_no_classes(top, pictures):
    with pytest.raises(InputError, match="values that are no probabilities; want a network that tells classes apart"):
        evaluate(Network(weights_with(TOPS[top]), threads=1), read_data_set(pictures))


@pytest.mark.parametrize("top", ["scores of the largest", "logarithms, tempered"])
def test_other_probabilities(top, pictures):
    """Calibration is about probabilities, whatever the answer's numbers are."""
    network = Network(weights_with(TOPS[top]), threads=1)
    data = replace(read_data_set(pictures), given=tuple("012340123401"), classes=tuple("01234"), numbers="index")
    found = evaluate(network, data)
    best = [network.predict(file, top=1)[0].value for file in data.files]
    sure = np.exp(best) if found.meaning == "log_probability" else best
    bins = [each for each in found.calibration if each.count]
    assert sum(each.count * each.confidence for each in bins) == pytest.approx(sum(sure))


def test_what_is_read_otherwise_is_told(network, pictures, tmp_path):
    from PIL import Image

    (tmp_path / "n00000000").mkdir()
    turned = Image.Exif()
    turned[0x0112] = 6
    Image.new("RGB", (40, 36), "red").save(tmp_path / "n00000000" / "a.jpg", exif=turned)
    data = read_data_set(tmp_path)
    (told,) = evaluate(network, data).notes
    assert told.startswith("1 picture was turned")
    assert told.endswith("--as-published reads as that does")
    assert evaluate(network, data, as_published=True).notes == ()


def test_names_of_classes(network, pictures):
    found = evaluate(network, read_data_set(pictures))
    assert found.name(3) == "thing 3"
    assert found.name(-1) == ""
    nameless = replace(found, truth=replace(found.truth, labels=None))
    assert nameless.name(3) == "class 3"


def test_two_classes_of_one_name_are_told_apart():
    import refnet
    from refnet.evaluation import DataSet, OtherAnswers, from_answers

    data = DataSet("two", ("a.png",), ("n02012849",), ("n02012849",), "val.csv")
    other = OtherAnswers("theirs.csv", {"a.png": [("n03126707", 0.5)]})
    found = from_answers(refnet.load("lite0"), data, other)
    assert (found.name(134), found.name(517)) == ("crane (n02012849)", "crane (n03126707)")
    assert found.name(281) == "tabby"
    assert find_truth(data, refnet.load("lite0").weights).classes.tolist() == [134]
