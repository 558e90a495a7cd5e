import numpy as np
import pytest
from plotly.validator_cache import ValidatorCache

from alviz.figures import palette

# Machado, Oliveira, Fernandes (2009), severity 1.0, on linear RGB.
SIGHT = {
    "normal": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}


def linear(color: str) -> np.ndarray:
    channels = np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)


def oklab(rgb: np.ndarray) -> np.ndarray:
    """Ottosson (2020)."""
    lms = np.array(
        [[0.4122214708, 0.5363325363, 0.0514459929], [0.2119034982, 0.6806995451, 0.1073969566], [0.0883024619, 0.2817188376, 0.6299787005]]
    )
    lab = np.array(
        [
            [0.2104542553, 0.7936177850, -0.0040720468],
            [1.9779984951, -2.4285922050, 0.4505937099],
            [0.0259040371, 0.7827717662, -0.8086757660],
        ]
    )
    return lab @ np.cbrt(lms @ np.clip(rgb, 0, 1))


def contrast(color: str, background: str) -> float:
    """WCAG 2."""
    bright, dark = sorted((float(linear(c) @ [0.2126, 0.7152, 0.0722]) for c in (color, background)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("sight", SIGHT)
def test_ten_classes_and_the_accent_stay_apart(sight: str) -> None:
    seen = np.array([oklab(np.array(SIGHT[sight]) @ linear(color)) for color in [*palette.class_colors(10), palette.ACCENT]])
    distances = np.linalg.norm(seen[:, None] - seen[None], axis=2)[np.triu_indices(11, 1)]
    assert distances.min() > 0.07


def test_colours_are_seen_on_light_and_on_dark() -> None:
    for color in [*palette.class_colors(10), palette.ACCENT, palette.POOL]:
        assert contrast(color, "#ffffff") > 2.1, color
        assert contrast(color, "#14171c") > 2.7, color


def test_a_hundred_classes_have_looks_of_their_own() -> None:
    assert len(set(zip(palette.class_colors(100), palette.symbols(100), strict=True))) == 100
    assert palette.ACCENT not in palette.class_colors(300)
    assert not any(symbol.startswith("star") for symbol in palette.symbols(100))


def test_rings_have_the_shapes_of_their_classes() -> None:
    validator = ValidatorCache.get_validator("scatter.marker", "symbol")
    values = list(validator.values)
    name_of = {number: values[i + 2] for i, number in enumerate(values) if isinstance(number, int)}
    names = [name_of[number] for number in palette.ring_numbers(10)]
    assert names == [f"{'octagon' if symbol == 'circle' else symbol}-open-dot" for symbol in palette.symbols(10)]


def test_flat_steps_give_each_number_its_colour() -> None:
    assert palette.steps(["#000000", "#ffffff"]) == [(0.0, "#000000"), (0.5, "#000000"), (0.5, "#ffffff"), (1.0, "#ffffff")]


def test_faded_keeps_the_colour() -> None:
    assert palette.faded("#0072B2", 0.5) == "rgba(0,114,178,0.5)"
