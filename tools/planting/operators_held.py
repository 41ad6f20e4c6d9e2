"""Mistakes that are kept away from the development of the diagnosis: the other half of all."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np

from planting.layers import SUMS, Array, Layer, Scene, sigmoid
from planting.mistakes import Register, Rng, convolves, in_memory, pictures, plain, pointwise
from planting.preparation import Preparation, cubic, resize_matrix
from planting.program import Program, Tensors
from planting.truth import MISSING, SAME_RESIZE, Truth, near, truth

Changed = tuple[Layer, str, Truth]

_plant = Register()
OPERATORS = _plant.operators


@_plant.layer("taps", lambda layer: layer.taps > 1)
def taps_transposed(layer: Layer, rng: Rng) -> Changed:
    """Rows and columns of the kernel are exchanged."""
    words = truth(r"transpos|rows? and columns?|exchang|swapp|height and width|\bSR|WH")
    return layer.but(kernel=layer.kernel.swapaxes(0, 1)), "the kernel's rows and columns are exchanged", words


@_plant.layer("taps", lambda layer: layer.taps > 1)
def taps_rolled(layer: Layer, rng: Rng) -> Changed:
    """The kernel's columns, or rows, begin one too late and wrap around."""
    axis = int(rng.integers(2))
    word = ("row", "column")[axis]
    last = layer.kernel.shape[axis] - 1
    moved = rf"tap \(0, 0\) has the weight of \({last}, 0\)" if axis == 0 else rf"has the weight of \(0, {last}\)"
    words = truth(rf"{word}|{moved}", rf"roll|shift|rotat|cycl|wrap|moved|offset|permut|order|{moved}")
    return layer.but(kernel=np.roll(layer.kernel, 1, axis=axis)), f"the kernel is rolled by one {word}", words


@_plant.layer("channels", lambda layer: pictures(layer) and layer.op != "add")
def lanes_reversed(layer: Layer, rng: Rng) -> Changed:
    """Within each group of channels, as a vector holds them, the order is reversed."""
    lanes = int(rng.choice([2, 4, 8]))

    def edit(x: Array) -> Array:
        whole = x.shape[-1] // lanes * lanes
        order = np.arange(x.shape[-1])
        order[:whole] = order[:whole].reshape(-1, lanes)[:, ::-1].reshape(-1)
        return x[..., order]

    number = rf"\b{lanes}\b|pair|permut" if lanes == 2 else rf"\b{lanes}\b"
    not_read = rf"^(?!.*\bof (?!{re.escape(layer.name)}\b)\S+ it reads)"  # what it reads is in order
    words = truth("channel", r"revers|swap|order|permut|exchang|pair|endian|lanes", number, not_read)
    return layer.edited("out", plain(edit)), f"each {lanes} channels are in reverse order", words


@_plant.layer("channels", lambda layer: pointwise(layer) and layer.kernel.shape[2] > 8)
def inputs_counted_twice(layer: Layer, rng: Rng) -> Changed:
    """The last vector of input channels overlaps the one before, and is added whole."""
    count = layer.kernel.shape[2]
    extra = int(rng.integers(1, 8))
    first = count - 8
    kernel = layer.kernel.copy()
    kernel[:, :, first : first + extra] *= 2
    twice = r"twice|two times|doubl|2 times|counted|again|overlap"
    words = truth("channel|input", twice, near(extra, first, first + extra))
    return layer.but(kernel=kernel), f"input channels {first} to {first + extra - 1} are added twice", words


@_plant.layer("groups", lambda layer: layer.op == "depthwise")
def filters_misread(layer: Layer, rng: Rng) -> Changed:
    """The memory of the filters is read in another order of axes."""
    height, width, channels = layer.kernel.shape
    kernel = layer.kernel.reshape(channels, height, width).transpose(1, 2, 0)
    words = truth(r"order|layout|axes|transpos|CRS|CHW|OIHW|HWC|HWI|interleav|memory|reshap|IHW")
    return layer.but(kernel=kernel), "the filters' memory is read as [C, R, S]", words


