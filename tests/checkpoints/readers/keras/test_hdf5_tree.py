"""HDF5 that leads out of the file, says more than it has, or goes in circles: refused before memory is taken."""

import io
import re
import struct
import time
from collections.abc import Callable

import h5py
import numpy as np
import pytest
from helpers.refusal import refuse

from refnet.checkpoints.readers.keras import hdf5_attributes, hdf5_tree, keras_file
from refnet.checkpoints.readers.keras.hdf5_attributes import Attributes
from refnet.files.hdf5 import RefusedError

PATH = "stem_conv/stem_conv/kernel:0"
KERNEL = np.arange(12, dtype=np.float32).reshape(2, 2, 1, 3)


def write(attack: Callable[[h5py.File], None] = lambda file: None, **options: object) -> bytes:
    buffer = io.BytesIO()
    with h5py.File(buffer, "w", **options) as file:
        file.attrs["layer_names"] = np.array([b"stem_conv"])
        file[PATH] = KERNEL
        file["stem_conv"].attrs["weight_names"] = np.array([b"stem_conv/kernel:0"])
        attack(file)
    return buffer.getvalue()


def refused(data: bytes, message: str) -> None:
    """Reading fails for this reason, at once, taking memory in proportion to the file only."""
    start = time.perf_counter()
    refuse(keras_file.load, data, message, (8 << 20) + 4 * len(data))
    assert time.perf_counter() - start < 20


def instead(**how: object) -> Callable[[h5py.File], None]:
    """Another dataset in the place of the kernel."""

    def attack(file):
        del file[PATH]
        data = how.pop("data", None)
        file.create_dataset(PATH, data=data, **({"shape": KERNEL.shape, "dtype": "<f4"} if data is None else {}) | how)

    return attack


def linked(path: str, link: object) -> Callable[[h5py.File], None]:
    def attack(file):
        del file[path]
        file[path] = link

    return attack


def virtual(file: h5py.File) -> None:
    del file[PATH]
    layout = h5py.VirtualLayout(KERNEL.shape, "<f4")
    layout[:] = h5py.VirtualSource("/etc/passwd", "x", KERNEL.shape)
    file.create_virtual_dataset(PATH, layout)


def committed(file: h5py.File) -> None:
    del file[PATH]
    file[PATH] = np.dtype("<f4")


def shared(file: h5py.File) -> None:
    file["stem_conv/stem_conv/bias:0"] = file[PATH]
    file["stem_conv"].attrs["weight_names"] = np.array([b"stem_conv/kernel:0", b"stem_conv/bias:0"])


def test_the_assembler_makes_good_files():
    assert np.array_equal(keras_file.load(write()).tensors["stem_conv/kernel"], KERNEL)


@pytest.mark.parametrize(
    ("attack", "message"),
    [
        (linked(PATH, h5py.ExternalLink("/etc/passwd", "/x")), "'stem_conv/kernel:0' is not a hard link"),
        (linked(PATH, h5py.SoftLink("/stem_conv")), "'stem_conv/kernel:0' is not a hard link"),
        (linked("stem_conv", h5py.ExternalLink("other.h5", "/stem_conv")), "'stem_conv' is not a hard link"),
        (virtual, "must be stored contiguously"),
        (instead(external=[("/etc/passwd", 0, 48)]), "must be stored contiguously, unfiltered and in the file"),
        (instead(data=KERNEL, chunks=(1, 1, 1, 3)), "must be stored contiguously"),
        (instead(shape=(1 << 20, 1 << 20), chunks=(1 << 10, 1), compression="gzip"), "must be stored contiguously"),
        (instead(shape=(1 << 40,)), "needs 4398046511104 bytes that the file does not have"),
        (instead(shape=(1 << 30, 1 << 30)), "needs 4611686018427387904 bytes that the file does not have"),
        (instead(), "needs 48 bytes that the file does not have"),
        (instead(shape=(0, 3)), "needs 0 bytes that the file does not have"),
        (instead(data=h5py.Empty("<f4")), "needs 4 bytes that the file does not have"),
        (instead(data=KERNEL.astype(">f4")), "float of 4 bytes and shape .*, not little-endian"),
        (instead(data=np.ones((1,) * 9, "<f4")), "not little-endian float16"),
        (instead(data=np.array([b"x"])), "string of 1 bytes"),
        (instead(shape=(2,), dtype=h5py.ref_dtype), "something else of 8 bytes"),
        (instead(shape=(2,), dtype=h5py.regionref_dtype), "something else of 12 bytes"),
        (instead(shape=(2,), dtype=h5py.vlen_dtype("<f4")), "something else of 16 bytes"),
        (instead(shape=(2,), dtype=[("x", "<f4")]), "something else of 4 bytes"),
        (committed, "kernel:0 is not a dataset"),
        (shared, "share their bytes"),
    ],
)
def test_datasets(attack, message):
    refused(write(attack), message)


@pytest.mark.parametrize("dtype", ["<f2", "<f4", "<f8", "<i4", "<i8"])
def test_types_that_are_read(dtype):
    array = np.arange(5).astype(dtype)
    found = keras_file.load(write(instead(data=array))).tensors["stem_conv/kernel"]
    assert (found.dtype, found.tobytes()) == (array.dtype, array.tobytes())


