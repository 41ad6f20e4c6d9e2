"""EfficientNet defined to the bit: B0-B8, L2 and Lite in array code, without a framework.

>>> import refnet
>>> refnet.predict("refnet/data/chelsea.png", top=1)[0].label
'tiger cat'
"""

from __future__ import annotations

import os
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any, overload

from refnet.errors import (
    CheckpointError,
    CheckpointNotFoundError,
    ImageError,
    ImageNotFoundError,
    InputError,
    InputNotFoundError,
    RefnetError,
    UnknownModelError,
    WeightsError,
    WeightsNotFoundError,
)
from refnet.float_mode import default_mode
from refnet.version import __version__

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import numpy.typing as npt

    from refnet.architecture.activations import Activation
    from refnet.architecture.top import Output, Pooling
    from refnet.checkpoints.stated import Head
    from refnet.comparison.compare import compare
    from refnet.comparison.explain import explain
    from refnet.golden.record import record
    from refnet.hub.warmup import Warm
    from refnet.network.network import Network
    from refnet.network.quantised import QuantisedNetwork
    from refnet.pipeline.many import Errors
    from refnet.pipeline.pipeline import Answer, Pipeline
    from refnet.pipeline.source import Source
    from refnet.prediction import Prediction
    from refnet.preprocessing.by_hand import Size
    from refnet.preprocessing.image_like import ImageLike, OpenFile, Several
    from refnet.preprocessing.recipe import Recipe
    from refnet.quantisation.layers import Per
    from refnet.quantisation.quantise import Swish
    from refnet.quantisation.ranges import Method
    from refnet.weights.releases import Release
else:
    # Public, and imported when somebody asks for one of them. A type checker must not see `__getattr__`: it would take
    # any name at all for an attribute of this module.
    _HOMES = {
        "Answer": "refnet.pipeline.pipeline",
        "ImageLike": "refnet.preprocessing.image_like",
        "Network": "refnet.network.network",
        "Pipeline": "refnet.pipeline.pipeline",
        "Prediction": "refnet.prediction",
        "QuantisedNetwork": "refnet.network.quantised",
        "compare": "refnet.comparison.compare",
        "explain": "refnet.comparison.explain",
        "record": "refnet.golden.record",
    }

    def __getattr__(name):
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = globals()[name] = getattr(import_module(_HOMES[name]), name)
        return value

    def __dir__():
        return sorted({*globals(), *__all__})


__all__ = [
    "Answer",
    "CheckpointError",
    "CheckpointNotFoundError",
    "ImageError",
    "ImageLike",
    "ImageNotFoundError",
    "InputError",
    "InputNotFoundError",
    "Network",
    "Pipeline",
    "Prediction",
    "QuantisedNetwork",
    "RefnetError",
    "UnknownModelError",
    "WeightsError",
    "WeightsNotFoundError",
    "__version__",
    "compare",
    "convert",
    "explain",
    "fetch",
    "list_models",
    "load",
    "predict",
    "published",
    "quantise",
    "record",
    "warmup",
]


