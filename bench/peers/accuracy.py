"""Trains by a recipe of Ocelli's in PyTorch: `python accuracy.py RECIPE.toml --seed N --threads N`.

The data, network, transforms, optimizer, schedule, batch size, epochs and choice of the best epoch are the recipe's; the
validation images, initial weights and all draws are PyTorch's own. Prints one JSON line: test_accuracy, test_loss, seconds.
Reads IDX folders and CIFAR-10's binary version, `lesson`, `lesson-bn` and chains of layers in TOML, the transforms that default
recipes have, and what the recipes for CIFAR-10 use beside.
"""

import argparse
import gzip
import json
import sys
import time
import tomllib
from fnmatch import fnmatchcase
from pathlib import Path

import numpy
import torch
from torch.nn.functional import cross_entropy
from torchvision.transforms.v2 import functional

from models import from_toml, lesson, whiten


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


def random_crop(images, size, padding, fill, mode):
    # Padding other than by a constant knows no bytes.
    fill = {"value": fill} if mode == "constant" else {}
    images = torch.nn.functional.pad(images.float(), [padding] * 4, mode=mode, **fill).to(images.dtype)
    count, _, height, width = images.shape
    rows = torch.randint(height - size[0] + 1, (count, 1)) + torch.arange(size[0])
    columns = torch.randint(width - size[1] + 1, (count, 1)) + torch.arange(size[1])
    return images[torch.arange(count)[:, None, None], :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


def apply(transforms, images, samples=None, epoch=0):
    """A batch of uint8 images as the network takes it; every image with draws of its own."""
    for step in transforms:
        kind = step["type"]
        if kind == "RandomCrop":
            images = random_crop(images, step["size"], step["padding"], step["fill"], step["padding_mode"])
        elif kind == "AlternatingHorizontalFlip":
            # Which half begins mirrored is drawn once, by the samples' numbers.
            half = torch.rand(int(samples.max()) + 1, generator=torch.Generator().manual_seed(0))[samples] < 0.5
            images = torch.where((half ^ bool(epoch % 2))[:, None, None, None], images.flip(3), images)
        elif kind == "RandomHorizontalFlip":
            images = torch.where((torch.rand(len(images)) < step["p"])[:, None, None, None], images.flip(3), images)
        elif kind == "Pad":
            images = torch.nn.functional.pad(images.float(), [step["padding"]] * 4, mode=step["padding_mode"]).to(images.dtype)
        elif kind == "TenCrop":
            images = torch.stack(functional.ten_crop(images, step["size"]), 1).flatten(0, 1)
        elif kind == "Normalize":
            mean, std = (torch.tensor(step[key])[:, None, None] for key in ["mean", "std"])
            images = (images.float() / 255 - mean) / std
        else:
            raise SystemExit(f"accuracy.py knows no transform {kind}")
    return images


def logits_of(model, transforms, images):
    """The logits of images; of several views the logarithm of their mean probabilities, which has the same cross-entropy."""
    logits = model(apply(transforms, images))
    views = len(logits) // len(images)
    return logits if views == 1 else logits.softmax(1).unflatten(0, (-1, views)).mean(1).log()


def evaluate(model, transforms, images, labels):
    """Mean loss and accuracy."""
    model.eval()
    with torch.inference_mode():
        logits = torch.cat([logits_of(model, transforms, part) for part in images.split(500)])
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


def build(recipe, shape, classes):
    """The network, and its weights as the recipe begins them."""
    name = recipe["model"]["network"]
    if name.startswith("lesson"):
        return lesson(classes, shape[0], shape[1], name == "lesson-bn")
    return from_toml(Path(name), classes, shape)


def groups_of(model, train):
    """Parameter groups: the recipe's, over the usual weight decay, without what is frozen."""
    decay = train["optimizer"].pop("weight_decay")
    matched = lambda patterns, name: any(fnmatchcase(name, pattern) for pattern in patterns)
    groups = {}
    for name, value in model.named_parameters():
        name = name.replace("/", ".")
        if matched(train.get("freeze", []), name):
            value.requires_grad_(False)
            continue
        settings = (train["lr"], decay if value.ndim > 1 or train["decay_norms_and_biases"] else 0.0)
        for group in train.get("groups", []):
            if matched([group["pattern"]], name):
                settings = (train["lr"] * group["lr_scale"], group.get("weight_decay", settings[1]))
        groups.setdefault(settings, []).append(value)
    return [{"params": values, "lr": lr, "weight_decay": decay} for (lr, decay), values in groups.items()]


def optimizer_of(model, train):
    """The recipe's optimizer, AdamW or SGD."""
    kind = {"adamw": torch.optim.AdamW, "sgd": torch.optim.SGD}[train["optimizer"].pop("name")]
    groups = groups_of(model, train)
    return kind(groups, lr=train["lr"], fused=True, **train["optimizer"])


class Lookahead:
    """Slow weights that the optimizer begins from again every k steps (Zhang et al. 2019)."""

    def __init__(self, model, k, alpha):
        self.fast, self.k, self.alpha, self.steps = list(model.parameters()), k, alpha, 0
        self.slow = [value.detach().clone() for value in self.fast]

    @torch.no_grad()
    def step(self):
        self.steps += 1
        if self.steps % self.k == 0:
            torch._foreach_lerp_(self.slow, self.fast, self.alpha)
            torch._foreach_copy_(self.fast, self.slow)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe", type=Path)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--progress", action="store_true", help="tell each epoch on standard error")
    options = parser.parse_args()
    recipe = tomllib.loads(options.recipe.read_text())
    torch.manual_seed(options.seed)
    torch.set_num_threads(options.threads)

    start = time.perf_counter()
    (images, labels), val, test, (train_transforms, eval_transforms) = parts_of(recipe)
    model = build(recipe, (images.shape[1], *recipe["transforms"]["size"]), int(test[1].max()) + 1)
    if settings := recipe["model"].get("whiten"):
        whiten(model, settings["layer"], apply(eval_transforms, images[: settings["images"]]), settings["eps"])
    model = model.to(memory_format=torch.channels_last)
    train, schedule = recipe["train"], recipe["train"]["schedule"]
    optimizer = optimizer_of(model, train)
    lookahead = Lookahead(model, **train["lookahead"]) if "lookahead" in train else None
    batch = train["batch_size"]
    steps = train["epochs"] * -(-len(images) // batch)
    assert schedule.pop("name") == "one-cycle", "accuracy.py knows one cycle"
    rates = [group["lr"] for group in optimizer.param_groups]
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rates, total_steps=steps, **schedule)

    best = (float("inf"), None)
    for epoch in range(train["epochs"]):
        model.train()
        for chosen in torch.randperm(len(images)).split(batch):
            optimizer.zero_grad()
            inputs = apply(train_transforms, images[chosen], chosen, epoch).contiguous(memory_format=torch.channels_last)
            loss = cross_entropy(model(inputs), labels[chosen], label_smoothing=train["label_smoothing"])
            loss.backward()
            optimizer.step()
            schedule.step()
            if lookahead:
                lookahead.step()
        # Without validation images the last epoch is the best.
        loss, accuracy = evaluate(model, eval_transforms, *val) if len(val[1]) else (-epoch, float("nan"))
        if loss < best[0]:
            best = (loss, {name: value.clone() for name, value in model.state_dict().items()})
        if options.progress:
            print(f"epoch {epoch + 1}: val {accuracy:.4f}, {time.perf_counter() - start:.0f} s", file=sys.stderr, flush=True)
    model.load_state_dict(best[1])
    loss, accuracy = evaluate(model, eval_transforms, *test)
    print(json.dumps({"test_accuracy": accuracy, "test_loss": loss, "seconds": time.perf_counter() - start}))


if __name__ == "__main__":
    main()
