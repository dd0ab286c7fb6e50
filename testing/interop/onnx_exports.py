"""Checks exported ONNX files and runs them: `python onnx_exports.py FOLDER`.

FOLDER/cases.json names the files, and for each the images that it is asked about, as `crates/ocelli-export/tests/exports` writes them. Every file must
pass the checker in full, and the shape of every value that its network makes must be known but for the batch. Prints as JSON, for each
file, the probabilities of each image, and the operators that it is made of.
"""

import json
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import onnxruntime


def check(path):
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    inferred = onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True, data_prop=True).graph
    known = {value.name: value.type.tensor_type for value in [*inferred.value_info, *inferred.output, *inferred.input]}
    for node in inferred.node:
        for name in node.output:
            if name not in known:
                raise ValueError(f"{path}: nothing is known of {name}")
            lengths = known[name].shape.dim
            if not name.startswith(("preprocess", "readout")) and not all(d.HasField("dim_value") for d in lengths[1:]):
                raise ValueError(f"{path}: {name} has an unknown shape {lengths}")
    return dict(Counter(node.op_type for node in model.graph.node))


def ask(path, case, folder):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    answers = []
    for image in case["images"]:
        values = np.fromfile(folder / image["file"], dtype=case["type"]).reshape(1, *image["shape"])
        if case["channels_first"]:
            values = np.ascontiguousarray(values.transpose(0, 3, 1, 2))
        # Twice the same image, so that batches are tried too.
        once, twice = (session.run(None, {"images": v})[0] for v in (values, np.concatenate([values, values])))
        if np.abs(once - twice).max() > 1e-6 and not case["by_batch"]:
            raise ValueError(f"{path}: an image beside another has another answer")
        answers.append(once[0].tolist())
    return answers


folder = Path(sys.argv[1])
found = []
for case in json.loads((folder / "cases.json").read_text()):
    path = str(folder / case["file"])
    try:
        found.append({"operators": check(path), "answers": ask(path, case, folder)})
    except Exception as error:
        found.append({"error": f"{type(error).__name__}: {error}"})
print(json.dumps(found))
