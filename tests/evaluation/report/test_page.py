"""The page of an evaluation: complete, harmless, and shown by a browser without a complaint."""

import base64
import io
import re
import shutil
from dataclasses import replace

import numpy as np
import pytest
from helpers.pages import HOSTILE, Balanced, browse
from PIL import Image

from refnet.errors import InputError
from refnet.evaluation import DataSet, OtherAnswers, Published, between, evaluate, read_data_set, with_answers
from refnet.evaluation.metrics import Share
from refnet.evaluation.report import write_report
from refnet.evaluation.report.drawings import bar, diagram
from refnet.evaluation.report.page import page
from refnet.weights.labels import Labels


@pytest.fixture(scope="module")
def found(network, pictures, tmp_path_factory):
    """Two models on the same pictures, one of which cannot be read; what a file says; and all agreements."""
    place = tmp_path_factory.mktemp("page") / "set"
    shutil.copytree(pictures, place)
    (place / "n00000002" / "broken.png").write_bytes(b"")
    data = read_data_set(place)
    ours = replace(evaluate(network, data, name="ours"), published=Published("b0@x", 25.0, 75.0, "somebody"))
    second = replace(
        ours, model="second", answers=replace(ours.answers, classes=np.roll(ours.answers.classes, 1, axis=1))
    )
    theirs = OtherAnswers("theirs.csv", {"0.png": [("7", 0.5)], "more.png": [("1", 0.5)]})
    return [ours, second], [with_answers(ours, network, theirs), between(ours, second)]


def shown(content):
    """The thumbnails on a page."""
    return [Image.open(io.BytesIO(base64.b64decode(each))) for each in re.findall(r"jpeg;base64,([^\"]+)", content)]


def test_everything_is_on_it(found):
    models, agreements = found
    ours = models[0]
    parsed = Balanced(page(models, agreements))
    text = " ".join(" ".join(parsed.text).split())
    assert f"Right on 13 pictures in set: ours {ours.top1.share:.1%}, second {models[1].top1.share:.1%}" in text
    for each in models:
        low, high = (100 * bound for bound in each.top1.interval)
        assert f"{each.top1.share:.2%}" in text
        assert f"{low:.2f} – {high:.2f}" in text
        assert f"{each.ece:.2%}" in text
        assert all(said in text for said in each.against_published)
    assert "matched 3 classes matched by wnid" in text
    assert "25 / 75" in text
    assert "broken.png: the file is empty" in text
    assert "Pictures without an answer: 1" in text
    for score in ours.by_class:
        assert f"thing {score.index}" in text
    assert f"{agreements[1].same.right:,} of {agreements[1].same.of:,}" in text
    assert "theirs.csv" in text
    assert "where they differ" in text


def test_one_model_needs_no_headings(found):
    models, _ = found
    text = page(models[:1])
    assert "<h2 class" not in text
    assert "Agreement" not in text
    assert "ours is right on" in text


def test_it_needs_nothing_else(found):
    content = page(*found)
    parsed = Balanced(content)
    assert not {"script", "link", "iframe", "object"} & set(parsed.tags)
    sources = [value for key, value in parsed.attributes if key in ("src", "href", "xlink:href", "action")]
    assert sources
    assert all(source.startswith("data:image/jpeg;base64,") for source in sources)
    assert "url(" not in content


def test_thumbnails_are_of_the_surest_mistakes(found):
    ours = found[0][0]
    content = page([ours])
    files = re.findall(r'<code title="([^"]+)">', content)
    assert files == [ours.data.files[place] for place in ours.mistakes(24)]
    pictures = shown(content)
    assert len(pictures) == len(files)
    for file, small in zip(files, pictures, strict=True):
        whole = Image.open(file).convert("RGB")
        assert small.size == whole.size  # it was small already
        assert np.abs(np.asarray(small, int) - np.asarray(whole, int)).mean() < 12


def test_thumbnails_of_large_pictures_are_small(found, tmp_path):
    ours = found[0][0]
    Image.new("RGB", (900, 450), "red").save(tmp_path / "large.png")
    files = (str(tmp_path / "large.png"), *ours.data.files[1:])
    wrong = replace(
        ours, data=replace(ours.data, files=files), truth=replace(ours.truth, classes=ours.answers.best + 1)
    )
    sizes = [
        Image.open(io.BytesIO(base64.b64decode(each))).size
        for each in re.findall(r"jpeg;base64,([^\"]+)", page([wrong]))
    ]
    assert (176, 88) in sizes


def test_a_picture_that_is_gone(found, tmp_path):
    ours = found[0][0]
    gone = replace(ours, data=replace(ours.data, files=tuple(f"{tmp_path}/{n}.png" for n in range(13))))
    assert page([gone]).count("not readable now") == len(ours.mistakes(24))


def test_text_of_files_stays_text(found):
    ours = found[0][0]
    data = DataSet(HOSTILE, (HOSTILE,) * 13, ours.data.given, (HOSTILE,), HOSTILE, notes=(HOSTILE,))
    labels = Labels(tuple(f"{n}<script>" for n in range(10)), tuple(f"<script>{n}" for n in range(10)))
    truth = replace(ours.truth, told=HOSTILE, labels=labels)
    answers = replace(ours.answers, failed={12: HOSTILE})
    hostile = replace(ours, model=HOSTILE, recipe=HOSTILE, data=data, truth=truth, answers=answers)
    content = page([hostile, replace(hostile, model=HOSTILE * 2)], [between(hostile, hostile)])
    assert "<script" not in content
    assert not set("\x00\x1b") & set(content)
    assert "script" not in Balanced(content).tags


def test_nothing_answered(found):
    ours = found[0][0]
    nothing = replace(ours.answers, classes=np.full((13, 5), -1, np.int32), failed=dict.fromkeys(range(13), "damaged"))
    text = " ".join(Balanced(page([replace(ours, answers=nothing)])).text)
    assert "Pictures without an answer: 13" in text
    assert "Calibration" not in text


def test_drawings():
    assert re.findall(r'width="([\d.]+)"', bar(Share(1, 4))) == ["30.0"]
    assert 'd="M60.0 1V15"' in bar(Share(1, 4), 0.5)
    assert "1 of 4, 25.00%; 95% interval 4.56 to 69.94%" in bar(Share(1, 4))


def test_the_diagram_says_each_bin(found):
    ours = found[0][0]
    titles = re.findall("<title>(.*?)</title>", diagram(ours.calibration))
    filled = [each for each in ours.calibration if each.count]
    assert len(titles) == len(filled)
    for title, each in zip(titles, filled, strict=True):
        assert f"{each.count:,} answers, on the mean {each.confidence:.1%} sure, {each.accuracy:.1%} right" in title


def test_whole_or_not_at_all(found, tmp_path):
    write_report(found[0], tmp_path / "report.html", found[1])
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == page(*found)
    with pytest.raises(InputError, match=r"not written: its name ends in \.csv; want \.html or \.htm"):
        write_report(found[0], tmp_path / "report.csv")


def test_a_browser_shows_it_from_a_file(found, tmp_path):
    write_report(found[0], tmp_path / "report.html", found[1])
    shown = browse(tmp_path / "report.html", tmp_path / "profile", "--dump-dom")
    assert b"CONSOLE" not in shown.stderr
    assert b"Content Security Policy" not in shown.stderr
    assert b"The surest mistakes" in shown.stdout