@_plant.layer("groups", lambda layer: pointwise(layer) or layer.op == "dense")
def matrix_misread(layer: Layer, rng: Rng) -> Changed:
    """The memory of the matrix is read as that of its transposition."""
    inputs, outputs = layer.kernel.shape[-2:]
    kernel = np.ascontiguousarray(layer.kernel.reshape(outputs, inputs).T).reshape(layer.kernel.shape)
    words = truth(r"transpos|order|layout|axes|\bOI|\bIO|\bKC|\bCK|memory|reshap|exchang|swapp")
    return layer.but(kernel=kernel), "the matrix's memory is read as its transposition", words


@_plant.layer("padding", lambda layer: any(layer.pads))
def edges_continued(layer: Layer, rng: Rng) -> Changed:
    """Around the picture lie its own border pixels, its reflection, or its other end."""
    mode = str(rng.choice(["edge", "reflect", "wrap"]))
    top, bottom, left, right = layer.pads
    around = ((0, 0), (top, bottom), (left, right), (0, 0))
    words = {
        "edge": "replicat|own border|border pixels|edge|nearest|repeat|clamp",
        "reflect": "reflect|mirror",
        "wrap": "wrap|circular|period",
    }
    kernel, sides = layer.kernel.shape[:2], (top + bottom, left + right)
    inside = [(out - 1) * layer.stride + k - both for out, k, both in zip(layer.shape, kernel, sides, strict=False)]
    said = words[mode if min(inside) > max(layer.pads) else "edge"]
    if mode != "edge" and max(inside) == 2:  # of two pixels, both are alike
        said = f"{words['reflect']}|{words['wrap']}" if min(inside) > max(layer.pads) else said

    def edit(x: Array) -> Array:
        inner = x[:, top : x.shape[1] - bottom, left : x.shape[2] - right]
        fits = min(inner.shape[1:3]) > max(layer.pads)
        return np.pad(inner, around, mode=mode if fits else "edge")

    return layer.edited("padded", plain(edit)), f"padding by {mode}", truth(said)


@_plant.layer("padding", lambda layer: layer.pads[0] != layer.pads[1] or layer.pads[2] != layer.pads[3])
def odd_zero_first(layer: Layer, rng: Rng) -> Changed:
    """The odd zero lies above and to the left."""
    top, bottom, left, right = layer.pads
    numbers = rf"\({bottom}, ?\d, ?{right}, ?\d\)"  # where they begin decides
    words = truth("pad|zeros", rf"{numbers}|swapp|above|exchang|same_lower")
    return layer.but(pads=(bottom, top, right, left)), "the odd zero lies above and to the left", words


@_plant.layer("padding", lambda layer: layer.op == "depthwise" and layer.stride == 1 and layer.shape[1] > 8)
def tile_halo_stale(layer: Layer, rng: Rng) -> Changed:
    """Tiles of columns are computed one by one; beyond each lies its own border column."""
    columns = int(rng.choice([4, 6, 8]))
    side = layer.pads[2]

    def edit(_: Array, scene: Scene) -> Array:
        x = scene.values[layer.reads[0]]
        parts = []
        for at in range(0, x.shape[2], columns):
            tile = x[:, :, at : at + columns]
            before = 0 if at == 0 else side
            behind = 0 if at + columns >= x.shape[2] else side
            wide = np.pad(tile, ((0, 0), (0, 0), (before, behind), (0, 0)), mode="edge")
            pads = (*layer.pads[:2], side - before, side - behind)
            parts.append(SUMS[layer.op](layer.but(pads=pads), [wide], scene))
        return np.concatenate(parts, axis=2)

    words = truth("tile|strip|halo|border|column", "column|tile|strip", near(columns))
    return layer.edited("sum", edit), f"tiles of {columns} columns, each continued by its border", words


@_plant.layer("stride", lambda layer: layer.stride > 1)
def thinned_first(layer: Layer, rng: Rng) -> Changed:
    """The stride is applied to the input, and the kernel to what is left."""

    def edit(_: Array, scene: Scene) -> Array:
        x = scene.values[layer.reads[0]][:, :: layer.stride, :: layer.stride]
        side = layer.kernel.shape[0] // 2
        return SUMS[layer.op](layer.but(stride=1, pads=(side,) * 4), [np.ascontiguousarray(x)], scene)

    words = truth(r"stride|every (?:second|other)|subsampl|thinn|downsampl|dilat|decimat", "input|before|first|dilat")
    return layer.edited("sum", edit), "every second pixel is taken before the convolution", words


