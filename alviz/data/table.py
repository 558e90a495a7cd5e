"""`from_table`: a table of embeddings, with or without labels, as a Dataset."""

import difflib
import os
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from alviz.checks import number, whole
from alviz.data.base import registry
from alviz.data.dataset import Dataset
from alviz.data.hashing import hash_text, row_ids
from alviz.data.naming import class_list
from alviz.data.report import Report, Skipped
from alviz.data.split import remembered
from alviz.progress import Cancelled, Progress, silent
from alviz.registry import Card

if TYPE_CHECKING:
    import pandas as pd

TARGETS = ("target", "label", "class")
IDS = ("id",)
"""Columns that are taken for the target and the id where nobody says which are."""
CHUNK = 20_000
"""Rows of text read at a time."""


def from_table(
    table: "str | os.PathLike[str] | pd.DataFrame",
    features: "str | Sequence[str] | None" = None,
    target: str | None = None,
    id: str | None = None,
    test: float = 0.2,
    seed: int = 0,
    skip: bool = False,
    class_names: Sequence[str] | None = None,
    progress: Progress = silent,
) -> Dataset:
    """A dataset from a table: one sample a row, features from numeric columns. A pandas DataFrame, or a file: .parquet, .csv (with commas, or as spreadsheets write
    it where the comma is the decimal sign: with semicolons), .tsv or .npz.

    features: names of columns (also of one column that holds lists of numbers); None: all columns with numbers that are neither target nor id. target: the
    column with the classes, text or whole numbers; "", a missing value and −1 mean that there is no label. id: the column with names that stay with the
    samples; None makes ids from each row's numbers. target and id are by default the columns named `target`, `label` or `class`, and `id`, where there is (just) one.
    In an .npz file the arrays are the columns: one (n, d) for the features, others (n,).

    test, seed: as in `from_folder`. skip: leave out rows with NaN, infinity or text among the features instead of refusing the table (`dataset.report` lists
    them). class_names: the order of the classes; those it does not name come after it, sorted. progress: may raise Cancelled. Rows are counted from 0.
    Raises ValueError naming the file, or the column and the row, what came and what was wanted.
    """
    share, seed = number("test", test, 0.0, 0.9), whole("seed", seed)
    columns, name, path = _columns(table, lambda done: progress(0.6 * done))
    progress(0.6)
    if not columns or not len(next(iter(columns.values()))):
        raise ValueError(f"{name!r} has no rows")
    _choose("target", target, columns)
    _choose("id", id, columns)
    target = target if target is not None else _guess(columns, TARGETS)
    id = id if id is not None else _guess([column for column in columns if column != target], IDS)
    chosen, ignored = _features(columns, features, [given for given in (target, id) if given is not None])
    x, bad = _numbers({column: columns[column] for column in chosen})
    progress(0.7)
    if bad and not skip:
        row, column, what = bad[0]
        raise ValueError(
            f"column {column!r}, row {row} holds {what}, not a number" + (f" ({len(bad):,} rows like that)" if len(bad) > 1 else "") + "; "
            "mend it, choose other columns as features, or leave such rows out with skip=True"
        )
    wrong = {row: f"{what} in column {column!r}" for row, column, what in bad}
    rows = np.array([row for row in range(len(x)) if row not in wrong], dtype=np.int64)
    if len(rows) == 0:
        raise ValueError(f"{name!r} has no row without NaN, infinity or text among the features")
    x = np.ascontiguousarray(x[rows])
    targets, names = _classes(target, None if target is None else columns[target], rows, class_names)
    progress(0.8)
    ids = row_ids(x) if id is None else _ids(id, columns[id], rows)
    key = None if path is None else hash_text(["table", path, share, seed])
    held, new = remembered(key, ids, targets, share, seed)
    counts = np.bincount(targets[targets >= 0], minlength=len(names))
    report = Report(
        "rows",
        read=len(rows),
        set_aside=int(held.sum()),
        unlabelled=int((targets < 0).sum()),
        new=new,
        skipped=(
            *(Skipped(f"row {row}", why) for row, why in wrong.items()),
            *(Skipped(f"column {column}", why) for column, why in ignored.items()),
        ),
        lonely=tuple(str(names[k]) for k in np.flatnonzero(counts == 1)),
    )

    def part(name: str, inside: NDArray[np.int64], **more: Any) -> Dataset:
        return Dataset(name, [ids[i] for i in inside], None, x[inside], targets[inside], names, **more)

    aside = part(f"{name} (test)", np.flatnonzero(held)) if held.any() else None
    spec = None
    if path is not None:
        params = {"path": path, "features": chosen, "target": target, "id": id, "test": share, "seed": seed, "skip": skip}
        spec = {"name": "table", "params": {**params, "class_names": list(names)}}
    dataset = part(name, np.flatnonzero(~held), test=aside, spec=spec, report=report)
    progress(1.0)
    return dataset


