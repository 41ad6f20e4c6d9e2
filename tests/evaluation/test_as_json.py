"""Everything that was found, as JSON: numbers with the names beside them."""

import json
from dataclasses import replace

import numpy as np

from refnet.evaluation import between, evaluate, read_data_set
from refnet.evaluation.as_json import to_json


def test_all_of_it(network, pictures, tmp_path):
    data = read_data_set(pictures)
    found = evaluate(network, data, name="ours")
    failed = replace(found.answers, classes=found.answers.classes.copy(), failed={3: "damaged"})
    failed.classes[3] = -1
    found = replace(found, answers=failed)
    said = json.loads(
        json.dumps(to_json([found, replace(found, model="again")], [between(found, found)]), allow_nan=False)
    )
    assert (said["data"], said["pictures"], said["classes"]) == (str(pictures), 12, 3)
    assert [model["model"] for model in said["models"]] == ["ours", "again"]
    ours = said["models"][0]
    assert ours["top1"] == {
        "right": found.top1.right, "of": 11, "share": found.top1.share, "interval": list(found.top1.interval)
    }  # fmt: skip
    assert ours["top5"]["of"] == 11
    assert ours["ece"] == found.ece
    assert sum(each["count"] for each in ours["calibration"]) == 11
    assert ours["failed"] == [{"file": data.files[3], "error": "damaged"}]
    assert ours["published"] is None
    assert {each["wnid"] for each in ours["by_class"]} == set(data.classes)
    assert sum(each["top1"]["right"] for each in ours["by_class"]) == found.top1.right
    wrong = [place for place in range(12) if place != 3 and not found.right[place]]
    assert sum(each["times"] + each["back"] for each in ours["confusions"]) == len(wrong)
    assert {each["file"] for each in ours["mistakes"]} == {data.files[place] for place in wrong}
    for each in ours["mistakes"]:
        place = data.files.index(each["file"])
        assert each["answer"]["index"] == found.answers.best[place]
        assert each["truth"]["label"] == f"thing {found.truth.classes[place]}"
        assert each["probability"] == found.answers.values[place, 0]
    (agreement,) = said["agreement"]
    assert agreement["same"]["share"] == 1.0
    assert agreement["differences"] == []


def test_of_nothing(network, pictures):
    found = evaluate(network, read_data_set(pictures))
    nothing = replace(found.answers, classes=np.full((12, 5), -1, np.int32), values=np.full((12, 5), np.nan))
    said = to_json([replace(found, answers=nothing, pictures_per_second=float("nan"))])["models"][0]
    assert said["top1"] is said["top5"] is said["ece"] is said["pictures_per_second"] is None
    json.dumps(said, allow_nan=False)
