"""A graph is the network that it computes, or is refused by the node that departs from it."""

from dataclasses import replace

import numpy as np
import pytest
from helpers.graphs import EPS, TINY, TINY_LITE, appended, changed, graph_of, inserted

from refnet.architecture.top import Top, TopLayer
from refnet.architecture.variants import variant
from refnet.checkpoints.graph.graph import Graph, Node
from refnet.checkpoints.graph.match import FOLDED, Found, match
from refnet.errors import CheckpointError
from refnet.weights import synthetic

CANDIDATES = (TINY, TINY_LITE)
BASE = graph_of(TINY)


def found(graph: Graph, **how) -> Found:
    return match(graph, candidates=CANDIDATES, **how)


def without_top(graph: Graph, *, keep: int = 0) -> Graph:
    """The graph up to its last convolution, and as many nodes more."""
    names = list(graph.nodes)
    last = names.index("head.swish") + keep
    return Graph({name: graph.nodes[name] for name in names[: last + 1]}, (names[last],))


def vector(name: str, op: str, *inputs: str, **settings) -> Node:
    return Node(name, op.title(), op, inputs, settings)


def dense(name: str, C: int, K: int, *, bias: bool = True) -> Node:
    generator = np.random.default_rng(0)
    tensors = {"kernel": generator.standard_normal((C, K)).astype(np.float32)}
    if bias:
        tensors["bias"] = np.arange(K, dtype=np.float32)
    return Node(name, "Gemm", "dense", (), {}, tensors, {"kernel": f"{name}.weight"})


def norm(name: str, C: int, eps: float = 1e-5) -> Node:
    tensors = {leaf: np.full(C, 0.5, np.float32) for leaf in ("gamma", "beta", "mean", "variance")}
    return Node(name, "BatchNormalization", "batch_norm", (), {"eps": eps}, tensors)


def constant(name: str, op: str, numbers) -> Node:
    return Node(name, op.title(), op, (), {}, {"constant": np.float32(numbers)})


# What it is -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("net", CANDIDATES, ids=lambda net: net.name)
@pytest.mark.parametrize("size", [64, 63, (64, 47), None], ids=str)
@pytest.mark.parametrize("padding", ["same", "symmetric"])
def test_a_network(net, size, padding):
    graph = graph_of(net, size, padding)
    network = found(graph)
    assert (network.padding, network.bn_eps, network.normalise) == (padding, EPS, ())
    resolution = size if isinstance(size, int) else net.resolution
    assert network.architecture == replace(net, coefficients=replace(net.coefficients, resolution=resolution))
    expected = synthetic.tensors(net)
    assert list(network.tensors) == list(network.sources) == list(expected)
    for key, array in expected.items():
        assert network.tensors[key].tobytes() == array.tobytes(), key
    assert network.sources["stem/kernel"] == "stem.convolution.w"
    assert network.sources["stem/bn/mean"] == "stem.batch_norm:mean"
    told = network.told
    assert told == (
        ("the file's input has 64 x 47 pixels; here pictures are square unless a size is given",) * (size == (64, 47))
    )


@pytest.mark.parametrize("name", ["b0", "lite4", "b7"])
def test_published_networks_are_found(name):
    network = match(graph_of(variant(name), None))
    assert network.architecture == variant(name)


def test_static_pads_of_another_size():
    """By which side they are named does not matter: zeros are those of the size that they come from."""
    for of in (224, 227, 300):
        static = graph_of(TINY, of)
        free = changed(static, "input", settings={"shape": (None, None, 3)})
        assert found(free).padding.startswith("same@")
        at_63 = changed(static, "input", settings={"shape": (63, 63, 3)})
        assert found(at_63).padding == {224: "same@64"}.get(of, found(at_63).padding)
        assert found(changed(static, "input", settings={"shape": (of, of, 3)})).padding == "same"


def test_zeros_that_one_odd_side_makes():
    """Of a picture that is odd at one depth only, TensorFlow's rule pads as this graph does, so that is its rule."""
    graph = changed(BASE, "block3a.depthwise.depthwise", settings={"pads": (2, 2, 2, 2)})
    rule = found(graph).padding
    assert rule.startswith("same@")
    side = int(rule.removeprefix("same@"))
    static = changed(graph_of(TINY, side), "input", settings={"shape": (64, 64, 3)})
    convolutions = [name for name, node in graph.nodes.items() if node.op in ("convolution", "depthwise")]
    assert all(static.nodes[name].settings == graph.nodes[name].settings for name in convolutions)