def _columns(table: Any, progress: Progress) -> tuple[dict[str, NDArray[Any]], str, str | None]:
    """(columns by name, each (n,) or, with lists of numbers, (n, d); the table's name; the file's full path or None)."""
    import pandas as pd

    if isinstance(table, pd.DataFrame):
        return _of_frame(table), "table", None
    if not isinstance(table, str | os.PathLike):
        raise ValueError(f"table must be a file's name or a DataFrame, got {type(table).__name__}")
    path = Path(table).expanduser().absolute()
    if not os.path.isfile(path):
        raise ValueError(f"there is no file {str(path)!r}" + (", but a folder" if os.path.isdir(path) else ""))
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise ValueError(f"{path.name!r} is no table that can be read: wanted a file that ends in {', '.join(_READERS)}")
    try:
        return reader(path, progress), path.stem, str(path)
    except Cancelled:
        raise
    except ImportError as error:
        raise ValueError(f"reading {path.name!r} needs a package that is not installed: pip install pyarrow") from error
    except UnicodeDecodeError as error:
        raise ValueError(f"{path.name!r} is not text in UTF-8: save it as that") from error
    except Exception as error:  # readers raise what they like about files that are not what their names say
        raise ValueError(f"{path.name!r} cannot be read: {_first_line(error)}") from error


def _of_npz(path: Path, progress: Progress) -> dict[str, NDArray[Any]]:
    if not zipfile.is_zipfile(path):
        raise ValueError("it is no .npz file inside")
    with np.load(path, allow_pickle=False) as arrays:
        columns = {name: arrays[name] for name in arrays.files}
    lengths = {name: len(array) if array.ndim else 0 for name, array in columns.items() if array.ndim in (1, 2)}
    if len(set(lengths.values())) > 1:
        raise ValueError(f"its arrays must have one length, got {lengths}")
    return {name: columns[name] for name in lengths}


def _of_parquet(path: Path, progress: Progress) -> dict[str, NDArray[Any]]:
    import pandas as pd

    return _of_frame(pd.read_parquet(path))


def _of_text(path: Path, progress: Progress) -> dict[str, NDArray[Any]]:
    import pandas as pd

    size = path.stat().st_size
    if size == 0:
        raise ValueError("it is empty")
    with path.open("rb") as file:
        header = file.readline().decode("utf-8-sig").strip()
        file.seek(0)
        comma = header.count(";") <= header.count(",")
        marks = ("\t", ".") if path.suffix.lower() == ".tsv" else (",", ".") if comma else (";", ",")
        names = [name.strip('" ') for name in header.split(marks[0])]
        if all(map(_is_number, names)) and any(float(name) % 1 for name in names):
            raise ValueError("its first line holds numbers; the names of the columns belong there")
        # Only an empty field is missing: a class may well be called "NA" or "None".
        how: Any = {"sep": marks[0], "decimal": marks[1], "keep_default_na": False, "na_values": [""], "chunksize": CHUNK}
        chunks = []
        for chunk in pd.read_csv(file, **how):
            chunks.append(chunk)
            progress(file.tell() / size)
    return _of_frame(pd.concat(chunks, ignore_index=True))


