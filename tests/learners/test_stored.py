"""Models as arrays, and as folders that are taken away."""

import json

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file

import alviz
from alviz import learners
from alviz.learners.stored import dumped, restored

FEATURES = {
    "linear-svm": {},
    "logistic": {},
    "mlp": {"epochs": 5},
    "mlp-dropout": {"epochs": 5},
    "ensemble": {"size": 3, "params": {"epochs": 5}},
    "transfer": {"base": "logistic"},
}
IMAGES = {
    "lenet": {"epochs": 1, "batch_size": 8},
    "lenet with dropout": {"epochs": 1, "batch_size": 8, "dropout": 0.3},
    "resnet18": {"epochs": 1, "batch_size": 8, "stem": "3x3", "size": 12},
}
REFUSED = ("rbf-svm", "knn", "forest")


def make(name):
    return learners.create(name.split()[0], **{**FEATURES, **IMAGES}.get(name, {}))


def samples(name, n=24):
    rng = np.random.default_rng(3)
    y = np.arange(n) % 3
    if name in IMAGES:
        x = rng.integers(0, 256, size=(n, 16, 12, 3), dtype=np.uint8)
        x[..., 0] //= (y + 1).astype(np.uint8)[:, None, None]
        return x, np.array([0, 2, 3])[y]
    return (rng.normal(size=(n, 5)) + y[:, None]).astype(np.float32), np.array([0, 2, 3])[y]


def trained(name, seed=1):
    x, y = samples(name)
    learner = make(name)
    return learner, learner.fit(x, y, n_classes=5, rng=np.random.default_rng(seed)), x


def answers(model, x):
    """Everything that a model can be asked."""
    found = {
        ask: getattr(model, ask)(x) for ask in ("predict_proba", "logits", "embed", "committee_proba", "scores") if hasattr(model, ask)
    }
    if hasattr(model, "dropout_proba"):
        found["dropout"] = model.dropout_proba(x, 3, np.random.default_rng(5))
    return found


@pytest.mark.parametrize("name", [*FEATURES, *IMAGES])
def test_a_model_comes_back_bit_for_bit_through_a_folder(name, tmp_path):
    learner, model, x = trained(name)
    names = ["cat", "dög", "emu", "<fox>", "gnu"]
    randomness = torch.get_rng_state()
    folder = learners.save(model, tmp_path / "taken", learner=learner, class_names=names)
    saved = learners.load(folder)
    assert torch.equal(torch.get_rng_state(), randomness)
    assert type(saved.model) is type(model)
    mine, theirs = answers(model, x), answers(saved.model, x)
    assert mine.keys() == theirs.keys() and len(mine) > 0
    assert all((mine[ask] == theirs[ask]).all() for ask in mine)
    assert (saved.predict_proba(x) == mine["predict_proba"]).all()
    assert saved.class_names == tuple(names) and saved.n_classes == 5
    assert saved.predict(x).tolist() == [names[k] for k in mine["predict_proba"].argmax(axis=1)]
    assert saved.learner.name == learner.name
    assert sorted(path.name for path in folder.iterdir()) == ["model.json", "model.safetensors"]
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]


@pytest.mark.parametrize("name", [*FEATURES, *IMAGES])
def test_arrays_are_plain_numbers(name):
    learner, model, _ = trained(name)
    arrays = dumped(learner, model)
    assert arrays and all(array.dtype.kind in "fiu" for array in arrays.values())


def test_json_says_what_the_weights_are(tmp_path):
    learner, model, x = trained("resnet18")
    about = json.loads((learners.save(model, tmp_path / "taken", learner=learner) / "model.json").read_text(encoding="utf-8"))
    assert about["alviz"] == alviz.__version__
    assert about["learner"] == {"name": "resnet18", "params": IMAGES["resnet18"]}
    assert about["takes"] == "images"
    assert about["class_names"] == ["0", "1", "2", "3", "4"]
    assert about["pictures"]["shape"] == [16, 12, 3] and about["pictures"]["resized_to"] == 12
    np.testing.assert_allclose(about["pictures"]["mean"], (x / 255).mean(axis=(0, 1, 2)), rtol=1e-6)
    np.testing.assert_allclose(about["pictures"]["std"], (x / 255).std(axis=(0, 1, 2)), rtol=1e-6)


def test_weights_can_be_read_without_alviz(tmp_path):
    learner, model, x = trained("logistic")
    arrays = load_file(learners.save(model, tmp_path / "taken", learner=learner) / "model.safetensors")
    scores = (x - arrays["mean"]) * arrays["factor"] @ arrays["weights"] + arrays["bias"]
    p = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(model.predict_proba(x)[:, arrays["classes"]], p, rtol=1e-5)


def test_constant_models_and_committees_of_any_base_come_back():
    for label in (None, 2):
        back = restored(make("mlp"), dumped(make("mlp"), learners.ConstantModel(label, 4)))
        assert isinstance(back, learners.ConstantModel) and (back.label, back.n_classes) == (label, 4)
    learner = learners.create("ensemble", base="logistic", size=4)
    x, y = samples("logistic", 6)
    model = learner.fit(x, y, n_classes=5, rng=np.random.default_rng(8))
    back = restored(learner, dumped(learner, model))
    assert (back.committee_proba(x) == model.committee_proba(x)).all()
    forests = learners.create("ensemble", base="knn", size=2)
    assert dumped(forests, forests.fit(x, y, n_classes=5, rng=np.random.default_rng(0))) is None


