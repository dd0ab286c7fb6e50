"""The bench's networks as a PyTorch user writes them."""

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
