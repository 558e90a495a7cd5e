"""By hand: the card of the Toy page on which Gaussians are dragged and pools are painted."""

from html import escape
from typing import Any

import ipywidgets as widgets
import numpy as np
import traitlets

from alviz import learners
from alviz.data.painted import Painting, csv_of, painting_of
from alviz.data.plane import NAMES
from alviz.figures import palette
from alviz.panels.address import Address
from alviz.panels.download import Download
from alviz.panels.duel import Duel
from alviz.panels.field import Field, option
from alviz.panels.frame import panel
from alviz.panels.hands_address import card_of
from alviz.panels.hands_picture import Picture, frame_of
from alviz.panels.hands_state import Hands, painting_from
from alviz.panels.legend import plane_legend
from alviz.panels.settings import SLIDERS, disabled, menu, strategy_menu
from alviz.panels.theme import STATIC, Themed, script

MODES = (option("gaussians", "Gaussians"), option("paint", "painted points"))
SLOW = 0.3
"""Seconds a picture may take to follow a hand."""


class HandsPlane(Themed):
    """The plane itself. Gaussians are dragged, points are painted and labelled on it; both move in the browser at once.

    From Python: scene: what to draw (see `scene_of`); loaded: a painting from a file, {"turn", "xy", "classes"}; answered: the version of the last wish
    that was fulfilled or refused, before which the page sends no other. names, colors, symbols, glyphs: of the five classes; score: the colour of scores.
    From the page, as messages: {"kind": "shape", version, moving, centers, spreads, weights, classes}, {"kind": "paint", version, moving} with the
    buffers float32 (n, 2), uint8 (n,), int32 (n,) ids, {"kind": "turn", index}: label that sample, or take its label away, and
    {"kind": "file", name} with the content of a CSV file.
    """

    _esm = script("hands_draw.js", "hands_paint.js", "hands.js")
    _css = (STATIC / "hands.css").read_text(encoding="utf-8")

    scene = traitlets.Dict().tag(sync=True)
    loaded = traitlets.Dict().tag(sync=True)
    answered = traitlets.Int(0).tag(sync=True)
    names = traitlets.List(traitlets.Unicode(), list(NAMES[:5])).tag(sync=True)
    colors = traitlets.List(traitlets.Unicode(), palette.class_colors(5)).tag(sync=True)
    symbols = traitlets.List(traitlets.Unicode(), palette.symbols(5)).tag(sync=True)
    glyphs = traitlets.List(traitlets.Unicode(), palette.glyphs(5)).tag(sync=True)
    score = traitlets.Unicode(palette.SCORE).tag(sync=True)

    def __init__(self, hands: Hands, **traits: Any):
        super().__init__(**traits)
        self.hands = hands
        self._shown: Picture | None = None
        hands.observe(lambda _: self._show(), ["answered", "picture"])

    def _show(self) -> None:
        picture = self.hands.picture
        with self.hold_sync():
            if picture is not self._shown:
                self._shown, self.scene = picture, scene_of(picture, self.names)
            self.answered = self.hands.answered

    def _answer(self, widget: Any, content: dict[str, Any], buffers: list[Any]) -> None:
        kind = content.get("kind")
        if kind == "shape":
            self.hands.move(**{key: content[key] for key in ("centers", "spreads", "weights", "classes", "version", "moving")})
        elif kind == "paint":
            painting = painting_from(bytes(buffers[0]), bytes(buffers[1]), self.names)
            self.hands.paint(painting, np.frombuffer(buffers[2], np.int32), content["version"], content["moving"])
        elif kind == "turn":
            self.hands.turn(int(content["index"]))
        elif kind == "file":
            self._load(str(content["name"]), bytes(buffers[0]))
        else:
            super()._answer(widget, content, buffers)

    def _load(self, name: str, content: bytes) -> None:
        """The points of a CSV file."""
        try:
            painting = painting_of(content)
        except ValueError as error:
            self.hands.error = f"{name}: {error}."
            return
        self.hands.frame = frame_of(painting.points)
        self.load(painting)

    def load(self, painting: Painting) -> None:
        """Hand points over to the page, which paints them."""
        with self.hold_sync():
            self.names = list(painting.class_names)
            xy, classes = painting.points.astype("<f4").tobytes(), painting.targets.astype(np.uint8).tobytes()
            self.loaded = {"turn": self.loaded.get("turn", 0) + 1, "xy": xy, "classes": classes}


