"""Mistakes that the development of the diagnosis may plant: one half of all, drawn by `tools/plant_mistakes.py`."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np

from planting.layers import SUMS, Array, Layer, Scene, average, relu6
from planting.mistakes import BATCHES, Register, Rng, convolves, in_memory, pictures, plain, pointwise
from planting.preparation import Preparation, centre_window, cubic, resize_matrix
from planting.program import Program, Tensors
from planting.truth import MISSING, SAME_RESIZE, SHIFTED, ZERO, TimesTheMean, Truth, by_one_or, near, truth

Changed = tuple[Layer, str, Truth]

_plant = Register()
OPERATORS = _plant.operators


@_plant.layer("taps", lambda layer: layer.taps > 1)
def tap_missing(layer: Layer, rng: Rng) -> Changed:
    """One position of the kernel is left out of the sum."""
    r, s = (int(rng.integers(side)) for side in layer.kernel.shape[:2])
    kernel = layer.kernel.copy()
    kernel[r, s] = 0
    place = rf"\b{r}\b\D{{1,12}}\b{s}\b"
    return layer.but(kernel=kernel), f"tap ({r}, {s}) is missing", truth(r"tap|kernel|position", MISSING, place)


@_plant.layer("taps", lambda layer: layer.taps > 1)
def kernel_flipped(layer: Layer, rng: Rng) -> Changed:
    """The kernel is turned by 180 degrees, as mathematicians convolve."""
    flipped = r"flip|mirror|rotat|turned|revers|180|true convolution|upside"
    return layer.but(kernel=layer.kernel[::-1, ::-1]), "the kernel is turned by 180 degrees", truth(flipped)


@_plant.layer("channels", pointwise)
def inputs_shifted(layer: Layer, rng: Rng) -> Changed:
    """Each weight meets the input channel beside its own."""
    by = int(rng.choice([-1, 1, 2]))
    kernel = np.roll(layer.kernel, by, axis=2)
    return layer.but(kernel=kernel), f"reads channel c {by:+d} for c", truth("channel|input", SHIFTED, by_one_or(by))


@_plant.layer("channels", lambda layer: pointwise(layer) and layer.kernel.shape[2] > 8)
def inputs_tail(layer: Layer, rng: Rng) -> Changed:
    """The last input channels, those that fill no vector, are not summed."""
    count = layer.kernel.shape[2]
    left_out = count % int(rng.choice([8, 16, 32])) or int(rng.integers(1, 8))
    kernel = layer.kernel.copy()
    kernel[:, :, -left_out:] = 0
    numbers = near(left_out, count - left_out, count - left_out - 1)
    said = f"the last {left_out} of {count} input channels are not summed"
    return layer.but(kernel=kernel), said, truth("channel|input", f"{MISSING}|only|first", numbers)


@_plant.layer("groups", lambda layer: layer.op == "depthwise")
def filters_of_neighbours(layer: Layer, rng: Rng) -> Changed:
    """Each channel is filtered with the kernel of another one."""
    by = int(rng.choice([-1, 1, 4]))
    said = f"channel c has the filter of channel c {-by:+d}"
    return layer.but(kernel=np.roll(layer.kernel, by, axis=-1)), said, truth(
        "channel|filter|kernel", SHIFTED, by_one_or(by)
    )  # fmt: skip


@_plant.layer("groups", lambda layer: pointwise(layer) and not any(side % 2 for side in layer.kernel.shape[2:]))
def two_groups(layer: Layer, rng: Rng) -> Changed:
    """A convolution of one group is computed as one of two."""
    kernel = layer.kernel.copy()
    inputs, outputs = (side // 2 for side in kernel.shape[2:])
    kernel[:, :, :inputs, outputs:] = kernel[:, :, inputs:, :outputs] = 0
    return layer.but(kernel=kernel), "two groups instead of one", truth("group|half|halves", r"\b2\b|two|half|halves")


@_plant.layer("padding", lambda layer: any(layer.pads))
def border_constant(layer: Layer, rng: Rng) -> Changed:
    """Around the picture lies another number than 0."""
    fill = float(rng.choice([-1.0, 0.5, 1.0, 127.0, -0.25]))
    top, bottom, left, right = layer.pads

    def edit(x: Array, scene: Scene) -> Array:
        x = x.copy()
        for axis, before, behind in ((1, top, bottom), (2, left, right)):
            sides = np.moveaxis(x, axis, 0)
            sides[:before] = fill
            sides[len(sides) - behind :] = fill
        return x

    border = r"pad|border|outside|around|edge|halo"
    return layer.edited("padded", edit), f"{fill:g} around the picture", truth(border, near(fill))


@_plant.layer("padding", lambda layer: layer.pads[0] != layer.pads[1] and layer.pads[2] != layer.pads[3])
def symmetric_zeros(layer: Layer, rng: Rng) -> Changed:
    """As many zeros on each side, as PyTorch's padding lays them."""
    side = layer.kernel.shape[0] // 2
    numbers = rf"\({side}, ?{side}, ?{side}, ?{side}\)|symmetric|pytorch|padding ?= ?{side}|both sides"
    return layer.but(pads=(side,) * 4), f"{side} zeros on each side", truth("pad|zeros", numbers)


