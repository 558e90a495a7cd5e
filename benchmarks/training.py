"""Training and prediction of networks: pictures per second against the loop that everybody writes, side by side.

    python benchmarks/training.py [--repeats 5] [--threads N] [--write]

The plain loop: the same network as layers of torch, in float32; a Dataset of PIL pictures with torchvision's ToTensor and Normalize, a DataLoader with
batches of 64 (in the main process, or with as many workers as cores: whichever is quicker), Adam. Both train on the same pictures of `fashion-mini` for
as many epochs, ours through its learner. They take turns; what counts is the quickest turn of each, for whatever else runs on the machine can only
make a turn longer. On a GPU the share of the time that kernels run is measured too.
"""

import argparse
import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from common import table, write_section
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader, Dataset
from torchvision import models, transforms

import alviz
from alviz import learners

DOCUMENT = Path(__file__).resolve().parent.parent / "docs" / "training.md"
BATCH, CLASSES = 64, 10
STEP_LIMIT = 5.0
"""Seconds that a lenet step with 500 labels and 20 epochs may take: training, evaluation and scores."""
POOL = 60_000


@dataclass(frozen=True)
class Case:
    """A network. pictures, epochs: how much of each training is measured. wanted: how many times as quick as the plain loop. asked: pictures of a prediction that is measured."""

    name: str
    learner: str
    settings: dict[str, Any]
    pictures: int
    epochs: int
    wanted: float
    asked: int


CASES = (
    Case("LeNet-5", "lenet", {}, 4096, 2, 3.0, POOL),
    Case("ResNet-18, stem 7x7", "resnet18", {"stem": "7x7"}, 512, 1, 1.2, 4096),
    Case("ResNet-18, stem 3x3", "resnet18", {"stem": "3x3"}, 128, 1, 1.2, 1024),
)


class Pictures(Dataset[tuple[torch.Tensor, int]]):
    """Grey pictures as torchvision's own datasets give them."""

    def __init__(self, images: np.ndarray, labels: np.ndarray):
        mean, std = float(images.mean() / 255), float(images.std() / 255)
        self.images, self.labels = images, labels
        self.transform = transforms.Compose([transforms.ToTensor(), transforms.Normalize((mean,), (std,))])

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, i: int) -> tuple[torch.Tensor, int]:
        return self.transform(Image.fromarray(self.images[i])), int(self.labels[i])


def plain(case: Case) -> nn.Module:
    """The network as its layers are usually written down."""
    if case.learner == "lenet":
        convolutions = [nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2)]
        return nn.Sequential(
            *convolutions, nn.Flatten(), nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, CLASSES)
        )
    network = models.resnet18(num_classes=CLASSES)
    if case.settings["stem"] == "3x3":
        network.conv1 = nn.Conv2d(1, 64, 3, padding=1, bias=False)
        network.maxpool = nn.Identity()
    else:
        network.conv1 = nn.Conv2d(1, 64, 7, stride=2, padding=3, bias=False)
    return network


def plain_training(case: Case, images: np.ndarray, labels: np.ndarray, workers: int) -> None:
    """The loop that everybody writes."""
    where = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    network = plain(case).to(where)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    criterion = nn.CrossEntropyLoss()
    loader = DataLoader(Pictures(images, labels), batch_size=BATCH, shuffle=True, num_workers=workers)
    network.train()
    for _ in range(case.epochs):
        for x, y in loader:
            x, y = x.to(where), y.to(where)
            optimizer.zero_grad()
            criterion(network(x), y).backward()
            optimizer.step()
    finished()


def our_training(case: Case, images: np.ndarray, labels: np.ndarray) -> learners.Model:
    """The same by the learner."""
    learner = learners.create(case.learner, epochs=case.epochs, batch_size=BATCH, optimizer="adam", lr=1e-3, **case.settings)
    model = learner.fit(images, labels, n_classes=CLASSES, rng=np.random.default_rng(0))
    finished()
    return model


def finished() -> None:
    """Wait for what the GPU still has to do."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def seconds(work: Callable[[], Any]) -> float:
    """How long it takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def kernel_share(work: Callable[[], Any]) -> float:
    """The share of the time of `work` in which a GPU kernel runs."""
    kinds = [torch.profiler.ProfilerActivity.CPU, torch.profiler.ProfilerActivity.CUDA]
    took = seconds(work)
    with torch.profiler.profile(activities=kinds) as profile:
        work()
    return sum(event.self_device_time_total for event in profile.key_averages()) / 1e6 / took


