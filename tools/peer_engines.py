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
    """Run ONNX Runtime with its default optimisations, told the batch beforehand."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
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


def torch(memory_format: str) -> Callable[..., Engine]:
    """Run PyTorch eager, on a pickled module."""

    def load(file: str, threads: int, shape: list[int]) -> Engine:
        import torch

        torch.set_num_threads(threads)
        torch.set_num_interop_threads(1)
        layout = getattr(torch, memory_format)
        model = torch.load(file, weights_only=False).to(memory_format=layout)

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
    "PyTorch NCHW": torch("contiguous_format"),
    "PyTorch NHWC": torch("channels_last"),
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
