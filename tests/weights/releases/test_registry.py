import dataclasses

import pytest

from refnet.errors import InputError
from refnet.weights.releases import Release, registry
from refnet.weights.releases.fields import FIELDS

SMALL = """
[defaults]
b0 = "a:x"
b1 = "a:y"

[publishers.a]
sets = ["a:x", "a:y"]
base_url = "https://a.org/"
classes = 1000
crop = "padding"
amount = 32
resize = "tf1-bicubic"
normalise = "tf-lite"
averaging = "raw"
measured = "a"

[sets."a:x"]
licence = "MIT"
files = [
  { model = "b0", file = "b0-01234567.pth", size = 224, top1 = 77, top5 = 93.5, sha256 = "01234567" },
]

[sets."a:y"]
crop = "none"
amount = 0
files = [
  { model = "b0", file = "b0.h5", size = 224, measured = "somebody", top1 = 76.5 },
  { model = "b1", file = "b1.whl", size = 240, url = "http://b.org/b1", available = false, averaging = "ema", \
package = "b==1", member = "b/b1.pth", member_bytes = 7, member_sha256 = "SHA" },
]
""".replace("SHA", "0123456789abcdef" * 4)


@pytest.fixture
def read(tmp_path):
    def read(text):
        path = tmp_path / "published.toml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return registry.read(path)

    return read


def test_what_a_line_lacks_is_the_set_s_and_else_the_publisher_s(read):
    found = read(SMALL)
    first, second, third = found.releases
    assert [release.name for release in found.releases] == ["b0@a:x", "b0@a:y", "b1@a:y"]
    assert [release.url for release in found.releases] == [
        *("https://a.org/b0-01234567.pth", "https://a.org/b0.h5", "http://b.org/b1"),
    ]
    assert [release.licence for release in found.releases] == ["MIT", "", ""]
    assert [release.averaging for release in found.releases] == ["raw", "raw", "ema"]
    assert (first.recipe.crop, first.recipe.amount, first.recipe.normalise) == ("padding", 32.0, "tf-lite")
    assert (second.recipe.crop, second.recipe.amount) == (third.recipe.crop, third.recipe.amount) == ("none", 0.0)
    assert [(release.top1, release.top5, release.measured) for release in found.releases] == [
        *((77, 93.5, "a"), (76.5, None, "somebody"), (None, None, None)),
    ]
    assert (found.defaults, found.publishers) == ({"b0": "a:x", "b1": "a:y"}, {"a": ("a:x", "a:y")})


def test_the_committed_file_uses_every_field():
    releases = registry.read(registry.locate()).releases
    for field in dataclasses.fields(Release):
        assert len({str(getattr(release, field.name)) for release in releases}) > 1


def test_every_field_is_a_release_s_or_of_its_recipe():
    own = {field.name for field in dataclasses.fields(Release)} - {"publisher", "recipe"}
    assert own | {"base_url", "crop", "amount", "resize", "normalise"} == FIELDS.keys()


def test_the_file_is_in_the_checkout():
    assert registry.locate().parts[-2:] == ("data", "published.toml")