def scene_of(picture: Picture, names: list[str]) -> dict[str, Any]:
    """A picture as the page takes it: arrays as bytes, row after row."""
    seen, drawn, pool = picture.plane, picture.gaussians, picture.pool
    scene: dict[str, Any] = {
        "version": picture.version,
        "mode": picture.mode,
        "window": list(picture.window),
        "reading": picture.reading,
        "names": names,
        "labelled": picture.labelled.astype("<i4").tobytes(),
        "picks": picture.picks.astype("<i4").tobytes(),
    }
    if pool is not None:
        assert pool.features is not None
        scene |= {"xy": pool.features.astype("<f4").tobytes(), "targets": pool.targets.astype(np.uint8).tobytes()}
    if drawn is not None and picture.parts is not None:
        shape = {"centers": drawn.centers, "spreads": drawn.widths, "weights": drawn.weights, "classes": drawn.classes}
        scene |= {"gaussians": {key: array.tolist() for key, array in shape.items()}, "parts": picture.parts.astype(np.uint8).tobytes()}
    if seen is not None:
        scene |= {"grid": [len(seen.x), len(seen.y)], "k": seen.probabilities.shape[2], "kind": seen.kind}
        scene["probabilities"] = seen.probabilities.astype("<f4").tobytes()
        if seen.kind == "score":
            scene["score"] = seen.field.astype("<f4").tobytes()
    return scene


