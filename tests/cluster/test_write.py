"""Data sets: the same files whoever made them, and however often they were interrupted."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import fsspec
import pyarrow.parquet
import pytest
from distributed import Client
from helpers.places import CHELSEA, ROOT

import refnet
from refnet.cluster import write_data_set
from refnet.cluster.data_set import DataSet
from refnet.errors import InputError
from refnet.pipeline import tables
from refnet.pipeline.pipeline import Pipeline


@pytest.fixture(scope="module")
def many(photos, tmp_path_factory) -> Path:
    """Pictures for parts enough that an interruption finds some undone, a bad one among them."""
    folder = tmp_path_factory.mktemp("many")
    for number in range(60):
        os.link(photos / f"cat {number % 9}.png", folder / f"{number:02}.png")
    return folder


@pytest.fixture(scope="module")
def undisturbed(client, pipeline, many, tmp_path_factory) -> dict[str, bytes]:
    place = tmp_path_factory.mktemp("undisturbed") / "found"
    summary = write_data_set(client, pipeline, many, str(place), top=3, part=2)
    assert (summary.pictures, summary.failed, summary.parts) == (60, 7, 30)
    return content(place)


def content(place: Path) -> dict[str, bytes]:
    """All that is in a folder, hidden files too."""
    return {path.name: path.read_bytes() for path in sorted(place.iterdir())} if place.exists() else {}


def table(place: Path):
    return pyarrow.parquet.ParquetDataset(place).read().to_pylist()


def test_a_row_is_what_predict_says(client, pipeline, photos, tmp_path):
    told = []
    summary = write_data_set(
        client, pipeline, photos, str(tmp_path / "found"), top=3, part=4, recursive=True, watch=told.append
    )
    assert (summary.pictures, summary.failed, summary.parts, sorted(told)) == (10, 1, 3, [0, 1, 2])
    assert json.loads((tmp_path / "found" / "_summary.json").read_text()) == summary._asdict()
    expected = []
    for answer in pipeline.network.predict(iter([photos / f"cat {n}.png" for n in range(9)]), 3, errors="yield"):
        expected += tables.rows((answer.name, tables.fields(answer)))
    names = tables.columns("probability")
    rows = [tuple(row[name] for name in names) for row in table(tmp_path / "found")]
    assert rows[: len(expected)] == expected
    assert {row[0] for row in rows[len(expected) :]} == {f"{photos}/more/kitten.png"}


def test_features_are_those_of_this_machine(client, pipeline, photos, tmp_path):
    at = ("input", "stem", "pool")
    write_data_set(client, Pipeline(pipeline.network, at), photos, str(tmp_path / "found"), part=4)
    found = pyarrow.parquet.ParquetDataset(tmp_path / "found").read()
    shapes = {name: found.schema.field(name).metadata[b"shape"] for name in at}
    assert shapes == {"input": b"32,32,3", "stem": b"16,16,8", "pool": b"128"}
    for answer, row in zip(Pipeline(pipeline.network, at).run(photos), range(found.num_rows), strict=True):
        for name in at:
            column = found[name][row]
            assert (answer.error is None) is column.is_valid
            if column.is_valid:
                assert column.values.to_numpy().tobytes() == answer.tensors[name].tobytes()


def test_another_number_of_workers_writes_the_same_files(pipeline, many, undisturbed, tmp_path):
    with Client(processes=False, n_workers=1, threads_per_worker=3, dashboard_address=":0") as one:
        write_data_set(one, pipeline, many, str(tmp_path / "found"), top=3, part=2)
        write_data_set(one, pipeline, many, "memory://found", top=3, part=2)
    assert content(tmp_path / "found") == undisturbed
    memory = fsspec.filesystem("memory")
    assert {name: memory.cat_file(f"/found/{name}") for name in undisturbed} == undisturbed
    memory.rm("/found", recursive=True)


def test_a_worker_killed_in_the_middle_costs_its_part(client, pipeline, many, undisturbed, tmp_path):
    victims = list(client.run(os.getpid).values())

    def kill(number: int) -> None:
        if victims:
            os.kill(victims.pop(), signal.SIGKILL)
            victims.clear()

    write_data_set(client, pipeline, many, str(tmp_path / "found"), top=3, part=2, watch=kill)
    assert not victims
    assert content(tmp_path / "found") == undisturbed
    client.wait_for_workers(2)


CLIENT = """
import sys
from distributed import Client
from helpers.small_weights import make_weights
from refnet.cluster import write_data_set
from refnet.network import Network
from refnet.pipeline.pipeline import Pipeline

def tell(number):
    print(number, flush=True)
    sys.stdin.readline()

address, many, found = sys.argv[1:]
with Client(address) as client:
    pipeline = Pipeline(Network(make_weights()))
    write_data_set(client, pipeline, many, found, top=3, part=2, watch=tell)