def training(case: Case, data: alviz.data.Dataset, repeats: int) -> list[object]:
    """The row of a network: pictures per second of either loop, their ratio, and (on a GPU) the share of kernels."""
    assert data.images is not None
    images, labels = data.images[: case.pictures], data.targets[: case.pictures]
    ways = {f"{workers} workers": workers for workers in sorted({0, os.cpu_count() or 1})}
    times: dict[str, list[float]] = {name: [] for name in (*ways, "ours")}
    our_training(case, images, labels)
    for _ in range(repeats):
        for name, workers in ways.items():
            times[name].append(seconds(partial(plain_training, case, images, labels, workers)))
        times["ours"].append(seconds(lambda: our_training(case, images, labels)))
    rates = {name: case.pictures * case.epochs / min(taken) for name, taken in times.items()}
    best = max(ways, key=lambda name: rates[name])
    ratio = rates["ours"] / rates[best]
    share = f"{kernel_share(lambda: our_training(case, images, labels)):.0%}" if torch.cuda.is_available() else ""
    verdict = "met" if ratio >= case.wanted else "not met"
    print(f"{case.name}: {rates}", flush=True)
    return [case.name, f"{rates[best]:,.0f} ({best})", f"{rates['ours']:,.0f}", f"{ratio:.2f} ×", f"≥ {case.wanted} ×", verdict, share]


def prediction(case: Case, data: alviz.data.Dataset, repeats: int) -> list[object]:
    """The row of a network: seconds for the probabilities of POOL pictures."""
    assert data.images is not None
    model = our_training(case, data.images[:BATCH], data.targets[:BATCH])
    asked = data.images[np.arange(case.asked) % len(data.images)]
    model.predict_proba(asked[:256])
    took = min(seconds(lambda: model.predict_proba(asked)) for _ in range(repeats))
    print(f"{case.name}: {case.asked} pictures in {took:.2f} s", flush=True)
    return [case.name, f"{case.asked:,}", f"{took:.2f} s", f"{case.asked / took:,.0f}", f"{took * POOL / case.asked:.0f} s"]


def a_step(data: alviz.data.Dataset, repeats: int) -> list[list[object]]:
    """Seconds of each phase of a step that ends with 500 labels, for lenet and margin; the median of the steps."""
    rounds = []
    for seed in range(repeats + 1):
        run = alviz.Run(data, learner=learners.create("lenet", epochs=20), strategy="margin", n_initial=450, n_queries=50, seed=seed)
        began = time.perf_counter()
        finished_round = run.step()
        assert finished_round is not None and finished_round.n_labelled == 500
        rounds.append((time.perf_counter() - began, finished_round.seconds, finished_round.metrics["accuracy"]))
    rounds = sorted(rounds[1:], key=lambda entry: entry[0])
    took, phases, _ = rounds[len(rounds) // 2]
    accuracy = statistics.mean(entry[2] for entry in rounds)
    rows: list[list[object]] = [[phase, f"{value:.2f} s", "", ""] for phase, value in phases.items()]
    return [
        *rows,
        ["all", f"{took:.2f} s", f"≤ {STEP_LIMIT:.0f} s", "met" if took <= STEP_LIMIT else "not met"],
        ["accuracy", f"{accuracy:.2f}", "", ""],
    ]


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="threads of one product")
    parser.add_argument("--write", action="store_true", help="put the result into docs/training.md")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    before = os.getloadavg()[0]
    data = alviz.data.create("fashion-mini")
    head = ["network", "plain loop, pictures/s", "alviz, pictures/s", "ratio", "wanted", "", "time in kernels (GPU)"]
    parts = [table(head, [training(case, data, args.repeats) for case in CASES])]
    rows = [prediction(case, data, args.repeats) for case in CASES]
    parts.append(table(["network", "pictures asked", "took", "pictures/s", f"for {POOL:,}"], rows))
    parts.append(table(["phase", "a lenet step, 500 labels, 20 epochs, fashion-mini", "wanted", ""], a_step(data, args.repeats)))
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU"
    half = "bfloat16 is quick" if torch.cuda.is_available() or torch.cpu._is_avx512_bf16_supported() else "no quick bfloat16"
    parts.append(
        f"{args.repeats} repeats; {device}, {half}; {args.threads} thread(s) of {os.cpu_count()} cores; load average {before:.1f} before "
        f"(1 per busy core). torch {torch.__version__}."
    )
    text = "\n\n".join(parts)
    print(text)
    if args.write:
        write_section("training", text, DOCUMENT)


if __name__ == "__main__":
    main()
