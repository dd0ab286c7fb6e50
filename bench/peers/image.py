"""Writes a 28x28 grey picture for the whole-process workload: `python image.py FILE`."""

import sys

import numpy
from PIL import Image

Image.fromarray(numpy.random.default_rng(0).integers(0, 256, (28, 28), dtype=numpy.uint8)).save(sys.argv[1])
