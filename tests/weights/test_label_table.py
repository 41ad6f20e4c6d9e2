"""Label tables as people keep them, each read as what it is, or refused."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refnet.errors import InputError
from refnet.weights.label_table import parse_table
from refnet.weights.labels import imagenet_labels, parse_labels, read_labels

CAT_DOG = (None, ("cat", "dog"))


@pytest.mark.parametrize(
    "table",
    [
        '["cat", "dog"]',
        '[\n  "cat",\n  "dog"\n]\n',
        '{"0": "cat", "1": "dog"}',
        '{\n  "1": "dog",\n  "0": "cat"\n}\n',
        '{"cat": 0, "dog": 1}',
        '{"dog": 1, "cat": 0}',
        '{"model_type": "efficientnet", "id2label": {"0": "cat", "1": "dog"}, "label2id": {"cat": 0, "dog": 1}}',
        '{"architecture": "efficientnet_b0", "label_names": ["cat", "dog"]}',
        "{0: 'cat',\n 1: 'dog'}",
        "{0: \"cat\", 1: 'dog',}\n",
        "{'dog': 1, 'cat': 0}",
        "['cat', 'dog']\n",
        "['cat', \"dog\"]",
        "0,cat\n1,dog\n",
        "0, cat\r\n1, dog\r\n",
        '"0","cat"\n"1","dog"\n',
        "0;cat\n1;dog\n",
        "index,name\n0,cat\n1,dog\n",
        "class,name\n0,cat\n1,dog\n",
        "Class ID,Class Name\n0,cat\n1,dog\n",
        ",label\n0,cat\n1,dog\n",
        "name,index\ncat,0\ndog,1\n",
        "cat,0\ndog,1\n",
        "0 cat\n1 dog\n",
        "0: cat\n1: dog\n",
        "cat 0\ndog 1\n",
        "cat\ndog\n",
        "cat\ndog",
        "cat\r\ndog\r\n\r\n",
    ],
)
def test_two_classes(table):
    assert parse_table(table) == CAT_DOG


@pytest.mark.parametrize(
    "table",
    [
        '{"0": ["n1", "cat"], "1": ["n2", "dog"]}',
        '[["n1", "cat"], ["n2", "dog"]]',
        '{"label_names": ["n1", "n2"], "label_descriptions": {"n2": "dog", "n1": "cat"}}',
        "n1\tcat\nn2\tdog\n",
        "wnid,name\nn1,cat\nn2,dog\n",
        "index,wnid,name\n0,n1,cat\n1,n2,dog\n",
    ],
)
def test_two_classes_with_ids(table):
    assert parse_table(table) == (("n1", "n2"), ("cat", "dog"))


def test_synonyms_and_numbers_that_belong_to_names():
    for names in (
        ("tench, Tinca tinca", "goldfish, Carassius auratus"),
        ("boeing 737, jet", "boeing 747, jet"),
        ("Area, 51", "Area, 52"),
        ("10 euro", "5 euro"),
        ("class 0", "class 1", "class 2"),
        ("1 day", "2 days"),
        ("7",),
        ("name", "cat"),
    ):
        assert parse_table("\n".join(names)) == (None, names)
    assert parse_table('0,"tench, Tinca tinca"\n1,goldfish\n')[1][0] == "tench, Tinca tinca"
    assert parse_table("0,tench, Tinca tinca\n1,goldfish, gold\n")[1] == ("tench, Tinca tinca", "goldfish, gold")


def test_digits_as_classes():
    """MNIST's class_indices: names that are numbers."""
    assert parse_table(json.dumps({str(i): i for i in range(10)})) == (None, tuple("0123456789"))
    assert parse_table(json.dumps({"0": 1, "1": 0})) == (None, ("1", "0"))


def test_own_ids_that_are_numbers():
    assert parse_table("10023\tshoe\n205\that\n") == (("10023", "205"), ("shoe", "hat"))
    assert parse_table("0\tshoe\n1\that\n") == (("0", "1"), ("shoe", "hat"))


