"""The page of a comparison: complete, harmless, and shown by a browser without a complaint."""

import base64
import io
import re

import numpy as np
import pytest
from helpers import recorded_runs
from helpers.pages import HOSTILE, Balanced, browse
from PIL import Image

from refnet.comparison import Comparison, Finding, TensorResult, compare
from refnet.comparison.diagnosis.diagnosis import Diagnosis
from refnet.comparison.report import write_report
from refnet.comparison.report.page import page
from refnet.comparison.report.pictures import bars, data_uri
from refnet.errors import InputError


@pytest.fixture(scope="module")
def found(recorded, tmp_path_factory):
    """A port that doubles an expansion."""
    tensors = {name: np.moveaxis(tensor, -1, 1) for name, tensor in recorded.tensors.items()}
    tensors["block2a.expand"] = tensors["block2a.expand"] * 2
    return compare(recorded.path, recorded_runs.save(tmp_path_factory.mktemp("report") / "port", tensors))


def test_everything_is_on_it(found):
    parsed = Balanced(page(found))
    text = " ".join(parsed.text)
    assert found.sentences
    assert found.places
    for wanted in (found.verdict[1:], *found.sentences, *found.places, found.golden, found.actual, "b0@synthetic"):
        assert wanted in text
    assert all(f" {row.name} " in text for row in found.tensors)
    ids = [value for key, value in parsed.attributes if key == "id"]
    assert ids == [f"t{place + 1}" for place in range(len(found.tensors))]
    links = [value for key, value in parsed.attributes if key == "href"]
    assert sorted(links) == sorted(f"#{name}" for name in ids)


def test_it_needs_nothing_else(found):
    parsed = Balanced(page(found))
    assert not {"script", "link", "iframe", "object"} & set(parsed.tags)
    sources = [value for key, value in parsed.attributes if key in ("src", "href", "xlink:href", "action")]
    assert all(source.startswith(("data:image/png;base64,", "#t")) for source in sources)
    assert "url(" not in page(found)


def test_maps_are_of_the_wrong_tensors(found):
    assert [row.name for row in found.tensors if row.outcome == "wrong"] == ["block2a.expand"]
    pictures = re.findall(r'class="(map|strip)".*?src="data:image/png;base64,([^"]+)"', page(found))
    sizes = [(kind, Image.open(io.BytesIO(base64.b64decode(content))).size) for kind, content in pictures]
    assert sizes == [("map", (28, 20)), ("strip", (96, 1))]


def test_text_of_files_stays_text():
    row = TensorResult(HOSTILE, HOSTILE, "wrong", dtype=HOSTILE, order=HOSTILE, how=HOSTILE)
    findings = (Finding(HOSTILE, HOSTILE, HOSTILE, "wrong"),)
    told = {HOSTILE: Diagnosis(HOSTILE, HOSTILE, 0.0, 1.0)}
    found = Comparison(HOSTILE, HOSTILE, HOSTILE, (row,), findings, False, told)
    content = page(found)
    assert "<script" not in content
    assert not set("\x00\x1b") & set(content)
    assert "script" not in Balanced(content).tags


def test_nothing_compared():
    parsed = Balanced(page(Comparison("golden", "port", "b0", (), ())))
    assert "Nothing compared: no tensor is in both" in "".join(parsed.text)


def test_colours_go_from_dark_to_light():
    image = Image.open(io.BytesIO(base64.b64decode(data_uri(np.array([[0.0, 0.5, 1.0]])).partition(",")[2])))
    lightness = [sum(image.getpixel((x, 0))) for x in range(3)]
    assert lightness == sorted(lightness)
    assert image.getpixel((0, 0)) == (13, 8, 60)


def test_bars_have_a_title_each():
    assert re.findall("<title>(.*?)</title>", bars((6, 0, 2))) == ["0 ulp: 6 of 8", "2 ulp: 2 of 8"]
    assert "more than 2048 ulp: 3 of 3" in bars((*[0] * 14, 1, 2))


def test_whole_or_not_at_all(found, tmp_path):
    write_report(found, tmp_path / "report.html")
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == page(found)
    with pytest.raises(InputError, match="not written: it is a directory; want the name of a file"):
        write_report(found, tmp_path)
    with pytest.raises(InputError, match=r"report\.html not written: there is no directory"):
        write_report(found, tmp_path / "nowhere" / "report.html")


def test_a_browser_shows_it_from_a_file(found, tmp_path):
    path, shot = tmp_path / "report.html", tmp_path / "shot.png"
    write_report(found, path)
    shown = browse(path, tmp_path / "profile", "--dump-dom")
    assert b"CONSOLE" not in shown.stderr
    assert b'<tr id="t12">' in shown.stdout
    browse(path, tmp_path / "profile", f"--screenshot={shot}", "--window-size=1200,1600")
    colours = Image.open(shot).convert("RGB").getcolors(1 << 24)
    assert len(colours) > 100  # a page, not a blank


def test_the_browser_would_complain(tmp_path):
    path = tmp_path / "bad.html"
    path.write_text("<script>console.error('seen')</script>")
    assert b"CONSOLE" in browse(path, tmp_path / "profile", "--dump-dom").stderr