# Attributes -----------------------------------------------------------------------------------------------------------


def text_reference(data: bytes, text: bytes) -> int:
    """Place of the reference to a text of variable length: its length, the heap's address, its number there."""
    heap = data.index(b"GCOL")
    number = struct.unpack_from("<H", data, data.index(text, heap) - 16)[0]
    return data.index(struct.pack("<IQI", len(text), heap, number))


VARIABLE = write(lambda file: file.attrs.__setitem__("layer_names", [b"stem_conv"]))
HEAP = VARIABLE.index(b"GCOL")


@pytest.mark.parametrize(
    ("at", "value", "message"),
    [
        ("length", struct.pack("<I", 0xFFFFFFFF), "a text of 4294967295 bytes is not where the file says"),
        ("length", struct.pack("<I", 8), "a text of 8 bytes is not where the file says"),
        ("heap", struct.pack("<Q", 1 << 60), "byte .* damaged or cut short"),
        ("heap", struct.pack("<Q", 96), "a text is not where the file says"),
        ("number", struct.pack("<I", 99), "is not where the file says"),
        ("heap size", struct.pack("<Q", 1 << 62), "damaged or cut short"),
        ("text size", struct.pack("<Q", 1 << 62), "is not where the file says"),
    ],
)
def test_texts_of_variable_length(at, value, message):
    """The HDF5 library would take 4 GB for the first of these."""
    reference = text_reference(VARIABLE, b"stem_conv")
    places = {"length": reference, "heap": reference + 4, "number": reference + 12}
    places |= {"heap size": HEAP + 8, "text size": HEAP + 16 + 8}
    damaged = bytearray(VARIABLE)
    damaged[places[at] : places[at] + len(value)] = value
    refused(bytes(damaged), message)


def references(data: bytes, length: int) -> list[int]:
    """Places of all references to texts of this length."""
    found = [match.start() for match in re.finditer(re.escape(struct.pack("<I", length)), data[:-16])]
    heaps = [struct.unpack_from("<Q", data, place + 4)[0] for place in found]
    return [place for place, heap in zip(found, heaps, strict=True) if data[heap : heap + 4] == b"GCOL"]


@pytest.mark.parametrize(
    ("attribute", "size", "message"),
    [
        ("layer_names", 1000, "attributes refer to the same texts again and again, more than the file has bytes"),
        ("model_config", 1 << 22, "an attribute is not a list of at most 1 texts of 4194304 bytes"),
    ],
)
def test_one_text_many_times(attribute, size, message):
    """Of 4 MB, a thousand times, it would take 6 GB."""
    data = bytearray(write(lambda file: file.attrs.__setitem__(attribute, [b"x" * size, *[b"y"] * 999])))
    (large,), small = references(data, size), references(data, 1)
    assert len(small) == 999
    for place in small:
        data[place : place + 16] = data[large : large + 16]
    refused(bytes(data), message)


def test_a_circle_of_header_blocks():
    """Enough attributes that the root's header goes on elsewhere; there it leads back to itself."""
    data = bytearray(write(lambda file: [file.attrs.__setitem__(f"x{i}", "y" * 90) for i in range(6)]))
    message = struct.pack("<HHB", 0x10, 16, 0)
    place = data.index(message, 96)
    block, size = struct.unpack_from("<QQ", data, place + 8)
    data[block : block + 24] = struct.pack("<HHB3xQQ", 0x10, 16, 0, block, size)
    with pytest.raises(RefusedError, match="more than 131072 messages in headers; no network needs so many"):
        Attributes(bytes(data)).of(96)


def test_budgets(monkeypatch):
    data = write(lambda file: file.attrs.__setitem__("layer_names", [b"stem_conv"]))
    for module, name, message in (
        (hdf5_attributes, "MAX_MESSAGES", "more than 1 messages in headers"),
        (hdf5_attributes, "MAX_HEAPED", "more than 1 texts"),
        (hdf5_tree, "MAX_OBJECTS", "more than 1 groups and tensors"),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(module, name, 1)
            if name == "MAX_HEAPED":
                refused(write(lambda file: file.attrs.__setitem__("layer_names", [b"stem_conv", b"x"])), message)
            else:
                refused(data, message)


def test_headers_of_another_version():
    refused(write(libver="latest"), "a group has a header of another version than Keras writes")


def test_a_shared_type_of_an_attribute():
    def attack(file):
        file["type"] = h5py.string_dtype("ascii", 9)
        file.attrs.create("layer_names", np.array([b"stem_conv"]), dtype=file["type"])

    refused(write(attack), "an attribute is not described as Keras's are")


def test_lengths_of_other_sizes():
    plist = h5py.h5p.create(h5py.h5p.FILE_CREATE)
    plist.set_sizes(4, 4)
    access = h5py.h5p.create(h5py.h5p.FILE_ACCESS)
    access.set_fapl_core(backing_store=False)
    with h5py.File(h5py.h5f.create(b"x", fcpl=plist, fapl=access)) as file:
        file.flush()
        refused(file.id.get_file_image(), "places and lengths of other than 8 bytes")
