"""A classifier over HTTP as a Python programmer writes it: FastAPI with PyTorch or with ONNX Runtime, or LitServe with PyTorch.

    python peer.py --kind fastapi-torch --folder FOLDER --port 8001 --variant freeze --workers 1 --threads 2

`FOLDER` has model.safetensors, model.onnx (the network on prepared floats, softmax included) and spec.json, which `run.py` writes. `POST
/predict` takes an image file (LitServe: a form with a part `image`) and answers with the five likeliest classes.

Variants of PyTorch, all in inference mode, channels last: eager, freeze (TorchScript, frozen, optimised for inference), compile
(torch.compile with frozen weights). `--pool N` decodes and infers on N threads beside the event loop; 0 does so in the loop itself.
"""

import argparse
import asyncio
import io
import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

parser = argparse.ArgumentParser()
parser.add_argument("--kind", choices=["fastapi-torch", "fastapi-onnx", "litserve"], required=True)
parser.add_argument("--folder", type=Path, required=True)
parser.add_argument("--port", type=int, required=True)
parser.add_argument("--variant", choices=["eager", "freeze", "compile", "onnx"], default="freeze")
parser.add_argument("--workers", type=int, default=1)
parser.add_argument("--threads", type=int, default=2)
parser.add_argument("--pool", type=int, default=0)
arguments = parser.parse_args()
os.environ["OMP_NUM_THREADS"] = str(arguments.threads)

import numpy as np
from PIL import Image

SPEC = json.loads((arguments.folder / "spec.json").read_text())
MEAN = np.asarray(SPEC["mean"], np.float32) * 255
SCALE = 1 / (np.asarray(SPEC["std"], np.float32) * 255)


def prepare(data: bytes) -> np.ndarray:
    """An image file as the network takes it, 3 × height × width: the shorter side resized, the middle, normalised."""
    image = Image.open(io.BytesIO(data)).convert("RGB")
    shorter, crop = SPEC["resize"], SPEC["crop"]
    width, height = image.size
    if width < height:
        width, height = shorter, int(shorter * height / width)
    else:
        width, height = int(shorter * width / height), shorter
    image = image.resize((width, height), Image.Resampling.BILINEAR)
    left, top = round((width - crop) / 2), round((height - crop) / 2)
    pixels = np.asarray(image.crop((left, top, left + crop, top + crop)), np.float32)
    return ((pixels - MEAN) * SCALE).transpose(2, 0, 1)


def torch_forward(variant: str):
    """A function from N × 3 × height × width floats to probabilities."""
    import torch
    from safetensors.torch import load_file

    from networks import build

    torch.set_num_threads(arguments.threads)
    torch.set_grad_enabled(False)
    network = build(SPEC["network"], len(SPEC["classes"]))
    network.load_state_dict(load_file(arguments.folder / "model.safetensors"), strict=False)
    module = torch.nn.Sequential(network, torch.nn.Softmax(1)).eval().to(memory_format=torch.channels_last)
    example = torch.zeros(1, 3, SPEC["crop"], SPEC["crop"]).to(memory_format=torch.channels_last)
    if variant == "freeze":
        module = torch.jit.optimize_for_inference(torch.jit.freeze(torch.jit.trace(module, example)))
    elif variant == "compile":
        torch._inductor.config.freezing = True
        module = torch.compile(module)

    def forward(batch: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            return module(torch.from_numpy(batch).contiguous(memory_format=torch.channels_last)).numpy()

    return forward


def onnx_forward():
    """The same in ONNX Runtime."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = arguments.threads
    session = onnxruntime.InferenceSession(arguments.folder / "model.onnx", options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda batch: session.run(None, {name: batch})[0]


def forward_of(variant: str):
    forward = onnx_forward() if variant == "onnx" else torch_forward(variant)
    forward(np.zeros((1, 3, SPEC["crop"], SPEC["crop"]), np.float32))
    return forward


def told(probabilities: np.ndarray) -> dict:
    """The five likeliest classes."""
    top = np.argsort(-probabilities)[:5]
    named = [{"label": SPEC["classes"][place], "probability": float(probabilities[place])} for place in top]
    return {"label": named[0]["label"], "top": named}


def fastapi():
    """The application, one for each worker."""
    from fastapi import FastAPI, Request

    forward = forward_of(arguments.variant)
    app = FastAPI()
    pool = ThreadPoolExecutor(arguments.pool) if arguments.pool else None

    def answer(data: bytes) -> dict:
        return told(forward(np.ascontiguousarray(prepare(data)[None]))[0])

    @app.post("/predict")
    async def predict(request: Request):
        data = await request.body()
        if pool is None:
            return answer(data)
        return await asyncio.get_running_loop().run_in_executor(pool, answer, data)

    return app


if arguments.kind == "litserve":
    import litserve

    # Its workers are processes of their own, which import this file anew and find the class here.
    class Api(litserve.LitAPI):
        """LitServe with its own batching."""

        def setup(self, device):
            self.forward = forward_of(arguments.variant)

        def decode_request(self, request):
            return prepare(request["image"].file.read())

        def batch(self, inputs):
            return np.stack(inputs)

        def predict(self, batch):
            return self.forward(batch)

        def unbatch(self, output):
            return list(output)

        def encode_response(self, output):
            return told(output)


if __name__ == "__main__":
    if arguments.kind == "litserve":
        api = Api(max_batch_size=8, batch_timeout=0.005)
        server = litserve.LitServer(api, accelerator="cpu", workers_per_device=arguments.workers, timeout=60)
        server.run(host="127.0.0.1", port=arguments.port, log_level="warning", generate_client_file=False, access_log=False)
    elif arguments.workers == 1:
        import uvicorn

        uvicorn.run(fastapi(), host="127.0.0.1", port=arguments.port, access_log=False, log_level="warning")
    else:
        import uvicorn

        # Each worker imports this file anew, with the same arguments.
        uvicorn.run(
            "peer:fastapi",
            factory=True,
            host="127.0.0.1",
            port=arguments.port,
            workers=arguments.workers,
            access_log=False,
            log_level="warning",
        )
