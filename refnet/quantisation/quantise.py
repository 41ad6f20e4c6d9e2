"""Post-training quantisation: a float network and pictures in, an integer network out.

The same weights and pictures give the same integers on every machine: the float network's tensors are the same bits
everywhere, and what is made of them is either exact or one operation of IEEE 754 after the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, get_args

from refnet.architecture import names
from refnet.architecture.plan import Plan, make_plan
from refnet.arrays import Array
from refnet.errors import InputError, WeightsError
from refnet.float_mode import default_mode
from refnet.network.network import Network
from refnet.pipeline.source import Source
from refnet.quantisation.bias_correction import correct_biases
from refnet.quantisation.equalisation import equalise
from refnet.quantisation.fold import fold
from refnet.quantisation.layers import PERS, Per, quantise_layer
from refnet.quantisation.observed import Observed
from refnet.quantisation.pictures import Pictures
from refnet.quantisation.ranges import METHODS, PERCENTILE, Method, check_percentile, find_range, of_pixels, scale_of
from refnet.quantisation.twin import Twin
from refnet.reference.integers.activation import SIGMOID
from refnet.reference.integers.bounds import check_network
from refnet.reference.integers.engine import engine as engine_of
from refnet.reference.integers.layout import lay_out
from refnet.reference.integers.network import IntegerNetwork, Kernel, Operation
from refnet.reference.integers.quantisation import Quantisation
from refnet.weights.quantised import Calibration, QuantisedWeights

Swish = Literal["split", "table"]
SWISHES: tuple[Swish, ...] = get_args(Swish)
FIXED = ("logistic", "softmax")  # whose codes are of 1/256 from -128 on, whatever the pictures


@dataclass(frozen=True)
class Settings:
    """How a network is quantised.

    Attributes
    ----------
    engine
        Whose way of rounding it is made for.
    method, percentile
        How ranges of tensors are found; see ``refnet.quantisation.ranges.find_range``.
    per
        One scale of weights for each ``channel``, or one for a layer, per ``tensor``.
    swish
        A swish as a logistic table and a product, ``split``, or as one ``table``.
    equalise
        Cross-layer equalisation first.
    correct_bias
        Bias correction at last.
    """

    engine: str = "tflm"
    method: Method = "min-max"
    percentile: float = PERCENTILE
    per: Per = "channel"
    swish: Swish = "split"
    equalise: bool = False
    correct_bias: bool = False

    @property
    def method_in_words(self) -> str:
        """The method, with its share where it has one."""
        return f"{self.method} {self.percentile:g}" if self.method == "percentile" else self.method

    def __post_init__(self) -> None:
        engine_of(self.engine)
        check_percentile(self.percentile)
        for name, value, known in (("method", self.method, METHODS), ("per", self.per, PERS),
                                   ("swish", self.swish, SWISHES)):  # fmt: skip
            if value not in known:
                raise InputError(f"{name}={value!r:.80}: want one of {', '.join(known)}")


@dataclass(frozen=True)
class Quantised:
    """An integer network, and the float network that it was made of.

    Attributes
    ----------
    weights
        The integer network and all that is needed to run it: the content of a weight file.
    original
        The float network.
    factors
        By which the channels of steps were multiplied, where they were equalised.
    """

    weights: QuantisedWeights
    original: Network
    factors: Mapping[str, Array] = field(default_factory=dict, repr=False)


@default_mode()
def quantise(network: Network, pictures: Source | Pictures, **settings: Any) -> Quantised:
    """Quantise a float network to int8.

    Parameters
    ----------
    network
        Of float32, of any size: the integer network is of the same.
    pictures
        To calibrate on: a folder, a pattern, a list, whatever ``Network.predict`` takes, or an array f32[N, H, W, 3].
    **settings
        Fields of ``Settings``.

    Returns
    -------
    Quantised
        The integer network, and what it takes to compare it with the float one.

    Raises
    ------
    InputError
        If a setting is none, there is no picture, a step of the network is none that integers know, or a sum of
        products may not fit 32 bits.
    ImageError
        If a picture cannot be read.
    WeightsError
        If a tensor is not finite.

    Examples
    --------
    >>> import refnet
    >>> found = quantise(refnet.load("lite0"), "refnet/data/chelsea.png")
    >>> found.weights.network.codes["stem"]
    Quantisation(scale=np.float32(0.023529412), zero_point=-128, dtype='int8')
    """
    chosen = Settings(**settings)
    check_quantisable(network)
    plan, forms = integer_plan(network.plan), {"swish": chosen.swish}
    outline = lay_out(plan, forms, {})
    found = pictures if isinstance(pictures, Pictures) else Pictures(pictures)
    original, factors, engine = network, {}, engine_of(chosen.engine)
    if chosen.equalise:
        equalised = equalise(network, found.prepared(original, "equalising"), chosen.per)
        network, factors = equalised.network, dict(equalised.factors)
    twin = Twin(network)
    codes = _calibrated(network, twin, outline, found.prepared(original, "calibrating"), chosen)
    integers = IntegerNetwork(plan, lay_out(plan, forms, _kernels(network, outline, codes, chosen.per)), codes)
    if chosen.correct_bias:
        integers = correct_biases(integers, engine, twin, found.prepared(original, "correcting biases"))
    check_network(integers, engine)
    about = original.weights
    calibration = Calibration(
        method=chosen.method_in_words,
        pictures=len(found),
        pictures_digest=found.digest,
        per=chosen.per,
        equalised=chosen.equalise,
        bias_corrected=chosen.correct_bias,
        weights_digest=about.digest(),
    )
    weights = QuantisedWeights(integers, engine, original.recipe, about.labels, about.provenance, calibration)
    return Quantised(weights, original, factors)


def check_quantisable(network: Network) -> None:
    """Refuse a network that cannot be quantised, before a picture is looked at."""
    if network.dtype.kind != "f":
        file = network._file and network._file.path
        raise InputError(
            f"{file or repr(network)} is of integers already; want the network of float32 that it was made of"
        )
    if network.dtype.name != "float32":
        raise InputError(f"{network!r}: want one of float32, as `refnet.load` gives it")
    lay_out(integer_plan(network.plan), {}, {})


def integer_plan(plan: Plan) -> Plan:
    """The plan of an integer network: each batch norm is multiplied into its convolution."""
    architecture = replace(plan.architecture, folded=True)
    return make_plan(architecture, (plan.height, plan.width), padding=plan.padding)


def _calibrated(
    network: Network, twin: Twin, outline: Iterable[Operation], pictures: Iterable[Array], chosen: Settings
) -> dict[str, Quantisation]:
    """The codes of every tensor."""
    seen = {each.name: Observed(chosen.method != "min-max") for each in outline if each.kind not in FIXED}
    for x in pictures:
        for name, tensor in twin.run(x, seen):
            seen[name].add(tensor)
            if not seen[name].finite:
                raise WeightsError(f"{name} is not finite on a picture: the weights of {network.variant} overflow")
    channels = network.weights.architecture.channels
    codes = {names.INPUT: scale_of(*of_pixels(network.recipe.normalise, channels))}
    for each in outline:
        found = seen.get(each.name)
        codes[each.name] = SIGMOID if found is None else scale_of(*find_range(found, chosen.method, chosen.percentile))
    return codes


def _kernels(
    network: Network, outline: Iterable[Operation], codes: Mapping[str, Quantisation], per: Per
) -> dict[str, Kernel]:
    """The kernels of all operations that have one, by their names."""
    weights = network.weights
    steps = {step.name: step for step in network.plan}
    steps |= {names.part_name(name, names.CONV): step for name, step in steps.items()}
    return {
        each.name: quantise_layer(
            fold(steps[each.name], weights.tensors, weights.bn_eps), codes[each.inputs[0]].scale, per
        )
        for each in outline
        if each.kind in ("convolution", "depthwise", "dense")
    }
