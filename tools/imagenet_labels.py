"""Make refnet/data/imagenet_labels.tsv: id and text of the 1,000 ImageNet classes, in the order of the logits.

    python tools/imagenet_labels.py [--wheel timm-1.0.31-py3-none-any.whl] [-o refnet/data/imagenet_labels.tsv]

Source: ``timm/data/_info/imagenet_synsets.txt`` (the ids) and ``imagenet_synset_to_lemma.txt`` (their texts)
of the package timm (Apache-2.0, Copyright Ross Wightman), as installed unless a wheel is given. The texts are
the lemmas of WordNet 3.0 (Copyright Princeton University), whose licence allows any use with this notice:
https://wordnet.princeton.edu/license-and-commercial-use.
The order is that of the ids, as in every published EfficientNet.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import zipfile
from importlib import metadata
from pathlib import Path

from refnet.errors import InputError, RefnetError
from refnet.weights.labels import Labels, parse_labels

TABLE = Path(__file__).parents[1] / "weights" / "imagenet_labels.tsv"
FOLDER = "timm/data/_info/"
SHA256 = {
    "imagenet_synsets.txt": "70002b0ff5de60a3a17a82dbfcff291931f96225ddf941ad2e182fc39e183d15",
    "imagenet_synset_to_lemma.txt": "1b8babda187421a4bde0c9c5a197c36f6bdda962f7ca11ffb2813806cbb2178f",
}


def source(name: str, wheel: Path | None = None) -> str:
    """Read one of timm's files, from a wheel or the installed package, and check that it is the known one.

    Raises
    ------
    InputError
        If it is not there, or another version.
    """
    try:
        if wheel is None:
            data = Path(str(metadata.distribution("timm").locate_file(FOLDER + name))).read_bytes()
        else:
            with zipfile.ZipFile(wheel) as archive:
                data = archive.read(FOLDER + name)
    except (metadata.PackageNotFoundError, OSError, KeyError, zipfile.BadZipFile) as error:
        raise InputError(f"cannot read {name} of timm: {error}; `pip install timm==1.0.31`, or name a wheel") from None
    found = hashlib.sha256(data).hexdigest()
    if found != SHA256[name]:
        raise InputError(f"{name} of timm has the SHA-256 {found}, where {SHA256[name]} is known; take timm 1.0.31")
    return data.decode("utf-8")


def make_labels(synsets: str, lemmas: str) -> Labels:
    """Join the ids with their texts."""
    texts = dict(line.split("\t") for line in lemmas.splitlines())
    wnids = synsets.split()
    if wnids != sorted(wnids):
        raise InputError("the ids are not in order")
    return Labels(tuple(wnids), tuple(texts[wnid] for wnid in wnids))


def main(arguments: list[str] | None = None) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--wheel", type=Path, help="a wheel of timm 1.0.31, where it is not installed")
    parser.add_argument("-o", "--output", type=Path, default=TABLE)
    options = parser.parse_args(arguments)
    try:
        labels = make_labels(*(source(name, options.wheel) for name in SHA256))
        table = "".join(f"{label.wnid}\t{label.text}\n" for label in labels)
        assert parse_labels(table) == labels
        options.output.write_text(table, "utf-8", newline="\n")
    except (RefnetError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    print(f"wrote {options.output}: {len(labels)} classes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
