"""Which output of a network a class is: by wnid, label, number or order; an error wherever two may be meant."""

from dataclasses import replace

import pytest
from helpers.small_weights import make_weights

import refnet
from refnet.errors import InputError
from refnet.evaluation import DataSet, find_truth
from refnet.evaluation.matching import match_answers
from refnet.weights.labels import Labels, imagenet_labels, labels_for


def data(*classes, said_by="folders", numbers=""):
    files = tuple(f"{number}.png" for number in range(len(classes)))
    return DataSet("mine", files, classes, tuple(sorted(set(classes))), said_by, numbers)


def weights(classes=10, names=None):
    """Weights of so many classes, with these names or none."""
    labels = None if names is None else Labels(tuple(names), tuple(names))
    return replace(make_weights(classes=classes), labels=labels)


@pytest.fixture(scope="module")
def imagenet():
    return refnet.load("lite0").weights


@pytest.mark.parametrize(
    ("classes", "indices", "way"),
    [
        (("n01440764", "n02123045", "n02123159"), [0, 281, 282], "wnid"),
        (("n02085620-Chihuahua", "n02085936-Maltese_dog"), [151, 153], "wnid"),
        (("tench, Tinca tinca", "tiger cat"), [0, 282], "label"),
        (("tench", "Tabby_Cat", "great  white shark"), [0, 281, 2], "label"),
    ],
)
def test_names(imagenet, classes, indices, way):
    truth = find_truth(data(*classes), imagenet)
    assert truth.classes.tolist() == indices
    assert truth.told == f"{len(classes)} classes matched by {way}"


def test_own_ids():
    """Of a table of ids and texts, folders may be called by the ids; where names stand for ids, one may come twice."""
    own = replace(make_weights(classes=3), labels=Labels(("c", "d", "7"), ("my cat", "my dog", "my cow")))
    assert find_truth(data("d", "c"), own).classes.tolist() == [1, 0]
    assert find_truth(data("7", "7"), own).classes.tolist() == [2, 2]
    assert find_truth(data("My_Cow"), own).classes.tolist() == [2]
    with pytest.raises(InputError, match=r"'cat' may be the classes 0 \(cat\), 1 \(cat\); want wnids"):
        find_truth(data("cat", "dog"), weights(3, ("cat", "cat", "dog")))


def test_one_folder_among_wnids(imagenet):
    with pytest.raises(InputError, match="1 of 3 classes are no wnid of the network: misc; its first"):
        find_truth(data("n01440764", "n02123045", "misc"), imagenet)


def test_a_folder_without_a_picture_may_be_called_anything(imagenet):
    some = replace(data("n01440764", "n02123045"), classes=("misc", "n01440764", "n02123045"))
    truth = find_truth(some, imagenet)
    assert truth.classes.tolist() == [0, 281]
    assert truth.told == "2 classes matched by wnid"
    counted = replace(data("b", "c"), classes=("a", "b", "c"))
    assert find_truth(counted, weights(3)).classes.tolist() == [1, 2]


@pytest.mark.parametrize("name", ["crane", "missile"])
def test_a_name_of_two_classes(imagenet, name):
    with pytest.raises(InputError, match=rf"mine: '{name}' may be the classes \d+ \(.*\), \d+ \(.*\); want wnids"):
        find_truth(data("tench", name), imagenet)


def test_a_class_that_is_not_there(imagenet):
    with pytest.raises(
        InputError, match="1 of 2 classes are no wnid of the network: n99999999; its first is 'n01440764'"
    ):
        find_truth(data("n01440764", "n99999999"), imagenet)
    with pytest.raises(
        InputError, match=r"1 of 2 classes are no label of the network: my dog; .*--by order takes folders"
    ):
        find_truth(data("tench", "my dog"), imagenet)
    with pytest.raises(InputError, match="1 of 2 classes are no label of the network: my dog") as caught:
        find_truth(data("tench", "my dog", said_by="val.csv"), imagenet)
    assert "--by order" not in str(caught.value)


def test_own_labels_that_look_like_wnids_or_numbers():
    truth = find_truth(data("n00000002", "n00000007"), make_weights())
    assert truth.classes.tolist() == [2, 7]
    assert find_truth(data("7", "3"), weights(3, ("3", "5", "7"))).classes.tolist() == [2, 0]


def test_the_background_comes_first():
    own = replace(make_weights(classes=1001), labels=labels_for(imagenet_labels(), 1001))
    assert find_truth(data("n01440764", "n15075141"), own).classes.tolist() == [1, 1000]
    with pytest.raises(InputError, match="numbers do not say whether they count the network's class 0, the background"):
        find_truth(data("0", "999", said_by="val.csv", numbers="index"), own)
    assert match_answers("theirs.csv", ["1", "1000"], own) == {"1": 1, "1000": 1000}


