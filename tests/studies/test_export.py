"""Labels, predictions and pictures taken away."""

import io
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import alviz
from alviz.data.dataset import Dataset
from alviz.loop.labelling import Labelling
from alviz.progress import Cancelled
from alviz.studies import export

NAMES = ("T-shirt/top", 'Größe, "XL"', "con")


@pytest.fixture
def pool() -> Dataset:
    return alviz.data.create("fashion-mini").take(np.arange(40), test=None, targets=np.full(40, -1), class_names=(), spec=None)


@pytest.fixture
def session(pool: Dataset) -> Labelling:
    """Round 0 finished: three labels, one skip, one left out, one label changed; two more labels in the round that waits."""
    session = Labelling.start(pool, NAMES, annotator="Åda", n_queries=5)
    a, b, c, d, e = session.waiting.tolist()
    session.label(a, 0)
    session.label(b, 1)
    session.skip(c)
    session.ignore(d)
    session.label(e, 0)
    session.undo()
    session.label(e, 2)
    session.proceed()
    session.label(int(session.waiting[0]), 0)
    session.label(int(session.waiting[0]), 2)
    session.label(a, 1)
    return session


def test_labels_are_what_stands_in_the_order_it_was_said(session: Labelling, pool: Dataset) -> None:
    table = export.labels(session.run)
    a, b, c, d, e = session.run.rounds[0].queried.tolist()
    pending = session.run.pending
    assert pending is not None
    f, g = pending.selection.indices[:2].tolist()
    assert list(table.columns) == ["id", "label", "kind", "annotator", "time", "round"]
    assert table["id"].tolist() == [pool.ids[i] for i in (b, c, d, e, f, g, a)]
    assert table["label"].tolist() == [NAMES[1], "", "", NAMES[2], NAMES[0], NAMES[2], NAMES[1]]
    assert table["kind"].tolist() == ["label", "skip", "ignore", "label", "label", "label", "relabel"]
    assert table["round"].tolist() == [0, 0, 0, 0, 1, 1, 1]
    assert set(table["annotator"]) == {"Åda"}
    assert table["time"].is_monotonic_increasing
    assert (pd.Timestamp.now("UTC") - table["time"]).max() < pd.Timedelta("1h")


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_tables_come_back_as_they_were(session: Labelling, tmp_path: Path, kind: str) -> None:
    if kind == "parquet":
        pytest.importorskip("pyarrow")
    table = export.labels(session.run)
    path = export.write(table, tmp_path / "new" / f"labels.{kind}")
    read = pd.read_csv(path, keep_default_na=False, parse_dates=["time"]) if kind == "csv" else pd.read_parquet(path)
    for column in table.columns:
        assert read[column].tolist() == table[column].tolist()
    assert sorted(file.name for file in path.parent.iterdir()) == [f"labels.{kind}"]


