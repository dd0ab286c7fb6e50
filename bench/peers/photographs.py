"""Photographs for the loading workloads: `python photographs.py FOLDER` writes class folders of JPEG files, 500 × 375.

Parts of three photographs that scikit-image ships, pixel for pixel, at quality 95: 67 KB each on average, 64 KB to 110 KB being usual in
photograph collections of that size.
"""

import random
import sys
from importlib.util import find_spec
from pathlib import Path

from PIL import Image

COUNT = 1024
PHOTOGRAPHS = ["astronaut.png", "coffee.png", "rocket.jpg"]


def main() -> None:
    folder, draw = Path(sys.argv[1]), random.Random(0)
    unfinished = folder.with_suffix(".unfinished")
    data = Path(find_spec("skimage").origin).parent / "data"
    images = [Image.open(data / name).convert("RGB") for name in PHOTOGRAPHS]
    for number in range(COUNT):
        name, image = PHOTOGRAPHS[number % len(images)], images[number % len(images)]
        left, top = draw.randint(0, image.width - 500), draw.randint(0, image.height - 375)
        path = unfinished / name.split(".")[0] / f"{number:04}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        image.crop((left, top, left + 500, top + 375)).save(path, quality=95)
    unfinished.rename(folder)


if __name__ == "__main__":
    main()
