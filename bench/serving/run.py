"""Ocelli, FastAPI with PyTorch, FastAPI with ONNX Runtime and LitServe in turn, on the same models over loopback.

    python run.py --release target/release --folder target/serving --page docs/serving-performance.md

`cargo xtask serving` builds what it needs and runs it with a Python that has testing/requirements-serving.txt; wrk must be among the commands.
"""

import argparse
import json
import math
import os
import platform
import signal
import socket
import statistics
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).parent
CONNECTIONS = [1, 8, 64]
IMAGES = 16
THREADS = 2
# What each peer may be, of which trial turns choose the fastest: kind, variant, workers, threads of each, pool.
PEERS = {
    "FastAPI + PyTorch": [
        ("fastapi-torch", "freeze", 1, 2, 0),
        ("fastapi-torch", "freeze", 2, 1, 0),
        ("fastapi-torch", "compile", 1, 2, 0),
    ],
    "FastAPI + ONNX Runtime": [
        ("fastapi-onnx", "onnx", 1, 2, 0),
        ("fastapi-onnx", "onnx", 2, 1, 0),
        ("fastapi-onnx", "onnx", 1, 1, 2),
    ],
    "LitServe + PyTorch": [
        ("litserve", "freeze", 1, 2, 0),
        ("litserve", "freeze", 2, 1, 0),
    ],
}