@default_mode()
def load(
    model: str | os.PathLike[str],
    *,
    dtype: npt.DTypeLike = "float32",
    threads: int | None = None,
    recipe: str | Recipe | None = None,
    size: Size | None = None,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
    crop: str | None = None,
    interpolation: str | None = None,
) -> Network:
    """Load a network.

    Parameters
    ----------
    model
        ``b0`` … ``b8``, ``l2``, ``lite0`` … ``lite4`` (trained weights), one of these with ``@`` and a publisher (see
        ``list_models``) or with ``@synthetic`` (generated weights), or the path of a file: an ``.h5`` file of refnet,
        or a framework's own checkpoint (or its folder), which is converted first and kept in the cache until it
        changes; see ``convert`` for what the file may leave open. Published weights that are not on this machine are
        fetched, see ``fetch``. A variant may be spelled out, ``EfficientNet-B0`` or
        ``efficientnet_b0``: that names the network, not the weights that some other library has under that name.
    dtype
        ``float32`` or ``float64``; integers are what they are.
    threads
        How many threads share the work; by default one for each core.
    recipe
        How pictures become the network's input: a name in ``refnet.preprocessing.recipe.RECIPES``, that of a published
        model (``b4@torchvision``) or a ``refnet.preprocessing.recipe.Recipe``; by default as the weights were
        trained.
    size
        Side of the network's input in pixels, or (height, width), where it is not what the weights say.
    mean, std
        Three numbers each, red, green, blue: what pixels are normalised by, both of 0..1 or both of 0..255.
    crop
        ``"center 0.875"`` or ``"squash"``, as in timm, or a name in ``refnet.preprocessing.crop.CROPS`` with its
        amount.
    interpolation
        ``"bicubic"``, ``"bilinear"`` or ``"nearest"``, or a name in ``refnet.preprocessing.resize.RESIZES``.

    Returns
    -------
    Network
        Which takes f32[N, H, W, 3] and gives any of its tensors; of an ``.h5`` file of integers a ``QuantisedNetwork``.

    Raises
    ------
    UnknownModelError
        If there is no model of that name (it is a ``ValueError``).
    WeightsNotFoundError
        If weights are missing and cannot be fetched, or there is no such file (it is a ``FileNotFoundError``).
    WeightsError, CheckpointError
        If weights are damaged, or a checkpoint cannot be converted; its ``details`` list all of what its text names
        the first few of, its ``options`` those of `refnet convert` that answer an open question.
    InputError
        If the dtype, the threads, the recipe or a part of it is none (it is a ``ValueError``).

    Examples
    --------
    >>> net = load("b0@synthetic")
    >>> sum(step.params for step in net.plan)
    5288548
    """
    from refnet.hub.request import make_request
    from refnet.preprocessing.by_hand import ByHand

    # All that can be wrong without weights is told before any are fetched.
    by_hand = ByHand(size, mean, std, crop, interpolation)
    return make_request(model, dtype=dtype, threads=threads, recipe=recipe, by_hand=by_hand).load()


@overload
def predict(
    image: ImageLike | OpenFile,
    model: str | os.PathLike[str] = ...,
    *,
    top: int | None = None,
    recipe: str | Recipe | None = None,
    size: Size | None = None,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
    crop: str | None = None,
    interpolation: str | None = None,
    as_published: bool = False,
    errors: None = None,
    client: Any = None,
) -> list[Prediction]: ...
@overload
def predict(
    image: Several[ImageLike],
    model: str | os.PathLike[str] = ...,
    *,
    top: int | None = None,
    recipe: str | Recipe | None = None,
    size: Size | None = None,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
    crop: str | None = None,
    interpolation: str | None = None,
    as_published: bool = False,
    errors: None = None,
    client: Any = None,
) -> list[list[Prediction]]: ...
@overload
def predict(
    image: Iterator[Source],
    model: str | os.PathLike[str] = ...,
    *,
    top: int | None = None,
    recipe: str | Recipe | None = None,
    size: Size | None = None,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
    crop: str | None = None,
    interpolation: str | None = None,
    as_published: bool = False,
    errors: None = None,
    client: Any = None,
) -> Iterator[Answer]: ...
@overload
def predict(
    image: Source,
    model: str | os.PathLike[str] = ...,
    *,
    top: int | None = None,
    recipe: str | Recipe | None = None,
    size: Size | None = None,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
    crop: str | None = None,
    interpolation: str | None = None,
    as_published: bool = False,
    errors: Errors,
    client: Any = None,
) -> Iterator[Answer]: ...
@default_mode()
def predict(
    image: Source,
    model: str | os.PathLike[str] = "lite0",
    *,
    top: int | None = None,
    recipe: str | Recipe | None = None,
    size: Size | None = None,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
    crop: str | None = None,
    interpolation: str | None = None,
    as_published: bool = False,
    errors: Errors | None = None,
    client: Any = None,
) -> list[Prediction] | list[list[Prediction]] | Iterator[Answer]:
    """Classify a picture, or any number of them.

    Parameters
    ----------
    image
        A path, the bytes of a file, an open file, a PIL image, or an array u8[H, W, 3] in RGB order; or a list of
        these, or an array u8[N, H, W, 3]. A folder, a pattern such as ``photos/*.jpg`` or an iterator of all these
        gives a stream. An address such as ``s3://bucket/cat.jpg`` is one picture; one that does not end like one may be
        a folder's, and gives a stream.
    model
        See ``load``. The network is kept for the next call, and loaded anew if its file has changed meanwhile.
    top
        How many predictions, most probable first; by default five, or all where there are fewer classes.
    recipe, size, mean, std, crop, interpolation
        See ``load``.
    as_published
        Read pictures as the publisher's own software does, rather than upright and on white: see
        ``Network.preprocess``.
    errors
        ``"yield"``: a picture that cannot be read is an answer with its ``error``, and the next ones follow.
        ``"raise"``: it ends the stream, as it does where nothing is said. Either asks for a stream, whatever the
        source.
    client
        A ``distributed.Client``: the workers of its Dask cluster read the pictures and run the network. Paths must lead
        to the same files there.

    Returns
    -------
    list
        Of ``Prediction`` (index, wnid, label, value, meaning) for one picture; a list of such lists for several.
    iterator
        Of ``Answer`` (with name and predictions) for a folder, a pattern or an iterator, or if ``errors`` is said. They
        come in order while further pictures are read, and few are in memory at a time.

    Raises
    ------
    ImageError
        If a picture cannot be read: it is an ``OSError``, and a ``FileNotFoundError`` where there is no file.
    InputError
        If it is no picture at all, or there are fewer classes than ``top``, or no classifier.
    RefnetError
        Whatever ``load`` raises.

    Examples
    --------
    >>> [prediction.label for prediction in predict("refnet/data/chelsea.png", top=2)]
    ['tiger cat', 'Egyptian cat']
    >>> for answer in predict("refnet/data/*.png", errors="yield"):
    ...     print(answer.name, answer.error or answer.predictions[0].label)
    refnet/data/chelsea.png tiger cat
    """
    from refnet.hub.request import make_request
    from refnet.preprocessing.by_hand import ByHand
    from refnet.preprocessing.image_like import countable
    from refnet.preprocessing.read_image import check_image

    request = make_request(model, recipe=recipe, by_hand=ByHand(size, mean, std, crop, interpolation))
    request.check_top(top)
    if errors is None:
        for picture in countable(image):
            check_image(picture)
    network = request.load_once()
    ask: Any = network.predict  # whose overloads are those of this function
    if client is not None:
        from refnet.cluster.predict import predict_on

        ask = partial(predict_on, client, network)
    answers: list[Prediction] | list[list[Prediction]] | Iterator[Answer]
    answers = ask(image, top, as_published=as_published, errors=errors)
    return answers


