"""Resizes: the ways to bring a picture to another size that a recipe may name.

A new kind is a function and one line here. All arithmetic is exactly rounded operations in the order written,
or whole numbers: the same bits everywhere.
"""

from __future__ import annotations

from refnet.preprocessing.resize_pillow import resize_pil_bicubic, resize_pil_bilinear, resize_pil_nearest
from refnet.preprocessing.resize_tf1 import resize_tf1_bicubic, resize_tf1_bilinear
from refnet.preprocessing.window import Resize

RESIZES: dict[str, Resize] = {
    "tf1-bicubic": resize_tf1_bicubic,
    "tf1-bilinear": resize_tf1_bilinear,
    "pil-bicubic": resize_pil_bicubic,
    "pil-bilinear": resize_pil_bilinear,
    "pil-nearest": resize_pil_nearest,
}