@_plant.layer("padding", lambda layer: layer.op == "depthwise" and layer.stride == 1 and layer.shape[0] > 8)
def strips_without_halo(layer: Layer, rng: Rng) -> Changed:
    """Strips of rows are computed one by one, with zeros where their neighbours' rows should be."""
    rows = int(rng.choice([3, 4, 5, 8]))

    def edit(_: Array, scene: Scene) -> Array:
        x = scene.values[layer.reads[0]]
        parts = [SUMS[layer.op](layer, [x[:, y : y + rows]], scene) for y in range(0, x.shape[1], rows)]
        return np.concatenate(parts, axis=1)

    said = f"strips of {rows} rows, zeros beyond each"
    return layer.edited("sum", edit), said, truth("strip|tile|halo|border|row", "row|strip|tile", near(rows))


@_plant.layer("stride", lambda layer: layer.stride > 1)
def stride_starts_late(layer: Layer, rng: Rng) -> Changed:
    """Of a convolution with stride, the positions between those that count."""
    late = np.s_[:, 1:, 1:]
    edit = plain(lambda x: np.pad(x[late], ((0, 0), (0, 1), (0, 1), (0, 0))))
    where = r"pad|zeros|shift|offset|start|begin|phase|moved|later|further"
    return (
        layer.edited("padded", edit),
        "starts a row and a column late",
        truth(where, r"\b1\b|-1|−1|one|odd|pads|zeros"),
    )


@_plant.layer("batch norm", lambda layer: layer.norm is not None)
def other_eps(layer: Layer, rng: Rng) -> Changed:
    """Another number is added to the variance."""
    eps = float(rng.choice([1e-5, 1e-4, 1e-2, 5e-3, 1e-6]))
    return layer.normed(eps=eps), f"eps {eps:g}", truth("eps|variance", near(eps))


@_plant.layer("batch norm", lambda layer: layer.norm is not None)
def mean_ignored(layer: Layer, rng: Rng) -> Changed:
    """The mean is not subtracted."""
    return layer.normed(mean=np.zeros_like(layer.norm.mean)), "the mean is ignored", truth("mean", MISSING)


@_plant.layer("batch norm", lambda layer: layer.norm is not None)
def norm_of_neighbours(layer: Layer, rng: Rng) -> Changed:
    """One vector of the batch norm lies a channel off."""
    leaf, word = [("gamma", "gamma|scale"), ("beta", "beta|bias|shift|offset"), ("variance", "variance|scale")][
        rng.integers(3)
    ]
    by = int(rng.choice([-1, 1]))
    layer = layer.normed(**{leaf: np.roll(getattr(layer.norm, leaf), by)})
    return layer, f"{leaf} is rolled by {by} channel", truth(word, SHIFTED, "channel|neighbo|c ?[+-]")


