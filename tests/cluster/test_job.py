"""Pictures on many machines: the same answers as here, in the same order."""

import os
import signal
from collections.abc import Iterable
from concurrent.futures import CancelledError

import numpy as np
import pytest
from distributed import Client, LocalCluster
from helpers.places import CHELSEA
from helpers.small_weights import make_weights
from PIL import Image

import refnet
from refnet.cluster import job as jobs
from refnet.cluster import part as parts
from refnet.cluster.job import ClusterPipeline, Job
from refnet.cluster.write import write_data_set
from refnet.errors import InputError, RefnetError
from refnet.pipeline.pipeline import Answer, Pipeline
from refnet.weights import writer


def assert_same(found: Iterable[Answer], expected: Iterable[Answer]) -> None:
    for ours, theirs in zip(found, expected, strict=True):
        assert (ours.place, ours.name, ours.notes) == (theirs.place, theirs.name, theirs.notes)
        assert (type(ours.error), str(ours.error)) == (type(theirs.error), str(theirs.error))
        assert ours.tensors.keys() == theirs.tensors.keys()
        for name, tensor in theirs.tensors.items():
            assert (ours.tensors[name].dtype, ours.tensors[name].tobytes()) == (tensor.dtype, tensor.tobytes())


def test_the_answers_are_those_of_this_machine(client, pipeline, photos, monkeypatch):
    monkeypatch.chdir(photos.parent)  # the workers stand elsewhere
    sources = [photos.name, "nowhere.png", CHELSEA.read_bytes(), np.zeros((3, 8, 9, 3), np.uint8), b"no picture"]
    sources += [Image.new("RGB", (7, 9)), f"file://{photos}/*.png", "file:///nowhere/*.png"]
    expected = list(pipeline.run(sources, recursive=True))
    assert sum(answer.error is not None for answer in expected) == 5
    for size in (1, 4, 100):
        assert_same(ClusterPipeline(pipeline.network, client, part=size).run(sources, recursive=True), expected)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_option_of_the_network_goes_with_it(client, dtype):
    network = refnet.load("lite0", dtype=dtype, recipe="keras", size=(64, 48))
    at = ["input", "pool", "logits"]
    expected = Pipeline(network, at).run(CHELSEA)
    assert_same(ClusterPipeline(network, client, at).run(CHELSEA), expected)


def test_a_worker_reads_the_weights_from_its_own_copy(client, tmp_path, monkeypatch):
    writer.write(tmp_path / "tiny.h5", make_weights(bn_eps=2e-3))
    network = refnet.load(tmp_path / "tiny.h5")
    monkeypatch.setattr(jobs.sent, "content_of", lambda network: pytest.fail("the weights were sent"))
    assert_same(ClusterPipeline(network, client).run(CHELSEA), Pipeline(network).run(CHELSEA))


@pytest.mark.parametrize("what", ["no file", "another file"])
def test_a_worker_that_lacks_the_weights_gets_them_once(client, tmp_path, monkeypatch, caplog, what):
    path = tmp_path / "tiny.h5"
    writer.write(path, make_weights(bn_eps=3e-3 if what == "no file" else 4e-3))
    network = refnet.load(path)
    path.unlink()
    if what == "another file":
        writer.write(path, make_weights(bn_eps=5e-3))
    found = ClusterPipeline(network, client, part=1)
    with caplog.at_level("INFO", "refnet"):
        assert_same(found.run([CHELSEA] * 8), Pipeline(network).run([CHELSEA] * 8))
        assert_same(found.run([CHELSEA] * 8), Pipeline(network).run([CHELSEA] * 8))
    assert 1 <= caplog.text.count("lacks the weights: they are sent") <= 2


def test_what_nobody_waits_for_is_not_begun(client, pipeline, photos):
    given = []

    def endless():
        while True:
            given.append(photos / "cat 0.png")
            yield given[-1]

    answers = ClusterPipeline(pipeline.network, client, part=2).run(endless())
    assert [next(answers).place for _ in range(5)] == [0, 1, 2, 3, 4]
    answers.close()
    assert len(given) <= 2 * (3 + 2 * jobs.AHEAD)


def test_an_error_of_the_source_comes_out(client, pipeline):
    with pytest.raises(InputError, match="a picture cannot be int"):
        list(ClusterPipeline(pipeline.network, client, part=1).run([CHELSEA, 3]))