def test_zeros_that_no_window_reaches():
    shorter = changed(graph_of(TINY, 64, "symmetric"), "stem.convolution", settings={"pads": (1, 0, 1, 0)})
    assert found(shorter).padding == "symmetric"


# Ways of saying the same ----------------------------------------------------------------------------------------------


def test_neutral_nodes_and_those_beside_the_way():
    graph = inserted(BASE, "head.convolution", vector("identity", "neutral"))
    graph = inserted(graph, "logits.dense", vector("dropout", "neutral"))
    graph = inserted(graph, "stem.convolution", constant("one", "multiply", 1))
    loose = {"loss": vector("loss", "foreign", "logits.dense"), "aux": vector("aux", "foreign", "loss")}
    told = found(Graph({**graph.nodes, **loose}, graph.outputs)).told
    assert told == ("2 nodes (loss, aux) on no way to the answer 'probabilities.softmax', so unused",)


def test_pads_and_biases_of_their_own():
    pads = BASE.nodes["stem.convolution"].settings["pads"]
    graph = changed(BASE, "stem.convolution", settings={"pads": (0, 0, 0, 0)})
    graph = inserted(graph, "stem.convolution", vector("zeros", "pad", pads=pads))
    bias = BASE.nodes["logits.dense"].tensors["bias"]
    bare = replace(graph.nodes["logits.dense"], tensors={"kernel": graph.nodes["logits.dense"].tensors["kernel"]})
    graph = Graph({**graph.nodes, "logits.dense": bare}, graph.outputs)
    graph = inserted(graph, "probabilities.softmax", replace(constant("add", "add", bias), sources={"constant": "b"}))
    network = found(graph)
    assert network.padding == "same"
    assert network.tensors["logits/bias"].tobytes() == bias.tobytes()
    assert (network.sources["logits/kernel"], network.sources["logits/bias"]) == ("logits.dense:kernel", "b")


def test_layers_without_some_tensors():
    """A scale of 1 and a shift of 0 are exact."""
    norm = BASE.nodes["head.batch_norm"]
    only = replace(norm, tensors={leaf: norm.tensors[leaf] for leaf in ("mean", "variance")})
    bare = replace(BASE.nodes["logits.dense"], tensors={"kernel": BASE.nodes["logits.dense"].tensors["kernel"]})
    network = found(Graph({**BASE.nodes, norm.name: only, bare.name: bare}, BASE.outputs))
    assert (network.tensors["head/bn/gamma"] == 1).all()
    assert not network.tensors["head/bn/beta"].any()
    assert not network.tensors["logits/bias"].any()


def test_wider_types_are_taken_where_they_hold_float32():
    kernel = BASE.nodes["logits.dense"].tensors["kernel"]
    assert found(changed(BASE, "logits.dense", tensors={"kernel": kernel.astype(np.float64)})).tensors
    with pytest.raises(CheckpointError, match=r"'logits.dense' \(Gemm\) has kernel in float64; .* float32"):
        found(changed(BASE, "logits.dense", tensors={"kernel": kernel + np.float64(1e-12)}))


def folded(graph: Graph, *, but: tuple[str, ...] = ()) -> Graph:
    """Without batch norms, with biases."""
    nodes, gone = {}, {}
    for name, node in graph.nodes.items():
        node = replace(node, inputs=tuple(gone.get(each, each) for each in node.inputs))
        if node.op in ("convolution", "depthwise") and name not in but:
            K = node.tensors["kernel"].shape[-1]
            node = replace(node, tensors={**node.tensors, "bias": np.arange(K, dtype=np.float32)})
        if node.op == "batch_norm" and node.inputs[0] not in but:
            gone[name] = node.inputs[0]
        else:
            nodes[name] = node
    return Graph(nodes, graph.outputs)


def test_folded_batch_norms():
    network = found(folded(BASE))
    assert network.architecture == replace(TINY, folded=True)
    assert (network.bn_eps, network.told) == (0.0, (FOLDED,))
    assert not [key for key in network.tensors if "/bn/" in key]
    assert network.tensors["stem/bias"].tolist() == list(range(8))
    with pytest.raises(CheckpointError, match="has no batch norm, and 1 other convolutions have one"):
        found(folded(BASE, but=("head.convolution",)))