"""


def test_a_killed_client_is_resumed(client, pipeline, many, undisturbed, tmp_path):
    place = tmp_path / "found"
    arguments = [sys.executable, "-c", CLIENT, client.scheduler.address, many, place]
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}"}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(arguments, env=environment, text=True, bufsize=1, **pipes) as process:
        try:
            for _ in range(2):
                assert process.stdout.readline()
                process.stdin.write("go on\n")
            assert process.stdout.readline()  # and now it waits
        finally:
            process.kill()
    before = {path.name: path.stat() for path in place.glob("part-*")}
    assert 3 <= len(before) < 30
    assert not (place / "_summary.json").exists()
    with pytest.raises(InputError, match="holds what an unfinished run left; go on with it by --resume, or start anew"):
        write_data_set(client, pipeline, many, str(place), top=3, part=2)
    (place / f".{'0' * 16}.part").write_bytes(b"what a dead worker left")
    write_data_set(client, pipeline, many, str(place), top=3, part=2, resume=True)
    assert content(place) == undisturbed
    for name, state in before.items():
        assert ((place / name).stat().st_ino, (place / name).stat().st_mtime_ns) == (state.st_ino, state.st_mtime_ns)


def test_a_disk_that_the_workers_do_not_share_is_told(client, pipeline, tmp_path, monkeypatch):
    monkeypatch.setattr(DataSet, "begin", lambda self: None)  # the folder is made here, and not there
    with pytest.raises(InputError, match=r"found/part-00000.parquet not written: No such file or directory"):
        write_data_set(client, pipeline, CHELSEA, str(tmp_path / "found"), top=3)


def test_a_place_that_cannot_be_written_is_told_before_anything_is_run(client, pipeline, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match=r"file/found(: cannot be read| not written): "):
        write_data_set(client, pipeline, CHELSEA, str(tmp_path / "file" / "found"), top=3)


class TestResume:
    @pytest.fixture
    def found(self, client, pipeline, photos, tmp_path):
        write_data_set(client, pipeline, photos, str(tmp_path / "found"), top=3, part=4)
        return tmp_path / "found"

    def test_nothing_is_done_where_all_is_there(self, client, pipeline, photos, found):
        before, told = content(found), []
        write_data_set(client, pipeline, photos, str(found), top=3, part=4, resume=True, watch=told.append)
        assert (content(found), told) == (before, [])

    @pytest.mark.parametrize("top", [3, None])
    def test_a_damaged_part_is_made_again(self, client, pipeline, photos, tmp_path, top):
        place, told = tmp_path / "found", []
        write_data_set(client, pipeline, photos, str(place), top=top, part=4)
        before = content(place)
        part = place / "part-00001.parquet"
        table = pyarrow.parquet.read_metadata(part).row_group(0)
        for number in range(table.num_columns):  # the last byte of its data
            column = table.column(number)
            damaged = bytearray(before[part.name])
            start = column.dictionary_page_offset or column.data_page_offset
            damaged[start + column.total_compressed_size - 1] ^= 1
            part.write_bytes(damaged)
            write_data_set(client, pipeline, photos, str(place), top=top, part=4, resume=True, watch=told.append)
            assert content(place) == before
        assert told == [1] * table.num_columns

    @pytest.mark.parametrize("damage", [b"", b"PAR1"])
    def test_a_part_that_no_worker_wrote_is_made_again(self, client, pipeline, photos, found, damage):
        before, told = content(found), []
        (found / "part-00001.parquet").write_bytes(damage)
        write_data_set(client, pipeline, photos, str(found), top=3, part=4, resume=True, watch=told.append)
        assert (content(found), told) == (before, [1])

    def test_a_finished_one_is_not_written_over(self, client, pipeline, photos, found):
        with pytest.raises(InputError, match="found holds a finished data set; go on with it by --resume, or start"):
            write_data_set(client, pipeline, photos, str(found), top=3, part=4)

    @pytest.mark.parametrize(
        ("change", "what"),
        [
            ({"top": 2}, "top 3 there, 2 now"),
            ({"part": 5}, "part 4 there, 5 now"),
            ({"top": None}, "top 3 there, None now"),
        ],
    )
    def test_another_question_is_refused(self, client, pipeline, photos, found, change, what):
        options = {"top": 3, "part": 4, "resume": True, **change}
        with pytest.raises(
            InputError, match=rf"begun with another question \(.*{what}.*ask the same, or start anew by"
        ):
            write_data_set(client, pipeline, photos, str(found), **options)

    def test_another_network_is_refused(self, client, photos, found):
        with pytest.raises(InputError, match="model 'tiny' there, 'lite0' now"):
            write_data_set(client, Pipeline(refnet.load("lite0")), photos, str(found), top=3, part=4, resume=True)

    def test_other_pictures_are_refused(self, client, pipeline, photos, found):
        pictures = [photos, CHELSEA]
        with pytest.raises(
            InputError, match=r"part-00002.parquet holds other pictures than .*: some came or went since"
        ):
            write_data_set(client, pipeline, pictures, str(found), top=3, part=4, resume=True)

    def test_fewer_pictures_are_refused(self, client, pipeline, photos, found):
        pictures = [photos / f"cat {number}.png" for number in range(4)]
        with pytest.raises(
            InputError, match=r"has parts of more pictures than there are now: part-00001.parquet; part-"
        ):
            write_data_set(client, pipeline, pictures, str(found), top=3, part=4, resume=True)

    def test_overwrite_begins_anew(self, client, pipeline, photos, found):
        summary = write_data_set(client, pipeline, photos / "cat 0.png", str(found), top=2, overwrite=True)
        assert (summary.pictures, summary.parts) == (1, 1)
        assert set(content(found)) == {"_question.json", "_summary.json", "part-00000.parquet"}

    @pytest.mark.parametrize("overwrite", [False, True])
    def test_a_folder_of_something_else_is_left_alone(self, client, pipeline, photos, overwrite):
        before = content(photos / "more")
        with pytest.raises(
            InputError, match=r"more holds something else, such as kitten.png; want a new or empty folder"
        ):
            write_data_set(client, pipeline, photos, str(photos / "more"), overwrite=overwrite)
        assert content(photos / "more") == before
