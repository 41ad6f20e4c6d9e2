"""Whether refnet and PyTorch give every photograph of a folder the same class: the published Lite0 to Lite2.

    python tools/agree_torch.py FOLDER [lite0 lite1 lite2] [--csv DIR]

refnet reads and prepares each photograph; efficientnet-lite-pytorch, with the checkpoint of the installed package as
its own loader reads it, and refnet, with the same file converted, run on the same tensors. Prints a Markdown table, and
ends with 1 if any class differs. With --csv, PyTorch's answers are kept as lite0.csv, …: what `refnet eval FOLDER
--agree lite0.csv` takes.
"""

from __future__ import annotations

import argparse
import csv
import sys
from contextlib import ExitStack, redirect_stdout
from dataclasses import dataclass, field
from importlib.metadata import distribution, version
from pathlib import Path

import efficientnet_lite_pytorch
import numpy as np
import torch
from torch_peer import peer_logits

import refnet
from refnet.pipeline.pipeline import Pipeline
from refnet.weights import releases

VARIANTS = ("lite0", "lite1", "lite2")


@dataclass
class Count:
    """What was found over all photographs: how many have the same class, the same five, and how far apart they are.

    ``closest`` is the smallest distance between the two most probable classes: how near any answer is to another one.
    """

    photographs: int = 0
    same: int = 0
    same_five: int = 0
    apart: float = 0.0
    closest: float = 1.0
    others: list[str] = field(default_factory=list)


def compare(variant: str, folder: Path, table: csv.writer | None) -> Count:
    """Run both on every photograph."""
    release = releases.find(f"{variant}@lite")
    file = Path(str(distribution(release.package.partition("==")[0]).locate_file(release.member)))
    theirs_by_name = efficientnet_lite_pytorch.EfficientNet.from_pretrained
    with redirect_stdout(sys.stderr):  # it says what it loads
        model = theirs_by_name(f"efficientnet-{variant}", weights_path=str(file)).eval()
    network = refnet.load(file)
    found = Count()
    for answer in Pipeline(network, at=["input", "probabilities"]).run(folder):
        if answer.error is not None:
            raise answer.error
        ours = answer.tensors["probabilities"]
        theirs = torch.softmax(peer_logits(model, answer.tensors["input"][None])[0], 0).numpy()
        first, five = int(theirs.argmax()), np.argsort(-theirs, kind="stable")[:5]
        found.photographs += 1
        found.same += int(ours.argmax()) == first
        found.same_five += np.array_equal(np.argsort(-ours, kind="stable")[:5], five)
        found.apart = max(found.apart, float(np.abs(ours - theirs).max()))
        second, best = np.sort(ours)[-2:]
        found.closest = min(found.closest, float(best - second))
        if int(ours.argmax()) != first:
            found.others.append(answer.name)
        if table is not None:
            table.writerow([Path(answer.name).name, first, float(theirs[first])])
    return found


def main(arguments: list[str] | None = None) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("variants", nargs="*", metavar="VARIANT", default=VARIANTS)
    parser.add_argument("--csv", type=Path, metavar="DIR", help="keep PyTorch's answers there")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)  # its threads wait for each other, and badly so where refnet's work beside them
    print(f"refnet {refnet.__version__}, PyTorch {version('torch')}, efficientnet-lite-pytorch, the same tensors in.\n")
    print("| | photographs | same class | same five in order | probabilities apart by at most | closest call |")
    print("|---|---|---|---|---|---|")
    differ = False
    for variant in options.variants:
        with ExitStack() as stack:
            table = None
            if options.csv is not None:
                options.csv.mkdir(parents=True, exist_ok=True)
                kept = stack.enter_context((options.csv / f"{variant}.csv").open("w", newline=""))
                table = csv.writer(kept, lineterminator="\n")
                table.writerow(["file", "index", "probability"])
            found = compare(variant, options.folder, table)
        print(
            f"| {variant} | {found.photographs} | {found.same} | {found.same_five} | {found.apart:.1e} "
            f"| {found.closest:.1e} |",
            flush=True,
        )
        for name in found.others:
            print(f"{variant}: another class: {name}", file=sys.stderr)
        differ |= bool(found.others)
    return int(differ)


if __name__ == "__main__":
    sys.exit(main())
