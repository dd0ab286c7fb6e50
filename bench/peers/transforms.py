"""torchvision's transforms of tensors, one thread, in microseconds: `python transforms.py [photograph.jpg]`.

The same lists on the same images as `cargo bench --package ocelli-data --bench transforms`, each ending in 32-bit numbers of 0..1.
"""

import json
import sys
import time
from pathlib import Path

import torch
from torchvision.io import decode_jpeg, read_file
from torchvision.transforms import v2

torch.set_num_threads(1)
SETTINGS = Path(__file__).parents[2] / "crates/ocelli-data/benches/transforms.json"
NUMBERS = v2.ToDtype(torch.float32, scale=True)


def made(spec: dict):
    spec = dict(spec)
    kind = spec.pop("type")
    if kind == "AutoAugment" and "policy" in spec:
        spec["policy"] = v2.AutoAugmentPolicy(spec["policy"])
    return getattr(v2, kind)(**spec)


def picture(height: int, width: int) -> torch.Tensor:
    y, x, c = torch.meshgrid(torch.arange(height), torch.arange(width), torch.arange(3), indexing="ij")
    return ((((x * (3 + c) + y * 2) // 3) & 255) ^ ((x * y) & 7)).to(torch.uint8).permute(2, 0, 1).contiguous()


def timed(name: str, run, seconds=0.4):
    for _ in range(5):
        run()
    times, begin = [], time.perf_counter()
    while time.perf_counter() - begin < seconds:
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    print(f"{name:26} {1e6 * sorted(times)[len(times) // 2]:9.1f}")


image = picture(224, 224)
timed("nothing", lambda: NUMBERS(image))
for name, spec in json.loads(SETTINGS.read_text()).items():
    transform = v2.Compose([made(spec), NUMBERS])
    timed(name, lambda: transform(image))
small = picture(32, 32)
cifar = v2.Compose([v2.RandomCrop(32, padding=4), v2.RandomHorizontalFlip(), v2.RandAugment(), NUMBERS,
                    v2.Normalize([0.49, 0.48, 0.45], [0.25, 0.24, 0.26])])
timed("cifar", lambda: cifar(small), 1.0)
imagenet = v2.Compose([v2.RandomResizedCrop(224), v2.RandomHorizontalFlip(), v2.ColorJitter(0.4, 0.4, 0.4), NUMBERS,
                       v2.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])])
large = picture(375, 500)
timed("photograph", lambda: imagenet(large), 1.0)
if len(sys.argv) > 1:
    data = read_file(sys.argv[1])
    timed("jpeg", lambda: imagenet(decode_jpeg(data)), 1.0)
