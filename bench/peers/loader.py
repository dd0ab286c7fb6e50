"""torchvision's transforms behind a DataLoader, kept alive so that it and Ocelli can take turns.

    python loader.py --workload L1 --threads 2 --variant "torchvision, 2 workers"

speaks as `peer.py` does; a step is an epoch. A variant names who decodes and how many workers the DataLoader has, which stay alive from
epoch to epoch. Transforms are torchvision's v2 of uint8 tensors; numbers are made at the end.
"""

import os
import subprocess
import sys
from pathlib import Path
from typing import Callable

import torch
from peer import arguments, peak_memory, serve
from PIL import Image
from torch.utils.data import DataLoader, Dataset
from torchvision.io import ImageReadMode, decode_jpeg, read_file
from torchvision.transforms import v2

BATCH = 64
PHOTOGRAPHS = 1024
SMALL = 4096
NUMBERS = v2.ToDtype(torch.float32, scale=True)
PHOTOGRAPH = v2.Compose([
    v2.RandomResizedCrop(224), v2.RandomHorizontalFlip(), v2.ColorJitter(0.4, 0.4, 0.4), NUMBERS,
    v2.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
])
TINY = v2.Compose([
    v2.RandomCrop(32, padding=4), v2.RandomHorizontalFlip(), v2.RandAugment(), NUMBERS,
    v2.Normalize([0.49, 0.48, 0.45], [0.25, 0.24, 0.26]),
])


class Photographs(Dataset):
    """JPEG files, decoded each time."""

    def __init__(self, folder: Path, decoder: str):
        self.files = sorted(str(path) for path in folder.rglob("*.jpg"))
        self.decode = {"torchvision": by_torchvision, "Pillow": by_pillow}[decoder]

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int):
        return PHOTOGRAPH(self.decode(self.files[index])), index % 10


def by_torchvision(path: str) -> torch.Tensor:
    return decode_jpeg(read_file(path), mode=ImageReadMode.RGB)


def by_pillow(path: str) -> torch.Tensor:
    return v2.functional.pil_to_tensor(Image.open(path).convert("RGB"))


class Small(Dataset):
    """Images of 32 × 32 in memory."""

    def __init__(self):
        self.images = torch.randint(0, 256, (SMALL, 3, 32, 32), dtype=torch.uint8)

    def __len__(self) -> int:
        return SMALL

    def __getitem__(self, index: int):
        return TINY(self.images[index]), index % 10


def prepare(workload: str, variant: str, threads: int, folder: Path) -> Callable[[], object]:
    """A step that loads an epoch."""
    decoder, workers = variant.split(", ")
    workers = int(workers.split()[0])
    assert workers <= threads, f"{workers} workers are more than {threads} threads"
    if workload == "L3":
        assert decoder == "torchvision", "nothing is decoded"
        dataset = Small()
    else:
        photographs = folder / "photographs"
        if not photographs.exists():
            subprocess.run([sys.executable, Path(__file__).parent / "photographs.py", photographs], check=True)
        dataset = Photographs(photographs, decoder)
    # A worker has one thread; without workers, PyTorch's operations may use all.
    torch.set_num_threads(threads if workers == 0 else 1)
    loader = DataLoader(dataset, BATCH, shuffle=True, num_workers=workers, persistent_workers=workers > 0)

    def epoch() -> None:
        for images, _ in loader:
            assert images.dtype == torch.float32

    return epoch


def memory() -> int:
    """The largest resident sizes of this process and its workers, bytes."""
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    lines = [line for child in children for line in Path(f"/proc/{child}/status").read_text().splitlines()]
    return peak_memory() + sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))


def main() -> None:
    options = arguments(__doc__, ["L1", "L2", "L2-disk", "L3"])
    images = SMALL if options.workload == "L3" else PHOTOGRAPHS
    serve(lambda: prepare(options.workload, options.variant, options.threads, options.folder), images, memory)


if __name__ == "__main__":
    main()