def list_models(filter: str = "*", *, here: bool = False) -> list[str]:
    """List the names of models that ``load`` takes.

    Parameters
    ----------
    filter
        What a name must look like, ``*`` standing for anything: ``b*`` for the variants B0 to B8. With an ``@`` in it
        the list is of published sets of weights: ``b0@*``, ``*@torchvision:*``. Upper and lower case are one.
    here
        Only those whose weights are on this machine.

    Returns
    -------
    list
        Of names, in the order of the variants. Any variant can also be had with generated weights: ``b0@synthetic``.

    Raises
    ------
    InputError
        If the filter is no text.

    Examples
    --------
    >>> list_models("lite*")
    ['lite0', 'lite1', 'lite2', 'lite3', 'lite4']
    >>> list_models("b3@torchvision:*")
    ['b3@torchvision:v1']
    >>> "lite0" in list_models(here=True)
    True
    """
    from refnet.hub import models

    return models.list_models(filter, here=here)


@default_mode()
def convert(
    source: str | os.PathLike[str],
    *,
    model: str | None = None,
    publisher: str | None = None,
    key: str | None = None,
    head: Head | None = None,
    output: Output | None = None,
    pooling: Pooling | None = None,
    activation: Activation | None = None,
    padding: str | None = None,
    engine: str | None = None,
    size: Size | None = None,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
    crop: str | None = None,
    interpolation: str | None = None,
    labels: str | os.PathLike[str] | None = None,
    out: str | os.PathLike[str] | None = None,
) -> Path:
    """Convert a published or fine-tuned checkpoint into a weight file, and write a certificate beside it.

    No framework is needed, and nothing that the file says is executed. Format, publisher, variant and number of
    classes are found out; what the file cannot tell may be stated. What is stated and contradicts the file is refused.

    Parameters
    ----------
    source
        A file of PyTorch (``.pth``, ``.pt``, ``.bin``), safetensors, Keras (``.h5``, ``.weights.h5``, ``.keras``),
        TensorFlow (``.tar.gz``, ``.index``, or the prefix of several files; ``.tflite``, of int8 too) or ONNX
        (``.onnx``, where names were kept).
    model
        The variant it must be, such as ``b1``.
    publisher
        Such as ``timm-tf`` or ``timm-tf:ns``; ``published`` lists them.
    key
        Which part of the checkpoint is the network, where it holds several: ``model_ema``.
    head
        ``"none"`` leaves out all that follows the pooled features.
    output
        What turns the classifier's numbers into the answer: ``"softmax"`` (probabilities), ``"sigmoid"`` (a score for
        each class by itself), ``"none"`` (they are the answer, as of a regression), ``"log_softmax"``, ``"relu"``,
        ``"tanh"``.
    pooling
        How the last feature map becomes a vector: ``"mean"``, ``"max"``, ``"gem"``, ``"mean+max"`` (half their sum) or
        ``"concatenated"`` (both).
    activation
        Between dense layers before the classifier: ``"relu"``, ``"swish"``, ….
    padding
        ``"same"``, ``"symmetric"``, or the zeros that TensorFlow puts around a picture of one size whatever comes,
        ``"same@224"``.
    engine
        Of an int8 file of TensorFlow Lite, whose roundings it is computed with: ``"tflm"`` by default, ``"tflite"``,
        ``"xnnpack"`` or ``"onnxruntime"``.
    size
        Side of the network's input in pixels, where it is not what this publisher has.
    mean, std
        Three numbers each, red, green, blue: what pixels are normalised by, both of 0..1 or both of 0..255; refused
        where the file says it itself.
    crop
        ``"center 0.875"`` or ``"squash"``, as in timm, or a name in ``refnet.preprocessing.crop.CROPS`` with its
        amount.
    interpolation
        ``"bicubic"``, ``"bilinear"`` or ``"nearest"``, or a name in ``refnet.preprocessing.resize.RESIZES``.
    labels
        A file with the names of the classes: one a line, or id, tab and name; JSON such as ``id2label`` or
        ``class_indices``; CSV. ``refnet.weights.labels.parse_labels`` says more. Without it, networks of 1000 or 1001
        classes get those of ImageNet.
    out
        Where to; by default ``NAME.h5`` in the current directory, if that is not there yet.

    Returns
    -------
    Path
        Of the weight file, which ``load`` takes.

    Raises
    ------
    RefnetError
        Of the family in ``refnet.errors``: a file that cannot be read, tensors that are missing or unknown, a publisher
        that the file does not tell. Nothing is written then. Where a file
        is missing, it is a ``FileNotFoundError``.

    Examples
    --------
    >>> convert("refnet/data/chelsea.png")
    Traceback (most recent call last):
        ...
    refnet.errors.CheckpointError: refnet/data/chelsea.png: in no format that is known here (...
    """
    from refnet.checkpoints import conversion
    from refnet.checkpoints.stated import Stated
    from refnet.preprocessing.by_hand import ByHand

    stated = Stated(model, publisher, key, head, output, pooling, activation, padding, engine)
    by_hand = ByHand(size, mean, std, crop, interpolation)
    return conversion.convert(source, stated, by_hand=by_hand, labels=labels, out=out)


