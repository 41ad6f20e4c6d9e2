"""One engine in a process of its own: the half of tools/bench_peers.py that runs networks.

    python tools/peer_workers.py ENGINE MODEL_FILE INPUT.npy THREADS

Loads the model, runs it once on the input f32[N, H, W, 3], and says so in a line of JSON; then does what each line
of JSON on standard input asks for, until that ends. Between lines it waits in a read, which takes no processor time.
An engine is imported only where it is the one that runs, so that a process's memory is its own.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
Call = Callable[[], Any]
Engine = Callable[[Array], Call]  # takes x f32[N, H, W, 3], lays it out as it likes, gives a call that makes logits


def refnet(dtype: str) -> Callable[..., Engine]:
    """Run refnet, on an .h5 file."""

    def load(file: str, threads: int, shape: list[int]) -> Engine:
        import refnet

        net = refnet.load(file, dtype=dtype, threads=threads)
        return lambda x: lambda: net.logits(x)

    return load


def onnx_runtime(file: str, threads: int, shape: list[int]) -> Engine:
    """Run ONNX Runtime with all its optimisations, told the batch beforehand."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.add_free_dimension_override_by_name("N", shape[0])
    session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])

    def ready(x: Array) -> Call:
        feed = {"input": channels_first(x)}
        return lambda: session.run(["logits"], feed)[0]

    return ready


def openvino(file: str, threads: int, shape: list[int]) -> Engine:
    """Run OpenVINO for latency, in float32, told the batch beforehand; no copies of input or output."""
    sys.modules["openvino_telemetry"] = None  # it would phone home when imported
    import openvino as ov

    core = ov.Core()
    model = core.read_model(file)
    model.reshape([shape[0], shape[3], *shape[1:3]])
    compiled = core.compile_model(
        model,
        "CPU",
        {"INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"},
    )
    request = compiled.create_infer_request()

    def ready(x: Array) -> Call:
        feed = {"input": channels_first(x)}
        return lambda: request.infer(feed, share_inputs=True, share_outputs=True)["logits"]

    return ready


def litert(file: str, threads: int, shape: list[int]) -> Engine:
    """Run LiteRT with its default kernels, XNNPACK's; input and output stay where it has them."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(file, num_threads=threads)
    interpreter.allocate_tensors()
    (entry,), (answer,) = interpreter.get_input_details(), interpreter.get_output_details()
    output = interpreter.tensor(answer["index"])

    def ready(x: Array) -> Call:
        interpreter.tensor(entry["index"])()[...] = x

        def call() -> Array:
            interpreter.invoke()
            return output().copy()  # the interpreter does not run while somebody looks at its memory

        return call

    return ready


def ncnn(file: str, threads: int, shape: list[int]) -> Engine:
    """Run ncnn in float32; it knows no batches, so that pictures come one after the other."""
    import ncnn

    net = ncnn.Net()
    net.opt.num_threads = threads
    for kind in ("fp16_packed", "fp16_storage", "fp16_arithmetic", "bf16_storage", "bf16_packed"):
        setattr(net.opt, f"use_{kind}", False)
    if net.load_param(file) or net.load_model(str(Path(file).with_suffix(".bin"))):
        raise OSError(f"ncnn cannot read {file}")
    entry, answer = net.input_names()[0], net.output_names()[0]  # logits are in front of probabilities

    def ready(x: Array) -> Call:
        pictures = [ncnn.Mat(picture).clone() for picture in channels_first(x)]

        def one(picture: Any) -> Array:
            extractor = net.create_extractor()
            extractor.input(entry, picture)
            return np.array(extractor.extract(answer)[1])

        return lambda: np.stack([one(picture) for picture in pictures])

    return ready


def mnn(file: str, threads: int, shape: list[int]) -> Engine:
    """Run MNN in float32; it computes in its input's memory, which a call has to fill again."""
    import MNN

    interpreter = MNN.Interpreter(file)
    session = interpreter.createSession({"backend": "CPU", "numThread": threads, "precision": "high"})
    entry = interpreter.getSessionInput(session)
    interpreter.resizeTensor(entry, (shape[0], shape[3], *shape[1:3]))
    interpreter.resizeSession(session)
    answer = interpreter.getSessionOutput(session, "logits")

    def tensor(values: Array) -> Any:
        return MNN.Tensor(values.shape, MNN.Halide_Type_Float, values, MNN.Tensor_DimensionType_Caffe)

    def ready(x: Array) -> Call:
        picture, logits = tensor(channels_first(x)), tensor(np.zeros(answer.getShape(), np.float32))

        def call() -> Array:
            entry.copyFrom(picture)
            interpreter.runSession(session)
            answer.copyToHostTensor(logits)
            return np.array(logits.getNumpyData())

        return call

    return ready


