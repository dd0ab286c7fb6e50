"""Runs an exported classifier on images: `python - onnx|torchscript MODEL FOLDER`.

FOLDER/images.json lists the images with their files and shapes, height × width × channels, and whether they are bytes or floats.
Writes FOLDER/answers.json: which runtime it was, the names of the classes as the model tells them, and the probabilities of each image.
Exit code 77: the runtime is not there.
"""

import json
import sys
from pathlib import Path


def onnx(path):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    classes = session.get_modelmeta().custom_metadata_map.get("classes")
    ask = lambda images: session.run(None, {name: images})[0]
    return f"ONNX Runtime {onnxruntime.__version__}", json.loads(classes) if classes else None, ask


def torchscript(path):
    import torch

    model = torch.jit.load(path, map_location="cpu").eval()

    def ask(images):
        # What torchvision's ToTensor makes of bytes.
        with torch.inference_mode():
            return model(torch.from_numpy(images).float().div(255)).numpy()

    return f"PyTorch {torch.__version__}", list(getattr(model, "class_names", [])) or None, ask


def main():
    form, path, folder = sys.argv[1:]
    folder = Path(folder)
    try:
        import numpy

        runtime, classes, ask = {"onnx": onnx, "torchscript": torchscript}[form](path)
    except ModuleNotFoundError as error:
        print(error.name, file=sys.stderr)
        sys.exit(77)
    asked = json.loads((folder / "images.json").read_text())
    answers = []
    for image in asked["images"]:
        values = numpy.fromfile(folder / image["file"], dtype=asked["type"]).reshape(1, *image["shape"])
        if asked["channels_first"]:
            values = numpy.ascontiguousarray(values.transpose(0, 3, 1, 2))
        answers.append(numpy.asarray(ask(values), dtype=float).reshape(-1).tolist())
    found = {"runtime": runtime, "classes": classes, "answers": answers}
    (folder / "answers.json").write_text(json.dumps(found))


main()
