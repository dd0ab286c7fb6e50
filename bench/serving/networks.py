"""The benchmark's networks in PyTorch, with the names of Ocelli's weights."""

import sys
from pathlib import Path

from torch import nn

sys.path.append(str(Path(__file__).parent.parent / "peers"))


def build(name: str, classes: int) -> nn.Module:
    """`lesson` or one of torchvision's."""
    from models import lesson

    if name == "lesson":
        return lesson(classes)
    from torchvision import models

    return getattr(models, name)(weights=None, num_classes=classes)