@_plant.layer("batch norm", lambda layer: layer.norm is not None)
def eps_outside_the_root(layer: Layer, rng: Rng) -> Changed:
    """The small number is added to the deviation, or the root is not taken."""
    variance, eps = layer.norm.variance.astype(np.float64), layer.norm.eps
    if rng.random() < 0.5:
        layer = layer.normed(variance=((np.sqrt(variance) + eps) ** 2).astype(np.float32), eps=0.0)
        return layer, "eps is added to the root of the variance", truth("eps", "root|sqrt|deviation|outside|after")
    layer = layer.normed(variance=((variance + eps) ** 2).astype(np.float32), eps=0.0)
    return layer, "the root of the variance is not taken", truth("root|sqrt|squared|divides by (?:the )?variance")


@_plant.layer("batch norm", lambda layer: layer.norm is not None)
def scale_ignored(layer: Layer, rng: Rng) -> Changed:
    """Gamma or beta is left out."""
    leaf, word, value = [("gamma", "gamma|scale", 1), ("beta", "beta|bias|shift|offset", 0)][rng.integers(2)]
    layer = layer.normed(**{leaf: np.full_like(layer.norm.gamma, value)})
    return layer, f"{leaf} is left out", truth(word, f"{MISSING}|is 1|of 1")


@_plant.layer("batch norm", lambda layer: layer.norm is not None)
def shift_before_scale(layer: Layer, rng: Rng) -> Changed:
    """Beta is added before the scale is applied: (x - mean + beta) * scale."""
    scale = layer.norm.gamma / np.sqrt(layer.norm.variance + np.float32(layer.norm.eps))
    layer = layer.normed(beta=layer.norm.beta * scale)
    words = truth("beta|bias|shift", "before|scaled|times|order|multipl|first|inside|\\*")
    return layer, "(x - mean + beta) * scale", words


@_plant.layer("activation", lambda layer: layer.activation == "swish")
def other_slope(layer: Layer, rng: Rng) -> Changed:
    """x * sigmoid(b x) for another b than 1."""
    slope = float(rng.choice([1.702, 1.5, 0.5, 2.0]))
    words = truth("slope|beta|sigmoid|gelu|times|swish|factor", near(slope))
    return layer.but(act=lambda x: x * sigmoid(x * x.dtype.type(slope))), f"x * sigmoid({slope:g} x)", words


@_plant.layer("activation", lambda layer: layer.activation in ("swish", "sigmoid"))
def activation_twice(layer: Layer, rng: Rng) -> Changed:
    """The activation is applied to its own result."""
    act = layer.act
    words = truth("twice|two times|again|repeat|2 times")
    return layer.but(act=lambda x: act(act(x))), f"{layer.activation} twice", words


@_plant.layer("activation", lambda layer: layer.activation == "relu6")
def leaks(layer: Layer, rng: Rng) -> Changed:
    """Below 0 the result has a small slope."""
    slope = float(rng.choice([0.01, 0.1, 0.2, 0.3]))

    def act(x: Array) -> Array:
        return np.minimum(np.where(x < 0, x * x.dtype.type(slope), x), 6)

    return layer.but(act=act), f"slope {slope:g} below 0", truth("leak|slope|negative|below|times", near(slope))


@_plant.layer("operands", lambda layer: layer.op in ("depthwise", "mean", "add") or pointwise(layer))
def axes_misread(layer: Layer, rng: Rng) -> Changed:
    """The input's memory, [N, H, W, C], is read as if it were [N, C, H, W], or the other way round."""
    back = bool(rng.integers(2))

    def edit(inputs: list[Array], scene: Scene) -> list[Array]:
        n, h, w, c = inputs[0].shape
        if back:
            x = inputs[0].reshape(n, c, h, w).transpose(0, 2, 3, 1)
        else:
            x = np.ascontiguousarray(inputs[0].transpose(0, 3, 1, 2)).reshape(n, h, w, c)
        return [np.ascontiguousarray(x), *inputs[1:]]

    other = r"NCHW.*NHWC|NHWC.*NCHW|channels (?:first|last)|order of (?:the )?axes|layout|transpos|reinterpret"
    words = truth(other)
    return layer.edited("inputs", edit), "its input is read in the other order of axes", words