class HandsPanel:
    """The whole card: the plane, and what stands beside it. kinds: the menu of what can be drawn over the plane."""

    def __init__(self, duel: Duel, menus: tuple[list[str], list[dict[str, Any]]]):
        self.duel, (on_the_plane, kinds) = duel, menus
        self.hands = hands = Hands(duel)
        self._filling = self._begun = False
        self._followed: Any = None
        self.plane = HandsPlane(hands)
        self.fields = {
            "mode": Field(label="Made of", options=list(MODES), help="Gaussians to drag, or points to paint."),
            "learner": Field(label="Learner", options=menu(learners, on_the_plane), help="Trained anew at every move."),
            "strategy": Field(
                label="Query strategy", help="The stars are what it would ask for next; the greyed-out ones say what they miss."
            ),
            "kind": Field(label="Background", options=kinds, help="What is drawn over the plane."),
        }
        self.sliders = {
            key: Field(kind="range", label=label, minimum=low, maximum=high, step=step, help=help)
            for key, (label, low, high, step, help) in SLIDERS.items()
        }
        self.buttons = {
            name: widgets.Button(description=name, tooltip=tooltip)
            for name, tooltip in {
                "Label the stars": "Label what the strategy asks for next",
                "Reset labels": "Begin again with the labels of the initial pool",
                "Save CSV": "The points and their classes as a file: x, y, label",
                "Use this pool": "Make it the page's pool: Start, Step, Run and the table work on it",
            }.items()
        }
        self.buttons["Use this pool"].add_class("alviz-primary")
        self.download = Download()
        self.legend, self.message = widgets.HTML(), widgets.HTML()
        buttons = widgets.Box(list(self.buttons.values()))
        buttons.add_class("alviz-hands-buttons")
        side = widgets.VBox([*self.fields.values(), *self.sliders.values(), buttons])
        body = widgets.Box([widgets.VBox([self.plane, self.message]), side])
        body.add_class("alviz-hands-columns")
        self.toggle = widgets.Button(
            description="Open", tooltip="Drag Gaussians or paint a pool, and see the model and the next picks follow"
        )
        self.body = widgets.VBox([self.legend, body, self.download])
        self.widget = panel("By hand: drag the Gaussians, or paint your own pool", self.body, controls=self._head())
        for key, field in self.fields.items():
            field.observe(lambda change, key=key: self._choose(key, change["new"]), ["value"])
        for key, slider in self.sliders.items():
            slider.observe(lambda change, key=key: self._slide(key, change["new"]), ["value"])
        self.toggle.on_click(lambda _: self._open("" if self.duel.config["hands"] else self.hands.mode))
        actions = {
            "Label the stars": hands.label_picks,
            "Reset labels": hands.reset_labels,
            "Save CSV": self._save,
            "Use this pool": hands.use,
        }
        for name, action in actions.items():
            self.buttons[name].on_click(lambda _, action=action: action())
        hands.observe(lambda _: self._offer(), ["learner"])
        hands.observe(lambda _: self._show(), ["picture", "error", "mode"])
        duel.observe(lambda change: self._follow(change["old"], change["new"]), ["config"])
        duel.observe(lambda _: self._stand(), ["busy"])
        self._offer()
        self._follow({}, duel.config)

    def _head(self) -> widgets.HBox:
        controls = widgets.HBox([self.toggle])
        controls.add_class("alviz-controls")
        return controls

    def _open(self, mode: str) -> None:
        self.duel.config = {**self.duel.config, "hands": mode}

    def _follow(self, old: dict[str, Any], new: dict[str, Any]) -> None:
        """Open or close the card as the page's settings say, and take what concerns it."""
        opened = bool(new["hands"])
        self.body.layout.display = None if opened else "none"
        self.toggle.description = "Close" if opened else "Open"
        (self.widget.remove_class if opened else self.widget.add_class)("alviz-closed")
        pool = (new["dataset"], new.get("params"))
        if opened and pool != self._followed:
            self._followed = pool
            self.hands.follow()
        if opened and (not self._begun or new["hands"] != self.hands.mode):
            self._begun = True
            self.hands.change(mode=new["hands"])
        elif self._begun and any(old.get(key) != new[key] for key in ("initial", "n_queries", "seed")):
            self.hands.reset_labels()
        self._show()

    def take(self, address: Address) -> None:
        """What a page's address says of the card, once it is open."""
        painting = card_of(address, self.hands, self.fields, self.sliders)
        if painting is not None:
            self.plane.load(painting)

    def _choose(self, key: str, value: str) -> None:
        if self._filling:
            return
        if key == "mode":
            return self._open(value)
        changed: dict[str, Any] = {key: value}
        if key == "learner" and disabled(self.hands.strategy, strategy_menu(learners.create(value))):
            changed["strategy"] = "margin"
        self.hands.change(**changed)

    def _slide(self, key: str, value: float) -> None:
        if not self._filling:
            self.hands.slide(key, value)

    def _offer(self) -> None:
        self.fields["strategy"].options = strategy_menu(learners.create(self.hands.learner))

    def _show(self) -> None:
        hands, picture = self.hands, self.hands.picture
        self._filling = True
        try:
            for key, field in self.fields.items():
                field.value = getattr(hands, key)
            for key, slider in self.sliders.items():
                painted = hands.mode == "paint"
                slider.layout.display = "none" if painted and key != "label_noise" else None
                slider.value = hands.noise if painted else hands.params[key]
        finally:
            self._filling = False
        self.message.value = f'<div class="alviz-error" role="alert">{escape(hands.error)}</div>' if hands.error else ""
        if picture is not None:
            if picture.seconds:
                slow = ": too slow to follow the hand" if picture.seconds > SLOW else ""
                self.fields["learner"].note = f"{1000 * picture.seconds:.0f} ms a picture{slow}."
            names = self.plane.names[:2] if picture.pool is None else picture.pool.class_names
            self.legend.value = plane_legend(names, hands.kind, "the next picks")
        self._stand()

    def _stand(self) -> None:
        """Buttons that can do nothing cannot be pressed."""
        picture = self.hands.picture
        empty = picture is None or picture.pool is None
        self.buttons["Label the stars"].disabled = picture is None or len(picture.picks) == 0
        for name in ("Reset labels", "Save CSV"):
            self.buttons[name].disabled = empty
        self.buttons["Use this pool"].disabled = empty or self.duel.busy

    def _save(self) -> None:
        hands, picture = self.hands, self.hands.picture
        if picture is None or picture.pool is None:
            return
        if hands.mode == "paint":  # as painted: the label noise is a setting
            text = csv_of(hands.painting.points, hands.painting.targets, hands.painting.class_names)
        else:
            text = csv_of(picture.pool.features, picture.pool.targets, picture.pool.class_names)
        self.download.give("pool.csv", text.encode(), "text/csv")
