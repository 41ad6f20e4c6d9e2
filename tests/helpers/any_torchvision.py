"""torchvision, wherever it is installed: timm imports it too."""

import torch

try:
    import torchvision  # noqa: F401
except RuntimeError:
    # PyPI's torchvision is linked against PyTorch with CUDA. Beside one for the CPU alone its compiled operators do
    # not load, and its import stops at these two, which no classifier uses.
    for operator in ("nms", "qnms"):
        torch.library.define(f"torchvision::{operator}", "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