_READERS = {".parquet": _of_parquet, ".csv": _of_text, ".tsv": _of_text, ".npz": _of_npz}


def _of_frame(frame: "pd.DataFrame") -> dict[str, NDArray[Any]]:
    import pandas as pd

    columns: dict[str, NDArray[Any]] = {}
    for position, column in enumerate(frame.columns):
        series = frame.iloc[:, position]
        if str(column) in columns:
            raise ValueError(f"it has two columns named {str(column)!r}")
        plain = pd.api.types.is_numeric_dtype(series.dtype) and not pd.api.types.is_complex_dtype(series.dtype)
        missing = bool(series.isna().any())
        columns[str(column)] = series.to_numpy(dtype=np.float64, na_value=np.nan) if plain and missing else np.asarray(series.to_numpy())
        if not plain:
            columns[str(column)] = np.array(series.astype(object).where(series.notna(), None), dtype=object)
    return columns


def _choose(setting: str, column: str | None, columns: dict[str, NDArray[Any]]) -> None:
    if column is not None and column not in columns:
        near = difflib.get_close_matches(str(column), columns, n=3, cutoff=0.4) or list(columns)[:5]
        raise ValueError(f"{setting} must be a column of the table, got {column!r}; there are {', '.join(map(repr, near))}")


def _guess(names: Any, wanted: Sequence[str]) -> str | None:
    found = [name for name in names if name.lower() in wanted]
    return found[0] if len(found) == 1 else None