@default_mode()
def quantise(
    model: str | os.PathLike[str] | Network,
    pictures: Source,
    *,
    out: str | os.PathLike[str] | None = None,
    count: int | None = None,
    engine: str = "tflm",
    method: Method = "min-max",
    percentile: float = 99.99,
    per: Per = "channel",
    swish: Swish = "split",
    equalise: bool = False,
    correct_bias: bool = False,
    threads: int | None = None,
) -> Path:
    """Make an int8 network of a float one, and write its weight file: ``load`` and all else take that as any other.

    The same weights and pictures give the same file on every machine.

    Parameters
    ----------
    model
        See ``load``; or a network, with a recipe or a size of its own.
    pictures
        To measure the ranges of tensors on, 50 or more like those to come: a folder, a pattern, a list, whatever
        ``predict`` takes; or an array f32[N, H, W, 3] as ``Network.preprocess`` makes it.
    out
        The file to write; by default ``NAME-int8.h5`` in the current folder.
    count
        Take so many of the pictures, evenly spaced; by default all.
    engine
        Whose roundings the network has: ``tflm``, ``tflite``, ``xnnpack``, …, a name in
        ``refnet.reference.integers.engine.ENGINES``.
    method
        How ranges are found: ``"min-max"``, ``"percentile"`` or ``"mse"``, with the least expected squared error.
    percentile
        Of the method ``"percentile"``: the share of the numbers that each end leaves within the range.
    per
        What a scale of weights is for: each ``"channel"`` of a layer, or the ``"tensor"`` of all its weights.
    swish
        ``"split"``: a logistic table and a product, as engines have it. ``"table"``: one table.
    equalise
        Bring channels that share a scale to ranges of one size first.
    correct_bias
        Take off biases what rounding adds to a channel on the mean.
    threads
        How many threads share the work; by default one for each core.

    Returns
    -------
    Path
        Of the weight file.

    Raises
    ------
    InputError
        If an argument is none, there is no picture, or a step of the network is none that integers know.
    ImageError
        If a picture cannot be read.
    WeightsError
        If the file cannot be written.
    RefnetError
        Whatever ``load`` raises.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     written = quantise("lite0", "refnet/data/chelsea.png", out=f"{folder}/lite0-int8.h5")
    ...     predict("refnet/data/chelsea.png", written, top=1)[0].label
    'tiger cat'
    """
    from refnet.network import Network
    from refnet.quantisation.to_file import quantise_to_file

    network = model if isinstance(model, Network) else load(model, threads=threads)
    written, _ = quantise_to_file(
        network,
        pictures,
        out,
        count=count,
        engine=engine,
        method=method,
        percentile=percentile,
        per=per,
        swish=swish,
        equalise=equalise,
        correct_bias=correct_bias,
    )
    return written