@_plant.layer("activation", lambda layer: layer.activation == "swish")
def hard_swish(layer: Layer, rng: Rng) -> Changed:
    """The hard-swish of MobileNet."""
    return layer.but(act=lambda x: x * relu6(x + 3) / 6), "hard-swish", truth("hard")


@_plant.layer("activation", lambda layer: layer.norm is not None and "act" in layer.stages)
def activation_first(layer: Layer, rng: Rng) -> Changed:
    """The activation comes before the batch norm."""
    layer = layer.but(stages=("sum", "act", "norm"))
    order = truth("before|order|first|after|then|swapped", "norm|bn", f"activation|act|{layer.activation}")
    return layer, "activation before batch norm", order


@_plant.layer("activation", lambda layer: layer.activation == "relu6")
def other_bound(layer: Layer, rng: Rng) -> Changed:
    """Another bound than 6."""
    bound = float(rng.choice([0.5, 1.0, 2.0, 3.0]))
    said = f"bounded by {bound:g}"
    return layer.but(act=lambda x: np.clip(x, 0, x.dtype.type(bound))), said, truth(
        "bound|clip|clamp|satur|cut|relu|at most|exceed", near(bound)
    )  # fmt: skip


@_plant.program("operands")
def stale_operand(program: Program, rng: Rng) -> tuple[Program, str, Truth] | None:
    """A layer reads an earlier tensor of the same shape, as from a buffer that was not filled again."""
    places = []
    for at, layer in enumerate(program.layers):
        if layer.op in ("squeeze", "mean", "excite", "convolution", "depthwise") and layer.block:
            kernel = layer.kernel.shape[2] if layer.kernel is not None else None
            same = [
                other.name for other in program.layers[:at] if other.block == layer.block and _width(other) == kernel
            ]
            if layer.op in ("mean", "excite"):
                same = [f"{layer.block}.expand"] if _holds(program, f"{layer.block}.expand") else []
            places += [(layer, name) for name in same if name not in layer.reads and _same_size(program, layer, name)]
    if not places:
        return None
    layer, name = places[rng.integers(len(places))]
    changed = layer.but(reads=(name, *layer.reads[1:]))
    return program.replaced(changed), f"{layer.name}: reads {name}", truth(re.escape(name))


def _width(layer: Layer) -> int | None:
    return None if layer.kernel is None else layer.kernel.shape[-1]


def _holds(program: Program, name: str) -> bool:
    return any(layer.name == name for layer in program.layers)


def _same_size(program: Program, layer: Layer, name: str) -> bool:
    """Whether the block's pictures have one size, so that the tensor could be read."""
    strides = [other.stride for other in program.layers if other.block == layer.block]
    return max(strides) == 1 and pictures(program[name])


@_plant.layer("operands", lambda layer: pointwise(layer) or layer.op == "depthwise")
def input_memory_shifted(layer: Layer, rng: Rng) -> Changed:
    """The input's address is off by a few elements."""
    by = int(rng.choice([1, 2, 4]))

    def edit(inputs: list[Array], scene: Scene) -> list[Array]:
        return [in_memory(lambda x: np.roll(x.reshape(-1), -by).reshape(x.shape))(inputs[0], scene)]

    said = f"the input is read {by} elements further on in memory"
    return (
        layer.edited("inputs", edit),
        said,
        truth(SHIFTED, "element|word|memory|flat|pixel|column|channel", by_one_or(by)),
    )


@_plant.layer("residual", lambda layer: layer.op == "add")
def residual_left_out(layer: Layer, rng: Rng) -> Changed:
    """Only one of two tensors is taken."""
    kept = int(rng.integers(2))
    words = truth(
        "residual|shortcut|skip|add|sum|input", f"{MISSING}|only|alone|instead|is {re.escape(layer.reads[kept])}"
    )
    return (
        layer.edited("inputs", lambda inputs, _: [inputs[kept], 0 * inputs[kept]]),
        f"only {layer.reads[kept]}",
        words,
    )


