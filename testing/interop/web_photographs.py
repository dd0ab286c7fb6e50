"""Photographs in the forms that browsers and Ocelli both read: `python web_photographs.py FOLDER`.

Writes those that scikit-image ships: as telephones save them, turned by EXIF in every way, grey, transparent with colours beneath, tiny, large,
and by every codec.
"""

import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from PIL import Image

DATA = Path(find_spec("skimage").origin).parent / "data"
folder = Path(sys.argv[1])
cat, cup, rocket = (Image.open(DATA / name).convert("RGB") for name in ("chelsea.png", "coffee.png", "rocket.jpg"))
orientation = 0x0112


def veiled(picture):
    """Transparent from left to right, and wholly at both ends: the colours are there all the same."""
    alpha = np.tile(np.linspace(0, 510, picture.width) % 256, (picture.height, 1)).astype("uint8")
    picture = picture.copy()
    picture.putalpha(Image.fromarray(alpha))
    return picture


cat.save(folder / "cat.png")
cup.save(folder / "cup.jpg", quality=92)
rocket.save(folder / "rocket-progressive.jpg", quality=80, progressive=True)
cup.resize((301, 203)).save(folder / "cup-444.jpg", quality=95, subsampling=0)
cat.convert("L").save(folder / "cat-grey.jpg", quality=90)
cat.convert("L").save(folder / "cat-grey.png")
veiled(cat).save(folder / "cat-veiled.png")
veiled(cup).save(folder / "cup-veiled.webp", lossless=True, exact=True)
cup.save(folder / "cup.webp", quality=85)
cup.save(folder / "cup.bmp")
cat.quantize(200).save(folder / "cat.gif")
cat.resize((3, 2)).save(folder / "tiny.png")
Image.new("RGB", (1, 1), (200, 30, 60)).save(folder / "one.png")
cat.resize((1999, 33)).save(folder / "flat.jpg", quality=90)
rocket.resize((3000, 2000), Image.Resampling.BICUBIC).save(folder / "large.jpg", quality=85)
for way in range(2, 9):
    exif = Image.Exif()
    exif[orientation] = way
    cup.crop((40, 0, 440, 300)).save(folder / f"turned-{way}.jpg", quality=90, exif=exif)
