"""One image's class as a PyTorch user predicts it: `python predict.py MODEL.safetensors IMAGE`, for `lesson` at 32x32."""

import sys

import torch
from PIL import Image
from safetensors.torch import load_file
from torchvision import transforms

from models import lesson

weights = load_file(sys.argv[1])
image = Image.open(sys.argv[2])
channels, classes = weights["0.weight"].shape[1], weights["16.weight"].shape[0]
model = lesson(classes, channels)
model.load_state_dict(weights)
model.eval()
prepare = transforms.Compose(
    [
        transforms.Grayscale(channels),
        transforms.Resize((32, 32)),
        transforms.ToTensor(),
        transforms.Normalize([0.5] * channels, [0.25] * channels),
    ]
)
with torch.inference_mode():
    shares = model(prepare(image).unsqueeze(0)).softmax(dim=1)[0]
for share, label in zip(*shares.topk(min(5, classes)), strict=True):
    print(f"class {label}: {share:.1%}")
