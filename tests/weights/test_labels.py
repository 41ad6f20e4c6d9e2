"""Label tables: what the classes are called."""

import os
from pathlib import Path

import pytest
from helpers.places import ROOT
from helpers.small_weights import make_weights

from refnet.errors import InputError
from refnet.weights.labels import Label, Labels, imagenet_labels, labels_for, parse_labels, read_labels
from refnet.weights.reader import read
from refnet.weights.writer import write

IMAGENET = ROOT / "refnet" / "data" / "imagenet_labels.tsv"


def test_a_label_knows_its_place():
    labels = parse_labels("cat\tmy cat, Tom\ndog\tthe neighbour's dog\n")
    assert list(labels) == [Label(0, "cat", "my cat, Tom"), Label(1, "dog", "the neighbour's dog")]
    assert labels[-1] == labels[1]
    assert labels[0].name == "my cat"
    assert labels.index("dog") == 1
    assert len(labels) == 2


def test_no_label_beyond_the_last():
    with pytest.raises(IndexError):
        parse_labels("cat\tcat\n")[1]


def test_the_imagenet_table_has_the_published_order():
    labels = imagenet_labels()
    assert len(labels) == 1000
    assert list(labels.wnids) == sorted(labels.wnids)
    assert (labels[0].name, labels[388].name, labels[999].name) == ("tench", "giant panda", "toilet tissue")
    assert labels.index("n02510455") == 388
    assert "".join(f"{label.wnid}\t{label.text}\n" for label in labels) == IMAGENET.read_text("utf-8")


@pytest.mark.parametrize(
    ("wnids", "texts", "message"),
    [
        (("a",), (), "1 ids and 0 texts"),
        ((), (), "0 ids and 0 texts"),
        (("a", "b", "a"), ("x", "y", "z"), "label 2: the id a comes a second time"),
        (("a", ""), ("x", "y"), "label 1: ''"),
        (("a",), ("bell\a",), "label 0: 'bell"),
        (("a",), ("two\nlines",), "label 0"),
        (("a",), ("\x1b[31mred",), "label 0"),
    ],
)
def test_a_table_that_makes_no_sense(wnids, texts, message):
    with pytest.raises(InputError, match=message.replace("[", r"\[")):
        Labels(wnids, texts)


@pytest.mark.parametrize("line", ["no tab", "one\ttwo\tthree", ""])
def test_a_line_is_an_id_and_a_text(line):
    with pytest.raises(InputError, match="line 2 of the label table: need an id, one tab and a text, or in all of the"):
        parse_labels(f"a\tx\n{line}\nb\ty\n")


def test_a_list_of_names():
    labels = parse_labels("yellow rose\r\ndaisy, ox-eye\r\n")
    assert list(labels) == [Label(0, "yellow rose", "yellow rose"), Label(1, "daisy, ox-eye", "daisy, ox-eye")]
    with pytest.raises(InputError, match="label 1: '' is not a line of printable text"):
        parse_labels("rose\n\ndaisy\n")
    with pytest.raises(InputError, match="the label table is empty"):
        parse_labels("")


def test_a_name_may_come_twice_and_then_means_no_one_class():
    labels = parse_labels("crane\nheron\ncrane\n")
    assert labels.texts == ("crane", "heron", "crane")
    assert labels.index("heron") == 1
    with pytest.raises(InputError, match="2 classes are called 'crane': 0, 2"):
        labels.index("crane")


def test_a_background_comes_before_all_classes():
    table = imagenet_labels()
    assert labels_for(table, 1000) is table
    labels = labels_for(table, 1001)
    assert len(labels) == 1001
    assert labels[0] == Label(0, "background", "background")
    assert (labels.wnids[1:], labels.texts[1:]) == (table.wnids, table.texts)