def torch(memory_format: str, *, compiled: bool = False) -> Callable[..., Engine]:
    """Run PyTorch, eager or compiled by inductor, on a pickled module."""

    def load(file: str, threads: int, shape: list[int]) -> Engine:
        import torch

        torch.set_num_threads(threads)
        torch.set_num_interop_threads(1)
        layout = getattr(torch, memory_format)
        model = torch.load(file, weights_only=False).to(memory_format=layout)
        if compiled:
            import torch._inductor.config

            torch._inductor.config.freezing = True  # weights are constants, which it folds and lays out anew
            model = torch.compile(model, dynamic=False)

        def ready(x: Array) -> Call:
            picture = torch.from_numpy(channels_first(x)).contiguous(memory_format=layout)

            def call() -> Array:
                with torch.inference_mode():
                    return model(picture).numpy()

            return call

        return ready

    return load


ENGINES: dict[str, Callable[[str, int, list[int]], Engine]] = {
    "refnet": refnet("float32"),
    "refnet float64": refnet("float64"),
    "ONNX Runtime": onnx_runtime,
    "OpenVINO": openvino,
    "LiteRT": litert,
    "ncnn": ncnn,
    "MNN": mnn,
    "PyTorch NCHW": torch("contiguous_format"),
    "PyTorch NHWC": torch("channels_last"),
    "PyTorch compiled": torch("channels_last", compiled=True),
}


def channels_first(x: Array) -> Array:
    """Copy x [N, H, W, C] to a contiguous [N, C, H, W]."""
    return np.ascontiguousarray(x.transpose(0, 3, 1, 2))


def seconds_of(call: Call, warm_up: int, calls: int) -> list[float]:
    """Time each of a number of calls, after some that do not count."""
    for _ in range(warm_up):
        call()
    seconds = []
    for _ in range(calls):
        begin = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - begin)
    return seconds


def peak_bytes() -> int:
    """Most memory this process has had resident since it began to run this program."""
    # Not getrusage's ru_maxrss: a child begins with its parent's.
    for line in Path("/proc/self/status").read_text("ascii").splitlines():
        if line.startswith("VmHWM:"):
            return 1024 * int(line.split()[1])
    raise OSError("no VmHWM in /proc/self/status")


def main(engine: str, file: str, input_file: str, threads: str) -> None:
    """Serve until standard input ends."""
    answers = os.fdopen(os.dup(1), "w")  # libraries that print do so on standard error
    os.dup2(2, 1)

    def answer(value: object) -> None:
        print(json.dumps(value), file=answers, flush=True)

    x = np.load(input_file)
    ready = ENGINES[engine](file, int(threads), list(x.shape))
    call = ready(x)
    call()
    answer("ready")
    for line in sys.stdin:
        request = json.loads(line)
        if request["do"] == "time":
            answer(seconds_of(call, request["warm_up"], request["calls"]))
        elif request["do"] == "memory":
            answer(peak_bytes())
        elif request["do"] == "logits":
            pictures = np.load(request["pictures"])  # one by one: what is compiled for this batch is for this batch
            np.save(request["to"], np.concatenate([np.array(ready(picture[None])()) for picture in pictures]))
            answer("saved")


if __name__ == "__main__":
    main(*sys.argv[1:])
