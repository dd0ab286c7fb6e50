"""The bench's networks as a PyTorch user writes them."""

import tomllib
from fnmatch import fnmatchcase
from pathlib import Path

import torch
from torch import nn


def _block(channels_in: int, channels_out: int, batch_norm: bool) -> list[nn.Module]:
    norm = [nn.BatchNorm2d(channels_out)] if batch_norm else []
    return [nn.Conv2d(channels_in, channels_out, 3, padding=1), *norm, nn.MaxPool2d(2), nn.ReLU(), nn.Dropout2d(0.2)]


def lesson(classes: int = 10, channels: int = 3, side: int = 32, batch_norm: bool = False) -> nn.Module:
    """`lesson`, or `lesson-bn`, for square images."""
    layers = [layer for i, o in [(channels, 16), (16, 32), (32, 64)] for layer in _block(i, o, batch_norm)]
    norm = [nn.BatchNorm1d(128)] if batch_norm else []
    head = [nn.Flatten(), nn.Linear(64 * (side // 8) ** 2, 128), *norm, nn.ReLU(), nn.Dropout(0.5), nn.Linear(128, classes)]
    return nn.Sequential(*layers, *head)


def build(name: str) -> nn.Module:
    """The network that a workload names."""
    if name.startswith("lesson"):
        return lesson(batch_norm=name == "lesson-bn")
    from torchvision import models

    return getattr(models, name)(weights=None)


_LAYERS = {
    "Conv2d": nn.Conv2d,
    "BatchNorm1d": nn.BatchNorm1d,
    "BatchNorm2d": nn.BatchNorm2d,
    "MaxPool2d": nn.MaxPool2d,
    "AvgPool2d": nn.AvgPool2d,
    "AdaptiveAvgPool2d": nn.AdaptiveAvgPool2d,
    "ReLU": nn.ReLU,
    "GELU": nn.GELU,
    "Dropout": nn.Dropout,
    "Flatten": nn.Flatten,
    "Linear": nn.Linear,
}
_INFERRED = {"Conv2d": "in_channels", "BatchNorm1d": "num_features", "BatchNorm2d": "num_features", "Linear": "in_features"}


def from_toml(path: Path, classes: int, shape: tuple[int, int, int]) -> nn.Sequential:
    """The chain of layers in a file of Ocelli's, with its initialisation."""
    described = tomllib.loads(path.read_text())
    network, value = nn.Sequential(), torch.zeros(1, *shape)
    for place, layer in enumerate(described["layers"]):
        kind, name = layer.pop("type"), layer.pop("name", str(place))
        if kind in _INFERRED:
            layer[_INFERRED[kind]] = value.shape[1]
        module = _LAYERS[kind](**{key: classes if option == "classes" else option for key, option in layer.items()})
        # Modules are named by paths; in a chain a dot is only a part of the name.
        network.add_module(name.replace(".", "/"), module)
        value = module.eval()(value)
    for rule in described.get("initialisation", []):
        _initialise(network, rule)
    return network.train()


def _initialise(network: nn.Sequential, rule: dict):
    """Follows a rule for weights: `dirac` that leaves the rest to the default, or `uniform`."""
    for name, module in network.named_children():
        weight = getattr(module, "weight", None)
        if not fnmatchcase(f"{name.replace('/', '.')}.weight", rule.get("pattern", "*")):
            continue
        if rule.get("layer", type(module).__name__) != type(module).__name__ or weight is None:
            continue
        if rule["init"] == "dirac" and rule["rest"] == "default":
            nn.init.dirac_(weight.data[: weight.shape[1]])
        elif rule["init"] == "uniform":
            nn.init.uniform_(weight.data, rule["a"], rule["b"])
        else:
            raise SystemExit(f"models.py knows no initialisation {rule}")


def whiten(network: nn.Sequential, name: str, images: torch.Tensor, eps: float):
    """Lets a first convolution begin with the principal components of patches, of both signs."""
    weight = network.get_submodule(name).weight.data
    patches = images.unfold(2, weight.shape[2], 1).unfold(3, weight.shape[3], 1).permute(0, 2, 3, 1, 4, 5)
    patches = patches.reshape(-1, weight[0].numel()).double()
    variances, components = torch.linalg.eigh(patches.T @ patches / len(patches))
    filters = (components / (variances + eps).sqrt()).T.flip(0)
    filters = torch.cat([filters, -filters]).float().reshape(-1, *weight.shape[1:])[: len(weight)]
    weight[: len(filters)] = filters
