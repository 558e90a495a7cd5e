"""What a page's address says of pools made by hand: Gaussians in numbers, painted points on a fine lattice, and the card "By hand" as it stands.

The card's own settings have "hand." before their names; the page's pool has none.
"""

import base64
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alviz.data.mixture import MOST, gaussians_of
from alviz.data.painted import MOST_CLASSES, MOST_POINTS, Painting
from alviz.data.plane import NAMES
from alviz.panels.address import LONGEST, Address, Reader, entry_of, fits, of_field, of_fields, real, several, text_of, told, whole
from alviz.panels.field import Field
from alviz.panels.hands_state import START, Hands
from alviz.panels.settings import SIZE

HAND = "hand."
GRAIN = 256
"""Points of the lattice to one unit of the plane: finer than a screen shows it. The brush paints on it, so that nothing is lost on the way."""

SIDE = 4096
"""Points of the lattice along either axis, half of them below 0."""

AS_FILE = "file"
"""Stands in the place of painted points that are not in the address."""

GAP = "The painted pool does not fit into a link: save it under By hand (Save CSV), and send the file along."
MISSING = "The painted pool does not come with this address: load its CSV file under By hand."

_number = real(-1000, 1000)
SHAPE = {
    "centers": several(several(_number, 2, least=2), MOST, between="_"),
    "spreads": several(real(0.01, 100), MOST),
    "weights": several(real(0.001, 1000), MOST),
    "classes": several(whole(0, MOST - 1), MOST),
}
"""What of a mixture is no slider. Points stand as "x,y" with "_" between them."""


def shape_of(address: Address, before: str = "") -> dict[str, Any]:
    """The Gaussians in a page's address. before: what stands before their names."""
    found = {name.removeprefix(before): value for name, value in address.read({before + name: SHAPE[name] for name in SHAPE}).items()}
    try:
        gaussians_of(**found)
    except ValueError:  # not as many of one as of the other
        for name in found:
            address.refuse(before + name)
        return {}
    return found


def shape_told(params: Mapping[str, Any]) -> dict[str, str]:
    """The Gaussians of a mixture's settings, as an address says them."""
    said = {name: text_of(params[name]) for name in SHAPE if name in params}
    return said | ({"centers": "_".join(map(text_of, params["centers"]))} if "centers" in said else {})


# ---- painted points ----------------------------------------------------------------------------------------------------------------


def points_told(painting: Painting, room: int = LONGEST) -> str:
    """The points as an address says them; "" for none, and `AS_FILE` where they have to come as a file: more than `room` letters, off the lattice, classes with names of their own.

    Points of one class that follow one another stand together: its number, then four letters a point, base64 of 12 bits for x and 12 for y. With "." between.
    """
    on = painting.points.astype(np.float64) * GRAIN + SIDE // 2
    if len(painting) and ((on != np.round(on)) | (on < 0) | (on >= SIDE)).any():
        return AS_FILE
    if painting.class_names[:MOST_CLASSES] != tuple(NAMES[: len(painting.class_names)]):
        return AS_FILE
    whole = (on[:, 0].astype(np.uint32) << 12) | on[:, 1].astype(np.uint32)
    packed = np.stack([whole >> 16, whole >> 8 & 255, whole & 255], axis=1).astype(np.uint8)
    cuts = np.flatnonzero(np.diff(painting.targets)) + 1
    runs = zip(np.split(painting.targets, cuts), np.split(packed, cuts), strict=True) if len(painting) else ()
    text = ".".join(f"{same[0]}{base64.urlsafe_b64encode(points.tobytes()).decode()}" for same, points in runs)
    return text if len(text) <= room else AS_FILE