@pytest.mark.parametrize("name", REFUSED)
def test_models_that_are_no_arrays_are_refused(name, tmp_path):
    learner, model, _ = trained(name)
    with pytest.raises(ValueError, match=f"a model of learner '{name}' is not made of arrays of numbers and cannot be saved"):
        learners.save(model, tmp_path / "taken", learner=learner)
    assert not list(tmp_path.iterdir())


def test_a_runs_last_model_is_saved_with_its_class_names(tmp_path):
    pool = alviz.data.create("gaussians", n=60, n_test=20)
    run = alviz.Run(pool, learner="logistic", n_queries=6)
    run.step()
    saved = learners.load(learners.save(run, tmp_path / "a" / "b"))
    assert (saved.predict_proba(pool.features) == run.model().predict_proba(pool.features)).all()
    assert saved.class_names == pool.class_names
    assert saved.about["labels"] == 12 and saved.about["dataset"] == pool.name and saved.about["extractor"] == "given"


def test_what_cannot_be_saved_says_why(tmp_path):
    learner, model, _ = trained("logistic")
    with pytest.raises(ValueError, match="learner is missing"):
        learners.save(model, tmp_path / "taken")
    with pytest.raises(ValueError, match="was not created by name"):
        learners.save(model, tmp_path / "taken", learner=type(learner)())
    with pytest.raises(ValueError, match="class_names must be 5 names, got 2"):
        learners.save(model, tmp_path / "taken", learner=learner, class_names=["a", "b"])
    learners.save(model, tmp_path / "taken", learner=learner)
    with pytest.raises(ValueError, match="exists already and is not empty"):
        learners.save(model, tmp_path / "taken", learner=learner)
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="cannot be written"):
        learners.save(model, tmp_path / "file" / "taken", learner=learner)
    (tmp_path / "empty").mkdir()
    assert learners.load(learners.save(model, tmp_path / "empty", learner=learner)).n_classes == 5


def test_what_cannot_be_loaded_says_which_file(tmp_path):
    learner, model, _ = trained("logistic")
    with pytest.raises(ValueError, match=r"holds no saved model: it has no model\.safetensors and no model\.json"):
        learners.load(tmp_path)
    folder = learners.save(model, tmp_path / "taken", learner=learner)
    about, weights = folder / "model.json", folder / "model.safetensors"
    text, content = about.read_text(encoding="utf-8"), weights.read_bytes()
    bad = [{"class_names": "abcde"}, {"class_names": [1, 2, 3, 4, 5]}, {"learner": {"name": "logistic", "params": [1]}}]
    bad += [{"learner": {"name": "logistic", "params": {"depth": 3}}}, {"learner": {"name": "nothing", "params": {}}}]
    hostile = [json.dumps({**json.loads(text), **change}) for change in bad]
    for damaged in ("{", "[]", "{}", "[" * 100_000, *hostile):
        about.write_text(damaged, encoding="utf-8")
        with pytest.raises(ValueError, match=r"model\.json is damaged"):
            learners.load(folder)
    for damaged in (text.replace('"logistic"', '"mlp"'), text.replace('"logistic"', '"forest"')):
        about.write_text(damaged, encoding="utf-8")
        with pytest.raises(ValueError, match=r"model\.safetensors is damaged, or holds no model of learner"):
            learners.load(folder)
    about.write_text(text.replace('"4"', '"4", "5"'), encoding="utf-8")
    with pytest.raises(ValueError, match="names 6 classes, and the model knows 5"):
        learners.load(folder)
    about.write_text(text, encoding="utf-8")
    weights.write_bytes(content[:100])
    with pytest.raises(ValueError, match=r"model\.safetensors is damaged"):
        learners.load(folder)


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        ("logistic", {"classes": [0, 2, 99]}, r"classes must be numbers in 0 … 4, ascending, got \[0, 2, 99\]"),
        ("logistic", {"classes": [0, 0, 3]}, "classes must be numbers in 0 … 4, ascending"),
        ("mlp", {"classes": [[0, 2], [3, 4]]}, "classes must be numbers in 0 … 4, ascending"),
        ("logistic", {"constant": 5}, "constant must be less than 5, got 5"),
        ("logistic", {"n_classes": [5, 5]}, "is damaged, or holds no model"),
        ("mlp", {"shape": [10**6, 10**6]}, "is damaged, or holds no model"),
        ("lenet", {"shape": []}, r"shape must be that of a picture, .*, got \(\)"),
        ("lenet", {"shape": [10**6, 10**6]}, "shape must be that of a picture"),
        ("lenet", {"shape": [16, 12]}, "size mismatch for mean"),
        ("lenet", {"network.more": [1.0]}, r'Unexpected key\(s\) in state_dict: "more"'),
    ],
)
def test_weights_that_somebody_changed_are_refused_in_one_line(name, change, words, tmp_path):
    learner, model, _ = trained(name)
    file = learners.save(model, tmp_path / "taken", learner=learner) / "model.safetensors"
    save_file({**load_file(file), **{key: np.array(value) for key, value in change.items()}}, file)
    with pytest.raises(ValueError, match=words) as refused:
        learners.load(file.parent)
    assert "\n" not in str(refused.value) and str(file) in str(refused.value)