@_plant.program("operands")
def operand_of_another_block(program: Program, rng: Rng) -> tuple[Program, str, Truth] | None:
    """A step of a block reads the like tensor of another block."""
    places = []
    for at, layer in enumerate(program.layers):
        if layer.op == "excite" or layer.part == "gate":
            read = program[layer.reads[-1]]
            places += [
                (layer, read.name, other.name)
                for other in program.layers[:at]
                if other.part == read.part and other is not read and other.kernel.shape[-1] == read.kernel.shape[-1]
            ]
    if not places:
        return None
    layer, read, other = places[rng.integers(len(places))]
    changed = layer.but(reads=tuple(other if name == read else name for name in layer.reads))
    return program.replaced(changed), f"{layer.name}: reads {other} for {read}", truth(re.escape(other))


@_plant.layer("residual", lambda layer: layer.op == "add")
def branch_scaled(layer: Layer, rng: Rng) -> Changed:
    """One of both is scaled, as by a drop rate of training, or subtracted."""
    factor = float(rng.choice([0.8, 0.9, -1.0, 0.5]))
    at = int(rng.integers(2))
    name = layer.reads[at]
    place = rf"{re.escape(name)}|branch|shortcut|residual|skip|input|add"

    def edit(inputs: list[Array], scene: Scene) -> list[Array]:
        return [x * x.dtype.type(factor) if here == at else x for here, x in enumerate(inputs)]

    words = truth(place, near(factor, 1 / factor)) if factor > 0 else truth(place, r"subtract|minus|negat|[-−]1\b|sign")
    return layer.edited("inputs", edit), f"{factor:g} times {name}", words


@_plant.layer("residual", lambda layer: layer.op == "excite")
def gate_twice(layer: Layer, rng: Rng) -> Changed:
    """The gate is applied twice, or not at all."""
    if rng.random() < 0.5:
        words = truth("gate", "twice|two times|squared|2 times|again")
        return layer.edited("inputs", lambda both, _: [both[0], both[1] ** 2]), "the gate is applied twice", words
    words = truth("gate|excite", f"{MISSING}|is 1|equal|unchanged")
    return layer.edited("inputs", lambda both, _: [both[0], both[1] ** 0]), "the gate is not applied", words


@_plant.layer("pooling", lambda layer: layer.op == "mean")
def rows_not_averaged(layer: Layer, rng: Rng) -> Changed:
    """The last rows, or columns, are left out of the mean."""
    axis = int(rng.integers(1, 3))
    word = ("row|bottom", "column|right")[axis - 1]

    def edit(inputs: list[Array], scene: Scene) -> list[Array]:
        kept = np.take(inputs[0], range(max(inputs[0].shape[axis] - 1, 1)), axis=axis)
        return [np.ascontiguousarray(kept)]

    upto = "|".join(rf"\b0–{length - 2} of {length}\b" for length in range(3, 20))
    words = truth(word, f"{MISSING}|only|first|alone|{upto}|\\b0 of 2\\b")
    return layer.edited("inputs", edit), f"without the last {word.partition('|')[0]}", words


@_plant.layer("pooling", lambda layer: layer.op in ("mean", "softmax"))
def other_reduction(layer: Layer, rng: Rng) -> Changed:
    """The largest instead of the mean; powers of 2 instead of e."""
    if layer.op == "mean":
        return layer.but(average=lambda x: x.max(axis=1)), "the largest", truth("max|largest")

    def edit(x: Array) -> Array:
        powers = x ** np.float32(np.log(2))
        return powers / powers.sum(axis=-1, keepdims=True)

    words = truth("2\\*\\*|2\\^|power|base|temperature|scale|times|exp2|0.69")
    return layer.edited("sum", plain(edit)), "powers of 2", words


