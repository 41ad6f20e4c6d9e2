"""Write tests/data/published_names.json.xz: names and shapes of all published checkpoints, listed apart from refnet.

    python tools/published_names.py FOLDER

FOLDER has one table for each variant, ``b0.csv`` and so on: a row for each tensor with its names and shapes in
TensorFlow, in Keras, in lukemelas' EfficientNet-PyTorch, in timm and in torchvision. These tables were made from the
publishers' own software and documents, not from refnet's name maps, which a test compares with them.

The file is a JSON object: family to variant to name to shape, a shape as in ``3x3x3x32``.
"""

from __future__ import annotations

import argparse
import csv
import json
import lzma
import sys
from pathlib import Path

FILE = Path(__file__).parents[1] / "tests" / "data" / "published_names.json.xz"

# Columns of a tensor's name, joined by slashes, and of its shape.
FAMILIES = {
    "tf": (("tf_name",), "tf_shape"),
    "keras": (("keras_layer", "keras_weight"), "tf_shape"),
    "lukemelas": (("lukemelas_key",), "torch_shape"),
    "timm": (("timm_key",), "torch_shape"),
    "torchvision": (("torchvision_key",), "torch_shape"),
}


def names(table: Path, family: str) -> dict[str, str]:
    """Name to shape of each tensor of one variant; none if the family does not have it."""
    columns, shape = FAMILIES[family]
    with table.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row[columns[0]]]
    found = {"/".join(row[column] for column in columns): row[shape] for row in rows}
    if len(found) != len(rows):
        raise ValueError(f"{table}: one name of {family} for two tensors")
    return found


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="with the tables")
    parser.add_argument("-o", "--output", type=Path, default=FILE, help="by default the file in tests/data")
    options = parser.parse_args()
    tables = sorted(options.folder.glob("*.csv"))
    every = {family: {table.stem: names(table, family) for table in tables} for family in FAMILIES}
    found = {family: {name: of for name, of in variants.items() if of} for family, variants in every.items()}
    text = json.dumps(found, separators=(",", ":")).encode()
    options.output.write_bytes(lzma.compress(text, preset=9 | lzma.PRESET_EXTREME))
    for family, variants in found.items():
        print(f"{family}: {', '.join(f'{name} {len(of)}' for name, of in variants.items())}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
