"""Taking a labelling away: labels and predictions as tables, pictures in a folder per class."""

import io
import itertools
import os
import re
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from alviz import learners
from alviz.data.dataset import Dataset
from alviz.loop.labels import Event, LabelState, standing
from alviz.loop.run import Run
from alviz.progress import Progress, silent

if TYPE_CHECKING:
    import pandas as pd

FORMATS = ("csv", "parquet")

RESERVED = {"con", "prn", "aux", "nul", *(f"{port}{k}" for port in ("com", "lpt") for k in range(1, 10))}
"""What Windows lets no file be called."""


def labels(run: Run) -> "pd.DataFrame":
    """What was said about each sample, answers to the waiting query included: one row per sample, in the order in which it was said.

    id; file (its path in the folder, where samples are files); label (class name, empty where there is none); kind ("label", "relabel", "skip",
    "ignore"); annotator; time (UTC); round.
    """
    import pandas as pd

    last: dict[int, Event] = {}
    for event in standing(_events(run)):
        last.pop(event.sample, None)  # what is said again moves to the end
        last[event.sample] = event
    names = run.dataset.class_names
    told = last.values()
    return pd.DataFrame(
        {
            **_named(run.dataset, [event.sample for event in told]),
            "label": _texts(names[event.label] if event.label >= 0 else "" for event in told),
            "kind": _texts(event.kind for event in told),
            "annotator": _texts(event.annotator for event in told),
            "time": pd.to_datetime(np.array([round(event.time * 1e6) for event in told], dtype=np.int64), unit="us", utc=True),
            "round": np.array([event.round for event in told], dtype=np.int64),
        }
    )


def predictions(run: Run) -> "pd.DataFrame":
    """What the last model says about each sample without an answer: id, file, prediction, probability, then one column "p: class" for each class.

    Raises ValueError before the first model.
    """
    import pandas as pd

    if run.position < 0:
        raise ValueError("there are no predictions yet: the first round is not finished")
    rest = LabelState(len(run.dataset), _events(run)).candidates
    proba, names = run.rounds[-1].probabilities[rest], run.dataset.class_names
    best = proba.argmax(axis=1)
    table = {
        **_named(run.dataset, rest),
        "prediction": _texts(names[k] for k in best),
        "probability": proba[np.arange(len(rest)), best],
    }
    return pd.DataFrame({**table, **{f"p: {name}": proba[:, k] for k, name in enumerate(names)}})


def check_kind(kind: str) -> None:
    """Raises ValueError for a kind of file that tables are not written as."""
    if kind not in FORMATS:
        raise ValueError(f"tables are written as {' or '.join(FORMATS)}, not {kind!r}")


def packed(table: "pd.DataFrame", kind: str) -> bytes:
    """The table as a file of `kind`: "csv" (UTF-8, times in ISO 8601) or "parquet". Raises ValueError for another kind, and for parquet without pyarrow."""
    check_kind(kind)
    if kind == "csv":
        return table.to_csv(index=False, date_format="%Y-%m-%dT%H:%M:%S.%fZ").encode()
    buffer = io.BytesIO()
    try:
        table.to_parquet(buffer, index=False)
    except ImportError as error:
        raise ValueError("parquet needs the package pyarrow: pip install pyarrow") from error
    return buffer.getvalue()


def model_archive(run: Run) -> bytes:
    """The run's last model as a ZIP file of what `alviz.learners.save` writes: model.safetensors and model.json.

    Raises ValueError before the first model, and for learners whose models cannot be saved.
    """
    if run.position < 0:
        raise ValueError("there is no model yet: the first round is not finished")
    buffer = io.BytesIO()
    with tempfile.TemporaryDirectory(prefix="alviz-") as beside, zipfile.ZipFile(buffer, "w") as archive:
        for file in sorted(learners.save(run, Path(beside) / "model").iterdir()):
            archive.write(file, file.name)
    return buffer.getvalue()


def write(table: "pd.DataFrame", path: str | Path, *, overwrite: bool = False) -> Path:
    """Write a table to a file that ends in .csv or .parquet. Raises ValueError for another ending, or where the file exists and `overwrite` is False."""
    target = Path(path).expanduser()
    content = packed(table, target.suffix[1:].lower())
    if target.exists() and not overwrite:
        raise ValueError(f"{target} exists already; say overwrite=True to replace it")
    atomically(target, lambda partial: partial.write_bytes(content))
    return target


