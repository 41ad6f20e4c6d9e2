"""Tables that say the classes: every kind that people have, and never one read wrongly without a word."""

import pytest

from refnet.errors import InputError
from refnet.evaluation import read_data_set
from refnet.evaluation.tables import read_synsets

VALIDATION = ["ILSVRC2012_val_00000001.JPEG", "ILSVRC2012_val_00000002.JPEG", "ILSVRC2012_val_00000003.JPEG"]


@pytest.fixture
def read(tmp_path):
    """Write pictures (empty) and a table, and read them."""

    def read(text, pictures=("a.png", "b.png"), name="truth.csv", synsets=None):
        folder = tmp_path / "pictures"
        for picture in pictures:
            (folder / picture).parent.mkdir(parents=True, exist_ok=True)
            (folder / picture).touch()
        table = tmp_path / name
        table.write_text(text, "utf-8")
        if synsets is not None:
            (tmp_path / "map.txt").write_text(synsets, "utf-8")
            synsets = tmp_path / "map.txt"
        data = read_data_set(folder, table, synsets=synsets)
        pairs = zip(data.files, data.given, strict=True)
        return data, {file.removeprefix(f"{folder}/"): name for file, name in pairs}

    return read


@pytest.mark.parametrize(
    "text",
    [
        "file,class\na.png,cat\nb.png,great white shark\n",
        "class;path\ncat;a.png\ngreat white shark;b.png\n",
        "\ufefffilename\tlabel\r\na.png\tcat\r\n./b.png\tgreat white shark\r\n",
        "a.png cat\nb.png great white shark\n",
        "a.png,cat\nb.png,great white shark\n",
        "cat,a.png\ngreat white shark,b.png",
        "index,Image,label\n3,a.png,cat\n4,b.png,great white shark\n",
        "cat\ngreat white shark\n",
    ],
)
def test_files_and_classes(read, text):
    data, found = read(text)
    assert found == {"a.png": "cat", "b.png": "great white shark"}
    assert data.said_by == "truth.csv"
    assert data.numbers == ""


def test_a_table_by_itself(tmp_path):
    (tmp_path / "val.csv").write_text("file,class\nsub/a.png,cat\n")
    assert read_data_set(tmp_path / "val.csv").files == (str(tmp_path / "sub" / "a.png"),)
    (tmp_path / "names.txt").write_text("cat\ndog\n")
    with pytest.raises(InputError, match="no line names a picture; want a file and its class in every line"):
        read_data_set(tmp_path / "names.txt")


def test_kaggles_solution(read):
    text = "ImageId,PredictionString\nILSVRC2012_val_00000002,n03995372 85 1 499 272 \n"
    text += "ILSVRC2012_val_00000001,n03481172 131 0 499 254 n03481172 1 2 3 4\n"
    data, found = read(text, VALIDATION)
    assert found == {VALIDATION[1]: "n03995372", VALIDATION[0]: "n03481172"}
    assert data.notes == (f"1 picture left out, not in truth.csv: {VALIDATION[2]}",)


def test_wnids_in_the_order_of_the_validation_pictures(read):
    """A part of the pictures has the lines that their numbers say."""
    lines = "n03995372\nn03481172\nn02105855\n"
    assert read(lines, VALIDATION)[1] == dict(zip(VALIDATION, lines.split(), strict=True))
    assert read(lines * 5, ["ILSVRC2012_val_00000015.JPEG"])[1]["ILSVRC2012_val_00000015.JPEG"] == "n02105855"
    with pytest.raises(InputError, match=r"truth\.csv: 3 lines; .*ILSVRC2012_val_00000015\.JPEG is beyond them"):
        read(lines, VALIDATION)


def test_lines_and_pictures_are_as_many(read):
    with pytest.raises(InputError, match="3 lines for 2 pictures; want a class for each, in the order of their names"):
        read("cat\ndog\ncat\n")


