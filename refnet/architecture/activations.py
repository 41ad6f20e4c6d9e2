"""The names of activations."""

from __future__ import annotations

from typing import Literal

Activation = Literal["none", "swish", "relu6", "sigmoid", "relu", "tanh"]