@_plant.preparation("input")
def mirrored(preparation: Preparation, rng: Rng) -> tuple[Preparation, str, Truth]:
    """Left and right, or top and bottom, are exchanged."""
    if rng.random() < 0.5:
        words = truth(r"flip|mirror|revers", "left|right|horizontal|column|width", SAME_RESIZE)
        return preparation.edited("picture", lambda x: x[:, ::-1]), "mirrored from left to right", words
    words = truth(r"flip|mirror|revers|upside|turned", "top|bottom|vertical|row|height|upside|down", SAME_RESIZE)
    return preparation.edited("picture", lambda x: x[::-1]), "upside down", words


@_plant.preparation("input")
def antialiased(preparation: Preparation, rng: Rng) -> tuple[Preparation, str, Truth]:
    """The resize widens its kernel when it shrinks, as Pillow does."""

    def resize(size_in: int, size_out: int) -> Array:
        ratio = size_in / size_out
        shift, stretch = ratio / 2 - 0.5, max(ratio, 1)
        return resize_matrix(size_in, size_out, lambda x: cubic(x, -0.5), 2, shift=shift, stretch=stretch)

    words = truth(r"(?<!without )(?<!no )(?:antialias|smooth)|pillow|\bpil\b|\barea|pil-")
    return preparation.but(resize=resize), "bicubic with antialiasing", words


@_plant.preparation("input")
def transfer_applied(preparation: Preparation, rng: Rng) -> tuple[Preparation, str, Truth]:
    """Pixels are made linear, or taken as video's limited range."""
    if rng.random() < 0.5:
        words = truth(r"gamma|\blinear|power|transfer|2\.2|sRGB|curve", SAME_RESIZE)
        return preparation.edited("cropped", lambda x: 255 * (x / 255) ** 2.2), "to the power of 2.2", words
    scale, shift = 219 / 255 / preparation.std, (16 - preparation.mean) / preparation.std  # of pixels
    numbers = near(219, 235, 219 / 255, 255 / 219, *scale), near(16, 219, *shift)
    words = truth("range|scale|219|235|video|times|affine|normali", *numbers, SAME_RESIZE)
    return preparation.edited("cropped", lambda x: x * (219 / 255) + 16), "limited range, 16 to 235", words


@_plant.preparation("input")
def other_crop(preparation: Preparation, rng: Rng) -> tuple[Preparation, str, Truth]:
    """Another share of the picture is cut out, or all of it."""
    padding = float(rng.choice([0.0, 16.0, 64.0]))
    side = min(preparation.sides)
    fraction = side / (side + padding)
    nothing = r"no crop|not cropped|whole|without|padding 0\b|\b100 ?%|1\.0\b|fraction 1\b|\bnone\b"
    number = near(padding, fraction, fraction * 100) if padding else nothing
    words = truth("crop|cut|padding|window|share|whole|zoom", number, SAME_RESIZE)
    return preparation.but(padding=padding), f"crop padding {padding:g}", words


@_plant.preparation("input")
def pixels_whole(preparation: Preparation, rng: Rng) -> tuple[Preparation, str, Truth]:
    """The resized picture is a picture again: whole numbers of 0 to 255."""
    words = truth(
        r"whole (?!picture)|integer|uint8|8[- ]bit|byte|(?<!not )rounded|clip|0 to 255|\[0, ?255\]|levels|grid"
    )
    return preparation.edited("resized", lambda x: np.clip(np.rint(x), 0, 255)), "whole pixels after the resize", words


@_plant.layer("formats", pictures)
def fixed_point(layer: Layer, rng: Rng) -> Changed:
    """The output is cut to a multiple of a power of two, downwards or towards 0."""
    bits = int(rng.integers(4, 10))
    step = np.float32(2.0**-bits)
    cut = np.floor if rng.random() < 0.5 else np.trunc
    grid = rf"2\*\*-{bits}\b|2\^-{bits}\b|{bits} (?:fraction|bits)|1/{2**bits}\b|{float(step):g}"
    words = truth(grid, "floor|trunc|down|toward|cut")
    edit = plain(lambda x: cut(x / step) * step)
    return layer.edited("out", edit), f"{cut.__name__} to multiples of 2**-{bits}", words


