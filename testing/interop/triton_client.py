"""What Triton's client gets from a server: `python triton_client.py HOST:PORT IMAGE...`.

Asks about the images, all of one size, in every way that there is, and prints the probabilities and labels of each way as JSON.
"""

import json
import sys

import numpy as np
import tritonclient.http as triton
from PIL import Image
from tritonclient.utils import InferenceServerException, np_to_triton_dtype

MODEL = "first"
OUTPUTS = ("probabilities", "label")


def check(condition, what):
    if not condition:
        raise SystemExit(what)


def tensor(name, array, binary):
    made = triton.InferInput(name, list(array.shape), np_to_triton_dtype(array.dtype))
    made.set_data_from_numpy(array, binary_data=binary)
    return made


def rows(result):
    labels = [label.decode() if isinstance(label, bytes) else label for label in result.as_numpy("label")]
    return [{"label": label, "probabilities": p.tolist()} for label, p in zip(labels, result.as_numpy("probabilities"))]


def ask(array, name, binary_in, binary_out, **more):
    outputs = None if binary_out is None else [triton.InferRequestedOutput(output, binary_data=binary_out) for output in OUTPUTS]
    result = client.infer(MODEL, [tensor(name, array, binary_in)], outputs=outputs, **more)
    check(result.get_response()["model_name"] == MODEL, "another model answered")
    return rows(result)


address, *files = sys.argv[1:]
client = triton.InferenceServerClient(address, concurrency=4)
check(client.is_server_live() and client.is_server_ready() and client.is_model_ready(MODEL), "it is not ready")
check(not client.is_model_ready("nobody"), "a model is ready that is not there")
about = client.get_model_metadata(MODEL)
check(client.get_server_metadata()["extensions"] == ["binary_tensor_data"], "other extensions")
height, width = next(entry for entry in about["inputs"] if entry["name"] == "input")["shape"][2:]

images = np.stack([np.asarray(Image.open(file).convert("RGB")) for file in files])
encoded = np.array([open(file, "rb").read() for file in files], dtype=object)
# As torchvision resizes: antialiased, bilinear, in bytes.
resized = np.stack([np.asarray(Image.open(file).convert("RGB").resize((width, height), Image.Resampling.BILINEAR)) for file in files])
floats = (resized.astype(np.float32) / 255).transpose(0, 3, 1, 2).copy()
ways = {
    "bytes, binary": ask(images, "images", True, True),
    "bytes, JSON": ask(images, "images", False, False),
    "bytes, binary in, all outputs": ask(images, "images", True, None, request_id="17"),
    "files": ask(encoded, "files", True, True),
    "files, JSON out, version": ask(encoded, "files", True, False, model_version="1"),
    "several at a time": [],
}
requests = [client.async_infer(MODEL, [tensor("images", image[None], True)]) for image in images]
ways["several at a time"] = [rows(request.get_result())[0] for request in requests]
ways["transformed already"] = ask(floats, "input", True, True)
try:
    ask(floats[:, :, 1:], "input", True, True)
    check(False, "floats of another size were taken")
except InferenceServerException as error:
    check("the network takes 3×32×32" in str(error.message()), f"not said: {error}")
client.close()
print(json.dumps(ways))
