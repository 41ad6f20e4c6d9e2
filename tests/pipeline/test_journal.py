"""The journal of a run: every whole line counts, a torn one does not, and nobody goes on with another's."""

import json
import multiprocessing

import pytest

from refnet.errors import InputError, RefnetError
from refnet.pipeline.journal import Journal, state
from refnet.pipeline.source import Item

ASKED = {"model": "lite0", "size": (224, 224)}
NAMES = ["a.png", "größe 猫.png", "caf\udce9.png", 'quote".png', "line\nbreak.png"]


def journal(path, asked=ASKED, **options):
    return Journal(path, asked, **options)


@pytest.fixture
def result(tmp_path):
    """Where a result will be; its journal has every name with its number."""
    path = tmp_path / "found.csv"
    with journal(path) as new:
        for number, name in enumerate(NAMES):
            new.add(name, {"number": number})
    return path


def test_what_was_added_is_there_again_in_any_order(result):
    with journal(result, resume=True) as again:
        assert set(again.done) == set(NAMES)
        wanted = [*reversed(NAMES), NAMES[0], NAMES[0], *NAMES]
        assert list(again.in_order(wanted)) == [(name, {"number": NAMES.index(name)}) for name in wanted]
        again.add("new.png", {"number": 5})
        assert list(again.in_order(["new.png", "a.png"])) == [("new.png", {"number": 5}), ("a.png", {"number": 0})]
        again.remove()
    assert not Journal.beside(result).exists()


def test_a_line_is_on_its_way_before_the_next_picture(result):
    with journal(result, resume=True) as new:
        new.add("b.png", {})
        assert Journal.beside(result).read_bytes().endswith(b'\n["b.png",{},null]\n')


def test_cut_anywhere_it_goes_on_with_the_lines_that_are_whole(result):
    path = Journal.beside(result)
    whole = path.read_bytes()
    ends = [i + 1 for i, byte in enumerate(whole) if byte == ord("\n")]
    for length in range(len(whole) + 1):
        path.write_bytes(whole[:length])
        with journal(result, resume=True) as again:
            lines = sum(end <= length for end in ends)
            assert list(again.done) == NAMES[: max(0, lines - 1)]
            for number, name in enumerate(NAMES):
                if name not in again.done:
                    again.add(name, {"number": number})
        assert path.read_bytes() == whole


def test_what_follows_damage_is_done_again(result):
    path = Journal.beside(result)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:3], b"\0" * 50 + b"\n", *lines[4:]]))
    with journal(result, resume=True) as again:
        assert list(again.done) == NAMES[:2]


def test_an_unfinished_run_is_not_forgotten_by_mistake(result):
    with pytest.raises(
        InputError, match=r"found\.csv\.part .* go on with it by --resume, or start anew by --overwrite"
    ):
        journal(result)
    with journal(result, overwrite=True) as new:
        assert not new.done
    assert len(Journal.beside(result).read_bytes().splitlines()) == 1


def test_nobody_goes_on_with_the_journal_of_another_question(result):
    with pytest.raises(InputError, match=r"model 'lite0' there, 'b0' now.*--overwrite"):
        journal(result, {**ASKED, "model": "b0"}, resume=True)
    with pytest.raises(InputError, match="top None there, 5 now"):
        journal(result, {**ASKED, "top": 5}, resume=True)
    with journal(result, {"size": [224, 224], "model": "lite0"}, resume=True) as same:  # as JSON has it
        assert same.done


@pytest.mark.parametrize("content", [b"a,b\n1,2\n", b"{}\n", b"[]\n", b"\xff\n", b"1\n"])
def test_another_file_of_that_name_is_left_alone(result, content):
    path = Journal.beside(result)
    path.write_bytes(content)
    with pytest.raises(InputError, match="is no journal of a run; move it away"):
        journal(result, resume=True)
    assert path.read_bytes() == content


def test_resume_without_anything_begins(tmp_path):
    with journal(tmp_path / "found.csv", resume=True) as new:
        assert not new.done
    header = json.loads(Journal.beside(tmp_path / "found.csv").read_text())
    assert header == {"journal": 1, "model": "lite0", "size": [224, 224]}


def test_where_nothing_can_be_written(tmp_path):
    with pytest.raises(RefnetError, match=r"found\.csv\.part not written: No such file or directory"):
        journal(tmp_path / "no" / "found.csv")


def test_what_failed_is_tried_again_and_the_last_of_a_name_counts(tmp_path):
    with journal(tmp_path / "a.csv") as new:
        new.add("a.png", {"error": "no"}, [1, 2])
        new.add("b.png", {"number": 1}, [3, 4])
        assert new.done.keys() == {"a.png", "b.png"}
    with journal(tmp_path / "a.csv", resume=True) as again:
        assert again.done.keys() == {"b.png"}
        assert again.names == {"a.png", "b.png"}
        assert not again.has_changed("b.png", [3, 4])
        assert again.has_changed("b.png", [3, 5])
        again.add("a.png", {"number": 2}, [1, 3])
        again.add("b.png", {"error": "gone"}, None)
    with journal(tmp_path / "a.csv", resume=True) as last:
        assert list(last.in_order(last.done)) == [("a.png", {"number": 2})]


def test_the_state_of_a_file(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(b"12")
    assert state(Item("a", path)) == state(Item("a", str(path))) == [2, path.stat().st_mtime_ns]
    assert state(Item("a", str(tmp_path / "none"))) is state(Item("a", b"12")) is state(Item("a", "a\0")) is None


def test_other_pictures_are_refused(result):
    with journal(result, resume=True) as again:
        again.check_source(found=True)
        with pytest.raises(InputError, match=r"found\.csv\.part is of other pictures, such as a\.png: none of them"):
            again.check_source(found=False)


def test_what_another_process_has_just_finished_is_not_written_to(result, monkeypatch):
    fcntl = pytest.importorskip("fcntl", reason="this system has no such locks")
    lock = fcntl.flock

    def flock(file, how):
        Journal.beside(result).unlink()
        lock(file, how)

    monkeypatch.setattr(fcntl, "flock", flock)
    with pytest.raises(InputError, match="another process has just finished with it; ask again"):
        journal(result, resume=True)


def test_nothing_is_cut_before_the_lock(result, monkeypatch):
    fcntl = pytest.importorskip("fcntl", reason="this system has no such locks")
    kept = Journal.beside(result).read_bytes()

    def flock(file, how):
        raise BlockingIOError

    monkeypatch.setattr(fcntl, "flock", flock)
    monkeypatch.setattr(type(result), "exists", lambda path: False)  # it appears between the question and the opening
    with pytest.raises(InputError, match="another process is writing it"):
        journal(result)
    assert Journal.beside(result).read_bytes() == kept


def hold(path, ready, end):
    with journal(path, resume=True):
        ready.set()
        end.wait(60)


def test_two_processes_do_not_write_one(result):
    pytest.importorskip("fcntl", reason="this system has no such locks")
    context = multiprocessing.get_context("spawn")
    ready, end = context.Event(), context.Event()
    other = context.Process(target=hold, args=(result, ready, end))
    other.start()
    try:
        assert ready.wait(60)
        for choice in ("resume", "overwrite"):
            with pytest.raises(InputError, match="another process is writing it"):
                journal(result, **{choice: True})
    finally:
        end.set()
        other.join(60)
    assert other.exitcode == 0
    with journal(result, resume=True) as again:
        assert len(again.done) == len(NAMES)
