"""Pools made by hand: the mixture follows its formula, and painted points survive their file."""

import json

import numpy as np
import pytest
from scipy.stats import norm

import alviz
from alviz import data
from alviz.data.painted import MOST_POINTS, csv_of, painting_of

SHAPE = {"centers": [[-1.0, 0.0], [1.5, 0.5], [0.0, 2.0]], "spreads": [0.4, 0.6, 0.3], "weights": [2.0, 1.0, 1.0], "classes": [0, 1, 1]}


def test_a_sample_is_its_center_plus_spread_times_a_draw_that_never_changes() -> None:
    one = data.create("mixture", n=400, **SHAPE)
    other = data.create("mixture", n=400, **{**SHAPE, "centers": [[0.7, -1.2], [1.5, 0.5], [0.0, 2.0]], "spreads": [0.8, 0.6, 0.3]})
    moved = one.targets == 0
    assert moved.sum() == 200
    z = (one.features[moved] - np.array([-1.0, 0.0])) / 0.4
    assert np.allclose(other.features[moved], np.array([0.7, -1.2]) + 0.8 * z, atol=1e-5)
    assert np.array_equal(other.features[~moved], one.features[~moved])
    assert np.array_equal(one.targets, other.targets)


def test_other_weights_move_only_as_many_samples_as_change_their_gaussian() -> None:
    one = data.create("mixture", n=400, **SHAPE)
    other = data.create("mixture", n=400, **{**SHAPE, "weights": [2.2, 1.0, 0.8]})
    assert np.bincount(other.targets).tolist() == [220, 180]
    changed = (one.features != other.features).any(axis=1)
    assert 20 <= changed.sum() <= 60


def test_overlap_draws_the_centers_together() -> None:
    half = data.create("mixture", n=20_000, overlap=0.5, **SHAPE)
    middle = np.mean(SHAPE["centers"], axis=0)
    found = half.features[half.targets == 0].mean(axis=0)
    assert np.allclose(found, middle + 0.5 * (np.array([-1.0, 0.0]) - middle), atol=0.02)


def test_a_larger_share_of_wrong_labels_keeps_those_of_a_smaller_one() -> None:
    clean, some, more = (data.create("mixture", n=400, label_noise=noise, **SHAPE).targets for noise in (0.0, 0.1, 0.3))
    assert (some != clean).sum() == 40
    assert ((some != clean) <= (more != clean)).all()
    assert np.array_equal(some[some != clean], more[some != clean])


def test_the_best_accuracy_of_two_gaussians_is_the_textbooks() -> None:
    dataset = data.create("mixture", centers=[[-1, 0], [1, 0]], spreads=[1.0, 1.0])
    assert dataset.bayes_accuracy == pytest.approx(norm.cdf(1.0), abs=1e-3)


def test_the_best_accuracy_of_a_class_of_two_clouds_by_monte_carlo() -> None:
    dataset = data.create("mixture", **{**SHAPE, "spreads": [0.9, 0.7, 1.1]})
    rng = np.random.default_rng(0)
    part = rng.choice(3, size=200_000, p=[0.5, 0.25, 0.25])
    centers, spreads = np.array(SHAPE["centers"]), np.array([0.9, 0.7, 1.1])
    x = centers[part] + spreads[part, None] * rng.standard_normal((len(part), 2))
    density = np.exp(-0.5 * ((x[:, None] - centers) ** 2).sum(axis=2) / spreads**2) / spreads**2 * [0.5, 0.25, 0.25]
    right = np.where(density[:, 0] > density[:, 1] + density[:, 2], 0, 1) == np.minimum(part, 1)
    assert dataset.bayes_accuracy == pytest.approx(right.mean(), abs=0.004)


def test_a_run_on_a_mixture_is_made_again_by_its_script() -> None:
    dataset = data.create("mixture", n=60, n_test=40, **SHAPE)
    assert json.loads(json.dumps(dataset.spec)) == dataset.spec
    run = alviz.Run(dataset, strategy="margin", n_queries=4)
    run.step()
    scope: dict[str, object] = {}
    exec(run.to_python(), scope)
    again = next(thing for thing in scope.values() if isinstance(thing, alviz.Run))
    assert [r.queried.tolist() for r in again.rounds] == [r.queried.tolist() for r in run.rounds]


