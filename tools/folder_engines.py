"""One engine that classifies a folder of pictures, in a process of its own: half of tools/bench_folder.py.

    python tools/folder_engines.py ENGINE MODEL_FILE THREADS FOLDER once|serve

The pictures are cut, resized and normalised as the recipe ``lite`` says, by Pillow where it is not refnet; ``tf`` has
other constants at the same cost. ``once`` classifies the folder, prints a line a picture and ends. ``serve`` does that
silently for each line on standard input, and answers with the seconds, the seconds of CPU, and the classes. An engine
is imported only where it is the one that runs.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
Classify = Callable[[Sequence[str]], Iterator[int]]  # files -> the class of each, in order

BATCH = 8
PADDING = 32


def picture_of(file: str, size: int) -> Array:
    """Decode, cut, resize and normalise with Pillow and NumPy, in the fewest operations: f32[3, size, size]."""
    from PIL import Image

    with Image.open(file) as image:
        rgb = image.convert("RGB")
    side = int(size / (size + PADDING) * min(rgb.size))
    left, top = (rgb.width - side + 1) // 2, (rgb.height - side + 1) // 2
    small = rgb.resize((size, size), Image.Resampling.BICUBIC, box=(left, top, left + side, top + side))
    pixels = np.asarray(small, np.float32)
    return (pixels.transpose(2, 0, 1) - np.float32(127)) * np.float32(1 / 128)


def refnet(file: str, threads: int) -> Classify:
    """Run refnet's own pipeline."""
    import refnet

    network = refnet.load(file, threads=threads)
    pipeline = refnet.Pipeline(network)
    return lambda files: (int(answer.tensors[network.plan.answer].argmax()) for answer in pipeline.run(files))


def onnx_session(file: str, threads: int) -> Callable[[Array], Array]:
    """ONNX Runtime with its default optimisations."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    return lambda x: session.run(["logits"], {"input": x})[0]


def openvino_model(file: str, threads: int, hint: str = "LATENCY", streams: int = 1) -> Any:
    """OpenVINO in float32, with so many runs at a time."""
    sys.modules["openvino_telemetry"] = None  # it would phone home when imported
    import openvino as ov

    settings = {
        "INFERENCE_NUM_THREADS": threads,
        "PERFORMANCE_HINT": hint,
        "NUM_STREAMS": streams,
        "INFERENCE_PRECISION_HINT": "f32",
    }
    return ov.Core().compile_model(file, "CPU", settings)


def by_workers(run: Callable[[], Callable[[Array], Array]], threads: int, size: int) -> Classify:
    """Each thread takes a picture, prepares it and runs the network on it, by one thread."""
    from threading import local

    own = local()

    def classify(file: str) -> int:
        if not hasattr(own, "run"):
            own.run = run()
        return int(own.run(picture_of(file, size)[None]).argmax())

    pool = ThreadPoolExecutor(threads)
    return lambda files: pool.map(classify, files)


def by_batches(run: Callable[[Array], Array], threads: int, size: int) -> Classify:
    """Threads prepare pictures ahead, the network runs on batches with all threads."""
    pool = ThreadPoolExecutor(threads)

    def classify(files: Sequence[str]) -> Iterator[int]:
        groups = [files[i : i + BATCH] for i in range(0, len(files), BATCH)]
        ahead = [[pool.submit(picture_of, file, size) for file in group] for group in groups[:2]]
        for number in range(len(groups)):
            x = np.stack([picture.result() for picture in ahead.pop(0)])
            if number + 2 < len(groups):
                ahead.append([pool.submit(picture_of, file, size) for file in groups[number + 2]])
            yield from run(x).argmax(axis=1).tolist()

    return classify


def ort_workers(file: str, threads: int) -> Classify:
    """ONNX Runtime, one session that all threads call."""
    run = onnx_session(file, 1)
    return by_workers(lambda: run, threads, side_of(file))


def ort_batches(file: str, threads: int) -> Classify:
    """ONNX Runtime on batches."""
    return by_batches(onnx_session(file, threads), threads, side_of(file))


def openvino_workers(file: str, threads: int) -> Classify:
    """OpenVINO, a stream and a request for each thread."""
    compiled = openvino_model(file, threads, "THROUGHPUT", threads)

    def run() -> Callable[[Array], Array]:
        request = compiled.create_infer_request()
        return lambda x: request.infer({"input": x})["logits"]

    return by_workers(run, threads, side_of(file))


def openvino_batches(file: str, threads: int) -> Classify:
    """OpenVINO on batches."""
    request = openvino_model(file, threads).create_infer_request()
    return by_batches(lambda x: request.infer({"input": x})["logits"], threads, side_of(file))


def torch_loader(file: str, threads: int) -> Classify:
    """PyTorch on a pickled module, with timm's transforms in a DataLoader of so many processes."""
    sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
    import torch
    from helpers import any_torchvision  # noqa: F401
    from PIL import Image
    from timm.data import create_transform
    from torch.utils.data import DataLoader, Dataset

    torch.set_num_threads(threads)
    model = torch.load(file, weights_only=False).to(memory_format=torch.channels_last)
    size = side_of(file)
    transform = create_transform(size, interpolation="bicubic", crop_pct=size / (size + PADDING))

    class Pictures(Dataset[Any]):
        def __init__(self, files: Sequence[str]) -> None:
            self.files = files

        def __len__(self) -> int:
            return len(self.files)

        def __getitem__(self, at: int) -> Any:
            return transform(Image.open(self.files[at]).convert("RGB"))

    def classify(files: Sequence[str]) -> Iterator[int]:
        with torch.inference_mode():
            for x in DataLoader(Pictures(files), BATCH, num_workers=threads):
                yield from model(x.contiguous(memory_format=torch.channels_last)).argmax(1).tolist()

    return classify


ENGINES: dict[str, Callable[[str, int], Classify]] = {
    "refnet": refnet,
    "ONNX Runtime, workers": ort_workers,
    "ONNX Runtime, batches": ort_batches,
    "OpenVINO, workers": openvino_workers,
    "OpenVINO, batches": openvino_batches,
    "PyTorch, DataLoader": torch_loader,
}


def side_of(file: str) -> int:
    """Side of the network's input, which the name of its file ends with: ``b0-224.onnx``."""
    return int(Path(file).stem.rpartition("-")[2])


def files_in(folder: str) -> list[str]:
    """Pictures of a folder, by name."""
    return sorted(str(path) for path in Path(folder).iterdir() if path.suffix.lower() in (".jpeg", ".jpg", ".png"))


def resident() -> int:
    """Bytes that this process has resident now."""
    for line in Path("/proc/self/status").read_text("ascii").splitlines():
        if line.startswith("VmRSS:"):
            return 1024 * int(line.split()[1])
    raise OSError("no VmRSS in /proc/self/status")


def main(engine: str, file: str, threads: str, folder: str, how: str) -> None:
    """Classify once, or as often as asked."""
    files = files_in(folder)
    classify = ENGINES[engine](file, int(threads))
    if how == "once":
        for name, found in zip(files, classify(files), strict=True):
            print(name, found)
        return
    answers = os.fdopen(os.dup(1), "w")  # libraries that print do so on standard error
    os.dup2(2, 1)
    for line in sys.stdin:
        wanted = files * json.loads(line)["times"]
        wall, cpu = time.perf_counter(), time.process_time()
        sizes, found = [], []
        for number, index in enumerate(classify(wanted)):
            found.append(index)
            if number % 500 == 0:
                sizes.append(resident())
        took = {"seconds": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
        answer = took | {"classes": found[: len(files)], "resident": sizes}
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
