"""Trains by a recipe of Ocelli's in PyTorch: `python accuracy.py RECIPE.toml --seed N --threads N`.

The data, network, transforms, optimizer, schedule, batch size, epochs and choice of the best epoch are the recipe's; the
validation images, initial weights and all draws are PyTorch's own. Prints one JSON line: test_accuracy, test_loss, seconds.
Reads IDX folders and CIFAR-10's binary version, `lesson` and `lesson-bn`, and the transforms that default recipes of these have.
"""

import argparse
import gzip
import json
import time
import tomllib
from pathlib import Path

import numpy
import torch
from torch.nn.functional import cross_entropy
from torchvision.transforms.v2 import functional

from models import lesson


def read_idx(path):
    data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    sizes = numpy.frombuffer(data, ">i4", data[3], 4)
    return numpy.frombuffer(data, numpy.uint8, offset=4 + 4 * data[3]).reshape(sizes)


def read(folder):
    """Training and test images (N x C x H x W, uint8) and labels."""
    if (folder / "test_batch.bin").exists():
        parts = [sorted(folder.glob("data_batch_*.bin")), [folder / "test_batch.bin"]]
        rows = [numpy.concatenate([numpy.fromfile(path, numpy.uint8).reshape(-1, 3073) for path in part]) for part in parts]
        pairs = [(part[:, 1:].reshape(-1, 3, 32, 32), part[:, 0]) for part in rows]
    else:
        found = lambda name: read_idx(next(folder.glob(f"{name}-ubyte*")))
        pairs = [(found(f"{part}-images-idx3")[:, None], found(f"{part}-labels-idx1")) for part in ["train", "t10k"]]
    return [(torch.tensor(images), torch.tensor(labels, dtype=torch.long)) for images, labels in pairs]


def resized(images, transforms):
    """Images after a leading Resize, and the transforms that are left."""
    if transforms[0]["type"] == "Resize":
        size = transforms[0]["size"]
        if list(images.shape[2:]) != size:
            images = torch.cat([functional.resize(part, size, antialias=True) for part in images.split(1000)])
        return images, transforms[1:]
    return images, transforms


def random_crop(images, size, padding, fill):
    images = torch.nn.functional.pad(images, [padding] * 4, value=fill)
    count, _, height, width = images.shape
    rows = torch.randint(height - size[0] + 1, (count, 1)) + torch.arange(size[0])
    columns = torch.randint(width - size[1] + 1, (count, 1)) + torch.arange(size[1])
    return images[torch.arange(count)[:, None, None], :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


def apply(transforms, images):
    """A batch of uint8 images as the network takes it; every image with draws of its own."""
    for step in transforms:
        kind = step["type"]
        if kind == "RandomCrop":
            images = random_crop(images, step["size"], step["padding"], step["fill"])
        elif kind == "RandomHorizontalFlip":
            images = torch.where((torch.rand(len(images)) < step["p"])[:, None, None, None], images.flip(3), images)
        elif kind == "Normalize":
            mean, std = (torch.tensor(step[key])[:, None, None] for key in ["mean", "std"])
            images = (images.float() / 255 - mean) / std
        else:
            raise SystemExit(f"accuracy.py knows no transform {kind}")
    return images


def evaluate(model, transforms, images, labels):
    """Mean loss and accuracy."""
    model.eval()
    with torch.inference_mode():
        logits = torch.cat([model(apply(transforms, part)) for part in images.split(500)])
    return cross_entropy(logits, labels).item(), (logits.argmax(1) == labels).float().mean().item()


def parts_of(recipe):
    """Training, validation and test images with labels, and the transforms for training and evaluation."""
    (images, labels), (test_images, test_labels) = read(Path(recipe["data"]["path"]))
    train_images, train_transforms = resized(images, recipe["transforms"]["train"])
    eval_images, eval_transforms = resized(images, recipe["transforms"]["eval"])
    order = torch.randperm(len(images))
    held = round(len(images) * recipe["data"]["validation"])
    train, val = order[held:], order[:held]
    return (
        (train_images[train], labels[train]),
        (eval_images[val], labels[val]),
        (resized(test_images, recipe["transforms"]["eval"])[0], test_labels),
        (train_transforms, eval_transforms),
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe", type=Path)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--threads", type=int, required=True)
    options = parser.parse_args()
    recipe = tomllib.loads(options.recipe.read_text())
    torch.manual_seed(options.seed)
    torch.set_num_threads(options.threads)

    start = time.perf_counter()
    (images, labels), val, test, (train_transforms, eval_transforms) = parts_of(recipe)
    shape = recipe["transforms"]["size"]
    model = lesson(int(test[1].max()) + 1, images.shape[1], shape[0], recipe["model"]["network"] == "lesson-bn")
    model = model.to(memory_format=torch.channels_last)
    train, adamw, schedule = recipe["train"], recipe["train"]["optimizer"], recipe["train"]["schedule"]
    assert (adamw.pop("name"), schedule.pop("name")) == ("adamw", "one-cycle"), "accuracy.py knows AdamW and one cycle"
    groups = [{"params": [value for value in model.parameters() if value.ndim > 1]}]
    others = {"params": [value for value in model.parameters() if value.ndim <= 1]}
    groups.append(others if train["decay_norms_and_biases"] else others | {"weight_decay": 0.0})
    optimizer = torch.optim.AdamW(groups, lr=train["lr"], fused=True, **adamw)
    batch = train["batch_size"]
    steps = train["epochs"] * -(-len(images) // batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, train["lr"], total_steps=steps, **schedule)

    best = (float("inf"), None)
    for _ in range(train["epochs"]):
        model.train()
        for chosen in torch.randperm(len(images)).split(batch):
            optimizer.zero_grad()
            cross_entropy(model(apply(train_transforms, images[chosen])), labels[chosen]).backward()
            optimizer.step()
            schedule.step()
        loss, _ = evaluate(model, eval_transforms, *val)
        if loss < best[0]:
            best = (loss, {name: value.clone() for name, value in model.state_dict().items()})
    model.load_state_dict(best[1])
    loss, accuracy = evaluate(model, eval_transforms, *test)
    print(json.dumps({"test_accuracy": accuracy, "test_loss": loss, "seconds": time.perf_counter() - start}))


if __name__ == "__main__":
    main()