@pytest.mark.parametrize(("classes", "first"), [(1000, 0), (1001, 1)])
def test_wnids_of_a_network_without_labels(classes, first):
    truth = find_truth(data("n01440764", "n01443537"), weights(classes))
    assert truth.classes.tolist() == [first, first + 1]
    assert truth.told.endswith("matched by wnid; the weights have no labels: ImageNet's order is assumed")


def test_the_sorted_order_of_as_many_folders():
    truth = find_truth(data("pear", "apple", "fig"), weights(3))
    assert truth.classes.tolist() == [2, 0, 1]
    assert truth.told == "3 classes matched by the sorted order of the folders"
    with pytest.raises(InputError, match="3 folders and a network of 4 classes; to be matched by their order"):
        find_truth(data("pear", "apple", "fig"), weights(4))
    with pytest.raises(InputError, match=r"val\.csv need not name every class, so that their order says nothing"):
        find_truth(data("pear", "apple", "fig", said_by="val.csv"), weights(3))


def test_order_against_labels_only_when_asked():
    own = weights(2, ("cat", "dog"))
    with pytest.raises(InputError, match="2 of 2 classes are no label of the network: chat, chien"):
        find_truth(data("chat", "chien"), own)
    assert find_truth(data("chien", "chat"), own, "order").classes.tolist() == [1, 0]


def test_numbers_of_a_table():
    truth = find_truth(data("3", "0", said_by="val.csv", numbers="index"), make_weights())
    assert truth.classes.tolist() == [3, 0]
    assert truth.told == "2 classes matched by number: they count the network's outputs from 0"
    with pytest.raises(InputError, match=r"mine: the class 10 is none of the network's 0\.\.9; numbers count"):
        find_truth(data("3", "10", said_by="val.csv", numbers="unclear"), make_weights())


def test_numbers_that_are_labels_too():
    digits = weights(3, ("0", "2", "1"))
    table = data("1", "0", said_by="val.csv", numbers="unclear")
    with pytest.raises(InputError, match="mine: 0, 1 are labels of the network, and numbers of other classes; want"):
        find_truth(table, digits)
    assert find_truth(table, digits, "label").classes.tolist() == [2, 0]
    assert find_truth(table, digits, "number").classes.tolist() == [1, 0]
    assert find_truth(data("1", "0"), digits).classes.tolist() == [2, 0]  # folders have names
    same = weights(3, ("0", "1", "2"))
    assert find_truth(table, same).classes.tolist() == [1, 0]


def test_folders_called_by_numbers():
    """Up to ten, their order as texts is their order as numbers; beyond, it is not."""
    ten = [str(number) for number in range(10)]
    assert find_truth(data(*ten), weights(10)).classes.tolist() == list(range(10))
    eleven = [str(number) for number in range(11)]
    with pytest.raises(InputError, match=r"in another order as texts \(0, 1, 10, 2, and 7 more\); want --by number if"):
        find_truth(data(*eleven), weights(11))
    assert find_truth(data(*eleven), weights(11), "number").classes.tolist() == list(range(11))
    assert find_truth(data(*eleven), weights(11), "order").classes.tolist() == [0, 1, *range(3, 11), 2]


@pytest.mark.parametrize(
    ("classes", "by", "message"),
    [
        (("tench",), "wnid", "1 of 1 classes are no wnid of the network: tench"),
        (("n01440764",), "label", "1 of 1 classes are no label of the network"),
        (("tench",), "number", "'tench' is no number; want --by wnid, label or order"),
    ],
)
def test_a_way_that_does_not_fit(imagenet, classes, by, message):
    with pytest.raises(InputError, match=message):
        find_truth(data(*classes), imagenet, by)


def test_no_labels_to_match_by():
    with pytest.raises(InputError, match="the network's weights have no labels to match by; want --by order"):
        find_truth(data("cat"), weights(3), "label")


def test_a_network_that_tells_nothing_apart():
    with pytest.raises(InputError, match="tiny has 1 classes; want a network that tells some apart"):
        find_truth(data("cat"), weights(1))
    with pytest.raises(InputError, match="tiny has no classes"):
        find_truth(data("cat"), weights(0))


def test_classes_of_answers(imagenet):
    assert match_answers("theirs.csv", ["282", "0", "999"], imagenet) == {"282": 282, "0": 0, "999": 999}
    assert match_answers("theirs.csv", ["n01440764"], imagenet) == {"n01440764": 0}
    assert match_answers("theirs.csv", ["tiger cat"], imagenet) == {"tiger cat": 282}
    with pytest.raises(InputError, match=r"theirs\.csv: the class 1000 is none of the network's 0\.\.999"):
        match_answers("theirs.csv", ["282", "1000"], imagenet)