def class_folders(
    run: Run, folder: str | Path, *, how: Literal["copy", "link"] = "copy", progress: Progress = silent
) -> tuple[Path, dict[str, int]]:
    """Put the labelled samples' originals into a folder per class under `folder`; gives it and the number of pictures per class name.

    how: "copy" the files, or "link" to them (symbolic links). Samples that have no file of their own are written as PNG. Names that a file
    system refuses are changed, and two samples never share one. The folder appears when it is complete; nothing in it is ever overwritten.
    Raises ValueError where it exists and is not empty, where it lies in the folder that the pictures come from (its copies would join the pool), where
    nothing is labelled, or where there are no pictures.
    """
    target = Path(folder).expanduser().absolute()
    if how not in ("copy", "link"):
        raise ValueError(f"how must be 'copy' or 'link', got {how!r}")
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise ValueError(f"{target} exists already and is not empty; give a new folder")
    state, dataset = LabelState(len(run.dataset), _events(run)), run.dataset
    root = (dataset.spec or {}).get("params", {}).get("root")
    if root is not None and target.resolve().is_relative_to(Path(root).resolve()):
        raise ValueError(f"{target} lies in the folder of the pictures, where copies would join the pool; give a folder outside {root}")
    labelled = state.labelled.tolist()
    if not labelled:
        raise ValueError("nothing is labelled yet")
    if dataset.images is None:
        raise ValueError(f"dataset {dataset.name!r} has no pictures")
    folders = safe_names(dataset.class_names)
    taken: set[str] = set()
    counts: dict[str, int] = {}

    def fill(partial: Path) -> None:
        partial.mkdir()
        for done, i in enumerate(labelled):
            progress(done / len(labelled))
            k = int(state.labels[i])
            home = partial / folders[k]
            home.mkdir(exist_ok=True)
            _put(dataset, i, home, taken, how)
            counts[dataset.class_names[k]] = counts.get(dataset.class_names[k], 0) + 1

    atomically(target, fill)
    return target, counts


def safe_names(names: Sequence[str]) -> list[str]:
    """Names for folders, one for each name and all different: what file systems refuse is replaced by "_"."""
    taken: set[str] = set()
    return [_free(_safe(name), taken) for name in names]


def _put(dataset: Dataset, i: int, home: Path, taken: set[str], how: str) -> None:
    from PIL import Image

    if dataset.files is None:
        Image.fromarray(np.squeeze(dataset.source(i))).save(home / _free(_safe(str(dataset.ids[i])), taken, ".png", str(home)))
        return
    source = Path(dataset.files[i]).resolve()
    name = home / _free(_safe(source.stem), taken, source.suffix, str(home))
    if how == "link":
        name.symlink_to(source)
    else:
        shutil.copy2(source, name)


def _safe(name: str) -> str:
    """A file name without what Windows, macOS or Linux refuse, at most 100 characters long."""
    readable = name.encode("utf-8", "replace").decode()
    plain = re.sub(r'[<>:"/\\|?*\x00-\x1f\x7f]', "_", readable).strip(" .")[:100].strip(" .") or "_"
    return f"_{plain}" if plain.split(".")[0].lower() in RESERVED else plain


def _free(name: str, taken: set[str], suffix: str = "", where: str = "") -> str:
    """`name`, with a number where it is taken (file systems may not tell a from A); taken from now on."""
    candidates = (f"{name}{'' if k == 1 else f' ({k})'}{suffix}" for k in itertools.count(1))
    free = next(candidate for candidate in candidates if f"{where}/{candidate}".lower() not in taken)
    taken.add(f"{where}/{free}".lower())
    return free


def atomically(target: Path, make: Callable[[Path], Any]) -> None:
    """make(partial) beside `target`, then put in its place; nothing half-made stays behind."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".alviz-", dir=target.parent) as beside:
            partial = Path(beside) / "new"
            make(partial)
            os.replace(partial, target)
    except OSError as error:
        raise ValueError(f"{target} cannot be written: {error.strerror or error}") from error


def _named(dataset: Dataset, samples: Iterable[int]) -> dict[str, Any]:
    """The columns that say which sample a row is about."""
    which = list(samples)
    files = {} if dataset.files is None else {"file": _texts(named(dataset, i) for i in which)}
    return {"id": _texts(str(dataset.ids[i]) for i in which), **files}


def named(dataset: Dataset, sample: int) -> str:
    """What a person calls a sample: its file's path inside the folder, or its id."""
    identity = str(dataset.ids[sample])
    return identity if dataset.files is None else identity.rpartition("#")[0] or identity


def _events(run: Run) -> list[Event]:
    return [*run.state.events, *(() if run.pending is None else run.pending.events)]


def _texts(values: Any) -> Any:
    import pandas as pd

    return pd.array(list(values), dtype="string")
