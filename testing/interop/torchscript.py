"""Runs files that Ocelli wrote as TorchScript: `python torchscript.py FOLDER`.

FOLDER/jobs.json lists what to run: the file `model`, its `method`, and the `input`, a tensor of FOLDER/inputs.safetensors or the
path of an image, `as` "float" (as torchvision's ToTensor has it) or "uint8". Writes what comes out to FOLDER/outputs.safetensors, each
under its job's number; in `forward`, what frozen and optimised copies make of it under "<number>/frozen" and "<number>/optimized", if
the job says so. Each model's state_dict goes to MODEL.state, and the values of its `attributes` are printed, as JSON.
"""

import json
import sys
from functools import cache
from pathlib import Path

import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from torchvision.transforms import functional as F

folder = Path(sys.argv[1])
jobs = json.loads((folder / "jobs.json").read_text())
inputs = load_file(folder / "inputs.safetensors")
attributes, outputs = {}, {}


@cache
def load(name):
    model = torch.jit.load(folder / name)
    save_file({key: value.contiguous() for key, value in model.state_dict().items()}, folder / f"{name}.state")
    attributes[name] = {}
    return model


def read(job):
    if job["input"] in inputs:
        return inputs[job["input"]]
    image = Image.open(job["input"])
    return (F.pil_to_tensor if job["as"] == "uint8" else F.to_tensor)(image).unsqueeze_(0)


with torch.inference_mode():
    for number, job in enumerate(jobs):
        model, x = load(job["model"]), read(job)
        attributes[job["model"]] |= {name: getattr(model, name) for name in job.get("attributes", [])}
        outputs[str(number)] = getattr(model, job["method"])(x)
        if job.get("copies"):
            # What one does with modules changes nothing.
            model.train()
            again = model.to("cpu").forward(x)
            assert torch.equal(again, outputs[str(number)]), job
            frozen = torch.jit.freeze(model.eval())
            outputs[f"{number}/frozen"] = frozen(x)
            outputs[f"{number}/optimized"] = torch.jit.optimize_for_inference(torch.jit.load(folder / job["model"]))(x)
save_file({name: value.float().contiguous() for name, value in outputs.items()}, folder / "outputs.safetensors")
print(json.dumps(attributes))
