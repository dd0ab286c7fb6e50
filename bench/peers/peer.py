"""One peer on one workload, kept alive so that it and Ocelli can take turns.

    python peer.py --workload T1 --threads 2 --variant channels_last

prints one JSON line when it is ready (after building, compiling and warming up); then every input line
`run SECONDS` is answered with one JSON line: images_per_s, latency_us (median), iterations, peak_memory (bytes).
`bench/src/main.rs` speaks the same.

Variants: eager, channels_last, compile, compile_channels_last (PyTorch; optimizers fused, inference compiled with
frozen weights), onnxruntime (inference only; the network exported by PyTorch, every graph optimisation on).
"""

import argparse
import json
import os
import resource
import statistics
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Callable


@dataclass
class Workload:
    network: str
    train: bool
    batch: int
    size: int


WORKLOADS = {
    "T1": Workload("lesson", True, 64, 32),
    "T2": Workload("lesson-bn", True, 64, 32),
    "T3": Workload("resnet18", True, 16, 64),
    "I1-latency": Workload("lesson", False, 1, 32),
    "I1-throughput": Workload("lesson", False, 64, 32),
    "I2-latency": Workload("resnet18", False, 1, 224),
    "I2-throughput": Workload("resnet18", False, 16, 224),
    "T4": Workload("mobilenet_v2", True, 16, 64),
    "T5": Workload("resnet50", True, 16, 224),
    "I3-latency": Workload("mobilenet_v2", False, 1, 224),
    "I3-throughput": Workload("mobilenet_v2", False, 16, 224),
    "I4-latency": Workload("efficientnet_b0", False, 1, 224),
    "I4-throughput": Workload("efficientnet_b0", False, 16, 224),
    "I5-latency": Workload("resnet50", False, 1, 224),
    "I5-throughput": Workload("resnet50", False, 16, 224),
}
WARM_UP_SECONDS = 1.0
WARM_UP_ITERATIONS = 5


def torch_step(work: Workload, variant: str) -> Callable[[], object]:
    """A function that does one training step, or one inference, in PyTorch."""
    import torch

    from models import build

    torch.manual_seed(0)
    layout = torch.channels_last if variant.endswith("channels_last") else torch.contiguous_format
    model = build(work.network).to(memory_format=layout)
    images = torch.randn(work.batch, 3, work.size, work.size).to(memory_format=layout)
    if variant.startswith("compile"):
        torch._inductor.config.freezing = not work.train
    compiled = torch.compile if variant.startswith("compile") else (lambda f: f)
    if not work.train:
        forward = compiled(model.eval())

        def infer():
            with torch.inference_mode():
                return forward(images)

        return infer

    labels = torch.randint(0, 10, (work.batch,))
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9, fused=True)
    forward = compiled(lambda x, y: torch.nn.functional.cross_entropy(model(x), y))

    def train():
        optimizer.zero_grad(set_to_none=True)
        forward(images, labels).backward()
        optimizer.step()

    return train


def export_onnx(work: Workload, path: Path) -> None:
    """Writes the workload's network as ONNX, for its batch size; PyTorch folds BatchNorm on the way."""
    import torch

    from models import build

    torch.manual_seed(0)
    images = torch.randn(work.batch, 3, work.size, work.size)
    temporary = path.with_suffix(f".{os.getpid()}")
    torch.onnx.export(build(work.network).eval(), (images,), temporary, dynamo=False)
    temporary.rename(path)


def onnxruntime_step(work: Workload, path: Path, threads: int) -> Callable[[], object]:
    """A function that does one inference in ONNX Runtime."""
    import numpy
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    shape = (work.batch, 3, work.size, work.size)
    feed = {session.get_inputs()[0].name: numpy.random.default_rng(0).standard_normal(shape, numpy.float32)}
    return lambda: session.run(None, feed)


def measure(step: Callable[[], object], seconds: float, at_least: int) -> list[float]:
    """The seconds each iteration took."""
    taken = []
    end = time.perf_counter() + seconds
    while len(taken) < at_least or time.perf_counter() < end:
        start = time.perf_counter()
        step()
        taken.append(time.perf_counter() - start)
    return taken


def versions() -> dict[str, str]:
    """The versions of the libraries this process has loaded."""
    names = ["torch", "torchvision", "onnxruntime", "numpy"]
    found = {name: sys.modules[name].__version__ for name in names if name in sys.modules}
    return {"python": sys.version.split()[0], **found}


def prepare(options: argparse.Namespace) -> Callable[[], object]:
    """The step that the options ask for."""
    work = WORKLOADS[options.workload]
    if options.variant == "onnxruntime":
        path = options.folder / f"{work.network}-{work.batch}x3x{work.size}x{work.size}.onnx"
        if not path.exists():
            # In a child, so that this process's peak memory is ONNX Runtime's alone.
            options.folder.mkdir(parents=True, exist_ok=True)
            if (child := os.fork()) == 0:
                export_onnx(work, path)
                os._exit(0)
            os.waitpid(child, 0)
        return onnxruntime_step(work, path, options.threads)
    import torch

    torch.set_num_threads(options.threads)
    torch.set_num_interop_threads(1)
    return torch_step(work, options.variant)


def peak_memory() -> int:
    """The largest resident size so far, bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def arguments(description: str, workloads) -> argparse.Namespace:
    """The command line of a peer."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workload", choices=workloads, required=True)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--variant", required=True)
    parser.add_argument("--folder", type=Path, default=Path("target/bench"), help="for files that are kept between runs")
    return parser.parse_args()


def serve(prepare: Callable[[], Callable[[], object]], images: int, memory: Callable[[], int] = peak_memory) -> None:
    """Prepares a step of `images` images, says when it is ready, and answers commands."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # whatever libraries print goes to stderr: stdout carries the answers alone

    step = prepare()
    measure(step, WARM_UP_SECONDS, WARM_UP_ITERATIONS)
    print(json.dumps({"ready": True, "versions": versions()}), file=answers)
    for line in sys.stdin:
        command, seconds = line.split()
        assert command == "run", f"unknown command {command}: the only one is `run SECONDS`"
        taken = measure(step, float(seconds), 1)
        answer = {
            "images_per_s": images * len(taken) / sum(taken),
            "latency_us": statistics.median(taken) * 1e6,
            "iterations": len(taken),
            "peak_memory": memory(),
        }
        print(json.dumps(answer), file=answers)


def main() -> None:
    options = arguments(__doc__, WORKLOADS)
    serve(lambda: prepare(options), WORKLOADS[options.workload].batch)


if __name__ == "__main__":
    main()
