"""From a folder of own pictures to a started run: how long, and in how much memory? Wanted for 10,000 on two cores: 4 minutes, 2 GB.

    python benchmarks/own_pictures.py [--pictures 10000] [--folder DIR] [--write]

Makes that many JPEG files of 500 × 400 pixels in ten classes (textures of their own with noise on them, about 45 KB each; kept in --folder where one is given),
then does in a process of its own what a person does: from_folder, features from efficientnet-lite0 at its defaults, a run of linear-svm and
margin with 50 + 50 labels. Once with an empty cache and once more in a new process. Memory is the largest resident size of that process,
mapped files included. Reading straight through Pillow, one file after the other, stands beside it.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
from common import table, write_section

DOCUMENT = Path(__file__).resolve().parent.parent / "docs" / "data.md"
CLASSES = 10
WIDTH, HEIGHT = 500, 400


def make(task: tuple[Path, int, int]) -> None:
    """Pictures first … last − 1: a blurred texture with the grain of its class, and noise."""
    from PIL import Image

    folder, first, last = task
    for i in range(first, last):
        path = folder / f"class {i % CLASSES}" / f"{i:06d}.jpg"
        if path.exists():
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        rng = np.random.default_rng(i)
        grain = 4 + 3 * (i % CLASSES)
        coarse = rng.integers(0, 256, (grain, grain + 1, 3), dtype=np.uint8)
        smooth = np.asarray(Image.fromarray(coarse).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC)).astype(np.int16)
        noisy = smooth + rng.integers(-12, 13, smooth.shape, dtype=np.int16)
        Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8)).save(path, quality=85)


def start(folder: Path) -> dict[str, float]:
    """What a person does, with seconds for each part and the peak of memory in GB. Runs in a process of its own."""
    import resource

    import alviz

    clock = [time.perf_counter()]
    dataset = alviz.data.from_folder(folder)
    clock.append(time.perf_counter())
    dataset = alviz.data.with_features(dataset, "efficientnet-lite0")
    clock.append(time.perf_counter())
    run = alviz.Run(dataset, n_queries=50)
    run.step()
    clock.append(time.perf_counter())
    seconds = dict(zip(("read", "features", "run"), np.diff(clock).tolist(), strict=True))
    return {**seconds, "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, "accuracy": run.rounds[-1].metrics["accuracy"]}


def in_a_new_process(folder: Path, cache: str) -> dict[str, float]:
    """`start` where nothing is loaded yet; imports count."""
    began = time.perf_counter()
    said = subprocess.run(
        [sys.executable, __file__, "--start", str(folder)],
        env={**os.environ, "ALVIZ_CACHE": cache},
        check=True,
        capture_output=True,
        text=True,
    )
    result: dict[str, float] = json.loads(said.stdout.splitlines()[-1])
    return {**result, "all": time.perf_counter() - began}


def plainly(folder: Path) -> float:
    """Seconds to read and decode every picture at full size, and to scale it to 128 × 128, one after the other."""
    from PIL import Image

    began = time.perf_counter()
    for path in folder.rglob("*.jpg"):
        with Image.open(path) as picture:
            picture.convert("RGB").resize((128, 128), Image.Resampling.BILINEAR)
    return time.perf_counter() - began


def report(n: int, first: dict[str, float], again: dict[str, float], plain: float) -> str:
    """The section of the document."""
    parts = [
        ("read", "from_folder"),
        ("features", "features (efficientnet-lite0, 96 pixels)"),
        ("run", "run: 50 labels, a step of 50"),
        ("all", "all, with imports"),
    ]
    rows = [[title, f"{first[key]:.1f} s", f"{again[key]:.1f} s"] for key, title in parts]
    rows.append(["largest memory", f"{first['memory']:.2f} GB", f"{again['memory']:.2f} GB"])
    text = table([f"{n:,} pictures of {WIDTH} × {HEIGHT}", "first time", "again"], rows)
    load = os.getloadavg()[0]
    return (
        f"{text}\n\n{os.cpu_count()} cores, load {load:.1f} at the end, {os.environ.get('OMP_NUM_THREADS', 'all')} thread(s) for arithmetic. "
        f"Pillow alone, one file after the other at full size: {plain:.1f} s."
    )


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=10_000)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--write", action="store_true", help="put the table into docs/data.md")
    parser.add_argument("--start", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.start is not None:
        print(json.dumps(start(args.start)))
        return
    with tempfile.TemporaryDirectory() as scratch:
        folder = args.folder or Path(scratch) / "pictures"
        blocks = [(folder, first, min(first + 250, args.pictures)) for first in range(0, args.pictures, 250)]
        with ProcessPoolExecutor() as pool:
            list(pool.map(make, blocks))
        cache = str(Path(scratch) / "cache")
        first = in_a_new_process(folder, cache)
        again = in_a_new_process(folder, cache)
        text = report(args.pictures, first, again, plainly(folder))
    print(text)
    if args.write:
        write_section("own-pictures", text, DOCUMENT)


if __name__ == "__main__":
    main()
