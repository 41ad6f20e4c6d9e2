"""What all pages share: one style, addresses that hold a whole picture, and text that stays text."""

import base64

import pytest

from refnet.comparison.report.page import TEMPLATE as COMPARISON
from refnet.evaluation.report.page import TEMPLATE as EVALUATION
from refnet.pages import STYLE, fill, in_address
from refnet.pages.text import number, safe


@pytest.mark.parametrize("template", [COMPARISON, EVALUATION])
def test_every_page_has_the_style_and_asks_nobody_for_anything(template):
    text = template.read_text("utf-8")
    assert "\n$style\n" in text
    assert "default-src 'none'; style-src 'unsafe-inline'; img-src data:" in text
    text = (text + STYLE.read_text("utf-8")).replace("http-equiv", "")
    assert [each for each in ("<script", "http", "url(", "@import") if each in text] == []


def test_a_template_is_filled(tmp_path):
    (tmp_path / "page.html").write_text("<style>$style</style>$title")
    assert fill(tmp_path / "page.html", title="$5") == f"<style>{STYLE.read_text('utf-8')}</style>$5"
    with pytest.raises(KeyError, match="title"):
        fill(tmp_path / "page.html")


def test_an_address_holds_the_whole_picture():
    content = bytes(range(256))
    kind, _, encoded = in_address("jpeg", content).partition(",")
    assert (kind, base64.b64decode(encoded)) == ("data:image/jpeg;base64", content)


def test_text_stays_text():
    assert safe("<b a='\"'>&\x1b\n") == "&lt;b a=&#x27;&quot;&#x27;&gt;&amp;��"
    assert [number(value) for value in (1e-7, float("-inf"), float("nan"))] == ["1·10⁻⁷", "−∞", "–"]