@pytest.mark.parametrize("classes", [0, 999, 1002, 21841])
def test_a_table_for_another_network(classes):
    with pytest.raises(InputError) as caught:
        labels_for(imagenet_labels(), classes)
    assert str(caught.value) == (
        f"1000 names do not fit a network of {classes} classes: the first is 'tench, Tinca tinca', the last 'toilet "
        "tissue, toilet paper, bathroom tissue'; want one for each output, in their order; if one of them is a "
        "background, name it too"
    )


def test_no_background_is_guessed():
    """Four outputs and three names were once taken for a background and these three."""
    for names in ("cat\ndog\nbird\n", "a\tcat\nb\tdog\nc\tbird\n"):
        with pytest.raises(InputError, match="3 names do not fit a network of 4 classes"):
            labels_for(parse_labels(names), 4)
    own = Labels(tuple(f"id{i}" for i in range(1000)), imagenet_labels().texts[::-1])
    with pytest.raises(InputError, match="1000 names do not fit a network of 1001 classes"):
        labels_for(own, 1001)
    with pytest.raises(InputError, match=r"2 names do not fit a network of 1 class: .*; a network of one output says"):
        labels_for(parse_labels("cat\ndog\n"), 1)


def test_imagenet_by_its_names_is_imagenet():
    """As pytorch/hub's imagenet_classes.txt has it: the first synonyms, "crane" and "maillot" twice."""
    names = parse_labels("".join(f"{label.name}\n" for label in imagenet_labels()))
    assert names.texts.count("crane") == names.texts.count("maillot") == 2
    assert labels_for(names, 1000) is names
    assert labels_for(names, 1001).texts == ("background", *names.texts)


def test_an_unknown_id():
    with pytest.raises(InputError, match="no class has the id 'cow'"):
        parse_labels("cat\tcat\n").index("cow")


def test_lines_end_at_line_feeds_only():
    labels = parse_labels("rose  \r\nox-eye daisy \n")
    assert labels.texts == ("rose", "ox-eye daisy")
    for separator in ("\u2028", "\x85", "\x0b", "\r"):
        with pytest.raises(InputError, match=r"label 0: 'rose.*daisy' is not a line of printable text"):
            parse_labels(f"rose{separator}daisy\n")


def test_a_byte_order_mark_is_no_part_of_the_first_label(tmp_path):
    (tmp_path / "labels.txt").write_bytes("\ufeffröse\r\ndaisy\r\n".encode())
    assert read_labels(tmp_path / "labels.txt").texts == ("röse", "daisy")


def test_a_weight_file_keeps_names_that_come_twice(tmp_path):
    labels = parse_labels("crane\nheron\ncrane\n")
    write(tmp_path / "a.h5", make_weights(classes=3, labels=labels))
    assert read(tmp_path / "a.h5").labels == labels


def test_what_is_not_a_regular_file(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path, Path("/dev/zero")):
        with pytest.raises(InputError) as caught:
            read_labels(path)
        assert str(caught.value) in {
            f"{tmp_path / 'pipe'}: cannot read a label table: it is a pipe; want a regular file",
            f"{tmp_path}: cannot read a label table: Is a directory",
            "/dev/zero: cannot read a label table: it is a device; want a regular file",
        }


def test_a_file_too_large(tmp_path):
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate((1 << 20) + 1)
    with pytest.raises(InputError, match="sparse: cannot read a label table: 1048577 bytes; want at most 1048576"):
        read_labels(tmp_path / "sparse")


def test_a_file_that_is_no_table(tmp_path):
    with pytest.raises(InputError) as caught:
        read_labels(tmp_path / ("x" * 300))
    assert str(caught.value) == f"{tmp_path / ('x' * 300)}: cannot read a label table: File name too long"
    with pytest.raises(InputError, match="absent"):
        read_labels(tmp_path / "absent")
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="binary: cannot read"):
        read_labels(tmp_path / "binary")
    (tmp_path / "short").write_text("a\n\tb\n")
    with pytest.raises(InputError, match="short: line 1"):
        read_labels(tmp_path / "short")
