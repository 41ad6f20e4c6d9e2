"""Files of answers: those of `refnet predict`, and whatever else people have."""

import json
import math

import pytest

import refnet
from refnet.errors import InputError
from refnet.evaluation import evaluate, from_answers, read_answers, read_data_set
from refnet.evaluation.answer_file import OtherAnswers
from refnet.pipeline import tables

FOUND = {"a.png": [("tabby", 0.75), ("lynx", 0.125)], "deep/b.png": [("lynx", 0.5)], "c.png": "c.png: no picture"}


@pytest.fixture
def read(tmp_path):
    def read(text, name="theirs.csv"):
        (tmp_path / name).write_text(text, "utf-8")
        return read_answers(tmp_path / name).of

    return read


@pytest.mark.parametrize(
    "text",
    [
        "file,rank,index,wnid,label,probability,error\na.png,1,281,,tabby,0.75,\na.png,2,287,,lynx,0.125,\n"
        "deep/b.png,1,287,,lynx,0.5,\nc.png,,,,,,c.png: no picture\n",
        "path;prediction;score;error\n./a.png;tabby;0.75;\na.png;lynx;.125;\ndeep/b.png;lynx;0.5;\n"
        "c.png;;;c.png: no picture",
        '{"file": "a.png", "predictions": [{"index": 281, "label": "tabby", "probability": 0.75}, '
        '{"index": 287, "wnid": "", "label": "lynx", "probability": 0.125}]}\n'
        '{"file": "deep/b.png", "label": "lynx", "confidence": "0.5"}\n'
        '{"file": "c.png", "error": "c.png: no picture"}\n',
    ],
)
def test_kinds(read, text):
    assert read(text) == FOUND


def test_a_list_of_objects(read):
    objects = [{"image": "a.png", "class": 3}, {"image": "b.png", "class": 0, "value": 1}]
    found = read(json.dumps(objects, indent=2))
    assert found["b.png"] == [("0", 1.0)]
    assert found["a.png"][0][0] == "3"
    assert math.isnan(found["a.png"][0][1])


def test_without_a_first_line(read):
    assert read("a.png,281,0.5\nb.png,3,0.25\n") == {"a.png": [("281", 0.5)], "b.png": [("3", 0.25)]}
    assert list(read("a.png 281\nb.png 3\n")) == ["a.png", "b.png"]


@pytest.mark.parametrize(
    "text",
    [
        "file,rank,label,probability\na.png,2,lynx,0.25\na.png,1,tabby,0.5\n",
        "file,label,probability\na.png,lynx,25%\na.png,tabby,50 %\n",
        "file,label,score\na.png,lynx,0.25\nb.png,lynx,3\na.png,tabby,0.5\na.png,lynx,0.25\n",
        '{"file": "a.png", "predictions": [{"label": "lynx", "value": 0.25}, {"label": "tabby", "value": 0.5}]}',
        '{"file": "a.png", "label": "lynx", "prob": "25%", "rank": 2}\n'
        '{"file": "a.png", "label": "tabby", "prob": 0.5, "rank": 1}',
    ],
)
def test_the_best_comes_first_however_the_file_is_sorted(read, text):
    assert read(text)["a.png"] == [("tabby", 0.5), ("lynx", 0.25)]


def test_logarithms_and_ties(read):
    text = "file,label,log_probability\na.png,lynx,-2\na.png,tabby,-0.5\na.png,cat,-0.5\n"
    assert [name for name, _ in read(text)["a.png"]] == ["tabby", "cat", "lynx"]


def test_a_number_is_what_it_says(read):
    assert read("file,label,confidence\na.png,lynx,66.3%\n") == {"a.png": [("lynx", 0.663)]}
    assert read("file,label,probability\na.png,lynx,1.0000001\n") == {"a.png": [("lynx", 1.0000001)]}


NAMES = [" a.png", "b\rc.png", "d\ne.png", 'f",.png ', "caf\udce9.png", "f\r\n.png"]


@pytest.mark.parametrize("suffix", tables.SUFFIXES)
def test_any_name_comes_back(tmp_path, suffix):
    records = [
        (f"x/{name}", {"predictions": [{"index": place, "wnid": "", "label": "", "probability": 0.5}]})
        for place, name in enumerate(NAMES)
    ]
    tables.write(tmp_path / f"a{suffix}", records, meaning="probability", about={})
    answers = read_answers(tmp_path / f"a{suffix}")
    files = [f"x/{name}" for name in NAMES]
    assert [answers.of[name] for name in answers.match(files).values()] == [[(str(i), 0.5)] for i in range(len(NAMES))]
    assert answers.match(["./x/ a.png"]) == {0: "x/ a.png"}


@pytest.mark.parametrize("suffix", tables.SUFFIXES)
def test_what_refnet_writes_evaluates_to_the_same(network, pictures, tmp_path, suffix):
    data = read_data_set(pictures)
    found = evaluate(network, data)
    records = [
        (file, {"predictions": [each.fields() for each in network.predict(file)]}) for file in data.files[:-1]
    ] + [(data.files[-1], {"error": "damaged"})]
    tables.write(tmp_path / f"kept{suffix}", records, meaning="probability", about={"model": "tiny"})
    again = from_answers(network, data, read_answers(tmp_path / f"kept{suffix}"))
    assert again.answers.classes[:-1].tolist() == found.answers.classes[:-1].tolist()
    assert again.answers.values[:-1].tolist() == found.answers.values[:-1].tolist()
    assert again.answers.failed == {11: "damaged"}
    assert again.model == f"kept{suffix}"
    assert again.top5.of == 11