def _die_of_the_first(asked, part):
    if part.number == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return part.number


def _allow_failures(dask_scheduler, number):
    dask_scheduler.allowed_failures = number


@pytest.mark.parametrize("ordered", [True, False])
def test_a_part_that_ends_every_worker_is_named(client, pipeline, ordered):
    before = client.run_on_scheduler(lambda dask_scheduler: dask_scheduler.allowed_failures)
    client.run_on_scheduler(_allow_failures, number=1)
    found = []
    try:
        items = [parts.Item(name, b"") for name in ("a.png", "b.png", "c.png", "d.png")]
        results = Job(client, pipeline).results(_die_of_the_first, parts.share_out(items, 2), ordered=ordered)
        with pytest.raises(RefnetError, match=r"part 0, a.png to b.png, ended every worker that had it, lastly"):
            found.extend(result for _, result in results)
    finally:
        client.run_on_scheduler(_allow_failures, number=before)
        client.wait_for_workers(2)
    assert found == ([] if ordered else [1])  # where order does not matter, all others are done first


def test_a_worker_of_another_version_is_refused_and_named(client, pipeline, monkeypatch):
    monkeypatch.setattr("refnet.cluster.versions.__version__", "0.0.1")
    with pytest.raises(InputError, match=r"tcp://\S+ has refnet \S+ instead of 0.0.1; .*install refnet 0.0.1") as error:
        next(ClusterPipeline(pipeline.network, client).run(CHELSEA))
    assert len(error.value.details) == 2
    monkeypatch.undo()
    job = Job(client, pipeline)
    job.asked.versions["numerics"] = "0"  # of one that comes when the job has begun
    with pytest.raises(InputError, match=r"the worker tcp://\S+ came later and has numerics 1 instead of 0"):
        next(job.results(parts.answer, parts.share_out([parts.Item("a.png", str(CHELSEA))], 1)))


def test_a_scheduler_that_is_gone_is_told(client, pipeline):
    class Gone:
        def result(self):
            raise CancelledError("scheduler-connection-lost")

    done = parts.Part(3, 0, (parts.Item("a.png", b""),))
    with pytest.raises(
        RefnetError, match=r"lost the scheduler at tcp://\S+; with -o, what is done is kept, and --resume"
    ):
        Job(client, pipeline)._result(Gone(), done)


def test_a_scheduler_that_dies_is_told(pipeline):
    with (
        LocalCluster(1, processes=False, threads_per_worker=1, dashboard_address=":0", silence_logs="CRITICAL") as one,
        Client(one.scheduler_address, set_as_default=False, timeout=0.5) as client,
    ):
        answers = ClusterPipeline(pipeline.network, client, part=1).run([CHELSEA] * 50)
        next(answers)
        one.close()
        with pytest.raises(
            RefnetError, match=r"lost the scheduler at \S+; with -o, what is done is kept, and --resume"
        ):
            list(answers)


def test_a_client_that_is_none_is_refused_at_once(client, pipeline, photos):
    closed = Client(client.scheduler.address, set_as_default=False)
    closed.close()
    for wrong, text in (
        ("tcp://a:1", r'client is str; want a distributed.Client, such as distributed.Client\("tcp://a:1"\)'),
        (None, r'client is NoneType; want a distributed.Client, such as distributed.Client\("tcp://10'),
        (closed, "client is closed; want one that is open"),
    ):
        with pytest.raises(InputError, match=text):
            ClusterPipeline(pipeline.network, wrong)
        with pytest.raises(InputError, match=text):
            write_data_set(wrong, pipeline, photos, "nowhere")
    with pytest.raises(InputError, match="client is str; want"):
        refnet.predict(CHELSEA, client="tcp://a:1")


def test_a_part_is_the_same_whoever_works_on_it():
    found = list(parts.share_out((parts.Item(name, name) for name in "abcde"), 2))
    assert [(part.number, part.first, "".join(item.name for item in part.items)) for part in found] == [
        (0, 0, "ab"),
        (1, 2, "cd"),
        (2, 4, "e"),
    ]


@pytest.mark.parametrize("part", [0, -1, 1.5, 1 << 21])
def test_a_part_that_is_none(pipeline, part):
    with pytest.raises(InputError, match=f"part={part}: want a whole number"):
        ClusterPipeline(pipeline.network, None, part=part)