@default_mode()
def fetch(name: str, *, keep: bool = False) -> Path:
    """Get the weight file of a published model: the one on this machine, or else download and convert it.

    A download is never silent: a warning of the logger ``refnet`` says what comes from where, and on a terminal there
    is a bar. Size and hash are checked against what is published. If the environment variable ``REFNET_OFFLINE`` is
    set, and not to ``0``, nothing is downloaded.

    Parameters
    ----------
    name
        ``b1`` (its default release), ``b1@timm-tf`` or ``b1@timm-tf:aa``; see ``published``.
    keep
        Keep the downloaded file too, in ``originals`` beside the weight file.

    Returns
    -------
    Path
        Of an ``.h5`` file that ``load`` takes: what is fetched is in the directory that the environment variable
        ``REFNET_CACHE`` names, or ``refnet`` in the user's cache directory, with its certificate beside it.

    Raises
    ------
    UnknownModelError
        If nothing is published under that name.
    WeightsNotFoundError
        If it cannot be downloaded, or may not: with the address, the hash, and how to bring the file by hand.
    WeightsError
        If the cache cannot be written, or what is here is damaged or not what its name says.
    CheckpointError
        If what was published cannot be converted.

    Examples
    --------
    >>> fetch("lite0").name
    'lite0.h5'
    """
    from refnet.hub import fetch

    return fetch.fetch(name, keep=keep)


def published() -> tuple[Release, ...]:
    """List every published file of EfficientNet: address, hash, accuracy, and how its weights want to be used.

    Returns
    -------
    tuple
        Of ``refnet.weights.releases.Release``, each named as ``b1@timm-tf:aa``: variant, publisher, set of
        weights.

    Raises
    ------
    InputError
        If the list, ``published.toml``, is not there or damaged.

    Examples
    --------
    >>> best = max((release for release in published() if release.model == "b4"), key=lambda release: release.top1 or 0)
    >>> best.name, best.top1, best.file
    ('b4@tf:noisystudent', 85.3, 'noisy_student_efficientnet-b4.tar.gz')
    """
    from refnet.weights import releases

    return releases.published()


@default_mode()
def warmup(
    *models: str | os.PathLike[str], dtype: npt.DTypeLike | None = None, cache: str | os.PathLike[str] | None = None
) -> list[Warm]:
    """Compile the kernels ahead and keep them on disk; read each model, check it and run it once.

    All models share the kernels. They are found again by the same refnet and Numba in the same place, on the same kind
    of CPU; what does not find them compiles again. They are machine code: a directory that anybody may write to, or
    another user's, is not used, nor one below such a directory; root's and that of whoever installed refnet are.

    Parameters
    ----------
    models
        Each as ``load`` takes it. One that is wrong is an error before anything is compiled.
    dtype
        ``float32`` or ``float64``; by default both. Models of integers have kernels of their own.
    cache
        A directory for the compiled kernels, made where there is none. A process finds them there if the environment
        variable NUMBA_CACHE_DIR names it, even if it may not write there. By default they are kept where this process
        looks for them.

    Returns
    -------
    list
        Of ``refnet.hub.warmup.Warm`` (title, dtype, seconds or None, directory): what runs networks, one for each
        dtype, and what prepares pictures.

    Raises
    ------
    RefnetError
        Of the family in ``refnet.errors``: a model that is not here or damaged, a wrong dtype, a directory that is
        none or cannot be written.

    Examples
    --------
    >>> [kernels.title for kernels in warmup("lite0", dtype="float32")]
    ['float32 kernels', 'kernels that prepare pictures']
    """
    from refnet.hub.warmup import warm_up

    return warm_up(models, dtype, cache)