def test_pictures_that_the_file_does_not_have(network, pictures):
    data = read_data_set(pictures)
    found = from_answers(network, data, OtherAnswers("theirs.csv", {"0.png": [("n00000000", 0.5)]}))
    assert found.top1 == (1, 1)
    assert len(found.answers.failed) == 11
    assert found.answers.failed[11] == f"{data.files[11]}: not in theirs.csv"
    assert found.top5 is None  # one answer deep
    assert found.published is None


def test_what_the_publisher_says_is_of_its_own_network():
    from refnet.evaluation import DataSet

    data = DataSet("cats", ("a.jpg", "b.jpg"), ("tabby", "lynx"), ("lynx", "tabby"), "cats.csv")
    theirs = OtherAnswers("theirs.csv", {"a.jpg": [("tabby", 0.75)], "b.jpg": [("lynx", math.nan)]})
    found = from_answers(refnet.load("lite0"), data, theirs)
    assert found.against_published == ()
    assert found.calibration == ()  # a number is missing
    ours = from_answers(refnet.load("lite0"), data, theirs, ours=True)
    assert ours.against_published == (
        "top-1 is 24.90 points above the publisher's 75.1%, which its interval, 34.24 to 100.00%, holds; but the "
        "publisher's is of ImageNet's 50,000 validation pictures, and these are others",
    )


def test_names_are_matched_only_where_they_are_clear():
    answers = OtherAnswers("theirs.csv", {"x/a.png": [("0", 1.0)], "y/b.png": [("1", 1.0)], "z/b.png": [("2", 1.0)]})
    assert answers.match(["here/a.png", "here/b.png", "y/b.png"]) == {0: "x/a.png", 2: "y/b.png"}
    assert answers.match(["one/a.png", "two/a.png"]) == {}
    assert OtherAnswers("t", {"caf\\udce9.png": []}).match(["caf\udce9.png"]) == {0: "caf\\udce9.png"}


def test_other_pictures(network, pictures):
    with pytest.raises(
        InputError, match=r"theirs\.csv: it names none of the pictures of .*; the first there is cat\.png"
    ):
        from_answers(network, read_data_set(pictures), OtherAnswers("theirs.csv", {"cat.png": [("0", 1.0)]}))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "it is empty"),
        ("cat\ndog\n", "no line names a picture; want a file and its class in every line"),
        ("file,label\na.png,\n", "there is no answer in it"),
        ("file,class\na.png,3\na.png,4\n", "a.png: 2 classes, and nothing says which one is the answer; want a column"),
        (
            "file,class,rank\na.png,3,1\na.png,4,1\n",
            "a.png: several classes have the same rank; want the answers of one",
        ),
        ("file,class,prob\na.png,3,66.3\n", "a.png: prob 66.3 is over 1; want it between 0 and 1, or written as 66.3%"),
        ("a.png,3,much\n", "a.png: 'much' is no number"),
        ('{"file": "a.png", "predictions": [{"label": "", "probability": 1}]}', "a.png: no class; want index, wnid"),
        ('{"file": "a.png", "predictions": [3]}', "a.png: predictions are no list of objects"),
        ('{"label": "cat"}', "object 1 names no file"),
        ('{"file": "a.png"', "no JSON Lines"),
        ("[3]", "object 1 names no file"),
    ],
)
def test_what_is_no_file_of_answers(read, text, message):
    with pytest.raises(InputError, match=message):
        read(text)


def test_no_parquet(tmp_path):
    (tmp_path / "theirs.parquet").write_bytes(b"PAR1")
    with pytest.raises(InputError, match=r"theirs\.parquet: (no Parquet|cannot be read)"):
        read_answers(tmp_path / "theirs.parquet")
    with pytest.raises(FileNotFoundError, match=r"nowhere\.csv: cannot be read: No such file"):
        read_answers(tmp_path / "nowhere.csv")


@pytest.mark.parametrize(("by", "where"), [(1, "after"), (-1, "before")])
def test_classes_counted_from_another_number_are_noticed(by, where):
    from refnet.evaluation import DataSet

    numbers = ["5", "6", "7", "9"]
    files = tuple(f"{number}.png" for number in numbers)
    data = DataSet("numbers", files, tuple(numbers), tuple(numbers), "a table", "index")
    said = {file: [(str(int(number) + by), 0.5)] for file, number in zip(files, numbers, strict=True)}
    found = from_answers(refnet.load("lite0"), data, OtherAnswers("theirs.csv", said))
    assert found.hint.startswith(f"no answer is right, but 4 of 4 are the class just {where} the right one")
    said["5.png"] = [("5", 0.5)]
    assert not from_answers(refnet.load("lite0"), data, OtherAnswers("theirs.csv", said)).hint