def test_imagenet_as_others_keep_it(tmp_path):
    table = imagenet_labels()
    keras = {str(label.index): [label.wnid, label.name.replace(" ", "_")] for label in table}
    hugging_face = {"id2label": {str(label.index): label.text for label in sorted(table, key=lambda a: str(a.index))}}
    for text, ids, names in (
        (json.dumps(keras), table.wnids, tuple(value[1] for value in keras.values())),
        (json.dumps(hugging_face, indent=2), table.texts, table.texts),
        ("".join(f"{label.wnid} {label.text}\n" for label in table), table.wnids, table.texts),  # Caffe's synset_words
        ("{" + ",\n ".join(f"{label.index}: {label.text!r}" for label in table) + "}", table.texts, table.texts),
    ):
        (tmp_path / "labels").write_text(text, "utf-8")
        labels = read_labels(tmp_path / "labels")
        assert (labels.wnids, labels.texts) == (ids, names)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ('{\n"0": "cat",\n"1": "dog",\n}', "line 4 of the label table: it begins like JSON, but is none: "),
        ("{\n", "line 2 of the label table: it begins like JSON"),
        ("[background]\ncat\n", "line 1 of the label table: it begins like JSON"),
        ("['cat' 'dog']", "line 1 of the label table: it begins like JSON"),
        ("{'cat': 0, 'dog': 0}", "number 0 comes twice"),
        ("{'cat': 0, 1: 'dog'}", "line 1 of the label table: it begins like JSON"),
        ("{0: 'cat', 0: 'dog'}", "number 0 comes twice in the label table, for 'cat' and 'dog'"),
        ('{"0": "cat", "2": "dog"}', "number 1 is missing in the label table of 2 classes, which go up to 2"),
        ('{"1": "cat", "2": "dog"}', "number 0 is missing"),
        ('{"cat": 0, "dog": 0}', "number 0 comes twice in the label table, for 'cat' and 'dog'"),
        ('{"cat": 1, "dog": 2}', "number 0 is missing"),
        ('{"cat": 0, "cat": 1}', "'cat' comes twice"),
        ('{"0": "cat", "00": "dog"}', "'00' in the label table is neither a class's number nor has one"),
        ('{"cat": "dog"}', "'cat' in the label table is neither"),
        ('{"cat": 0.0}', "'cat' in the label table is neither"),
        ('{"cat": true}', "'cat' in the label table is neither"),
        ('{"0": "cat", "1": ["n2", "dog"]}', "class 1 is ['n2', 'dog'] in the label table; want"),
        ('{"0": 1.5}', "class 0 is 1.5 in the label table; want a list of names"),
        ("[]", "there is no class in the label table"),
        ("{}", "there is no class in the label table"),
        ("[1, 2]", "class 0 is 1 in the label table"),
        ("[" * 100_000, "begins like JSON, but cannot be read"),
        ('{"a":' * 100_000, "begins like JSON, but cannot be read"),
        (f'{{"a": {"1" * 5000}}}', "begins like JSON, but cannot be read"),
        ('{"label_names": ["n1"], "label_descriptions": {}}', "has no text for 'n1'"),
        ("0,cat\n2,dog\n", "line 2 of the label table: number 2, where 1 is next"),
        ("1,cat\n2,dog\n", "line 1 of the label table: number 1, where 0 is next"),
        ("index,name\n1,cat\n0,dog\n", "line 2 of the label table: number 1, where 0 is next"),
        ("cat,1\ndog,0\n", "line 1 of the label table: number 1, where 0 is next"),
        ("1\tcat\n0\tdog\n", "line 1 of the label table: number 1, where 0 is next"),
        ("2\tcat\n1\tdog\n", "line 1 of the label table: number 2, where 0 is next"),
        ("1 cat\n0 dog\n", "line 1 of the label table: number 1, where 0 is next"),
        ("0,cat\ndog\n", "line 2 of the label table: 'dog' is not like the first line"),
        ("cat\n0,dog\n", "line 2 of the label table: '0,dog' is not like the first line"),
        ("idx,mine\n0,cat\n1,dog\n", "line 2 of the label table: '0,cat' is not like the first line"),
        ("index,name\n0,cat\n1\n", "line 3 of the label table: 1 columns; want 2"),
        ("name,text\ncat,Tom\ndog,Rex\n", "line 1 of the label table: 2 columns may be the names"),
        ("0,a,b\n1\n", "line 2 of the label table: '1' is not like the first line"),
        ("0," + "x" * 200_000, "the label table looks like CSV, but cannot be read"),
        ("\n\n", "the label table is empty"),
    ],
)
def test_what_is_ambiguous_is_refused(table, message):
    with pytest.raises(InputError) as caught:
        parse_labels(table)
    assert message in str(caught.value)
    assert len(str(caught.value)) < 500


@given(st.text(alphabet="01,;:\"'{}[]\t\n ncat\\", max_size=60))
def test_any_text_is_a_table_or_an_input_error(text):
    try:
        labels = parse_labels(text)
    except InputError:
        return
    assert len(labels) > 0


@pytest.mark.parametrize("table", ["cat\t2\ndog\t0\neel\t1\n", "name\tindex\ncat\t2\ndog\t0\neel\t1\n"])
def test_numbers_behind_tabs_are_not_names(table):
    with pytest.raises(InputError, match=r"line [12] of the label table"):
        parse_table(table)
    ids, names = parse_table("cat\t0\ndog\t1\n")
    assert (ids, names) == (None, ("cat", "dog"))