# Pixels ---------------------------------------------------------------------------------------------------------------


def test_what_is_done_to_pixels():
    graph = inserted(BASE, "stem.convolution", constant("scale", "multiply", 1 / 255))
    graph = inserted(graph, "stem.convolution", constant("mean", "subtract", [[[0.5, 0.25, 0.125]]]))
    graph = inserted(graph, "stem.convolution", constant("std", "divide", [0.5, 0.5, 0.25]))
    graph = inserted(graph, "stem.convolution", constant("more", "add", -1))
    assert found(graph).normalise == (
        ("multiply", (float(np.float32(1 / 255)),) * 3),
        ("subtract", (0.5, 0.25, 0.125)),
        ("divide", (0.5, 0.5, 0.25)),
        ("subtract", (1.0, 1.0, 1.0)),
    )


@pytest.mark.parametrize(
    "node",
    [
        constant("n", "multiply", np.ones((2, 2, 3)) * 2),
        constant("n", "multiply", [1, 2]),
        constant("n", "divide", 0),
        constant("n", "multiply", 1e9),
        constant("n", "add", np.nan),
        norm("n", 3),
        vector("n", "activation", function="tanh"),
        vector("n", "clip", low=0.0, high=1.0),
        vector("n", "foreign"),
    ],
    ids=str,
)
def test_what_cannot_be_done_to_pixels(node):
    with pytest.raises(CheckpointError, match=r"node 'n' \("):
        found(inserted(BASE, "stem.convolution", node))


# The top --------------------------------------------------------------------------------------------------------------

TRUNK = without_top(BASE)
POOLED = without_top(BASE, keep=1)
MEAN, MAX = vector("mean", "mean", "head.swish"), vector("max", "max", "head.swish")
BOTH = appended(TRUNK, MEAN, MAX)
HEAD_K = TINY.head_channels


@pytest.mark.parametrize(
    ("nodes", "top", "classes"),
    [
        ([dense("d", HEAD_K, 3)], Top(output="none"), 3),
        ([dense("d", HEAD_K, 1), vector("s", "activation", function="sigmoid")], Top(output="sigmoid"), 1),
        ([dense("d", HEAD_K, 3), vector("s", "log_softmax")], Top(output="log_softmax"), 3),
        ([dense("d", HEAD_K, 3), vector("s", "activation", function="relu")], Top(output="relu"), 3),
        ([dense("d", HEAD_K, 3), constant("t", "divide", 1.5), vector("s", "softmax")], Top(temperature=1.5), 3),
        ([dense("d", HEAD_K, 3), constant("t", "multiply", [0.25] * 3)], Top(temperature=4.0, output="none"), 3),
        (
            [norm("n", HEAD_K), dense("d", HEAD_K, 7), vector("a", "activation", function="relu"), dense("e", 7, 2)],
            Top(layers=(TopLayer("batch_norm", eps=1e-5), TopLayer("dense", 7, "relu")), output="none"),
            2,
        ),
        (
            [vector("a", "activation", function="tanh"), dense("d", HEAD_K, 7, bias=False), dense("e", 7, 2)],
            Top(layers=(TopLayer("activation", activation="tanh"), TopLayer("dense", 7)), output="none"),
            2,
        ),
    ],
)  # fmt: skip
def test_tops(nodes, top, classes):
    network = found(appended(POOLED, *nodes))
    assert (network.architecture.top, network.architecture.classes) == (top, classes)
    assert network.tensors["logits/kernel"].shape[1] == classes


def test_tensors_of_a_top():
    nodes = [norm("n", HEAD_K), dense("d", HEAD_K, 7), norm("m", 7), dense("e", 7, 6), dense("f", 6, 2)]
    network = found(appended(POOLED, *nodes))
    names = [key for key in network.tensors if key.startswith(("top", "logits"))]
    leaves = ("gamma", "beta", "mean", "variance")
    assert names == [
        *(f"top/norm1/bn/{leaf}" for leaf in leaves), "top/dense1/kernel", "top/dense1/bias",
        *(f"top/norm2/bn/{leaf}" for leaf in leaves), "top/dense2/kernel", "top/dense2/bias",
        "logits/kernel", "logits/bias",
    ]  # fmt: skip
    assert network.sources["top/dense2/kernel"] == "e.weight"


