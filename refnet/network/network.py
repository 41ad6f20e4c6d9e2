"""Network: a plan and its weights, ready to run."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from difflib import get_close_matches
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, Self, cast, overload

import numpy as np
import numpy.typing as npt

from refnet import memory
from refnet.architecture import names
from refnet.architecture.needed import needed
from refnet.architecture.padding import Padding
from refnet.architecture.plan import Plan, make_plan, sides
from refnet.architecture.step import Shape
from refnet.architecture.variants import Architecture
from refnet.arrays import Array
from refnet.checks import (
    NO_CLASSIFIER,
    check_recipe,
    check_top,
    finite,
    float_dtype,
    given_tensors,
    shaped_pictures,
    thread_count,
)
from refnet.engine.memory_report import MemoryReport, report_memory
from refnet.engine.packed import Take
from refnet.engine.runner import Engine, Interpret, Runner
from refnet.errors import InputError, WeightsError
from refnet.prediction import Prediction, predictions
from refnet.preprocessing.image_like import ImageLike, OpenFile, Several, how_many, is_address
from refnet.preprocessing.preprocess import preprocess
from refnet.preprocessing.recipe import Recipe
from refnet.weights.labels import Labels
from refnet.weights.quantised import QuantisedWeights
from refnet.weights.releases.recipes import find_recipe
from refnet.weights.weight_file import WeightFile, file_of
from refnet.weights.weights import Weights, check_tensors

if TYPE_CHECKING:
    from refnet.pipeline.many import Errors
    from refnet.pipeline.pipeline import Answer
    from refnet.pipeline.source import Source


class Network:
    """A network that runs: f32[N, H, W, 3] in, any of its tensors out.

    One picture has one result, whatever the batch it comes in, the number of threads, the CPU, and what else is asked
    for in the same run. Safe to call from several threads at once.

    Parameters
    ----------
    weights
        Architecture, tensors, padding rule and recipe. The network keeps them packed for its kernels;
        ``network.weights.tensors`` unpacks each one that is asked for.
    dtype
        ``float32``, or ``float64`` to measure errors against. Both see the same float32 input.
    threads
        How many threads share the work; by default one for each core.
    recipe
        What pictures are prepared by, a name in ``refnet.preprocessing.recipe.RECIPES`` or a recipe; by default that of
        the weights.
    size
        Side of the pictures that it makes, or (height, width); by default what the network was made for.

    Raises
    ------
    InputError
        If the dtype, the number of threads or the size is not possible, or there is no such recipe.
    WeightsError
        If the tensors are not those of the architecture.

    Examples
    --------
    >>> import refnet
    >>> net = refnet.load("lite0")  # reads weights and makes a network of them
    >>> net
    <Network lite0 float32 from lite>
    >>> net.probabilities(net.preprocess("refnet/data/chelsea.png")).shape
    (1, 1000)
    """

    _file: WeightFile | None  # that it was loaded from

    def __init__(
        self,
        weights: Weights,
        *,
        dtype: npt.DTypeLike = "float32",
        threads: int | None = None,
        recipe: str | Recipe | None = None,
        size: int | tuple[int, int] | None = None,
    ) -> None:
        if isinstance(weights, QuantisedWeights):
            raise InputError("these weights are of integers; want refnet.QuantisedNetwork(weights)")
        check_tensors(weights)
        self._file = None  # somebody had the weights in hand, and may have changed them
        self._set_up(weights, weights.tensors.__getitem__, dtype, threads, recipe, size)

    @classmethod
    def _consume(
        cls,
        weights: Weights,
        *,
        dtype: npt.DTypeLike = "float32",
        threads: int | None = None,
        recipe: str | Recipe | None = None,
        size: int | tuple[int, int] | None = None,
    ) -> Network:
        """Make a network of weights that are checked already and that nobody else needs.

        Their tensors are taken out of ``weights`` one by one, if they are a dictionary, so that there is never a second
        copy of them all; ``weights`` is of no use afterwards.
        """
        network = cls.__new__(cls)
        network._file = file_of(weights)
        tensors = weights.tensors
        take = tensors.pop if isinstance(tensors, dict) else tensors.__getitem__
        network._set_up(weights, take, dtype, threads, recipe, size)
        return network

    def _set_up(
        self,
        weights: Weights,
        take: Take,
        dtype: npt.DTypeLike,
        threads: int | None,
        recipe: str | Recipe | None,
        size: int | tuple[int, int] | None,
    ) -> None:
        self.dtype = float_dtype(dtype)
        self.threads = thread_count(threads)
        self._stated_threads = None if threads is None else self.threads
        self._plan_for = plan_for = lru_cache(8)(partial(_plan_for, weights.architecture, weights.padding))
        own = sides(weights.architecture.resolution if size is None else size)
        self.plan = plan_for(*own)
        self.recipe = weights.recipe if recipe is None else find_recipe(recipe)
        if recipe is not None or size is not None:
            check_recipe(self.recipe, weights.architecture, own)
        self._engine = Engine(
            self.plan.steps,
            lambda height, width: plan_for(height, width).steps,
            take,
            weights.bn_eps,
            self.dtype,
            self.threads,
        )
        self.weights = replace(weights, tensors=self._engine.weights)

    def __repr__(self) -> str:
        return f"<Network {self.variant} {self.arithmetic} from {self.weights.provenance.publisher}>"

    @property
    def arithmetic(self) -> str:
        """What its bits depend on beside weights and picture: ``float32``, or ``int8, tflm``."""
        return self.dtype.name

    def __copy__(self) -> Self:
        """The same network once more: nothing of it changes when it runs, so that both share its weights."""
        network = type(self).__new__(type(self))
        vars(network).update(vars(self))
        return network

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self.__copy__()

    def __reduce__(self) -> tuple[Any, ...]:
        """For another process: the path and digest of the file it was loaded from, or else all its weights."""
        from refnet.network.restore import restore  # late: it knows both kinds of networks

        return restore, (self._file or self._content(), self.dtype, self._stated_threads, *self._own_ways())

    def _content(self) -> Weights | QuantisedWeights:
        """Its weights as they can be sent: nothing packed."""
        return replace(self.weights, tensors=dict(self.weights.tensors))

    def _own_ways(self) -> tuple[Recipe | None, tuple[int, int] | None]:
        """Recipe and size where they are not those of the weights."""
        size = (self.plan.height, self.plan.width)
        as_made = size == sides(self.weights.architecture.resolution)
        return None if self.recipe == self.weights.recipe else self.recipe, None if as_made else size

    @property
    def variant(self) -> str:
        """Name of the architecture, such as ``b3``."""
        return self.weights.architecture.name

    @property
    def shapes(self) -> dict[str, Shape]:
        """Shape of every tensor that can be asked for, by its name, without the batch."""
        return self._shapes_on(self.plan)

    def _shapes_on(self, plan: Plan) -> dict[str, Shape]:
        """``shapes`` for pictures of a plan's size."""
        return plan.shapes

    def _codes_of(self, name: str) -> dict[str, float | int]:
        """Scale and zero point of a tensor of codes; nothing of real numbers."""
        return {}

    def _engine_at(self, plan: Plan) -> Runner:
        """What runs pictures of a plan's size."""
        return self._engine

    def _run_by(self, interpret: Interpret) -> Self:
        """The same network, run by another interpreter."""
        network = self.__copy__()
        network._engine = self._engine.run_by(interpret)
        return network

    def _memory_of_a_run(self, plan: Plan, batch: int) -> MemoryReport:
        """What a plain run on so many pictures takes."""
        return report_memory(plan, self.dtype, threads=self.threads, batch=batch)

    @property
    def _steps(self) -> list[str]:
        """What ``trace`` gives if nobody says."""
        return [step.name for step in self.plan]

    @property
    def labels(self) -> Labels | None:
        """What the classes are called, if the weights say so."""
        return self.weights.labels

    def logits(self, x: Array) -> Array:
        """Run the network up to its logits.

        Parameters
        ----------
        x
            f32[N, H, W, 3]: N pictures as ``preprocess`` makes them, of any height and width.

        Returns
        -------
        array
            dtype[N, classes], of the network's dtype.

        Raises
        ------
        InputError
            If x is not a batch of finite, normalised pictures of that shape and dtype, or the weights have no
            classifier.

        Examples
        --------
        >>> import refnet
        >>> net = refnet.load("lite0")
        >>> net.logits(net.preprocess("refnet/data/chelsea.png")).shape
        (1, 1000)
        """
        return self._collect(x, [names.LOGITS])[names.LOGITS]

    def probabilities(self, x: Array) -> Array:
        """Run the network and its softmax: as ``logits``, but each row dtype[classes] adds up to 1, about.

        Where the network ends with sigmoids, each number is a class's score by itself. If it ends with neither, that is
        an ``InputError``; ``answer`` gives what there is.

        Examples
        --------
        >>> import refnet
        >>> net = refnet.load("lite0")
        >>> int(net.probabilities(net.preprocess("refnet/data/chelsea.png")).argmax())
        282
        """
        return self._collect(x, [names.PROBABILITIES])[names.PROBABILITIES]

    def answer(self, x: Array) -> Array:
        """Run the network to its end, whatever that is: ``plan.answer`` names it, ``weights.architecture.top`` says it.

        Mostly these are the ``probabilities``; of a regression they are the ``logits``, as they are; without a
        classifier the pooled features.

        Examples
        --------
        >>> import refnet
        >>> net = refnet.load("lite0")
        >>> net.plan.answer, net.answer(net.preprocess("refnet/data/chelsea.png")).shape
        ('probabilities', (1, 1000))
        """
        return self._collect(x, [self.plan.answer])[self.plan.answer]

    @overload
    def features(
        self,
        x: Array | ImageLike | OpenFile | Several[ImageLike],
        at: str = names.POOL,
        *,
        as_published: bool = False,
        errors: None = None,
    ) -> Array: ...
    @overload
    def features(
        self,
        x: Array | ImageLike | OpenFile | Several[ImageLike],
        at: Several[str],
        *,
        as_published: bool = False,
        errors: None = None,
    ) -> dict[str, Array]: ...
    @overload
    def features(
        self,
        x: Iterator[Source],
        at: str | Several[str] = names.POOL,
        *,
        as_published: bool = False,
        errors: None = None,
    ) -> Iterator[Answer]: ...
    @overload
    def features(
        self, x: Source, at: str | Several[str] = names.POOL, *, as_published: bool = False, errors: Errors
    ) -> Iterator[Answer]: ...
    def features(
        self,
        x: Array | Source,
        at: str | Several[str] = names.POOL,
        *,
        as_published: bool = False,
        errors: Errors | None = None,
    ) -> Array | dict[str, Array] | Iterator[Answer]:
        """Return the output of one step, or of several from one pass.

        Parameters
        ----------
        x
            f32[N, H, W, 3], as for ``logits``; or one picture or several, as for ``preprocess``.
        at
            The name of a step (``net.plan`` lists them) or of a part of one: ``block1a.project.conv`` (the sums),
            ``.bn``, ``.act``; or several names. By default the pooled features, all that is before the classifier.
        as_published
            As for ``preprocess``.
        errors
            As for ``predict``.

        Returns
        -------
        array, or dictionary of arrays by name
            dtype[N, H, W, C] of the step's own size, or dtype[N, C] from the pool on. Copies. Where ``predict`` gives a
            stream of ``refnet.Answer``, so does this: the ``tensors`` of each by name, without the axis N.

        Raises
        ------
        InputError
            If there is no step of that name, or x is not what ``logits`` takes, and no picture either.
        ImageError
            As ``preprocess``.

        Examples
        --------
        >>> import refnet
        >>> net = refnet.load("lite0")
        >>> net.features("refnet/data/chelsea.png").shape
        (1, 1280)
        >>> x = net.preprocess("refnet/data/chelsea.png")
        >>> {name: tensor.shape for name, tensor in net.features(x, at=["stem", "block2a.project"]).items()}
        {'stem': (1, 112, 112, 32), 'block2a.project': (1, 56, 56, 24)}
        """
        wanted = self._check_names(at)
        how = how_many(x)
        if errors is None and how == "one":
            prepared = isinstance(x, np.ndarray) and x.dtype != np.uint8
            if not prepared:
                self._check_memory(self.plan, wanted)
            given = cast("Array", x) if prepared else self.preprocess(cast("ImageLike", x), as_published=as_published)
            tensors = self._collect(given, wanted)
        else:
            answers = self._stream(x, wanted, as_published, errors)
            if errors is not None or how == "stream":
                return answers
            count = len(cast("Several[ImageLike]", x))
            self._check_memory(self.plan, wanted, count)
            tensors = {name: np.empty((count, *self.shapes[name]), self.dtype) for name in wanted}
            self._fill(tensors, answers)
        return tensors[at] if isinstance(at, str) else tensors

    def trace(self, x: Array, steps: str | Iterable[str] | None = None) -> Iterator[tuple[str, Array]]:
        """Run the network and hand out its tensors one by one.

        The memory is that of a run that keeps these steps apart, for each picture of the batch, and one step twice.

        Parameters
        ----------
        x
            f32[N, H, W, 3], as for ``logits``.
        steps
            Names as for ``features``; by default every step.

        Returns
        -------
        iterator of (name, array)
            In the order of execution; dtype[N, …], copies.

        Raises
        ------
        InputError
            As ``features``.

        Examples
        --------
        >>> import refnet
        >>> net = refnet.load("lite0")
        >>> name, tensor = next(net.trace(net.preprocess("refnet/data/chelsea.png")))
        >>> name, tensor.shape
        ('stem', (1, 112, 112, 32))
        """
        plan = self._plan_of(x)
        wanted = self._steps if steps is None else self._check_names(steps)
        self._check_memory(plan, wanted, len(x), apart=True)
        finite("the input", x)
        size = (plan.height, plan.width)
        runs = [self._engine.run({names.INPUT: picture}, wanted, size) for picture in x]
        return self._in_step(runs)

    def resume(
        self, given: Mapping[str, Array], steps: str | Iterable[str], *, size: tuple[int, int] | None = None
    ) -> Iterator[tuple[str, Array]]:
        """Continue from tensors of somebody's own: run what lies between them and ``steps``, and nothing else.

        Parameters
        ----------
        given
            By the name of a step, or ``input``: [N, …] as that step makes it, rounded to the network's dtype.
        steps
            What to make, steps or their parts.
        size
            Height and width of the picture that the tensors come from; by default of a given ``input``, else the
            network's own.

        Returns
        -------
        iterator of (name, array)
            In execution order, as ``trace`` gives them.

        Raises
        ------
        InputError
            If a tensor has no such shape or is not finite, is one of ``steps`` or what these are parts of, or something
            else must be given to make them.

        Examples
        --------
        >>> import refnet
        >>> net = refnet.load("lite0")
        >>> x = net.preprocess("refnet/data/chelsea.png")
        >>> [(name, logits)] = net.resume({"pool": net.features(x)}, "logits")
        >>> bool((logits == net.logits(x)).all())
        True
        """
        wanted = self._check_names(steps)
        if not isinstance(given, Mapping):
            raise InputError(f"the given tensors are {type(given).__name__}; want a dictionary of names and arrays")
        if names.INPUT in given:
            own = self._plan_of(given[names.INPUT])
            size = (own.height, own.width) if size is None else size
        plan = self.plan if size is None else self._plan_for(*sides(size))
        checked = self._check_given(given, plan, wanted)
        runs = [
            self._engine.run(dict(zip(checked, tensors, strict=True)), wanted, (plan.height, plan.width))
            for tensors in zip(*checked.values(), strict=True)
        ]
        return self._in_step(runs)

    def _check_given(self, given: Mapping[str, Array], plan: Plan, wanted: list[str]) -> dict[str, Array]:
        """Check tensors to continue a run from, and that they are all it takes."""
        checked = given_tensors(given, plan, self.dtype)
        needed(plan.steps, checked, wanted)
        return checked

    @staticmethod
    def _in_step(runs: list[Iterator[tuple[str, Array]]]) -> Iterator[tuple[str, Array]]:
        for tensors in zip(*runs, strict=True):
            name, first = tensors[0]
            yield name, first[None] if len(tensors) == 1 else np.stack([tensor for _, tensor in tensors])

    @overload
    def preprocess(
        self, image: ImageLike | OpenFile | Several[ImageLike], *, as_published: bool = False, errors: None = None
    ) -> Array: ...
    @overload
    def preprocess(
        self, image: Iterator[Source], *, as_published: bool = False, errors: None = None
    ) -> Iterator[Answer]: ...
    @overload
    def preprocess(self, image: Source, *, as_published: bool = False, errors: Errors) -> Iterator[Answer]: ...
    def preprocess(
        self, image: Source, *, as_published: bool = False, errors: Errors | None = None
    ) -> Array | Iterator[Answer]:
        """Turn a picture, or several, into the network's input by its recipe: crop, resize, normalise.

        Parameters
        ----------
        image
            A path, the bytes of a file, an open file, a PIL image, or an array u8[H, W, 3] in RGB order; or a list of
            these, or an array u8[N, H, W, 3]. A folder, a pattern such as ``photos/*.jpg`` or an iterator of all these
            gives a stream. An address such as ``s3://bucket/cat.jpg`` is one picture; one that does not end like one
            may be a folder's, and gives a stream.
        as_published
            Read files as the publisher's own software does: it does not turn what EXIF says is turned, drops the
            transparency, and takes 16 bits its own way. By default a picture is what a viewer shows: upright, on white.
            Where that makes a difference, the logger ``refnet`` says so at the level INFO.
        errors
            As for ``predict``.

        Returns
        -------
        array
            f32[N, H, W, 3]: N pictures of the size that the network was made for; N is 1 for one picture. A network of
            grey pictures has one channel, and pictures are made grey for it. Where ``predict`` gives a stream of
            ``refnet.Answer``, so does this: ``tensors["input"]`` of each.

        Raises
        ------
        ImageError
            If a picture cannot be read, or is far too long for the recipe. It is an ``OSError``, and a
            ``FileNotFoundError`` where there is no file.
        InputError
            If it is nothing of all that.

        Examples
        --------
        >>> import refnet
        >>> x = refnet.load("lite0").preprocess("refnet/data/chelsea.png")
        >>> x.shape, x.dtype
        ((1, 224, 224, 3), dtype('float32'))
        """
        size, channels = (self.plan.height, self.plan.width), self.weights.architecture.channels
        how = how_many(image)
        elsewhere = hasattr(image, "read") or is_address(image)  # these are read as those of a list
        if errors is None and how == "one" and not elsewhere:
            one = cast("ImageLike", image)
            return preprocess(one, self.recipe, *size, channels=channels, as_published=as_published)[None]
        answers = self._stream(image, names.INPUT, as_published, errors)
        if errors is not None or how == "stream":
            return answers
        count = 1 if how == "one" else len(cast("Several[ImageLike]", image))
        memory.check(4 * count * math.prod(size) * channels, self._run_on(self.plan, count))
        inputs = np.empty((count, *size, channels), np.float32)
        self._fill({names.INPUT: inputs}, answers)
        return inputs

    @overload
    def predict(
        self, image: ImageLike | OpenFile, top: int | None = None, *, as_published: bool = False, errors: None = None
    ) -> list[Prediction]: ...
    @overload
    def predict(
        self, image: Several[ImageLike], top: int | None = None, *, as_published: bool = False, errors: None = None
    ) -> list[list[Prediction]]: ...
    @overload
    def predict(
        self, image: Iterator[Source], top: int | None = None, *, as_published: bool = False, errors: None = None
    ) -> Iterator[Answer]: ...
    @overload
    def predict(
        self, image: Source, top: int | None = None, *, as_published: bool = False, errors: Errors
    ) -> Iterator[Answer]: ...
    def predict(
        self, image: Source, top: int | None = None, *, as_published: bool = False, errors: Errors | None = None
    ) -> list[Prediction] | list[list[Prediction]] | Iterator[Answer]:
        """Classify a picture, or any number of them; or estimate values, if the network is a regression.

        Parameters
        ----------
        image
            As for ``preprocess``.
        top
            How many predictions, most probable first; by default five, or all where there are fewer classes. Values,
            as of a regression, come all, in their order.
        as_published
            As for ``preprocess``.
        errors
            ``"yield"``: a picture that cannot be read is an answer with its ``error``, and the next ones follow.
            ``"raise"``: it ends the stream, as it does where nothing is said. Either asks for a stream, whatever the
            source.

        Returns
        -------
        list
            Of ``refnet.Prediction`` for one picture, a list of such lists for several.
        iterator
            Of ``refnet.Answer`` for a folder, a pattern or an iterator, or if ``errors`` is said: each has ``name`` and
            ``predictions``. They come in order while further pictures are read, and few are in memory at a time.

        Raises
        ------
        ImageError, InputError
            As ``preprocess``; InputError also if there are fewer classes than ``top``, or there is no classifier.
        WeightsError
            If a number of the answer is not finite.

        Examples
        --------
        >>> import refnet
        >>> net = refnet.load("lite0")
        >>> [best] = net.predict("refnet/data/chelsea.png", top=1)
        >>> best.label, best.index
        ('tiger cat', 282)
        >>> [len(answers) for answers in net.predict(["refnet/data/chelsea.png"] * 2)]
        [5, 5]
        >>> for answer in net.predict("refnet/data/*", errors="yield"):
        ...     if answer.error is None:
        ...         print(answer.name, answer.predictions[0].label)
        refnet/data/chelsea.png tiger cat
        """
        top = check_top(top, self.weights.architecture)
        if errors is None and how_many(image) == "one":
            self._check_memory(self.plan, [self.plan.answer])
            x = self.preprocess(cast("ImageLike", image), as_published=as_published)
            return self._named(self._collect(x, [self.plan.answer])[self.plan.answer][0], top)
        from refnet.pipeline.many import with_predictions  # late: one picture needs none of it

        answers = with_predictions(self, self._stream(image, None, as_published, errors), top)
        if errors is None and how_many(image) == "several":
            return [list(answer.predictions) for answer in answers]
        return answers

    def _stream(
        self, image: Source, at: str | Iterable[str] | None, as_published: bool, errors: Errors | None
    ) -> Iterator[Answer]:
        from refnet.pipeline.many import stream
        from refnet.pipeline.pipeline import Pipeline

        return stream(Pipeline(self, at, as_published=as_published), image, errors)

    @staticmethod
    def _fill(tensors: Mapping[str, Array], answers: Iterable[Answer]) -> None:
        """Put each picture's tensors into arrays [N, …] by name."""
        for answer in answers:
            for name, tensor in tensors.items():
                tensor[answer.place] = answer.tensors[name]

    def _named(self, answer: Array, top: int) -> list[Prediction]:
        """Name the classes of an answer that ``_collect`` or a pipeline gave."""
        if not np.isfinite(answer).all():
            raise WeightsError(
                f"{self.variant} gives no finite answer: its weights overflow {self.dtype} on this picture"
            )
        return predictions(answer, top, self.labels, self.weights.architecture.top.meaning)

    def _collect(self, x: Array, wanted: str | Iterable[str]) -> dict[str, Array]:
        """Run all pictures; as many are in memory at once as there are threads."""
        plan = self._plan_of(x)
        wanted = self._check_names(wanted)
        self._check_memory(plan, wanted, len(x))
        finite("the input", x)
        shapes = self._shapes_on(plan)
        tensors = {name: np.empty((len(x), *shapes[name]), self.dtype) for name in wanted}
        self._engine.run_batch(x, tensors)
        return tensors

    def _plan_of(self, x: Array) -> Plan:
        """The plan for pictures of this size; their numbers are not looked at yet, of which there may be too many."""
        return self._plan_for(*shaped_pictures(x, self.weights.architecture.channels).shape[1:3])

    def _check_memory(self, plan: Plan, wanted: Collection[str], count: int = 1, *, apart: bool = False) -> None:
        """Refuse a run that needs more memory than there is; ``apart`` if each picture's is kept until all are done."""
        shapes = self._shapes_on(plan)
        sizes = [math.prod(shapes[name]) for name in wanted]
        outputs = 2 * max(sizes, default=0) if apart else sum(sizes)  # handed out one by one, or all together
        needed = self._engine.needs((plan.height, plan.width), wanted, runs=count if apart else 1)
        needed += count * outputs * self.dtype.itemsize
        if missing := memory.lack(needed):
            raise InputError(
                f"{self._run_on(plan, count)} needs {missing}; want a smaller picture or fewer at once: `refnet "
                f"plan {self.variant} --size {plan.height}x{plan.width} --memory` shows what a run needs"
            )

    def _run_on(self, plan: Plan, count: int) -> str:
        many = f"{count} pictures" if count > 1 else "a picture"
        return f"{self.variant} on {many} of {plan.height}x{plan.width}"

    def _check_names(self, wanted: str | Iterable[str]) -> list[str]:
        asked = [wanted] if isinstance(wanted, str) or not isinstance(wanted, Iterable) else list(wanted)
        for name in asked:
            if not (isinstance(name, str) and name in self.shapes):
                raise InputError(f"{self.variant} has no step {name!r}{self._why_not(name)}")
        return list(dict.fromkeys(asked))

    def _why_not(self, name: Any) -> str:
        if isinstance(name, str) and name in (names.LOGITS, names.PROBABILITIES):
            if not self.weights.architecture.classes:
                return NO_CLASSIFIER
            return f"; its answer is {self.plan.answer!r}, each number a {self.weights.architecture.top.meaning}"
        near = get_close_matches(str(name), self.shapes, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        return f"; {hint}`refnet plan {self.variant}` lists them"


def _plan_for(architecture: Architecture, padding: Padding, height: int, width: int) -> Plan:
    return make_plan(architecture, (height, width), padding=padding)
