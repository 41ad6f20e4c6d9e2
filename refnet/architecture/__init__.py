"""The architecture: from the scaling table to a flat list of named steps, without a single weight.

``scaling`` gives the coefficients, ``variants`` the blocks, ``top`` what follows them. ``plan`` is the list of steps
for a picture size; ``network_steps`` makes them, with the zeros that ``padding`` computes. ``names`` makes every name,
and ``needed`` says which steps lead from some tensors to others.
"""

from refnet.architecture.plan import Plan, make_plan
from refnet.architecture.scaling import alone, compound, grid_search
from refnet.architecture.step import Step
from refnet.architecture.variants import Architecture, efficientnet, variant

__all__ = [
    "Architecture",
    "Plan",
    "Step",
    "alone",
    "compound",
    "efficientnet",
    "grid_search",
    "make_plan",
    "variant",
]