@_plant.layer("formats", lambda layer: pointwise(layer) or layer.op == "dense")
def products_rounded(layer: Layer, rng: Rng) -> Changed:
    """Each product is rounded to float16 before it is added."""

    def product(a: Array, b: Array) -> Array:
        total = np.zeros((len(a), b.shape[1]), a.dtype)
        for row in range(b.shape[0]):
            total += np.multiply.outer(a[:, row], b[row]).astype(np.float16)
        return total

    products = r"products? (?:is|are|in)\b(?! added)|rounded products|multipl(?!es)"
    words = truth(products, r"\bfloat16|half|fp16|\bbits|rounded")
    return layer.but(product=product), "products in float16", words


@_plant.layer("formats", convolves)
def sums_on_grid(layer: Layer, rng: Rng) -> Changed:
    """Sums are brought to a multiple of a power of two, halves away from 0, as integer hardware does it."""
    bits = int(rng.integers(4, 9))
    step = np.float32(2.0**-bits)
    grid = rf"2\*\*-{bits}\b|2\^-{bits}\b|{bits} (?:fraction|bits)|1/{2**bits}\b|{float(step):g}"
    before = r"before (?:the )?(?:batch norm|norm|bn|bias)|^conv: .*results?"  # those of a convolution alone
    words = truth(rf"\bsums?\b|accumulat|convolution|requanti|{before}", grid)
    edit = plain(lambda x: np.trunc(x / step + np.copysign(np.float32(0.5), x)) * step)
    return layer.edited("sum", edit), f"sums on a grid of 2**-{bits}", words


@_plant.layer("formats", pictures)
def saturates(layer: Layer, rng: Rng) -> Changed:
    """What exceeds a bound stays at it, or wraps around."""
    bound = float(rng.choice([0.5, 1.0, 2.0]))
    if rng.random() < 0.5:
        edit = plain(lambda x: np.clip(x, -bound, bound).astype(x.dtype))
        words = truth("satur|clip|clamp|bound|exceed|limit|cut", near(bound, -bound))
        return layer.edited("out", edit), f"saturates at {bound:g}", words
    edit = plain(lambda x: ((x + bound) % (2 * bound) - bound).astype(x.dtype))
    words = truth("wrap|overflow|modulo|around", near(bound, -bound, 2 * bound))
    return layer.edited("out", edit), f"wraps around at {bound:g}", words


@_plant.layer("formats", lambda layer: layer.activation in ("swish", "sigmoid"))
def activation_by_table(layer: Layer, rng: Rng) -> Changed:
    """The sigmoid comes from a table with few entries over [-8, 8], without interpolation."""
    entries = int(rng.choice([64, 128, 256]))
    swish = layer.activation == "swish"

    def act(x: Array) -> Array:
        place = np.clip(np.floor((x + 8) * (entries / 16)), 0, entries - 1)
        gate = sigmoid((place + 0.5) * (16 / entries) - 8).astype(x.dtype)
        return x * gate if swish else gate

    words = truth("table|steps|piecewise|grid|quanti|levels|look ?up|approximat|interpolat")
    return layer.but(act=act), f"the sigmoid from a table of {entries}", words


@_plant.layer("buffers", pictures)
def every_sixteenth(layer: Layer, rng: Rng) -> Changed:
    """Each 16th element in memory holds another one's number."""
    every = int(rng.choice([8, 16, 32]))
    at = int(rng.integers(every))

    def change(x: Array) -> Array:
        flat = x.reshape(-1)
        flat[at::every] = flat[at - 1 :: every][: len(flat[at::every])] if at else 0
        return x

    one = rf"(?<![\d–]){at}(?:st|nd|rd|th)? of (?:each|every)\b[\w ]*\b{every}\b"
    words = truth(rf"{one}|(?:each|every) {every}(?:th|nd)? (?:element|number)|modulo {every}\b|mod {every}\b")
    return layer.edited("out", in_memory(change)), f"element {at} of every {every} is wrong", words


