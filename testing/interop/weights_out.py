"""Loads a file of weights that Ocelli wrote into a network of torchvision's, strictly: `python weights_out.py FILE`.

Prints the sum of each tensor, in double precision, as JSON.
"""

import json
import sys

from safetensors.torch import load_file
from torchvision import models

model = models.resnet18(num_classes=10)
model.load_state_dict(load_file(sys.argv[1]))
print(json.dumps({key: value.double().sum().item() for key, value in model.state_dict().items()}))
