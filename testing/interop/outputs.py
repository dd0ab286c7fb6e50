"""What PyTorch makes of a model file that Ocelli saved: `python outputs.py MODEL.safetensors NETWORK IMAGES`.

Loads its tensors as a state_dict, runs as many images of `formula` (key "interop"), and prints the outputs as JSON.
"""

import json
import sys
from pathlib import Path

import numpy
import torch
from safetensors.torch import load_file

sys.path.insert(0, str(Path(__file__).parent.parent / "fixtures"))
from ten_steps import formula
from zoo import NETWORKS

model_file, name, count = sys.argv[1:]
build, image, *_ = NETWORKS[name]
model = build()
model.load_state_dict(load_file(model_file))
images = formula("interop", int(count) * numpy.prod(image)).reshape(-1, *image)
with torch.inference_mode():
    print(json.dumps(model.eval()(torch.from_numpy(images)).flatten().tolist()))
