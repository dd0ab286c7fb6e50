"""Saves a network's weights with PyTorch in every way that its files come, for `tests/interop.rs` to read.

    python weights_in.py FOLDER

writes FOLDER/<case>.pth, and FOLDER/<case>.safetensors with what PyTorch reads from each again, floats in 32 bits.
"""

import sys
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn

sys.path.insert(0, str(Path(__file__).parent.parent / "fixtures"))
from ten_steps import Graph, lesson

LEGACY = {"_use_new_zipfile_serialization": False}


def channels_last(state):
    """Convolutions' weights in an order of memory that is not that of their shapes."""
    last = torch.channels_last
    return {key: value.contiguous(memory_format=last) if value.dim() == 4 else value for key, value in state.items()}


def shared(state):
    """Every tensor as a part of one storage, as flattened parameters are."""
    flat = torch.cat([value.flatten().float() for value in state.values()])
    parts = flat.split([value.numel() for value in state.values()])
    return {key: part.view(value.shape) for (key, value), part in zip(state.items(), parts)}


def half(state, dtype):
    return {key: value.to(dtype) if value.is_floating_point() else value for key, value in state.items()}


def main():
    folder = Path(sys.argv[1])
    torch.manual_seed(1)
    model = Graph(lesson(True))
    state = model.state_dict()
    wrapped = nn.DataParallel(model).state_dict()
    cases = {
        "zip": (state, {}),
        "legacy": (state, LEGACY),
        "half": (half(state, torch.float16), {}),
        "half-legacy": (half(state, torch.float16), LEGACY),
        "bfloat16": (half(state, torch.bfloat16), {}),
        "double": (half(state, torch.float64), {}),
        "channels-last": (channels_last(state), {}),
        "channels-last-legacy": (channels_last(state), LEGACY),
        "shared": (shared(state), {}),
        "wrapped": (wrapped, {}),
        "checkpoint": ({"epoch": 3, "model": wrapped, "best": 0.5}, {}),
        "checkpoint-legacy": ({"state_dict": wrapped, "args": {"lr": 0.1}}, LEGACY),
        "compiled": ({f"_orig_mod.{key}": value for key, value in state.items()}, {"pickle_protocol": 4}),
    }
    for name, (held, options) in cases.items():
        path = folder / f"{name}.pth"
        torch.save(held, path, **options)
        read = torch.load(path, weights_only=False)
        read = read.get("model", read.get("state_dict", read))
        plain = {key.removeprefix("module.").removeprefix("_orig_mod."): value for key, value in read.items()}
        plain = {key: value.float() if value.is_floating_point() else value for key, value in plain.items()}
        rows = {key: value.clone(memory_format=torch.contiguous_format) for key, value in plain.items()}
        save_file(rows, folder / f"{name}.safetensors")


if __name__ == "__main__":
    main()
