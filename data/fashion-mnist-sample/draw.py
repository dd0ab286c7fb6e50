"""Draws the sample of Fashion-MNIST in this folder from the official files.

    python draw.py FOLDER

FOLDER holds the four official files: train-images-idx3-ubyte.gz, train-labels-idx1-ubyte.gz,
t10k-images-idx3-ubyte.gz and t10k-labels-idx1-ubyte.gz. Of each class, 600 training and 100 test
images are drawn at random, always the same ones, and kept in the order of the official files.
Only the standard library is used.
"""

import gzip
import pathlib
import random
import struct
import sys

HERE = pathlib.Path(__file__).parent
CLASSES = 10
PER_CLASS = {"train": 600, "t10k": 100}


def read(path, rank):
    data = gzip.decompress(path.read_bytes())
    magic, *shape = struct.unpack_from(f">{rank + 1}I", data)
    if magic != 0x800 + rank:
        sys.exit(f"{path}: not an IDX file of bytes in {rank} dimensions")
    return shape, data[4 * (rank + 1) :]


def write(path, shape, data):
    header = struct.pack(f">{len(shape) + 1}I", 0x800 + len(shape), *shape)
    # No time and no name in the archive: the same bytes every time.
    path.write_bytes(gzip.compress(header + data, compresslevel=9, mtime=0))


def draw(folder, part, count):
    images, labels = f"{part}-images-idx3-ubyte.gz", f"{part}-labels-idx1-ubyte.gz"
    (total, height, width), pixels = read(folder / images, 3)
    _, numbers = read(folder / labels, 1)
    generator = random.Random(f"ocelli {part}")
    chosen = []
    for label in range(CLASSES):
        of_class = [i for i in range(total) if numbers[i] == label]
        chosen += generator.sample(of_class, count)
    chosen.sort()
    size = height * width
    drawn = b"".join(pixels[i * size : (i + 1) * size] for i in chosen)
    write(HERE / images, (len(chosen), height, width), drawn)
    write(HERE / labels, (len(chosen),), bytes(numbers[i] for i in chosen))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    for part, count in PER_CLASS.items():
        draw(pathlib.Path(sys.argv[1]), part, count)
