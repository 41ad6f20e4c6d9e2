"""What a network's answer means, and what people read of it."""

import numpy as np
import pytest
from helpers.places import CHELSEA
from helpers.tops import TOPS, weights_with

import refnet
from refnet.architecture.top import Top
from refnet.cli import main
from refnet.errors import InputError
from refnet.prediction import Prediction
from refnet.weights.writer import write


def network(top: Top, classes: int = 5) -> refnet.Network:
    return refnet.Network(weights_with(top, classes=classes))


def test_scores_are_ranked_and_do_not_add_up_to_one() -> None:
    net = network(Top(output="sigmoid"))
    answers = net.predict(CHELSEA)
    scores = 1 / (1 + np.exp(-net.logits(net.preprocess(CHELSEA)).astype(np.float64)[0]))
    assert [a.probability for a in answers] == pytest.approx(sorted(scores, reverse=True), rel=1e-6)
    assert {a.meaning for a in answers} == {"score"}
    assert abs(sum(scores) - 1) > 1e-3


def test_one_class_is_a_score_of_its_own() -> None:
    (answer,) = network(Top(output="sigmoid"), classes=1).predict(CHELSEA)
    assert answer.index == 0
    assert 0 < answer.probability < 1


def test_values_come_all_in_their_order() -> None:
    net = network(Top(output="none"), classes=7)
    answers = net.predict(CHELSEA)
    assert [a.value for a in answers] == net.logits(net.preprocess(CHELSEA))[0].tolist()
    assert [a.index for a in answers] == list(range(7))
    with pytest.raises(InputError, match="the network's answer is a value, no probability; read the field value"):
        _ = answers[0].probability
    with pytest.raises(InputError, match="top=2: this network answers with values, which have no rank"):
        net.predict(CHELSEA, top=2)
    with pytest.raises(InputError, match=r"no step 'probabilities'; its answer is 'logits', each number a value"):
        net.probabilities(net.preprocess(CHELSEA))


def test_logarithms_of_probabilities() -> None:
    net = network(TOPS["logarithms, tempered"])
    answers = net.predict(CHELSEA, top=5)
    assert sum(np.exp(a.value) for a in answers) == pytest.approx(1)
    assert answers[0].fields() == {
        "index": answers[0].index,
        "wnid": "",
        "label": "",
        "log_probability": answers[0].value,
    }


def test_the_answer_is_what_the_network_ends_with() -> None:
    net = network(TOPS["bounded values"])
    x = net.preprocess(CHELSEA)
    assert (net.answer(x) == net.features(x, "answer")).all()
    without = network(TOPS["layers behind two pools"], classes=0)
    assert (without.answer(x) == without.features(x, "top.act1")).all()
    assert (without.answer(x).shape, without.features(x).shape) == ((1, 20), (1, 256))


def test_fields_name_the_number() -> None:
    assert Prediction(1, "n1", "cat", 0.5).fields() == {"index": 1, "wnid": "n1", "label": "cat", "probability": 0.5}
    assert Prediction(0, "", "", 3.5, "value").fields()["value"] == 3.5


@pytest.mark.parametrize(
    ("top", "said", "shown"),
    [
        (Top(), "", "%"),
        (Top(output="sigmoid"), "scores: each class has a probability of its own", "%"),
        (Top(output="none"), "values: numbers as the network gives them, no probabilities", "value 0"),
        (Top(output="log_softmax"), "natural logarithms of probabilities", "class"),
    ],
)
def test_the_command_line_says_what_the_numbers_are(top, said, shown, tmp_path, capsys) -> None:  # type: ignore[no-untyped-def]
    write(tmp_path / "mine.h5", weights_with(top))
    assert main(["predict", str(CHELSEA), "-m", str(tmp_path / "mine.h5")]) == 0
    out, err = capsys.readouterr()
    assert said in err
    assert shown in out