def test_numbers_of_the_development_kit_need_its_order(read):
    name = "ILSVRC2012_validation_ground_truth.txt"
    with pytest.raises(InputError, match="in another order than the wnids; want --synsets FILE"):
        read("490\n361\n171\n", VALIDATION, name)
    synsets = "n02119789 1 kit_fox\n490 n03995372\nn03481172,361\n171\tn02105855\n"
    data, found = read("490\n361\n171\n", VALIDATION, name, synsets)
    assert list(found.values()) == ["n03995372", "n03481172", "n02105855"]
    assert data.numbers == ""
    with pytest.raises(InputError, match=r"map\.txt: it has no number 5; want a wnid for every number"):
        read("490\n361\n5\n", VALIDATION, name, synsets)


def test_numbers_from_0_say_so(read):
    assert read("0\n3\n", name="list.txt")[0].numbers == "unclear"
    assert read("a.png 65\nb.png 3\n")[0].numbers == "unclear"
    assert read("file,class_index\na.png,65\nb.png,3\n")[0].numbers == "index"


def test_many_numbers_without_a_0_are_refused(read):
    pictures = [f"{number}.png" for number in range(20)]
    with pytest.raises(InputError, match="it is not clear what they count"):
        read("\n".join(f"{number}.png {1 + number % 4}" for number in range(20)), pictures)
    assert read("\n".join(f"{number}.png {number % 4}" for number in range(20)), pictures)[0].numbers == "unclear"


def test_the_same_name_in_two_folders(read):
    with pytest.raises(InputError, match=r"a\.png may be .*x/a\.png, .*y/a\.png; want its path below"):
        read("a.png,cat\n", ("x/a.png", "y/a.png"))
    assert read("x/a.png,cat\ny/a.png,dog\n", ("x/a.png", "y/a.png"))[1] == {"x/a.png": "cat", "y/a.png": "dog"}


def test_a_file_that_is_not_there_stays(read):
    """It is a picture that cannot be read: told, and not counted."""
    assert read("a.png,cat\nnowhere.png,dog\n")[1] == {"a.png": "cat", "nowhere.png": "dog"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "it is empty"),
        ("a.png,cat\na.png,dog\n", r"a\.png more than once; want each picture once"),
        ("file,class\na.png,cat\nb.png\n", "row 3 has 1 columns; want 2, as the first has"),
        ("file,colour\na.png,red\n", "no column of classes among file, colour; want one called wnid"),
        ("file,class\na.png,\n", "picture 1 has no class"),
        ("a.png,1,2,3\n", "a row has 4 columns; want a file and its class"),
    ],
)
def test_what_is_no_table(read, text, message):
    with pytest.raises(InputError, match=message):
        read(text)


def test_a_folder_is_no_picture(read, tmp_path):
    (tmp_path / "pictures" / "deep.png").mkdir(parents=True)
    with pytest.raises(InputError, match=r"deep\.png is a folder"):
        read("a.png,cat\ndeep.png,dog\n")


def test_names_need_no_synsets(read):
    with pytest.raises(InputError, match="it has names, for which --synsets has no use"):
        read("a.png,cat\nb.png,dog\n", synsets="n02119789 1\n")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("n02119789 kit_fox", "line 1: want a wnid and its number"),
        ("n02119789 1\nn02100735 1", "line 2: 1 or n02100735 comes a second time"),
        ("n02119789 1\nn02119789 2", "line 2: 2 or n02119789 comes a second time"),
    ],
)
def test_synsets_that_say_nothing(tmp_path, text, message):
    (tmp_path / "map.txt").write_text(text)
    with pytest.raises(InputError, match=message):
        read_synsets(tmp_path / "map.txt")


def test_text_of_no_letters(tmp_path):
    (tmp_path / "val.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match=r"val\.csv: no text in UTF-8"):
        read_data_set(tmp_path / "val.csv")
