"""Trained models as arrays of numbers, and as a folder that can be taken away."""

import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alviz.learners.base import Array, ConstantModel, Learner, Model, registry
from alviz.registry import spec_of

WEIGHTS, ABOUT = "model.safetensors", "model.json"


def dumped(learner: Learner, model: Model) -> dict[str, Array] | None:
    """A model of `learner` as arrays, its number of classes and models without training included; None where it cannot be had as arrays."""
    if isinstance(model, ConstantModel):
        arrays: dict[str, Array] | None = {"constant": np.array(-1 if model.label is None else model.label)}
    else:
        arrays = learner.dump(model)
    return None if arrays is None else {**arrays, "n_classes": np.array(model.n_classes)}


def restored(learner: Learner, arrays: Mapping[str, Array]) -> Model:
    """The model that `dumped` made `arrays` of."""
    n_classes = int(arrays["n_classes"])
    if "constant" in arrays:
        label = int(arrays["constant"])
        return ConstantModel(None if label < 0 else label, n_classes)
    return learner.load(arrays, n_classes)


@dataclass(frozen=True, eq=False)
class SavedModel:
    """A model that was taken away, and is a model still. learner: what trained it. class_names: K. about: all that model.json says."""

    model: Model
    learner: Learner
    class_names: tuple[str, ...]
    about: dict[str, Any]

    @property
    def n_classes(self) -> int:
        """K, the number of classes."""
        return len(self.class_names)

    def predict_proba(self, x: Array) -> Array:
        """(n, K) class probabilities of what the learner takes, columns in the order of class_names."""
        return self.model.predict_proba(x)

    def predict(self, x: Array) -> NDArray[np.str_]:
        """(n,) the names of the most probable classes."""
        return np.array(self.class_names)[self.predict_proba(x).argmax(axis=1)]


def save(trained: Any, path: str | os.PathLike[str], *, learner: Learner | None = None, class_names: Sequence[str] | None = None) -> Path:
    """Write a trained model to a new folder: its weights as model.safetensors, and model.json, which says what they are. Gives the folder.

    trained: a Run, whose last model it is then, or a Model; of a Model `learner` says what trained it, and `class_names` what its classes are
    called (default: their numbers). The folder appears when it is complete. Raises ValueError where it exists and is not empty, for a learner that was
    not created by name, and for models that are no arrays of numbers (those of scikit-learn, most of them).
    """
    about: dict[str, Any] = {}
    if hasattr(trained, "base_learner"):
        learner, class_names, model = trained.base_learner, trained.dataset.class_names, trained.model()
        about = {"dataset": trained.dataset.name, "labels": trained.n_labelled}
        if learner.takes == "features":
            about["extractor"] = trained.dataset.extractor
    else:
        model = trained
    if learner is None:
        raise ValueError("learner is missing: say which learner trained the model")
    spec = spec_of(learner)
    if spec is None:
        raise ValueError(f"learner {learner.name!r} was not created by name, so nobody could load its model again")
    arrays = dumped(learner, model)
    if arrays is None:
        raise ValueError(
            f"a model of learner {learner.name!r} is not made of arrays of numbers and cannot be saved; those of linear-svm, logistic, mlp, lenet and other networks can"
        )
    names = [str(i) for i in range(model.n_classes)] if class_names is None else [str(name) for name in class_names]
    if len(names) != model.n_classes:
        raise ValueError(f"class_names must be {model.n_classes} names, got {len(names)}")
    target = Path(path).expanduser()
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise ValueError(f"{target} exists already and is not empty; give a new folder")
    from alviz import __version__

    about = {"alviz": __version__, "learner": spec, "takes": learner.takes, "class_names": names, **about, **learner.describe(model)}
    _write(target, arrays, json.dumps(about, indent=2, ensure_ascii=False, default=os.fspath))
    return target


def load(path: str | os.PathLike[str]) -> SavedModel:
    """The model in a folder that `save` wrote. Raises ValueError where there is none, or it is damaged, saying which file."""
    from safetensors.numpy import load_file

    folder = Path(path).expanduser()
    missing = [name for name in (WEIGHTS, ABOUT) if not (folder / name).is_file()]
    if missing:
        raise ValueError(f"{folder} holds no saved model: it has no {' and no '.join(missing)}")
    try:
        about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
        class_names = about["class_names"]
        if not (isinstance(class_names, list) and all(isinstance(name, str) for name in class_names)):
            raise ValueError(f"class_names must be a list of names, got {class_names!r}"[:200])
        learner = registry.create(about["learner"]["name"], **about["learner"]["params"])
    except Exception as error:  # the file may be anybody's, and say anything
        raise ValueError(f"{folder / ABOUT} is damaged: {_sentence(error)}") from error
    try:
        arrays = load_file(folder / WEIGHTS)
        _check_classes(arrays)
        model = restored(learner, arrays)
    except FileNotFoundError:  # of the pretrained network that it was made from: the sentence says which
        raise
    except Exception as error:
        raise ValueError(
            f"{folder / WEIGHTS} is damaged, or holds no model of learner {learner.name!r}: {_sentence(error) or 'its models are not saved'}"
        ) from error
    if model.n_classes != len(class_names):
        raise ValueError(f"{folder / ABOUT} names {len(class_names)} classes, and the model knows {model.n_classes}")
    return SavedModel(model, learner, tuple(class_names), about)


def _sentence(error: Exception) -> str:
    """What an error says, on one line."""
    if isinstance(error, KeyError):
        return f"{error.args[0]!r} is missing"
    return " ".join(str(error).split())


def _check_classes(arrays: Mapping[str, Array]) -> None:
    """Raises ValueError where a model, or a member of one, speaks of classes that it does not have."""
    n_classes = int(arrays["n_classes"])
    if int(arrays.get("constant", np.array(-1))) >= n_classes:
        raise ValueError(f"constant must be less than {n_classes}, got {int(arrays['constant'])}")
    for name, array in arrays.items():
        if name.rpartition(".")[2] == "classes" and (
            array.ndim != 1
            or not np.issubdtype(array.dtype, np.integer)
            or (np.diff(array, prepend=-1) <= 0).any()
            or array[-1:].max(initial=-1) >= n_classes
        ):
            raise ValueError(f"{name} must be numbers in 0 … {n_classes - 1}, ascending, got {array.ravel()[:10].tolist()}")


def _write(target: Path, arrays: Mapping[str, Array], about: str) -> None:
    from safetensors.numpy import save_file

    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".alviz-", dir=target.parent) as beside:
            partial = Path(beside) / "new"
            partial.mkdir()
            save_file({name: np.array(array, order="C") for name, array in arrays.items()}, partial / WEIGHTS)
            (partial / ABOUT).write_text(about, encoding="utf-8")
            if target.exists():  # an empty folder: not every system replaces one
                target.rmdir()
            os.replace(partial, target)
    except OSError as error:
        raise ValueError(f"{target} cannot be written: {error.strerror or error}") from error