def test_one_class_alone_still_leaves_two_to_tell_apart() -> None:
    dataset = data.create("mixture", n=50, centers=[[0, 0], [1, 1]], classes=[0, 0])
    assert dataset.class_names == ("A", "B")
    assert set(dataset.targets) == {0}


@pytest.mark.parametrize(
    ("params", "wanted"),
    [
        ({"centers": []}, "centers must be one to 5 points"),
        ({"centers": [[0, 0]] * 6}, "centers must be one to 5 points"),
        ({"centers": "here"}, "centers must be one to 5 points"),
        ({"centers": [[0, float("nan")]]}, "centers must be one to 5 points"),
        ({"centers": [[0, 0], [1, 1]], "spreads": [1]}, "spreads must be 2 numbers"),
        ({"centers": [[0, 0], [1, 1]], "spreads": [1, -1]}, "spreads must be a number in"),
        ({"centers": [[0, 0], [1, 1]], "weights": [1, "x"]}, "weights must be a number in"),
        ({"centers": [[0, 0], [1, 1]], "classes": [0]}, "classes must be 2 whole numbers"),
        ({"centers": [[0, 0], [1, 1]], "classes": [0, 7]}, "classes must be a whole number in 0 … 4"),
        ({"centers": [[0, 0], [1, 1]], "classes": 3}, "classes must be 2 whole numbers"),
    ],
)
def test_bad_mixtures(params: dict[str, object], wanted: str) -> None:
    with pytest.raises(ValueError, match=wanted):
        data.create("mixture", **params)


def test_painted_points_come_back_from_their_file() -> None:
    rng = np.random.default_rng(0)
    points, targets = rng.normal(size=(50, 2)).astype(np.float32), rng.integers(3, size=50)
    back = painting_of(csv_of(points, targets, ("A", "B", "C")).encode())
    assert np.array_equal(back.points, points)
    assert np.array_equal(back.targets, targets)
    assert back.names() == ("A", "B", "C")


def test_a_file_may_have_names_and_columns_of_its_own() -> None:
    back = painting_of("﻿label,weight,y,x\ncat,1,2,1\ndog,1,0.5,-1\ncat,1,1,1\n".encode())
    assert back.names() == ("cat", "dog")
    assert back.points.tolist() == [[1, 2], [-1, 0.5], [1, 1]]


@pytest.mark.parametrize(
    ("content", "wanted"),
    [
        (b"", "columns x, y and label"),
        (b"x,y\n1,2\n", "label missing"),
        (b"x,y,label\n", "no points"),
        (b"x,y,label\n1,2,A\n1,two,A\n", "line 3: y must be a number .* 'two'"),
        (b"x,y,label\n1,nan,A\n", "line 2: y"),
        (b"x,y,label\n1,1e300,A\n", "line 2: y"),
        (b"x,y,label\n1,2\n", "line 2: the label is missing"),
        (b"x,y,label\n" + b"".join(b"1,2,%d\n" % k for k in range(6)), "5 classes at most, the file has 6"),
        (b"x,y,label\n" + b"1,2,A\n" * (MOST_POINTS + 1), "2,000 points at most"),
        (bytes(range(256)), "no table of text"),
    ],
)
def test_files_that_are_no_painting(content: bytes, wanted: str) -> None:
    with pytest.raises(ValueError, match=wanted):
        painting_of(content)


def test_a_painted_pool_tests_on_points_near_those_painted_all_classes_alike() -> None:
    rng = np.random.default_rng(1)
    points = np.concatenate([rng.normal(size=(90, 2)), rng.normal(size=(10, 2)) + 20])
    dataset = data.create("painted", points=points.tolist(), targets=[0] * 90 + [2] * 10)
    assert dataset.class_names == ("A", "B", "C")
    assert np.bincount(dataset.test.targets).tolist() == [250, 0, 250]
    distance = np.linalg.norm(dataset.test.features[:, None] - points, axis=2).min(axis=1)
    assert distance.max() < 1.5
    assert data.content_hash(data.create("painted", **dataset.spec["params"])) == data.content_hash(dataset)


@pytest.mark.parametrize(
    "params", [{"points": [[1, 2, 3]], "targets": [0]}, {"points": [[1, 2]], "targets": [-1]}, {"points": [[1, 2]], "targets": [0.5]}]
)
def test_bad_paintings(params: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"points|targets"):
        data.create("painted", **params)