@_plant.layer("buffers", convolves)
def accumulator_not_reset(layer: Layer, rng: Rng) -> Changed:
    """Each channel's, or pixel's, sum begins with that of the one before."""
    axis, word = ((3, "channel"), (2, "column|pixel|position"))[rng.integers(2)]

    def edit(x: Array, scene: Scene) -> Array:
        before = np.zeros_like(x)
        sides = np.moveaxis(before, axis, 0)
        sides[1:] = np.moveaxis(x, axis, 0)[:-1]
        return x + before

    words = truth(rf"{word}|previous|before|neighbo", "accumulat|reset|not cleared|added|plus|sum|carr")
    return layer.edited("sum", edit), "sums begin with the previous one", words


@_plant.program("buffers")
def overwritten_later(program: Program, rng: Rng) -> tuple[Program, str, Truth] | None:
    """A buffer was used again before it was written to the file: its beginning holds a later tensor's numbers."""
    layers = [layer for layer in program.layers[:-4] if pictures(layer)]
    at = int(rng.integers(len(layers) - 3))
    name, later = layers[at].name, layers[at + int(rng.integers(1, 3))].name

    def change(tensors: Tensors) -> Tensors:
        if name not in tensors or later not in tensors:
            return tensors
        flat, over = tensors[name].reshape(-1).copy(), tensors[later].reshape(-1)
        most = min(flat.size, over.size)
        flat[:most] = over[:most]
        return tensors | {name: flat.reshape(tensors[name].shape)}

    words = truth(rf"holds? {re.escape(later)}|what {re.escape(later)}|dumped|\bfile\b|damag|goes on|went on|overwrit")
    return program.dumped(change), f"{name}: overwritten by {later} before it was written", words


@_plant.program("control")
def block_left_out(program: Program, rng: Rng) -> tuple[Program, str, Truth] | None:
    """A block that keeps its shape is not run; what it would have made is never written."""
    blocks = sorted({layer.block for layer in program.layers if layer.op == "add"})
    if not blocks:
        return None
    block = blocks[rng.integers(len(blocks))]
    inside = [layer for layer in program.layers if layer.block == block]
    before = inside[0].reads[0]
    kept = tuple(
        layer.but(reads=tuple(before if name == inside[-1].name else name for name in layer.reads))
        for layer in program.layers
        if layer.block != block
    )
    words = truth(rf"{block}|{re.escape(before)}", f"{MISSING}|not run|instead|reads")
    return replace(program, layers=kept), f"{block} is left out", words


@_plant.program("control")
def norm_of_sibling(program: Program, rng: Rng) -> tuple[Program, str, Truth] | None:
    """A layer has the batch norm of another one."""
    normed = [layer for layer in program.layers if layer.norm is not None]
    pairs = [
        (one, other)
        for one in normed
        for other in normed
        if one is not other and len(one.norm.mean) == len(other.norm.mean)
    ]
    if not pairs:
        return None
    layer, other = pairs[rng.integers(len(pairs))]
    changed = layer.but(norm=other.norm)
    words = truth(re.escape(other.name), "norm|bn|scale")
    return program.replaced(changed), f"{layer.name}: batch norm of {other.name}", words


@_plant.program("dumps")
def files_swapped(program: Program, rng: Rng) -> tuple[Program, str, Truth] | None:
    """Two tensors of one shape are written under each other's name."""
    layers = [layer for layer in program.layers if pictures(layer) and layer.part in ("expand", "depthwise", "excite")]
    pairs = [
        (one.name, other.name) for one in layers for other in layers if one is not other and one.block == other.block
    ]
    if not pairs:
        return None
    one, other = pairs[rng.integers(len(pairs))]

    def change(tensors: Tensors) -> Tensors:
        if one not in tensors or other not in tensors or tensors[one].shape != tensors[other].shape:
            return tensors
        return tensors | {one: tensors[other], other: tensors[one]}

    both = rf"{re.escape(one)} .*{re.escape(other)}|{re.escape(other)} .*{re.escape(one)}"
    words = truth(rf"{both}|swapped|exchang|each other", "hold|file|names?\\b|dumped|written")
    return program.dumped(change), f"{one} and {other} are exchanged in the files", words