@dataclass
class Contestant:
    name: str
    command: list[str]
    port: int
    path: str
    form: bool
    variant: str = ""
    process: subprocess.Popen | None = None
    # By connections.
    turns: dict[int, list[dict]] = field(default_factory=dict)
    memory: float = 0.0
    starts: list[float] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}{self.path}"

    def start(self, image: bytes) -> None:
        """Starts it; the time goes until it has answered its first request."""
        begun = time.perf_counter()
        log = open(f"/tmp/serving-{self.port}.log", "w")
        self.process = subprocess.Popen(
            self.command, stdout=log, stderr=log, start_new_session=True, cwd=HERE, env={**os.environ, "PYTHONUNBUFFERED": "1"}
        )
        while time.perf_counter() - begun < 300:
            if self.process.poll() is not None:
                raise RuntimeError(f"{self.name} ended: {open(log.name).read()[-2000:]}")
            try:
                self.ask(image)
            except OSError:
                time.sleep(0.002)
                continue
            self.starts.append(time.perf_counter() - begun)
            return
        raise RuntimeError(f"{self.name} does not answer")

    def stop(self) -> None:
        if self.process is None:
            return
        for number in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self.process.pid, number)
            except ProcessLookupError:
                break
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                continue
        self.process = None

    def ask(self, image: bytes) -> dict:
        kind, body = "image/jpeg", image
        if self.form:
            kind = "multipart/form-data; boundary=cut-here"
            head = 'Content-Disposition: form-data; name="image"; filename="image"\r\nContent-Type: image/jpeg'
            body = f"--cut-here\r\n{head}\r\n\r\n".encode() + image + b"\r\n--cut-here--\r\n"
        request = urllib.request.Request(self.url, body, {"Content-Type": kind})
        with urllib.request.urlopen(request, timeout=60) as response:
            said = json.load(response)
        return said["predictions"][0] if "predictions" in said else said

    def turn(self, connections: int, seconds: float, images: list[Path]) -> dict:
        """So many connections that ask one after the other, each as soon as it has its answer; then its memory, and rest."""
        command = ["wrk", "--threads", "1", "--connections", str(connections), "--duration", f"{math.ceil(seconds)}s"]
        command += ["--timeout", "30s", "--script", str(HERE / "post.lua"), self.url, "--", "form" if self.form else "raw"]
        command += [str(image) for image in images]
        output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        line = next(line for line in output.splitlines() if line.startswith("RESULT "))
        told = json.loads(line.removeprefix("RESULT "))
        if told["refused"] or told["broken"]:
            raise RuntimeError(f"{self.name} refused {told['refused']} requests and broke {told['broken']}")
        self.memory = max(self.memory, self.share_of_memory())
        self.settle()
        return {**told, "rate": told["requests"] / told["seconds"]}

    def processes(self) -> list[int]:
        """It and its children."""
        found, waiting = [], [self.process.pid]
        while waiting:
            found.append(waiting.pop())
            try:
                waiting += map(int, Path(f"/proc/{found[-1]}/task/{found[-1]}/children").read_text().split())
            except OSError:
                found.pop()
        return found

    def settle(self) -> None:
        """Waits until it does nothing any more: requests whose client has gone are often worked on all the same."""
        def ticks() -> int:
            fields = [Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split() for pid in self.processes()]
            return sum(int(of[11]) + int(of[12]) for of in fields)

        for _ in range(100):
            before = ticks()
            time.sleep(0.1)
            if ticks() - before <= 1:
                return

    def share_of_memory(self) -> float:
        """Bytes that it and its children have; what several share is divided among them."""
        rollups = (Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines() for pid in self.processes())
        return sum(int(line.split()[1]) * 1024 for lines in rollups for line in lines if line.startswith("Pss:"))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def images_of(name: str, folder: Path) -> list[Path]:
    """Parts of photographs, 500 × 375, of `bench/peers/photographs.py`; for `lesson` as PNG files of 32 × 32."""
    if not (folder / "photographs").exists():
        subprocess.run([sys.executable, HERE.parent / "peers/photographs.py", folder / "photographs"], check=True)
    photographs = sorted((folder / "photographs").rglob("*.jpg"))[:: 1024 // IMAGES][:IMAGES]
    if name != "lesson":
        return photographs
    from PIL import Image

    small = []
    for photograph in photographs:
        small.append(folder / name / f"{photograph.stem}.png")
        Image.open(photograph).resize((32, 32)).save(small[-1])
    return small


def describe(folder: Path, release: Path) -> None:
    """Writes beside the model what the peers need: the network on prepared floats as ONNX, and how images are prepared."""
    subprocess.run([release / "ocelli", "export", "model.safetensors", "--format", "onnx", "--floats", "--no-verify"], cwd=folder, check=True)
    from safetensors import safe_open

    with safe_open(folder / "model.safetensors", "np") as file:
        metadata = json.loads(file.metadata()["ocelli"])
    spec = {"network": folder.name, "classes": metadata["classes"]}
    for transform in metadata["transforms"]:
        match transform["type"]:
            case "Resize":
                spec["resize"] = transform["size"]
            case "CenterCrop":
                spec["crop"] = transform["size"] if isinstance(transform["size"], int) else transform["size"][0]
            case "Normalize":
                spec |= {"mean": transform["mean"], "std": transform["std"]}
    (folder / "spec.json").write_text(json.dumps(spec))


def ocelli(release: Path, folder: Path) -> Contestant:
    port = free_port()
    command = [release / "ocelli", "serve", folder / "model.safetensors", "--port", port, "--threads", THREADS, "--quiet"]
    return Contestant("Ocelli", [str(part) for part in command], port, "/v1/predict", form=False)


def peer(name: str, variant: tuple, folder: Path) -> Contestant:
    kind, network, workers, threads, pool = variant
    port = free_port()
    command = [sys.executable, HERE / "peer.py", "--kind", kind, "--folder", folder, "--port", port, "--variant", network]
    command += ["--workers", workers, "--threads", threads, "--pool", pool]
    text = f"{network}, {workers} × {threads} threads" + (f", pool of {pool}" if pool else "")
    return Contestant(name, [str(part) for part in command], port, "/predict", form=kind == "litserve", variant=text)


def same_answers(ours: dict, theirs: dict, who: str) -> float:
    """How far the likeliest class' probability is from ours. Pillow rounds the weights of resizing otherwise: a level, at the most."""
    other = {entry["label"]: entry["probability"] for entry in theirs["top"]}
    difference = abs(other.get(ours["label"], 0.0) - ours["probability"])
    if difference > 0.1:
        raise RuntimeError(f"{who} answers {theirs['top']}, Ocelli {ours['top']}")
    return difference


def best_of(name: str, folder: Path, images: list[Path], seconds: float) -> tuple[Contestant, list[str]]:
    """The fastest variant at 8 connections, and what all of them did. It is left running."""
    best, told = None, []
    for variant in PEERS[name]:
        contestant = peer(name, variant, folder)
        try:
            contestant.start(images[0].read_bytes())
            contestant.turn(8, 1, images)
            rate = contestant.turn(8, seconds, images)["rate"]
        except (RuntimeError, subprocess.CalledProcessError) as error:
            contestant.stop()
            told.append(f"{contestant.variant}: does not run ({str(error)[:100]})")
            print(f"{name}, {contestant.variant}: {error}", file=sys.stderr)
            continue
        told.append(f"{contestant.variant}: {rate:.0f}/s")
        print(f"  trial: {name}, {told[-1]}", file=sys.stderr)
        if best is None or rate > best[1]:
            if best is not None:
                best[0].stop()
            best = (contestant, rate)
        else:
            contestant.stop()
    if best is None:
        raise RuntimeError(f"{name} does not run")
    best[0].memory = 0.0
    return best[0], told


def measure(folder: Path, release: Path, images: list[Path], seconds: float, rounds: int) -> tuple[list[Contestant], list[str]]:
    first = images[0].read_bytes()
    ours = ocelli(release, folder)
    contestants, trials = [ours], []
    try:
        for _ in range(5):
            ours.stop()
            ours.start(first)
        for name in PEERS:
            best, told = best_of(name, folder, images, seconds)
            contestants.append(best)
            trials.append(f"{name}: " + "; ".join(told))
        for image in images:
            data = image.read_bytes()
            answer = ours.ask(data)
            for other in contestants[1:]:
                same_answers(answer, other.ask(data), other.name)
        for connections in CONNECTIONS:
            for contestant in contestants:
                contestant.turn(connections, 1, images)
            for _ in range(rounds):
                for contestant in contestants:
                    contestant.turns.setdefault(connections, []).append(contestant.turn(connections, seconds, images))
            for contestant in contestants:
                print(f"  {connections} connections: {contestant.name} {middle(contestant, connections, 'rate'):.0f}/s", file=sys.stderr)
    finally:
        for contestant in contestants:
            contestant.stop()
    return contestants, trials


def middle(contestant: Contestant, connections: int, what: str) -> float:
    return statistics.median(turn[what] for turn in contestant.turns[connections])


def table(name: str, contestants: list[Contestant], trials: list[str]) -> str:
    ours, *peers = contestants
    text = f"\n## `{name}`\n\n| connections | | requests/s | ratio, Ocelli's over it | ms, half | ms, 99% |\n| --: | --- | --: | --: | --: | --: |\n"
    for connections in CONNECTIONS:
        for contestant in contestants:
            ratios = [a["rate"] / b["rate"] for a, b in zip(ours.turns[connections], contestant.turns[connections], strict=True)]
            ratio = "" if contestant is ours else f"{statistics.median(ratios):.2f}× ({min(ratios):.2f}–{max(ratios):.2f})"
            rate, half, most = (middle(contestant, connections, what) for what in ("rate", "p50", "p99"))
            text += f"| {connections} | {contestant.name} | {rate:.0f} | {ratio} | {half:.1f} | {most:.1f} |\n"
    text += "\n| | memory | start to first answer |\n| --- | --: | --: |\n"
    for contestant in contestants:
        start = statistics.median(contestant.starts)
        start = f"{start * 1e3:.0f} ms" if start < 1 else f"{start:.1f} s"
        text += f"| {contestant.name} | {contestant.memory / 1e6:.0f} MB | {start} |\n"
    least = min(contestant.memory for contestant in peers)
    text += f"| the least of the peers' memory over Ocelli's | {least / ours.memory:.1f}× | |\n\n"
    text += "What each could be, at 8 connections:\n\n" + "".join(f"- {line}\n" for line in trials)
    return text


HEAD = """# Serving, side by side

Written by `cargo xtask serving`. Do not edit.

Images over HTTP on loopback, answered with the five likeliest classes, by `ocelli serve` and by what a Python programmer would write
(`bench/serving/peer.py`). Asked: twice the throughput of the best, its 99th percentile or less, a tenth of the memory, and a first answer 100 ms
after the start.

"""

METHOD = """
## How it is measured

- `wrk` with one thread posts {images} files in turn (`lesson`: PNG of 32×32, 2 to 3 KB; `resnet18`: JPEG of 500×375, 67 KB on average) over connections
  that are kept; each asks anew as soon as it has its answer. It has the same two cores as the servers. Turns of {seconds} s, {rounds} of each, one
  contestant after the other while the others idle.
  *Ratio* is the median of the rounds with the smallest and largest in brackets; other numbers are medians of the rounds.
- Every contestant decodes, resizes (the shorter side to 32 or 256), takes the middle (32 or 224 square), normalises, runs the same weights, and
  takes the softmax. Beforehand each is asked about all images, and must say the same as Ocelli.
- FastAPI runs in uvicorn with uvloop and httptools. PyTorch runs in inference mode, channels last, as frozen TorchScript that is optimised for inference
  (freeze) or by `torch.compile` with frozen weights (compile); ONNX Runtime has Ocelli's export. LitServe batches up to 8 within 5 ms; it is sent forms,
  as it takes no plain bytes. Of each, the fastest of some numbers of workers and threads is taken, chosen in trial turns just before.
- A turn of another begins when a server does nothing any more: some work on for requests whose client has gone.
- Memory is the proportional set size of all processes of a server, the largest seen after a turn.
- A start is from the start of the process to the answer to its first request; of Ocelli the median of five.
"""


def machine() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())
    return f"{model}, {os.cpu_count()} logical cores"


def versions() -> str:
    from importlib.metadata import version

    return ", ".join(f"{name} {version(name)}" for name in ("fastapi", "litserve", "onnxruntime", "pillow", "torch", "uvicorn"))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--release", type=Path, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--page", type=Path)
    parser.add_argument("--models", default="lesson,resnet18")
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    release, folder = arguments.release.resolve(), arguments.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run([release / "serving_models", folder], check=True)
    page = HEAD + f"Machine: {machine()}. Versions: {versions()}.\n"
    for name in arguments.models.split(","):
        describe(folder / name, release)
        images = images_of(name, folder)
        page += table(name, *measure(folder / name, release, images, arguments.seconds, arguments.rounds))
    page += METHOD.format(images=IMAGES, seconds=f"{arguments.seconds:g}", rounds=arguments.rounds)
    print(page)
    if arguments.page:
        arguments.page.write_text(page)


if __name__ == "__main__":
    main()