def test_no_file(tmp_path, monkeypatch):
    with pytest.raises(InputError, match=r"nowhere\.toml: .*No such file"):
        registry.read(tmp_path / "nowhere.toml")
    monkeypatch.setattr(registry, "FILE", "nowhere.toml")
    with pytest.raises(InputError, match=r"no nowhere\.toml in .*; install refnet again"):
        registry.locate()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"\xff\xfe", "can't decode byte 0xff"),
        ("a = [", "Invalid value"),
        ("a = 1\na = 2", "Cannot overwrite a value"),
        ("a = " + "[" * 100_000, "recursion|nested"),
        ("#" * (registry.MAX_BYTES + 1), "1048577 bytes; want at most 1048576"),
        ("", "the file: no defaults, publishers, sets"),
        (SMALL + "[other]\n", "the file: unknown 'other'"),
        ("sets = 1\npublishers = {}\ndefaults = {}", "publishers: want at least one table, and only tables"),
        ("sets = []\npublishers = {a = {}}\ndefaults = {}", "sets: want at least one table, and only tables"),
        ("sets = {a = 1}\npublishers = {a = {}}\ndefaults = {}", "sets: want at least one table, and only tables"),
    ],
)
def test_no_registry_at_all(read, text, message):
    with pytest.raises(InputError, match=message):
        read(text)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        # Names and sets.
        ('b1 = "a:y"', "", "defaults: no b1"),
        ('b1 = "a:y"', 'b1 = "a:y"\nb2 = "a:y"', "defaults: unknown 'b2'"),
        ('b1 = "a:y"', 'b1 = "a:x"', "defaults: 'a:x' is no set that has b1"),
        ('b1 = "a:y"', "b1 = []", "defaults: [] is no set that has b1"),
        ("[publishers.a]", "[publishers.b]\nsets = []\n[publishers.a]", "publisher b: the file has no set of it"),
        ("[publishers.a]", "[publishers.A]", "publishers: 'A' is no name"),
        ("[publishers.a]", "[publishers.b]", "set a:x: there is no publisher a"),
        ('[sets."a:y"]', '[sets."a:y:z"]', "sets: 'a:y:z' is no name"),
        ('["a:x", "a:y"]', '["a:x"]', "publisher a: sets is a:x; want each of a:x, a:y once"),
        ('["a:x", "a:y"]', '["a:x", "a:y", "a:y"]', "publisher a: sets is a:x, a:y, a:y; want each of a:x, a:y once"),
        ('["a:x", "a:y"]', "[1]", "publisher a: want a list of names in sets"),
        ('sets = ["a:x", "a:y"]', "", "publisher a: want a list of names in sets"),
        (
            '[sets."a:y"]',
            '[sets."a:z"]\nfiles = []\n[sets."a:y"]',
            "publisher a: sets is a:x, a:y; want each of a:x, a",
        ),
        ('model = "b1"', 'model = "b0"', "b0@a:y is there twice"),
        # Files.
        ("files = [", "files = []\nlines = [", "set a:x: want at least one file in files"),
        ("files = [", "files = 7\nlines = [", "set a:x: want at least one file in files"),
        ("files = [", "files = [7]\nlines = [", "set a:x, file 1: want a table, found 7"),
        ('crop = "none"', "lines = []", "set a:y, file 1: unknown 'lines'"),
        ("size = 240", "sides = 240", "set a:y, file 2: unknown 'sides'"),
        ("size = 240, ", "", "set a:y, file 2: no size"),
        ('base_url = "https://a.org/"', "", "set a:x, file 1: no url and no base_url"),
        # Values.
        ("size = 240", "size = 240.0", "size is 240.0; want a whole number from 1"),
        ("size = 240", "size = true", "size is True; want a whole number from 1"),
        ("size = 240", "size = 0", "size is 0; want a whole number from 1"),
        ("classes = 1000", "classes = -1", "classes is -1; want a whole number from 0"),
        ("top1 = 77", "top1 = 100.5", "top1 is 100.5; want a number from 0 to 100"),
        ("top1 = 77", "top1 = nan", "top1 is nan; want a number"),
        ("top1 = 77", "top1 = true", "top1 is True; want a number"),
        ("amount = 32", "amount = inf", "amount is inf; want a number from 0 to 4096"),
        ('"b0.h5"', '"../b0.h5"', "set a:y, file 1: file is '../b0.h5'; want a file name"),
        ('"b0.h5"', '".b0"', "file is '.b0'; want a file name"),
        ('"b0.h5"', '"b0.h5\\n"', r"file is 'b0.h5\n'; want a file name"),
        ('"b/b1.pth"', '"b/../b1.pth"', "member is 'b/../b1.pth'; want a path inside a package"),
        ('"b/b1.pth"', '"/b1.pth"', "member is '/b1.pth'; want a path inside a package"),
        ('"b==1"', '"b==1 --pre"', "package is 'b==1 --pre'; want a package and its version"),
        ('"https://a.org/"', '"https://a.org"', "base_url is 'https://a.org'; want an address that ends with '/'"),
        ('"https://a.org/"', '"file:///a/"', "base_url is 'file:///a/'; want an address that ends with '/'"),
        ('"01234567"', '"0123456"', "sha256 is '0123456'; want 64 or 8 hexadecimal digits"),
        ('"01234567"', '"0123456A"', "sha256 is '0123456A'; want 64 or 8"),
        ('"01234567"', "1234567", "sha256 is 1234567; want 64 or 8"),
        ('"01234567"', '"01234567", md5 = "0"', "md5 is '0'; want 32 hexadecimal digits"),
        ('"raw"', '"best"', "averaging is 'best'; want one of ema, raw, unknown"),
        (
            '"padding"',
            '"center"',
            "crop is 'center'; want one of padding, fraction, shorter-side, shorter-f",
        ),
        ('"tf1-bicubic"', '"bicubic"', "resize is 'bicubic'; want one of tf1-bicubic, tf1-bilinear, pil-bicubic"),
        ('"tf-lite"', '"lite"', "normalise is 'lite'; want one of tf-imagenet, tf-advprop, tf-lite"),
        ("available = false", 'available = "no"', "available is 'no'; want true or false"),
        ('"MIT"', '"MIT or so"', "licence is 'MIT or so'; want an SPDX identifier or nothing"),
        ('"b1.whl"', "1979-05-27", "file is datetime.date(1979, 5, 27); want a file name"),
        # Two together.
        ("amount = 0", "amount = 32", "set a:y, file 1: amount is 32; want from 0 to 0 for crop none"),
        ('"01234567"', '"89abcdef"', "sha256 has 8 digits, 89abcdef, which the name b0-01234567.pth does not carry"),
        ("available = false", "available = true", "url is 'http://b.org/b1'; want https of a host that is not closed"),
        ("top1 = 77, ", "", "set a:x, file 1: top5 without top1"),
        ('measured = "a"', "", "set a:x, file 1: top1 without measured"),
        ('package = "b==1", ', "", "want all of package, member, member_bytes and member_sha256, or none"),
    ],
)
def test_what_is_wrong_is_named(read, old, new, message):
    assert SMALL.count(old) >= 1
    with pytest.raises(InputError) as error:
        read(SMALL.replace(old, new, 1))
    assert "published.toml: " in str(error.value)
    assert message in str(error.value)