def test_poolings():
    assert found(appended(TRUNK, MAX)).architecture.top.pooling == "max"
    joined = appended(BOTH, vector("c", "concatenate", "mean", "max"), dense("d", 2 * HEAD_K, 3))
    assert found(joined).architecture.top == Top("concatenated", output="none")
    summed = appended(BOTH, vector("c", "add", "max", "mean"), constant("half", "multiply", 0.5), dense("d", HEAD_K, 3))
    assert found(summed).architecture.top == Top("mean+max", output="none")
    for wrong in (vector("c", "concatenate", "max", "mean"), vector("c", "add", "max", "mean")):
        with pytest.raises(CheckpointError, match=r"node 'c' .* joins mean and max in another way"):
            found(appended(BOTH, wrong, dense("d", HEAD_K, 3)))


def gem(eps: float = 1e-6, p: float = 3.0, inverse: float = 1 / 3) -> Graph:
    return appended(
        TRUNK, vector("clip", "clip", low=eps, high=None), vector("p", "power", exponent=p),
        vector("m", "mean"), vector("r", "power", exponent=inverse), dense("d", HEAD_K, 3),
    )  # fmt: skip


def test_generalised_mean():
    network = found(gem())
    assert network.architecture.top.pooling == "gem"
    assert network.tensors["pool/p"].tolist() == [3.0]
    for wrong, what in ((gem(eps=1e-3), "GeM's limit is 1e-06"), (gem(inverse=0.5), "stands where the pool is")):
        with pytest.raises(CheckpointError, match=what):
            found(wrong)


def test_layers_behind_the_pool_without_a_classifier():
    network = found(appended(POOLED, norm("n", HEAD_K), vector("a", "activation", function="sigmoid"))).architecture
    assert network.classes == 0
    assert [layer.kind for layer in network.top.layers] == ["batch_norm", "activation"]


@pytest.mark.parametrize(
    "nodes",
    [
        [constant("n", "multiply", 2.0), dense("d", HEAD_K, 3)],
        [dense("d", HEAD_K, 3), norm("n", 3)],
        [dense("d", HEAD_K, 3), constant("n", "multiply", [1, 2, 3])],
        [dense("d", HEAD_K, 3), constant("n", "multiply", -1)],
        [dense("d", HEAD_K, 3), vector("s", "softmax"), constant("n", "multiply", 2)],
        [dense("d", HEAD_K, 3), vector("s", "softmax"), vector("n", "softmax")],
        [dense("d", HEAD_K, 3), vector("n", "activation", function="swish")],
        [dense("d", HEAD_K, 3), vector("n", "foreign")],
        [vector("n", "activation", function="selu"), dense("d", HEAD_K, 3)],
    ],
)
def test_a_top_that_cannot_be(nodes):
    graph = appended(POOLED, *nodes)
    with pytest.raises(CheckpointError, match=r"node 'n' \(.*`--head none` converts"):
        found(graph)
    network = found(graph, head="none")
    assert (network.architecture.top, network.architecture.classes) == (Top(), 0)
    assert network.told[-1].endswith("behind the pool, left out as asked")


def test_features():
    network = found(POOLED)
    assert (network.architecture.classes, network.architecture.top) == (0, Top())
    assert network.told == ()
    with pytest.raises(CheckpointError, match=r"'head.swish' .* before the pool; `--head none`"):
        found(TRUNK)
    assert found(TRUNK, head="none").told == ("the graph ends before the pool; the mean is added, as asked",)


# What departs from every network --------------------------------------------------------------------------------------

DEPTHWISE, REDUCE = "block3a.depthwise.depthwise", "block6a.reduce"


def setting(name: str, **settings) -> Graph:
    return changed(BASE, name, settings=settings)


def activated(step: str, function: str, x: str) -> Graph:
    """With another activation in the place of swish."""
    return changed(BASE, f"{step}.swish", op="activation", settings={"function": function}, inputs=(f"{step}.{x}",))


def kernel(*shape: int) -> Graph:
    return changed(BASE, "stem.convolution", tensors={"kernel": np.ones(shape, np.float32)})


def before_block4(node: Node) -> Graph:
    return inserted(BASE, "block4a.expand.convolution", node)


