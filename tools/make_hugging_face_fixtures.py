"""Write tests/data/hugging_face: a narrow network by transformers' own software, as it saves one.

    pip install transformers==5.24.0 torch safetensors
    python tools/make_hugging_face_fixtures.py

Its tensors are float16, to be small; transformers widens them as refnet does. Beside the folder lie its numbers in
float64: logits, and pooled features, of a picture of 70 pixels a side, which its zeros are made for, and of 64.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from transformers import EfficientNetConfig, EfficientNetForImageClassification, EfficientNetImageProcessor

FOLDER = Path(__file__).parents[1] / "tests" / "data" / "hugging_face"
SIZE = 70  # 35, 18, 9, 5: blocks 1, 3 and 5 have odd pictures and a stride of 2


def main() -> None:
    """Write everything."""
    config = EfficientNetConfig(
        width_coefficient=0.35,
        depth_coefficient=0.3,
        image_size=SIZE,
        hidden_dim=448,
        dropout_rate=0.2,
        depthwise_padding=[1, 3, 5],
        id2label={0: "daisy", 1: "rose", 2: "tulip"},
        label2id={"daisy": 0, "rose": 1, "tulip": 2},
        problem_type="single_label_classification",
    )
    model = EfficientNetForImageClassification(config).eval()
    _train(model)
    model.half().save_pretrained(FOLDER / "b-narrow")
    processor = EfficientNetImageProcessor(
        size={"height": SIZE, "width": SIZE},
        image_mean=[0.485, 0.456, 0.406],
        image_std=[0.478, 0.473, 0.474],
        resample=3,
    )
    processor.save_pretrained(FOLDER / "b-narrow")
    model.double()
    rng = np.random.default_rng(3)
    numbers: dict[str, np.ndarray] = {}
    for name, size in (("own", SIZE), ("other", 64)):
        picture = rng.standard_normal((1, size, size, 3)).astype(np.float32)
        x = torch.from_numpy(picture.astype(np.float64).transpose(0, 3, 1, 2).copy())
        with torch.inference_mode():
            numbers[name] = picture
            numbers[f"{name}_logits"] = model(x).logits.numpy()
            numbers[f"{name}_features"] = model.efficientnet(x).pooler_output.numpy()
    pixels = rng.integers(0, 256, (SIZE, SIZE, 3), np.uint8)
    numbers["pixels"] = pixels
    numbers["input"] = processor(pixels, return_tensors="pt")["pixel_values"].numpy().transpose(0, 2, 3, 1)
    np.savez_compressed(FOLDER / "b-narrow.npz", **numbers)


def _train(model: torch.nn.Module) -> None:
    """Numbers as after training: each kernel keeps the spread, no batch norm is the identity."""
    rng = np.random.default_rng(0)
    for name, tensor in model.state_dict().items():
        if tensor.dtype != torch.float32:
            continue
        shape = tuple(tensor.shape)
        if len(shape) > 1:
            array = rng.standard_normal(shape) * np.sqrt(2 / np.prod(shape[1:]))
        elif name.endswith(("running_var", "weight")):
            array = rng.uniform(0.5, 1.5, shape)
        else:
            array = rng.uniform(-0.5, 0.5, shape)
        tensor.copy_(torch.from_numpy(array))


if __name__ == "__main__":
    main()
