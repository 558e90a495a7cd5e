"""One's own data on the pages: where they lie, what became of them, and what is said when they are not there."""

import numpy as np
import pytest
from PIL import Image

from alviz.panels.pool_settings import PoolSettings
from alviz.panels.settings import Settings
from alviz.panels.source import SourceFields, first_params, report_html
from alviz.panels.starts import Starts
from alviz.panels.workbench import Workbench
from alviz.studies import Store


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("ALVIZ_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("alviz.data.extractors.pixels.SIDE", 8)  # 192 numbers a picture instead of 3,072: pca is quick


@pytest.fixture
def pictures(tmp_path):
    """A folder with two classes of 20 pictures, a broken and an empty file."""
    rng, root = np.random.default_rng(0), tmp_path / "my pictures"
    for k, name in enumerate(("cat", "<b>dog")):
        (root / name).mkdir(parents=True)
        for i in range(20):
            pixels = rng.integers(0, 90, (16, 20, 3))
            pixels[..., k] += 120
            Image.fromarray(pixels.astype(np.uint8)).save(root / name / f"{i}.png")
    (root / "cat" / "<i>broken.jpg").write_bytes(b"no picture")
    (root / "cat" / "empty.jpg").touch()
    return root


@pytest.fixture
def table(tmp_path):
    """A csv file with 40 rows: two numbers, a column of text, a class; one row has text for a number."""
    rows = [f"{i % 2 + 0.01 * i},{i},note {i},{'no' if i % 2 else 'yes'}" for i in range(40)]
    rows[7] = "oops,7,note,no"
    path = tmp_path / "numbers.csv"
    path.write_text("\n".join(["a,b,remark,class", *rows]))
    return path


def chosen(workbench, dataset: str):
    settings = Settings(workbench)
    settings.fields["dataset"].value = dataset
    return settings, settings.source.fields[dataset]


def test_a_folder_is_read_shown_and_run_on(pictures, monkeypatch):
    monkeypatch.setattr("alviz.panels.source.best_extractor", lambda: "pca")
    workbench = Workbench(n_queries=4, budget=12)
    settings, fields = chosen(workbench, "folder")
    assert workbench.notice.startswith("Say which folder")
    assert list(settings.source.widget.children[:-1]) == list(fields.values())
    fields["root"].value = f"  {pictures} "
    workbench.wait(60)
    assert workbench.dataset is not None and workbench.dataset.class_names == ("<b>dog", "cat")
    assert len(workbench.dataset) == 32 and workbench.error == ""
    assert workbench.projection is not None and len(workbench.projection.points) == 32
    report = settings.source.report.value
    assert "40 pictures read (8 of them set aside for testing)" in report and "cat/empty.jpg: empty" in report
    assert "&lt;i&gt;broken.jpg" in report and "<i>" not in report
    fields["test"].value = 0.5
    settings.fields["n_queries"].value = 4
    workbench.start()
    workbench.wait(60)
    assert workbench.error == "" and workbench.view is not None
    assert len(workbench.view.dataset) == 20 and workbench.view.round.n_labelled == 4


def test_a_run_on_a_folder_is_gone_on_with(pictures, tmp_path):
    store = Store(f"sqlite:///{tmp_path / 'runs.db'}")
    params = {"root": str(pictures), "extractor": "pca"}
    first = Workbench(store=store, dataset="folder", params=params, imbalance="none", n_queries=4, budget=12)
    for press in (first.start, first.step):
        press()
        first.wait(60)
    assert first.view is not None, first.error
    second = Workbench(store=store)
    fields = Settings(second).source.fields["folder"]
    second.resume(first.view.track.run.id)
    second.wait(60)
    assert second.view is not None and len(second.view.rounds) == 2
    assert fields["root"].value == str(pictures)
    assert [list(r.queried) for r in second.view.rounds] == [list(r.queried) for r in first.view.rounds]


def test_a_table_is_read_and_refused_in_a_sentence(table):
    workbench = Workbench(learner="lenet")
    settings, fields = chosen(workbench, "table")
    assert workbench.config["learner"] == "linear-svm"  # there are no pictures
    fields["path"].value = str(table)
    workbench.wait(60)
    assert "Column 'a', row 7 holds the text 'oops'" in workbench.error
    fields["features"].value = "b"
    workbench.wait(60)
    assert workbench.error == "" and workbench.dataset is not None and workbench.dataset.features.shape[1] == 1
    fields["features"].value = ""
    fields["skip"].value = True
    workbench.wait(60)
    assert workbench.dataset.features.shape[1] == 2
    assert "row 7" in settings.source.report.value and "column remark: no numbers" in settings.source.report.value
    assert workbench.dataset.class_names == ("no", "yes")
    fields["target"].value = "colour"
    workbench.wait(60)
    assert "colour" in workbench.error


@pytest.mark.parametrize(
    ("root", "said"),
    [("/nowhere/at all", "There is no folder '/nowhere/at all'"), (__file__, "is a file, not a folder"), ("", "Say which folder")],
)
def test_what_cannot_be_read_is_said_and_leaves_the_page_as_it_was(root, said):
    workbench = Workbench()
    workbench.preview()
    workbench.wait(60)
    before = workbench.dataset
    _, fields = chosen(workbench, "folder")
    fields["root"].value = root
    workbench.wait(60)
    assert said in workbench.error + workbench.notice
    assert workbench.dataset is before
    workbench.start()
    workbench.wait(60)
    assert said in workbench.error and workbench.view is None


def test_pictures_without_labels_are_sent_to_the_label_page(pictures):
    for path in list(pictures.glob("*/*.png")):
        path.rename(pictures / f"{path.parent.name.strip('<b>')}{path.name}")
    workbench = Workbench(dataset="folder", params={"root": str(pictures), "extractor": "pca"}, n_queries=4, budget=12)
    workbench.start()
    workbench.wait(60)
    assert "has no labels" in workbench.error and "page Label" in workbench.error


def test_a_missing_package_greys_the_features_out(monkeypatch):
    monkeypatch.setattr("alviz.panels.source.find_spec", lambda name: None)
    assert first_params("folder") == {"extractor": "pca"}
    entries = SourceFields(Workbench()).fields["folder"]["extractor"].options
    assert [entry["disabled"] for entry in entries] == [False, True] and "needs torch" in entries[1]["why"]


def test_initial_pools_are_chosen_from_a_folder(pictures, monkeypatch):
    monkeypatch.setattr("alviz.panels.source.best_extractor", lambda: "pca")
    starts = Starts(pools=["random", "kmeans-equal"], n_initial=4)
    settings = PoolSettings(starts)
    settings.fields["dataset"].value = "folder"
    settings.source.fields["folder"]["root"].value = str(pictures)
    settings.fields["n_initial"].value = 4
    starts.start()
    starts.wait(60)
    assert starts.error == "" and [len(one.indices) for one in starts.chosen] == [4, 4]


def test_long_lists_are_cut():
    from alviz.data import Report, Skipped

    shown = report_html(Report("pictures", 5, skipped=tuple(Skipped(f"{i}.jpg", "broken") for i in range(1000))))
    assert shown.count("<li>") == 101 and "and 900 more" in shown


def test_few_of_ones_own_get_fewer_labels_a_round(pictures, monkeypatch):
    monkeypatch.setattr("alviz.panels.source.best_extractor", lambda: "pca")
    workbench = Workbench()
    _, fields = chosen(workbench, "folder")
    fields["root"].value = str(pictures)
    workbench.wait(60)
    assert workbench.config["n_queries"] == 3 and "32 samples only: 3 labels per round now" in workbench.notice
    workbench.start()
    workbench.wait(60)
    assert workbench.error == "" and workbench.view is not None


def test_another_column_of_classes_has_other_classes(table):
    workbench = Workbench(dataset="table", params={"path": str(table), "features": ["b"], "class_names": ["yes", "no"]})
    fields = SourceFields(workbench).fields["table"]
    fields["test"].value = 0.3
    assert workbench.config["params"]["class_names"] == ["yes", "no"]
    fields["target"].value = "remark"
    assert "class_names" not in workbench.config["params"]