@pytest.mark.parametrize(
    ("graph", "why"),
    [
        (setting("stem.convolution", stride=(1, 1)), r"'stem.convolution' .* stride of \(1, 1\)"),
        (setting("head.convolution", stride=(2, 2)), "head has .1, 1."),
        (setting("stem.convolution", dilation=(2, 2)), "dilation"),
        (setting("stem.convolution", groups=2), "groups"),
        (setting(DEPTHWISE, stride=(1, 1)), "block3a has a stride of 2; .* has 1"),
        (setting(DEPTHWISE, stride=(2, 1)), r"a stride of \(2, 1\)"),
        (setting(DEPTHWISE, pads=(0, 3, 0, 3)), "pads by top 0, bottom 3.*depthwise has top 1, bottom 2"),
        (setting("block4a.project.convolution", pads=(1, 0, 0, 0)), "'block4a.project.convolution'"),
        (changed(BASE, "block4a.reduce.dense", op="foreign"), "'block4a.reduce.dense'"),
        (setting("block5a.project.batch_norm", eps=1e-5), "an epsilon of 1e-05; .* 0.001"),
        (activated("stem", "relu", "batch_norm"), "activation relu"),
        (changed(BASE, "stem.swish", op="foreign"), "cannot stand between blocks"),
        (changed(BASE, "block1a.depthwise.swish", op="add"), "node 'block1a.depthwise.swish'|is no squeeze"),
        (setting("block6a.gate.activation", function="hard_sigmoid"), "followed by hard_sigmoid"),
        (activated(REDUCE, "relu", "dense"), "followed by relu"),
        (changed(BASE, "block6a.squeeze.mean", op="max"), "no squeeze-excite"),
        (changed(BASE, "block6a.excite.excite", op="add"), "no squeeze-excite"),
        (changed(BASE, "block6b.add.add", op="multiply"), "."),
        (changed(BASE, "block6b.add.add", op="subtract"), "."),
        (changed(BASE, "block6b.add.add", op="neutral", inputs=("block6b.project.batch_norm",)), "does not add"),
        (changed(BASE, "head.convolution", inputs=("block6b.add.add",)), "8 blocks, not 7"),
        (before_block4(constant("n", "multiply", 2)), "node 'n' .* between blocks"),
        (before_block4(vector("n", "activation", function="relu")), "activation"),
        (inserted(BASE, "pool.mean", norm("n", HEAD_K)), "node 'n' .* where the pool is"),
        (changed(BASE, "stem.convolution", tensors={"bias": np.ones(8, np.float32)}), "a bias and a batch norm"),
        (setting("input", shape=(64, 64, 1)), "has 1 channels"),
        (kernel(3, 3, 4, 8), "kernel of shape"),
        (kernel(5, 5, 3, 8), "kernel of shape"),
        (graph_of(variant("b0")), "none of tiny, tinylite; nearest is tiny"),
        (Graph({}, ()), "no output"),
        (Graph(BASE.nodes, ("nowhere",)), "no node 'nowhere'"),
    ],
)  # fmt: skip
def test_what_departs_is_refused(graph, why):
    with pytest.raises(CheckpointError, match=why) as refusal:
        found(graph)
    assert len(str(refusal.value)) < 600


def test_several_outputs():
    both = Graph(BASE.nodes, ("logits.dense", "probabilities.softmax"))
    assert found(both).architecture.top.output == "softmax"
    assert found(both, output="logits.dense").architecture.top.output == "none"
    apart = Graph({**BASE.nodes, "x": vector("x", "foreign", "pool.mean")}, ("probabilities.softmax", "x"))
    with pytest.raises(CheckpointError, match=r"2 outputs, none of which leads to the others: 'prob.*', 'x'"):
        found(apart)


def test_graphs_that_cannot_be():
    backwards = Graph(dict(reversed(BASE.nodes.items())), BASE.outputs)
    with pytest.raises(CheckpointError, match="comes before what it reads"):
        found(backwards)
    two = Graph({**BASE.nodes, "other": Node("other", "Input", "input")}, BASE.outputs)
    assert found(two).told == ()
    merged = changed(two, "pool.mean", op="add", inputs=("head.swish", "other"))
    with pytest.raises(CheckpointError, match=r"depends on 2 inputs|comes before"):
        found(Graph({"other": two.nodes["other"], **merged.nodes}, BASE.outputs))