def test_a_table_is_not_overwritten_unasked(session: Labelling, tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_text("mine")
    table = export.labels(session.run)
    with pytest.raises(ValueError, match="exists already"):
        export.write(table, path)
    assert path.read_text() == "mine"
    export.write(table, path, overwrite=True)
    assert path.read_text().startswith("id,label,kind")
    with pytest.raises(ValueError, match="csv or parquet, not 'xlsx'"):
        export.write(table, tmp_path / "labels.xlsx")


def test_predictions_are_of_everything_without_an_answer(session: Labelling, pool: Dataset) -> None:
    table = export.predictions(session.run)
    answered = set(export.labels(session.run)["id"])
    assert set(table["id"]) == set(pool.ids) - answered and len(table) == 33
    proba = table[[f"p: {name}" for name in NAMES]].to_numpy()
    assert np.allclose(proba.sum(axis=1), 1, atol=1e-5)
    assert table["prediction"].tolist() == [NAMES[k] for k in proba.argmax(axis=1)]
    where = {name: i for i, name in enumerate(pool.ids)}
    assert pool.features is not None
    naive = session.run.model(0).predict_proba(pool.features[[where[name] for name in table["id"]]])
    assert np.allclose(proba, naive, atol=1e-6)
    read = pd.read_csv(io.BytesIO(export.packed(table, "csv")))
    assert len(read) == 33
    with pytest.raises(ValueError, match="no predictions yet"):
        export.predictions(Labelling.start(pool, NAMES, n_queries=5).run)


def test_pictures_without_files_are_written_into_class_folders(session: Labelling, pool: Dataset, tmp_path: Path) -> None:
    target, counts = export.class_folders(session.run, tmp_path / "out")
    assert counts == {NAMES[0]: 1, NAMES[1]: 2, NAMES[2]: 2}
    assert sorted(folder.name for folder in target.iterdir()) == ["Größe, _XL_", "T-shirt_top", "_con"]
    assert pool.images is not None
    state = session.now
    for k, folder in enumerate(export.safe_names(NAMES)):
        found = sorted(Image.open(file).tobytes() for file in (target / folder).iterdir())
        assert found == sorted(pool.images[i].tobytes() for i in state.labelled if state.labels[i] == k)


@pytest.fixture
def filed(tmp_path: Path, pool: Dataset) -> Dataset:
    """Twelve pictures in files; all called the same, in folders of their own."""
    assert pool.images is not None
    files = []
    for i in range(12):
        path = tmp_path / "originals" / f"{i:02d}" / ("Picture.PNG" if i % 2 else "picture.png")
        path.parent.mkdir(parents=True)
        Image.fromarray(pool.images[i]).save(path, format="PNG")
        files.append(str(path))
    return replace(pool.take(np.arange(12)), files=files)


@pytest.mark.parametrize("how", ["copy", "link"])
def test_originals_are_copied_or_linked_and_none_is_lost(filed: Dataset, tmp_path: Path, how: str) -> None:
    session = Labelling.start(filed, ("a", "b"), n_queries=12)
    for i in session.waiting.tolist():
        session.label(i, i % 3 == 0)
    target, counts = export.class_folders(session.run, tmp_path / "out", how=how)  # type: ignore[arg-type]
    assert counts == {"a": 8, "b": 4}
    assert filed.files is not None
    for k, name in enumerate("ab"):
        found = sorted((target / name).iterdir())
        assert len({file.name.lower() for file in found}) == len(found)
        assert all(file.is_symlink() == (how == "link") for file in found)
        wanted = sorted(Path(filed.files[i]).read_bytes() for i in range(12) if (i % 3 == 0) == k)
        assert sorted(file.read_bytes() for file in found) == wanted
    assert all(Path(file).exists() for file in filed.files)


def test_a_folder_that_holds_something_is_left_alone(session: Labelling, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(ValueError, match="exists already and is not empty"):
        export.class_folders(session.run, tmp_path)
    with pytest.raises(ValueError, match="exists already"):
        export.class_folders(session.run, tmp_path / "mine.txt")
    assert [file.name for file in tmp_path.iterdir()] == ["mine.txt"]
    (tmp_path / "empty").mkdir()
    export.class_folders(session.run, tmp_path / "empty")
    assert len(list((tmp_path / "empty").iterdir())) == 3


def test_cancelling_leaves_nothing_behind(session: Labelling, tmp_path: Path) -> None:
    def stop(fraction: float) -> None:
        if fraction > 0.3:
            raise Cancelled

    with pytest.raises(Cancelled):
        export.class_folders(session.run, tmp_path / "out", progress=stop)
    assert list(tmp_path.iterdir()) == []


def test_an_original_that_is_gone_gets_a_sentence(filed: Dataset, tmp_path: Path) -> None:
    session = Labelling.start(filed, ("a", "b"), n_queries=1)
    sample = int(session.waiting[0])
    with pytest.raises(ValueError, match="nothing is labelled yet"):
        export.class_folders(session.run, tmp_path / "out")
    session.label(sample, 0)
    assert filed.files is not None
    Path(filed.files[sample]).unlink()
    with pytest.raises(ValueError, match="cannot be written: No such file"):
        export.class_folders(session.run, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_folder_names_are_safe_and_differ() -> None:
    names = ["../../etc", "a/b", "a\\b", "A_B", "nul.txt", "", " . ", "x" * 300, "COM1", "good name", "\ud800bad", "tab\there"]
    safe = export.safe_names(names)
    assert len({name.lower() for name in safe}) == len(names)
    for name in safe:
        assert name.strip(" .") == name and 0 < len(name.encode()) <= 110
        assert not set(name) & set('<>:"/\\|?*\t')
        assert name.split(".")[0].lower() not in {"nul", "com1"}
    assert safe[9] == "good name"


def test_the_model_comes_back_and_says_the_same(session: Labelling, pool: Dataset, tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    with zipfile.ZipFile(io.BytesIO(export.model_archive(session.run))) as archive:
        assert sorted(archive.namelist()) == ["model.json", "model.safetensors"]
        archive.extractall(tmp_path / "model")
    loaded = alviz.learners.load(tmp_path / "model")
    assert loaded.class_names == NAMES
    assert pool.features is not None
    assert np.array_equal(loaded.predict_proba(pool.features), session.run.model().predict_proba(pool.features))
    with pytest.raises(ValueError, match="no model yet"):
        export.model_archive(Labelling.start(pool, NAMES, n_queries=5).run)


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Labelling:
    """Two of four own pictures labelled."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "pictures" / "site #1").mkdir(parents=True)
    for k in range(4):
        Image.new("RGB", (20, 20), (60 * k, 0, 0)).save(tmp_path / "pictures" / "site #1" / f"{k}.png")
    dataset = alviz.data.create("folder", root=str(tmp_path / "pictures"), labels=False, test=0.0)
    session = Labelling.start(dataset, ["a", "b"], n_queries=2)
    for i in session.waiting.tolist():
        session.label(i, 0)
    session.proceed()
    return session


def test_tables_name_the_files_of_own_pictures(own: Labelling) -> None:
    labels, predictions = export.labels(own.run), export.predictions(own.run)
    assert sorted([*labels["file"], *predictions["file"]]) == [f"site #1/{k}.png" for k in range(4)]
    assert all(identity.startswith(f"{file}#") for identity, file in zip(labels["id"], labels["file"], strict=True))


def test_class_folders_never_lie_among_the_pictures_where_they_would_join_the_pool(own: Labelling, tmp_path: Path) -> None:
    before = sorted((tmp_path / "pictures").rglob("*"))
    for inside in (tmp_path / "pictures" / "sorted", tmp_path / "out" / ".." / "pictures" / "site #1" / "sorted"):
        with pytest.raises(ValueError, match="folder of the pictures, where copies would join the pool"):
            export.class_folders(own.run, inside)
    assert sorted((tmp_path / "pictures").rglob("*")) == before


def test_a_relative_folder_is_named_in_full(own: Labelling, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    target, _ = export.class_folders(own.run, "sorted")
    assert target == tmp_path / "sorted" and len(list(target.rglob("*.png"))) == 2