@_plant.layer("residual", lambda layer: layer.op == "excite")
def gate_not_squashed(layer: Layer, rng: Rng) -> Changed:
    """The gate is applied as it was before its sigmoid."""

    def edit(inputs: list[Array], scene: Scene) -> list[Array]:
        return [inputs[0], np.log(inputs[1] / (1 - inputs[1]))]

    return (
        layer.edited("inputs", edit),
        "the gate before its sigmoid",
        truth("sigmoid|logit", f"{MISSING}|before|logit"),
    )


@_plant.layer("pooling", lambda layer: layer.op == "mean")
def other_divisor(layer: Layer, rng: Rng) -> Changed:
    """The sum is divided by another number than that of the positions."""
    factor = float(rng.choice([0.5, 0.9, 1.1, 1.25, 2.5]))  # none is a side of a picture
    word = truth("divi|count|number of|mean|average|times|scale", TimesTheMean(factor))
    return layer.but(average=lambda x: average(x) * x.dtype.type(factor)), f"the mean times {factor:g}", word


@_plant.layer("pooling", lambda layer: layer.op == "softmax")
def softmax_of_half(layer: Layer, rng: Rng) -> Changed:
    """The sum of the powers runs over a part of the classes."""

    def edit(x: Array) -> Array:
        return x / x[:, : x.shape[1] // 2].sum(axis=1, keepdims=True)

    return layer.edited("sum", plain(edit)), "divided by the sum of the first half of the classes", truth(
        "sum|divi|normali|times|scale", "half|first|part|class|times|scale"
    )  # fmt: skip


@_plant.preparation("input")
def colours_reversed(preparation: Preparation, rng: Rng) -> tuple[Preparation, str, Truth]:
    """Blue, green, red."""
    bgr = truth(
        r"bgr|blue|colou?rs? (are )?(order|revers|swap)|channels? (are )?(order|revers|swap|permut)|red and blue",
        SAME_RESIZE,
    )
    return preparation.edited("picture", lambda x: x[..., ::-1]), "BGR", bgr


@_plant.preparation("input")
def other_affine(preparation: Preparation, rng: Rng) -> tuple[Preparation, str, Truth]:
    """Another mean and deviation, such as are found elsewhere."""
    mean, std = [(127.5, 127.5), (0.0, 255.0), (127.0, 127.0), (128.0, 64.0)][rng.integers(4)]
    three = np.full(3, mean, np.float32), np.full(3, std, np.float32)
    shift, scale = mean / std, 1 / std
    nothing = r"\+ \(-?0, -?0, -?0\)|\b(?:mean|subtract) 0\b|^(?!.*(?:subtract|[-+] \())"  # is subtracted
    moved = near(mean, mean / 255, shift, -shift) if mean else nothing
    divided = near(std, std / 255, scale, 255 * scale)
    words = truth("normali|mean|std|scale|divi|times", moved, divided, SAME_RESIZE)
    return preparation.but(mean=three[0], std=three[1]), f"mean {mean:g}, deviation {std:g}", words


@_plant.preparation("input")
def crop_moved(preparation: Preparation, rng: Rng) -> tuple[Preparation, str, Truth]:
    """The window lies a few pixels off."""
    down, right = (int(step) for step in rng.integers(1, 5, 2) * rng.choice([-1, 1], 2))

    def window(*sizes: object) -> tuple[int, int, int, int]:
        top, left, height, width = centre_window(*sizes)
        return max(top + down, 0), max(left + right, 0), height, width

    numbers = near(down, -down), near(right, -right)
    words = truth("crop|window|cut|shift|moved|offset|translat", *numbers, SAME_RESIZE)
    return preparation.but(window=window), f"the crop is moved by ({down}, {right})", words


@_plant.preparation("input")
def half_pixel(preparation: Preparation, rng: Rng) -> tuple[Preparation, str, Truth]:
    """The resize aligns the centres of pixels."""

    def resize(size_in: int, size_out: int) -> Array:
        shift = size_in / size_out / 2 - 0.5
        return resize_matrix(size_in, size_out, lambda x: cubic(x, -0.75), 2, steps=1024, shift=shift)

    words = truth("(?<!without )half[- ]pixel|pixel cent(?:re|er)|cent(?:re|er)s of pixels|align|half a pixel")
    return preparation.but(resize=resize), "half-pixel centres", words


@_plant.preparation("input")
def picture_turned(preparation: Preparation, rng: Rng) -> tuple[Preparation, str, Truth]:
    """The picture is turned by a quarter or half, as if its orientation were not heeded."""
    quarters = int(rng.integers(1, 4))
    words = truth(r"rotat|turned|orient|exif|transpos|\b(?:90|180|270)\b|quarter|upside", SAME_RESIZE)
    return preparation.edited("picture", lambda x: np.rot90(x, quarters)), f"turned by {90 * quarters} degrees", words


@_plant.layer("formats", pictures)
def output_on_grid(layer: Layer, rng: Rng) -> Changed:
    """The output is rounded to a narrower format."""
    if rng.random() < 0.5:
        return layer.edited("out", plain(lambda x: x.astype(np.float16).astype(x.dtype))), "rounded to float16", truth(
            r"\bfloat16|half|fp16|1[01] bits"
        )  # fmt: skip
    return layer.edited("out", plain(_bfloat16)), "rounded to bfloat16", truth("bfloat16|bf16|8 bits|7 bits")


def _bfloat16(x: Array) -> Array:
    bits = np.ascontiguousarray(x).view(np.uint32)
    return ((bits + 0x7FFF + (bits >> 16 & 1)) & np.uint32(0xFFFF0000)).view(np.float32)


@_plant.layer("formats", convolves)
def weights_int8(layer: Layer, rng: Rng) -> Changed:
    """The weights are rounded to 255 levels, one scale for all."""
    step = np.float32(np.abs(layer.kernel).max() / 127)
    words = truth("weight|kernel", r"int8|8[- ]bit|25[56]|127|grid|quanti|multiples")
    return layer.but(kernel=np.rint(layer.kernel / step) * step), f"weights on a grid of {step:.3g}", words


@_plant.layer("formats", convolves)
def inputs_int8(layer: Layer, rng: Rng) -> Changed:
    """The input is rounded to 255 levels, one scale for all."""

    def edit(inputs: list[Array], scene: Scene) -> list[Array]:
        step = np.abs(inputs[0]).max() / 127
        return [np.rint(inputs[0] / step) * step]

    words = truth("input|activations?\\b|reads", r"int8|8[- ]bit|25[56]|127|grid|quanti|multiples|levels")
    return layer.edited("inputs", edit), "the input on a grid of 255 levels", words


@_plant.layer("formats", pictures)
def rounded_by_chance(layer: Layer, rng: Rng) -> Changed:
    """The output is rounded to a multiple of a power of two, up or down by chance."""
    bits, seed = int(rng.integers(5, 10)), int(rng.integers(1 << 30))
    step = np.float32(2.0**-bits)

    def edit(x: Array) -> Array:
        return np.floor(x / step + np.random.default_rng(seed).random(x.shape, np.float32)) * step

    words = truth("stochast|random|dither|chance|up or down")
    return layer.edited("out", plain(edit)), f"stochastically to multiples of 2**-{bits}", words


@_plant.layer("formats", lambda layer: pointwise(layer) or layer.op == "dense")
def narrow_accumulator(layer: Layer, rng: Rng) -> Changed:
    """Sums are kept in float16."""

    def product(a: Array, b: Array) -> Array:
        total = np.zeros((len(a), b.shape[1]), np.float16)
        for row in range(b.shape[0]):
            total = (total + np.multiply.outer(a[:, row], b[row])).astype(np.float16)
        return total.astype(a.dtype)

    words = truth("accumulat|adds|added|partial|running", r"\bfloat16|half|fp16|bits|narrow")
    return layer.but(product=product), "accumulates in float16", words


@_plant.layer("buffers", pictures)
def tail_not_written(layer: Layer, rng: Rng) -> Changed:
    """The last elements in memory stay 0."""
    most = int(rng.choice([7, 63, 500]))

    def change(x: Array) -> Array:
        x.reshape(-1)[x.size - most :] = 0
        return x

    words = truth(
        "last|tail|\\bend|from .* on|bottom|remain", f"{ZERO}|not written|unwritten|never written|empty|stale"
    )
    return layer.edited("out", in_memory(change)), f"the last {most} elements are 0", words


@_plant.layer("buffers", lambda layer: pictures(layer) and layer.shape[0] > 8)
def tile_rows_lost(layer: Layer, rng: Rng) -> Changed:
    """The last row of each tile is not written."""
    rows = int(rng.choice([3, 4, 8]))

    def edit(x: Array, scene: Scene) -> Array:
        x = x.copy()
        x[:, rows - 1 :: rows] = 0
        return x

    words = truth(r"rows?\b", rf"(?:strips?|tiles?|each|every|blocks?|groups?) (?:of )?{rows}\b|\b{rows} rows")
    return layer.edited("out", edit), f"row {rows - 1} of every {rows} is 0", words


@_plant.layer("buffers", pictures, BATCHES)
def picture_repeated(layer: Layer, rng: Rng) -> Changed:
    """One picture of the batch is written in another's place."""

    def edit(x: Array, scene: Scene) -> Array:
        return x[[0, *range(len(x) - 1)]]

    beside = r"equal|same|repeat|copy|of picture|previous|before|ignor|first picture|holds? pictures?"
    words = truth(r"picture|batch|image|\bn\b", beside)
    return layer.edited("out", edit), "picture n is that of n - 1", words


@_plant.program("control")
def block_twice(program: Program, rng: Rng) -> tuple[Program, str, Truth] | None:
    """A block runs on its own output again."""
    blocks = sorted({layer.block for layer in program.layers if layer.op == "add"})
    if not blocks:
        return None
    block = blocks[rng.integers(len(blocks))]
    inside = [layer for layer in program.layers if layer.block == block]
    before = inside[0].reads[0]
    again = [
        layer.but(reads=tuple(inside[-1].name if name == before else name for name in layer.reads)) for layer in inside
    ]
    at = program.layers.index(inside[-1]) + 1
    layers = (*program.layers[:at], *again, *program.layers[at:])
    return replace(program, layers=layers), f"{block} runs twice", truth("twice|two times|again|repeat|2 times")


@_plant.program("control")
def weights_of_sibling(program: Program, rng: Rng) -> tuple[Program, str, Truth] | None:
    """A layer has the weights of another one of its shape."""
    kernels = [layer for layer in program.layers if layer.kernel is not None and layer.block]
    pairs = [
        (one, other)
        for one in kernels
        for other in kernels
        if one is not other and one.part == other.part and one.kernel.shape == other.kernel.shape
    ]
    if not pairs:
        return None
    layer, other = pairs[rng.integers(len(pairs))]
    changed = layer.but(kernel=other.kernel, bias=other.bias, norm=other.norm)
    return program.replaced(changed), f"{layer.name}: weights of {other.name}", truth(re.escape(other.name))


@_plant.program("dumps")
def dump_damaged(program: Program, rng: Rng) -> tuple[Program, str, Truth] | None:
    """A stretch of a tensor is 0 in the file, while the port goes on with the right one."""
    layers = [layer for layer in program.layers if pictures(layer)]
    name = layers[rng.integers(len(layers))].name
    start, share = rng.uniform(0.1, 0.6), rng.uniform(0.05, 0.3)

    def change(tensors: Tensors) -> Tensors:
        if name not in tensors:
            return tensors
        flat = tensors[name].reshape(-1).copy()
        flat[int(flat.size * start) : int(flat.size * (start + share))] = 0
        return tensors | {name: flat.reshape(tensors[name].shape)}

    words = truth(r"dumped|\bfile\b|damag|goes on|went on")
    return program.dumped(change), f"{name}: {share:.0%} of the file is 0", words