def points_of(text: str) -> Painting | None:
    """What `points_told` has said; None where it has said that the points come as a file. Raises ValueError for anything else."""
    if text == AS_FILE:
        return None
    if len(text) > LONGEST:
        raise ValueError(text)
    points: list[NDArray[Any]] = []
    targets: list[int] = []
    for run in text.split(".") if text else []:
        letters = base64.b64decode(run[1:], altchars=b"-_", validate=True)
        packed = np.frombuffer(letters, np.uint8).reshape(-1, 3).astype(np.int64)
        points.append(np.stack([packed[:, 0] << 4 | packed[:, 1] >> 4, (packed[:, 1] & 15) << 8 | packed[:, 2]], axis=1))
        targets += [whole(0, MOST_CLASSES - 1)(run[:1])] * len(packed)
    if not targets:
        return Painting()
    return Painting(((np.concatenate(points) - SIDE // 2) / GRAIN).astype(np.float32), np.array(targets, np.int64))


def painting_in(address: Address, name: str) -> Painting | None:
    """The painted points that the address has under `name`; None, and a word about it, where they come as a file or make no sense."""
    found: Painting | None = address.read({name: points_of}).get(name)
    if found is None and address.query.get(name, AS_FILE) == AS_FILE:
        address.say(MISSING)
    return found


def painting_in_use(params: Mapping[str, Any]) -> Painting:
    """The painting that a painted pool was made of. params: as `data.create` takes them."""
    points = np.array(params["points"], np.float32).reshape(-1, 2)
    return Painting(points, np.array(params["targets"], np.int64), tuple(params.get("class_names") or NAMES[:MOST_CLASSES]))


# ---- the card ----------------------------------------------------------------------------------------------------------------------


def card_told(hands: Hands, room: int = LONGEST) -> dict[str, str]:
    """The card as an address says it, where it is open and not all of it goes without saying. room: letters that painted points may take."""
    picture = hands.picture
    said = told({name: getattr(hands, name) for name in USUAL}, USUAL)
    if hands.mode == "paint":
        if not hands.follows():
            said |= {"points": points_told(hands.painting, room)} | told({"label_noise": hands.noise}, {"label_noise": 0.0})
    elif not hands.follows():
        usual = {name: START[name] for name in START if name not in SHAPE}
        said |= told(hands.params, usual) | {"n": text_of(hands.params["n"])}  # always: whether there is anything to say is seen from it
        said |= {name: text for name, text in shape_told(hands.params).items() if text != shape_told(START)[name]}
    if picture is not None and picture.mode == hands.mode and picture.pool is not None and not picture.begun:
        said["labelled"] = text_of(picture.labelled.tolist())
    return {HAND + name: text for name, text in said.items()}


USUAL = {name: Hands.class_traits()[name].default_value for name in ("learner", "strategy", "kind")}


def card_of(address: Address, hands: Hands, fields: Mapping[str, Field], sliders: Mapping[str, Field]) -> Painting | None:
    """Bring the open card in line with the address; gives the painting that the page has to show.

    fields: the menus for learner, strategy (whose entries follow the learner) and kind. sliders: those of the card.
    """

    def read(readers: Mapping[str, Reader]) -> dict[str, Any]:
        found = address.read({HAND + name: reader for name, reader in readers.items()})
        return {name.removeprefix(HAND): value for name, value in found.items()}

    hands.change(**read({name: of_field(fields[name]) for name in ("learner", "kind")}))
    hands.change(**read({"strategy": entry_of(fields["strategy"].options)}))
    slid = read(of_fields(sliders))
    page = hands.duel.config
    shown: Painting | None = None
    if hands.mode == "paint":
        if HAND + "points" in address.query:
            shown = painting_in(address, HAND + "points")
            hands.change(noise=slid.get("label_noise", 0.0))
        elif page["dataset"] == "painted":
            shown = painting_in_use(page["params"])
            hands.change(noise=page["params"].get("label_noise", 0.0))
        if shown is not None:
            hands.paint(shown, np.arange(1, len(shown) + 1))
    elif any(HAND + name in address.query for name in START):
        hands.change(params={**START, **shape_of(address, HAND), **slid, **read({"n": SIZE})})
    n = int(hands.params["n"]) if hands.mode == "gaussians" else len(hands.painting)
    labels = several(whole(0, n - 1), MOST_POINTS)
    once = fits(lambda found: len(set(found)) == len(found), lambda text: labels(text) if text else [])
    for labelled in read({"labelled": once} if n else {}).values():
        hands.give(np.array(labelled, np.int64))
    return shown
