"""Records the table of trainings that searches are compared on: all combinations of a few settings of `lesson`, each trained once by Ocelli.

    python record_lessons.py OCELLI FASHION_MNIST OUT.csv

OCELLI is the binary; FASHION_MNIST a folder with the four official files, of which the first 12,000 training images are taken, half to train on and
half to validate with. `ocelli tune --sampler grid` does the training and can be interrupted; this script writes its data, network and space, and reads
its study.
"""

import gzip
import json
import pathlib
import struct
import subprocess
import sys

IMAGES, EPOCHS = 12_000, 3
NETWORK = """
name = "lesson-to-tune"
layers = [
    { type = "Conv2d", out_channels = 16, kernel_size = 3, padding = 1 },
    { type = "MaxPool2d", kernel_size = 2 },
    { type = "ReLU" },
    { type = "Dropout2d", p = 0.2 },
    { type = "Conv2d", out_channels = 32, kernel_size = 3, padding = 1 },
    { type = "MaxPool2d", kernel_size = 2 },
    { type = "ReLU" },
    { type = "Dropout2d", p = 0.2 },
    { type = "Conv2d", out_channels = 64, kernel_size = 3, padding = 1 },
    { type = "MaxPool2d", kernel_size = 2 },
    { type = "ReLU" },
    { type = "Dropout2d", p = 0.2 },
    { type = "Flatten" },
    { type = "Linear", out_features = 128 },
    { type = "ReLU" },
    { type = "Dropout", p = 0.5 },
    { type = "Linear", out_features = "classes" },
]
"""
LR, HIDDEN, DROPOUT = "train.lr", "network.layers.13.out_features", "network.layers.15.p"
OPTIMIZER, BATCH = "train.optimizer.name", "train.batch_size"
CHOICES = {
    OPTIMIZER: ["sgd", "adamw"],
    LR: [2.0**power for power in range(-11, -3)],
    BATCH: [2**power for power in range(4, 8)],
    HIDDEN: [2**power for power in range(6, 9)],
    DROPOUT: [0.1, 0.3, 0.5],
}


def first_images(source, folder):
    """The first images of the training part, and the whole test part, which nothing here looks at."""
    folder.mkdir(exist_ok=True)
    for name, header, size in (("train-images-idx3", 16, 784), ("train-labels-idx1", 8, 1)):
        data = gzip.open(source / f"{name}-ubyte.gz").read()
        cut = data[:4] + struct.pack(">I", IMAGES) + data[8 : header + IMAGES * size]
        (folder / f"{name}-ubyte.gz").write_bytes(gzip.compress(cut))
    for name in ("t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"):
        (folder / name).write_bytes((source / name).read_bytes())


def search(ocelli, folder):
    (folder / "network.toml").write_text(NETWORK)
    lines = (f'"{name}" = {{ type = "categorical", choices = {json.dumps(choices)} }}\n' for name, choices in CHOICES.items())
    (folder / "space.toml").write_text("".join(lines))
    count = 1
    for choices in CHOICES.values():
        count *= len(choices)
    subprocess.run([
        ocelli, "tune", "--data", folder / "data", "--model", folder / "network.toml", "--space", folder / "space.toml",
        "--set", "data.validation=0.5", "--set", f"train.epochs={EPOCHS}", "--sampler", "grid", "--jobs", "2",
        "--trials", str(count), "--no-track", "--out", folder / "search",
    ], check=True)


def table(journal):
    """The settings of every complete trial with its validation loss; powers of two as their exponents."""
    params, losses = {}, {}
    for line in map(json.loads, journal.read_text().splitlines()):
        if line["op_code"] == 5:
            choices = json.loads(line["distribution"])["attributes"]["choices"]
            params.setdefault(line["trial_id"], {})[line["param_name"]] = choices[int(line["param_value_internal"])]
        elif line["op_code"] == 6 and line["state"] == 1:
            losses[line["trial_id"]] = line["values"][0]
    exponent = lambda value: round(value).bit_length() - 1 if value >= 1 else -(round(1 / value).bit_length() - 1)
    rows = []
    for trial, loss in losses.items():
        of = params[trial]
        rows.append((of[OPTIMIZER], exponent(of[LR]), exponent(of[BATCH]), exponent(of[HIDDEN]), of[DROPOUT], f"{loss:.6f}"))
    return sorted(rows)


def main():
    ocelli, source, out = sys.argv[1:]
    folder = pathlib.Path(out).resolve().with_suffix("")
    folder.mkdir(exist_ok=True)
    first_images(pathlib.Path(source), folder / "data")
    search(ocelli, folder)
    rows = table(folder / "search" / "study.log")
    lines = ["optimizer,lr,batch_size,hidden,dropout,val_loss"] + [",".join(map(str, row)) for row in rows]
    pathlib.Path(out).write_text("\n".join(lines) + "\n")
    print(f"{len(rows)} trainings in {out}")


if __name__ == "__main__":
    main()
