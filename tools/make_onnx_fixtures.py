"""Write tests/data/onnx: small networks by timm as PyTorch's newer exporter writes them.

    pip install torch==2.13.0 timm==1.0.31 onnxscript==0.7.2
    python tools/make_onnx_fixtures.py

The tests themselves run PyTorch's older exporter, which needs no package beside it.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "tests"))

import onnx
import torch
from helpers.onnx_networks import SIZE, timm_network

FOLDER = Path(__file__).parents[1] / "tests" / "data" / "onnx"


def export(name: str, model: torch.nn.Module, batch: int = 1, **how: object) -> None:
    """Export a model without what the exporter notes of the code that it saw."""
    path = FOLDER / f"{name}.onnx"
    pictures = torch.zeros(batch, 3, SIZE, SIZE)
    torch.onnx.export(model, (pictures,), str(path), dynamo=True, external_data=False, **how)
    written = onnx.load(path)
    graph = written.graph
    for part in (written, graph, *graph.node, *graph.input, *graph.output, *graph.initializer):
        part.ClearField("doc_string")
        part.ClearField("metadata_props")
    del graph.value_info[:]
    onnx.save(written, path)


def main() -> None:
    """With the exporter's optimiser, which folds batch norms, without it, and for pictures of any size."""
    FOLDER.mkdir(exist_ok=True)
    sides = {0: torch.export.Dim("batch"), 2: torch.export.Dim("height"), 3: torch.export.Dim("width")}
    export("dynamo", timm_network())
    export("dynamo-unoptimised", timm_network(same=True, eps=1e-3), optimize=False)
    export("dynamo-any-size", timm_network(), batch=2, dynamic_shapes=(sides,))


if __name__ == "__main__":
    main()