def _features(columns: dict[str, NDArray[Any]], features: Any, taken: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """(columns to use, columns left out and why)."""
    if features is not None:
        chosen = [features] if isinstance(features, str) or not isinstance(features, Iterable) else list(features)
        for column in chosen:
            _choose("features", column, columns)
        if not chosen or len(set(chosen)) < len(chosen) or not set(chosen).isdisjoint(taken):
            raise ValueError(f"features must be different columns, none of them target or id ({', '.join(taken) or 'none'}), got {chosen}")
        return chosen, {}
    rest = [column for column in columns if column not in taken]
    without = {
        column: "no numbers"
        for column in rest
        if columns[column].dtype.kind in "OUSM" and not any(_is_number(value) for value in columns[column])
    }
    # Row numbers that a table was saved with would outweigh everything else.
    without |= {column: "no name" for column in rest if column.startswith("Unnamed: ")}
    chosen = [column for column in rest if column not in without]
    if not chosen:
        raise ValueError(f"no column of the table holds numbers to use as features; there are {', '.join(map(repr, columns)) or 'none'}")
    return chosen, without


def _numbers(columns: dict[str, NDArray[Any]]) -> tuple[NDArray[np.float32], list[tuple[int, str, str]]]:
    """((n, d) float32, [(row, column, what is there instead of a finite number), …], the first such column of each row, rows ascending)."""
    blocks: list[NDArray[np.float32]] = []
    bad: dict[int, tuple[int, str, str]] = {}
    for column, values in columns.items():
        block = values.astype(np.float64) if values.dtype.kind in "fiub" else _parsed(column, values)
        block = block[:, None] if block.ndim == 1 else block
        with np.errstate(over="ignore"):
            blocks.append(block.astype(np.float32))
        for row in np.flatnonzero(~np.isfinite(blocks[-1]).all(axis=1)):
            bad.setdefault(int(row), (int(row), column, _shown(values[row])))
    return np.hstack(blocks), [bad[row] for row in sorted(bad)]


def _parsed(column: str, values: NDArray[Any]) -> NDArray[np.float64]:
    """Numbers, lists of numbers, or text that says one, as float64 (n,) or (n, d); NaN for anything else."""
    lists = [value for value in values if isinstance(value, list | tuple | np.ndarray)]
    if not lists:
        return np.array([float(value) if _is_number(value) else np.nan for value in values], dtype=np.float64)
    width = len(lists[0])
    out = np.full((len(values), width), np.nan)
    for row, value in enumerate(values):
        if isinstance(value, list | tuple | np.ndarray) and len(value) == width:
            out[row] = [float(one) if _is_number(one) else np.nan for one in value]
        elif isinstance(value, list | tuple | np.ndarray):
            raise ValueError(f"column {column!r}, row {row} holds {len(value)} numbers, the first row {width}")
    return out


def _is_number(value: Any) -> bool:
    if isinstance(value, list | tuple | np.ndarray):
        return len(value) > 0 and all(_is_number(one) for one in value)
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return not isinstance(value, str) or value.strip().lower() not in ("nan", "inf", "-inf", "+inf", "infinity", "-infinity")


def _shown(value: Any) -> str:
    if isinstance(value, list | tuple | np.ndarray):
        return "NaN, infinity or text among its numbers"
    if value is None or value == "":
        return "nothing"
    if isinstance(value, str):
        return f"the text {value[:40]!r}"
    if np.isnan(float(value)):
        return "NaN"
    return "infinity" if np.isinf(float(value)) else f"{value:g}, too large for float32"


def _classes(
    column: str | None, values: NDArray[Any] | None, rows: NDArray[np.int64], class_names: Sequence[str] | None
) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """(targets of `rows`, class names): what the column says, as text; numbers in their order, text sorted."""
    named = [] if class_names is None else class_list(class_names)
    if values is None or column is None:
        return np.full(len(rows), -1, dtype=np.int64), tuple(named)
    if values.ndim != 1:
        raise ValueError(f"target column {column!r} must hold one class a row, it has the shape {values.shape}")
    said = [_class_of(column, int(row), values[row]) for row in rows]
    found = {name for name in said if name is not None}
    whole_numbers = values.dtype.kind in "iuf"
    order = sorted(found, key=int) if whole_numbers else sorted(found)
    names = [*named, *(name for name in order if name not in named)]
    number_of = {name: k for k, name in enumerate(names)}
    return np.array([-1 if name is None else number_of[name] for name in said], dtype=np.int64), tuple(names)


def _class_of(column: str, row: int, value: Any) -> str | None:
    if value is None or (isinstance(value, float | np.floating) and np.isnan(value)):
        return None
    if isinstance(value, float | np.floating):
        if not float(value).is_integer():
            raise ValueError(f"target column {column!r}, row {row} holds {value:g}: a class is text or a whole number")
        value = int(value)
    if isinstance(value, int | np.integer) and not isinstance(value, bool):
        return None if value == -1 else str(int(value))
    return str(value).strip() or None


def _ids(column: str, values: NDArray[Any], rows: NDArray[np.int64]) -> list[str]:
    ids = [str(values[row]) for row in rows]
    seen: dict[str, int] = {}
    for row, name in zip(rows, ids, strict=True):
        if values[row] is None or name in ("", "nan"):
            raise ValueError(f"id column {column!r}, row {row} is empty: every sample needs a name of its own")
        if name in seen:
            raise ValueError(f"id column {column!r} holds {name!r} in rows {seen[name]} and {row}: every sample needs a name of its own")
        seen[name] = int(row)
    return ids


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def _table(
    path: str,
    features: Any = None,
    target: str | None = None,
    id: str | None = None,
    test: float = 0.2,
    seed: int = 0,
    skip: bool = False,
    class_names: Sequence[str] | None = None,
    progress: Progress = silent,
) -> Dataset:
    return from_table(path, features, target, id, test, seed, skip, class_names, progress)


registry.add(
    "table",
    _table,
    Card(
        title="A table",
        idea="Your own embeddings, one sample a row, with or without labels.",
        needs="path: a .parquet (with the package pyarrow), .csv, .tsv or .npz file",
        options={
            "path": "The file.",
            "features": "Columns with the numbers; by default all that hold numbers.",
            "target": "Column with the classes; by default the one named target, label or class.",
            "id": "Column with names that stay with the samples.",
            "test": "Share of every class that is set aside for testing; 0: none.",
            "seed": "Another seed sets other rows aside.",
            "skip": "Leave out rows with NaN, infinity or text among the features instead of refusing the table.",
            "class_names": "Order of the classes, and classes that no row has yet.",
            "progress": "Called with the share that is done.",
        },
    ),
)
