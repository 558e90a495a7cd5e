"""from_folder: what becomes a sample, what does not and why, the split, the cache, and folders that grow."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import alviz
from alviz.data import content_hash, create, folder, from_folder, originals, scan, thumbnails
from alviz.progress import Cancelled
from alviz.studies import Store


class Pictures:
    """A folder being filled: every picture another one, reproducibly."""

    def __init__(self, root):
        self.root, self.rng = root, np.random.default_rng(0)
        root.mkdir()

    def add(self, name, size=(24, 20)):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(self.rng.integers(0, 256, (6, 5, 3), dtype=np.uint8)).resize(size).save(path)
        return path

    def classes(self, **counts):
        for name, count in counts.items():
            for i in range(count):
                self.add(f"{name}/{i:03d}.png")
        return self


@pytest.fixture
def pets(tmp_path):
    return Pictures(tmp_path / "pets")


def read(root, **settings):
    return from_folder(root, **{"size": 16, **settings})


def reasons(dataset):
    return {one.name: one.reason for one in dataset.report.skipped}


def names(dataset):
    return [name.rpartition("#")[0] for name in dataset.ids]


def test_classes_are_the_first_level_and_the_split_is_stratified(pets):
    pets.classes(dog=10, cat=5, hen=2)
    pets.add("emu/only.png")
    pets.add("cat/deep/er/x.png")
    dataset = read(pets.root)
    assert dataset.class_names == ("cat", "dog", "emu", "hen")
    counts = np.bincount(dataset.targets, minlength=4), np.bincount(dataset.test.targets, minlength=4)
    assert counts[0].tolist() == [5, 8, 1, 1]  # cat: 6 · 0.2 = 1.2, so one aside; hen: one of two; emu is alone and stays
    assert counts[1].tolist() == [1, 2, 0, 1]
    for part in (dataset, dataset.test):
        assert [part.class_names[k] for k in part.targets] == [name.split("/")[0] for name in names(part)]
        assert names(part) == sorted(names(part))
    assert dataset.report.lonely == ("emu",)
    assert dataset.report.read == 19
    assert "class 'emu' has a single sample" in str(dataset.report)


def test_pixels_are_those_of_the_files(pets):
    for i in range(40):
        pets.add(f"a/{i}.png", size=(16, 16))
    dataset = read(pets.root, test=0.5)
    for part in (dataset, dataset.test):
        assert isinstance(part.images, np.memmap)
        for i, file in enumerate(part.files):
            assert np.array_equal(part.images[i], np.asarray(Image.open(file)))
            assert np.array_equal(part.source(i), np.asarray(Image.open(file)))


def test_without_folders_nothing_is_labelled(pets):
    for i in range(5):
        pets.add(f"{i}.jpg")
    dataset = read(pets.root)
    assert (dataset.targets == -1).all()
    assert dataset.test is None
    assert dataset.class_names == ()
    assert "none has a label" in str(dataset.report)
    named = read(pets.root, class_names=["x", "y"])
    assert named.class_names == ("x", "y")
    assert named.ids == dataset.ids


def test_folders_that_are_no_classes(pets):
    pets.classes(y2023=3, y2024=3)
    dataset = read(pets.root, labels=False)
    assert (dataset.targets == -1).all()
    assert len(dataset) == 6
    assert dataset.test is None


def test_pictures_beside_the_folders_have_no_label_and_stay_in_the_pool(pets):
    pets.classes(cat=5, dog=5)
    for i in range(9):
        pets.add(f"{i}.png")
    dataset = read(pets.root, test=0.5)
    unknown = [name for name, target in zip(names(dataset), dataset.targets, strict=True) if target == -1]
    assert len(unknown) == 9
    assert (dataset.test.targets >= 0).all()


def test_train_and_test_folders(pets):
    for part, count in (("train", 6), ("test", 4)):
        for k in ("cat", "dog"):
            for i in range(count):
                pets.add(f"{part}/{k}/{i}.png")
    pets.add("test/stray.png")
    dataset = read(pets.root)
    assert dataset.class_names == ("cat", "dog")
    assert {name.split("/")[0] for name in names(dataset)} == {"train"}
    assert {name.split("/")[0] for name in names(dataset.test)} == {"test"}
    assert (len(dataset), len(dataset.test)) == (12, 8)
    assert reasons(dataset) == {"test/stray.png": "test picture without a class"}
    pets.add("bus/1.png")
    assert read(pets.root).class_names == ("bus", "test", "train")


def test_what_is_left_out_and_why(pets):
    pets.classes(cat=4)
    cat = pets.root / "cat"
    (cat / "empty.jpg").write_bytes(b"")
    (cat / "text.jpg").write_text("not a picture at all")
    whole = (pets.add("cat/whole.jpg", (400, 400))).read_bytes()
    (cat / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    (cat / "notes.txt").write_text("hello")
    (cat / ".hidden.png").write_bytes(whole)
    (cat / "Thumbs.db").write_bytes(b"x")
    (pets.root / "hollow" / "deeper").mkdir(parents=True)
    os.symlink(pets.root, cat / "loop")
    os.symlink(cat / "nowhere", cat / "dangling.png")
    os.symlink("self.png", cat / "self.png")
    (cat / "bomb.png").write_bytes(bomb())
    os.mkfifo(cat / "pipe.png")
    dataset = read(pets.root, test=0)
    assert reasons(dataset) == {
        "cat/empty.jpg": "empty",
        "cat/text.jpg": "not a picture inside",
        "cat/cut.jpg": "broken",
        "cat/notes.txt": "not a picture",
        "cat/.hidden.png": "hidden",
        "cat/Thumbs.db": "hidden",
        "hollow/": "folder without pictures",
        "hollow/deeper/": "folder without pictures",
        "cat/loop/": "link back into the folder",
        "cat/dangling.png": "link to nothing",
        "cat/self.png": "link to nothing",
        "cat/bomb.png": "too large",
        "cat/pipe.png": "not a file",
    }
    assert names(dataset) == ["cat/000.png", "cat/001.png", "cat/002.png", "cat/003.png", "cat/whole.jpg"]
    text = str(dataset.report)
    assert "5 pictures read" in text
    assert "13 skipped (" in text
    assert "broken: 1" in text
    assert reasons(read(pets.root, test=0)) == reasons(dataset)  # also where it comes from the cache


def bomb():
    """A PNG header that asks for 60,000 × 60,000 pixels."""
    import struct
    import zlib

    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")


def test_names_that_are_not_utf8(pets):
    pets.classes(cat=2)
    strange = os.fsencode(pets.root) + b"/caf\xe9"
    os.mkdir(strange)
    (pets.root / "cat" / "000.png").rename(os.fsdecode(strange + b"/\xff.png"))
    dataset = read(pets.root, test=0)
    assert dataset.class_names == ("caf\\xe9", "cat")
    assert names(dataset)[0] == "caf\\xe9/\\xff.png"
    assert all(name.encode("utf-8") for name in dataset.ids)
    assert dataset.source(0).shape == (20, 24, 3)


def test_links_to_other_folders_are_followed(pets, tmp_path):
    elsewhere = Pictures(tmp_path / "elsewhere")
    elsewhere.add("1.png")
    pets.classes(cat=2)
    os.symlink(elsewhere.root, pets.root / "dog")
    assert read(pets.root, test=0).class_names == ("cat", "dog")


def test_pictures_that_look_alike_are_listed_and_kept(pets):
    pets.classes(cat=20)
    original = pets.add("cat/original.png", (300, 200))
    Image.open(original).save(pets.root / "cat" / "saved.jpg", quality=70)
    Image.open(original).resize((150, 100)).save(pets.root / "cat" / "smaller.png")
    dataset = read(pets.root, test=0, size=64)
    assert dataset.report.duplicates == (("cat/original.png", "cat/saved.jpg", "cat/smaller.png"),)
    assert len(dataset) == 23
    assert "3 look alike in 1 group" in str(dataset.report)


def test_nothing_to_read(pets, tmp_path):
    for root, wanted in (
        (tmp_path / "nowhere", "there is no folder .*nowhere'"),
        (__file__, ".*test_data_folder.py' is a file, not a folder"),
        (None, "root must be a folder, got None"),
        ("", "root must be a folder, got ''"),
        (pets.root, "there is no picture in .* that can be read; it is empty"),
    ):
        with pytest.raises(ValueError, match=wanted):
            read(root)
    (pets.root / "a").mkdir()
    (pets.root / "a" / "x.jpg").write_bytes(b"")
    with pytest.raises(ValueError, match=r"no picture in .* that can be read; skipped: empty: 1"):
        read(pets.root)


@pytest.mark.parametrize(
    ("settings", "wanted"),
    [
        ({"test": 1.0}, "test must be a number in 0 … 0.9"),
        ({"size": 4}, "size must be a whole number in 8 … 1024"),
        ({"seed": -1}, "seed must be a whole number"),
        ({"labels": "yes"}, "labels must be True or False"),
        ({"class_names": ["a", "a"]}, "class_names must differ"),
    ],
)
def test_bad_settings(pets, settings, wanted):
    pets.classes(cat=2)
    with pytest.raises(ValueError, match=wanted):
        read(pets.root, **settings)


# ---- the cache


def test_a_second_reading_decodes_nothing_and_a_changed_file_is_noticed(pets, monkeypatch):
    pets.classes(cat=6, dog=6)
    decoded = []
    decode = thumbnails.thumbnail
    monkeypatch.setattr(thumbnails, "thumbnail", lambda content, size: decoded.append(1) or decode(content, size))
    first = read(pets.root)
    assert len(decoded) == 12
    again = read(pets.root)
    assert len(decoded) == 12
    assert content_hash(again) == content_hash(first)
    path = pets.root / "cat" / "003.png"
    pets.add("cat/003.png")
    changed = read(pets.root)
    assert len(decoded) == 13
    both = {*changed.ids, *changed.test.ids}
    assert {name for name in both if name not in {*first.ids, *first.test.ids}} == {
        name for name in both if name.startswith("cat/003.png#")
    }
    where = names(changed).index("cat/003.png")
    assert np.array_equal(changed.source(where), np.asarray(Image.open(path)))
    fresh = thumbnails.thumbnail(path.read_bytes(), 16)
    assert np.array_equal(changed.images[where], fresh)


def test_another_size_reads_again(pets):
    pets.classes(cat=3)
    assert read(pets.root, size=16).images.shape[1:] == (16, 16, 3)
    assert read(pets.root, size=24).images.shape[1:] == (24, 24, 3)
    assert read(pets.root, size=16).images.shape[1:] == (16, 16, 3)


def test_a_damaged_cache_is_made_again(pets, own_cache):
    pets.classes(cat=6)
    first = np.array(read(pets.root, test=0).images)
    (kept,) = own_cache.glob("pictures/*.npy")
    kept.write_bytes(kept.read_bytes()[:500])
    assert np.array_equal(read(pets.root, test=0).images, first)
    for note in own_cache.glob("*/*.json"):
        note.write_text("{half")
    assert np.array_equal(read(pets.root, test=0).images, first)


def test_a_cache_that_cannot_be_written(pets, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("ALVIZ_CACHE", str(tmp_path / "file"))
    pets.classes(cat=4)
    with pytest.warns(UserWarning, match="cannot keep pictures"):
        dataset = read(pets.root)
    assert len(dataset) == 3


def test_cancelling_leaves_nothing_behind(pets, own_cache):
    pets.classes(cat=8)
    seen = []

    def stop(share):
        seen.append(share)
        if share > 0.3:
            raise Cancelled

    with pytest.raises(Cancelled):
        read(pets.root, progress=stop)
    assert [path for path in own_cache.rglob("*") if path.is_file()] == []
    seen.clear()
    read(pets.root, progress=seen.append)
    assert seen == sorted(seen)
    assert seen[-1] == 1.0
    assert len(seen) > 8


def test_only_what_is_needed_stays_on_disk(pets, own_cache):
    pets.classes(cat=6)
    for _ in range(3):
        read(pets.root, test=0)
        pets.add(f"cat/{len(os.listdir(pets.root / 'cat')):03d}.png")
    assert sorted(path.suffix for path in own_cache.glob("pictures/*")) == [".json", ".npy"]


# ---- folders that grow


def test_the_split_follows_the_seed(pets):
    pets.classes(cat=30)
    assert set(read(pets.root).test.ids) == set(read(pets.root).test.ids)
    assert set(read(pets.root).test.ids) != set(read(pets.root, seed=1).test.ids)


def test_new_files_join_the_pool_and_nothing_changes_sides(pets):
    pets.classes(cat=10, dog=10)
    before = read(pets.root)
    for i in range(8):
        pets.add(f"cat/new{i}.png")
        pets.add(f"ant/new{i}.png")
    after = read(pets.root)
    assert set(after.test.ids) == set(before.test.ids)
    assert set(before.ids) < set(after.ids)
    assert after.report.new == 16
    assert "16 new since last time" in str(after.report)


def test_a_test_picture_that_was_away_comes_back_as_one(pets):
    pets.classes(cat=10)
    before = read(pets.root)
    file = Path(before.test.files[0])
    content = file.read_bytes()
    file.unlink()
    assert len(read(pets.root).test) == 1
    file.write_bytes(content)
    assert set(read(pets.root).test.ids) == set(before.test.ids)


def test_the_spec_makes_it_again(pets, monkeypatch):
    pets.classes(cat=6, dog=6)
    monkeypatch.chdir(pets.root.parent)
    dataset = read("pets", test=0.4, seed=3)
    assert dataset.spec["params"]["root"] == str(pets.root)
    assert dataset.spec["params"]["class_names"] == ["cat", "dog"]
    monkeypatch.chdir("/")
    again = create(dataset.spec["name"], **dataset.spec["params"])
    assert again.ids == dataset.ids
    assert again.test.ids == dataset.test.ids
    assert again.extractor == "pca"  # by name it comes with features
    assert create(again.spec["name"], **again.spec["params"], imbalance="1:2").spec["params"]["imbalance"] == "1:2"


def test_a_run_goes_on_when_files_and_classes_were_added(pets, tmp_path):
    pets.classes(cat=10, dog=10)
    store = Store(f"sqlite:///{tmp_path / 'runs.db'}")
    run = alviz.Run(read(pets.root), n_queries=4, store=store)
    run.step()
    for new in ("zoo", "ant"):  # the second one sorts before all others
        said = {run.dataset.ids[i]: run.dataset.class_names[run.state.labels[i]] for i in run.state.labelled}
        assert said == {name: name.split("/")[0] for name in said}
        for i in range(6):
            pets.add(f"{new}/{i}.png")
        grown = read(pets.root)
        run = alviz.Run.resume(store.load(run.id, grown), grown, store=store)
        assert {run.dataset.ids[i]: run.dataset.class_names[run.state.labels[i]] for i in run.state.labelled} == said
        run.run(until=run.n_labelled + 12)
    assert len(run.dataset) == 16 + 12
    assert run.dataset.class_names == ("cat", "dog", "zoo", "ant")
    by_name = create(run.config()["dataset"]["name"], **run.config()["dataset"]["params"])
    assert set(by_name.ids) == set(run.dataset.ids)


@pytest.mark.parametrize("change", ["deleted", "changed"])
def test_a_labelled_file_that_is_gone_is_named(pets, tmp_path, change):
    pets.classes(cat=10, dog=10)
    store = Store(f"sqlite:///{tmp_path / 'runs.db'}")
    run = alviz.Run(read(pets.root), n_queries=4, store=store)
    i = int(run.rounds[0].queried[0])
    name = names(run.dataset)[i]
    (pets.root / name).unlink() if change == "deleted" else pets.add(name)
    now = read(pets.root)
    with pytest.raises(
        ValueError,
        match=f"a labelled sample of the stored run is not in dataset 'pets', the first is '{name}#.*': deleted, renamed, changed",
    ):
        store.load(run.id, now)


def test_an_original_that_is_gone(pets):
    pets.classes(cat=3)
    dataset = read(pets.root, test=0)
    (pets.root / "cat" / "001.png").unlink()
    with pytest.raises(ValueError, match=r"cat/001.png cannot be read any more"):
        dataset.source(1)
    assert dataset.take(np.array([2])).files == [dataset.files[2]]


def test_it_stays_out_of_menus_of_what_needs_no_parameter():
    assert not {"folder", "table", "huggingface"} & set(alviz.data.available())
    assert alviz.data.card("folder").options["root"]
    with pytest.raises(ValueError, match="dataset 'folder' needs the parameter 'root'"):
        create("folder")
    assert folder.SIZE == 128


def test_the_wrong_folder_and_endless_folders(pets, monkeypatch):
    monkeypatch.setattr(scan, "MOST_OTHERS", 20)
    deep = pets.root.joinpath("cat", *["inside"] * 120)
    deep.mkdir(parents=True)
    pets.classes(cat=2)
    (deep / "x.png").write_bytes((pets.root / "cat" / "000.png").read_bytes())
    assert [one.reason for one in read(pets.root, test=0).report.skipped].count("too deep") == 1
    for k in range(25):
        (pets.root / f"{k}.txt").touch()
    with pytest.raises(ValueError, match=r"does not look like a folder of pictures \(2 pictures among 2\d files so far\)"):
        read(pets.root)


def test_looking_through_folders_can_be_cancelled(pets):
    pets.classes(cat=2, dog=2)

    def stop(done):
        raise Cancelled("enough")

    with pytest.raises(Cancelled):
        scan.scan(pets.root, True, stop)


def test_pictures_that_have_no_room_anywhere_are_refused(pets, monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("ALVIZ_CACHE", str(tmp_path / "file"))
    monkeypatch.setattr(thumbnails, "MOST_IN_MEMORY", 10_000)
    pets.classes(cat=3)
    with pytest.raises(ValueError, match=r"3 pictures need 0.0 GB in .*, which cannot be written .*ALVIZ_CACHE"):
        read(pets.root)


def test_files_of_gigabytes_are_no_pictures(pets, monkeypatch):
    pets.classes(cat=3)
    monkeypatch.setattr(originals, "MOST_BYTES", 10)
    with pytest.raises(ValueError, match="skipped: too large: 3"):
        read(pets.root)
