"""You vs strategy: a person picks the batch, the strategy picks its own, both train, and then the picks are laid open."""

from html import escape
from typing import Any

import ipywidgets as widgets

from alviz import data, projections
from alviz.figures.base import plural
from alviz.panels.address import LONGEST, Address, of_field, of_fields, several, text_of, told, whole
from alviz.panels.field import Field, option
from alviz.panels.frame import page, panel
from alviz.panels.header import Header
from alviz.panels.legend import BEHIND, STAR, legend
from alviz.panels.map import map_told
from alviz.panels.match import DEFAULTS, DRAWS, Match, suggested
from alviz.panels.picking import Candidates, MapBoard, PlaneBoard
from alviz.panels.pool_settings import suited, teacher
from alviz.panels.recipes import cited
from alviz.panels.reveal import Reveal, ScoreCard, ScorePanel
from alviz.panels.score import against
from alviz.panels.settings import is_plane, learner_menu, strategy_menu
from alviz.panels.share import Part, Sharing, parts_of
from alviz.panels.url import PageUrl

TOOLTIPS = {
    "Start": "A new match with the settings on the left",
    "Undo": "Take the last round of both sides back; your picks of it stay picked",
    "Cancel": "Stop what is under way; the match stays as it was",
}
HOW = "Both sides begin with the same labels. Every round you pick, the strategy picks, both are trained, and then the picks are laid open."


MOST_ROUNDS, MOST_PICKS = 50, 100
"""Of a match."""

GAP = "The match is too long for a link, which leads to its settings only."
CHANGED = "The settings have changed since Start: the link leads to them, not to the match on the page."


class VersusSettings:
    """The left column: the data, the learner, the opponent, the rounds."""

    def __init__(self, match: Match):
        self.match = match
        self._filling = False
        self.fields = {
            "dataset": Field(label="Data", options=data_menu(), help="A plane to click on, or pictures to look at."),
            "learner": Field(label="Learner", help="Trained for both sides, with the same randomness."),
            "strategy": Field(
                label="Your opponent", help="The query strategy that you play against; the greyed-out ones say what they miss."
            ),
            "n_queries": Field(
                kind="number",
                label="Labels per round",
                minimum=1,
                maximum=MOST_PICKS,
                help="Round 0, which is drawn at random, takes as many.",
            ),
            "steps": Field(kind="number", label="Rounds", minimum=1, maximum=MOST_ROUNDS, help="How long the match goes."),
            "seed": Field(
                kind="number", label="Seed", minimum=0, maximum=2**31 - 1, help="The same seed makes the same start and the same opponent."
            ),
        }
        self.card = widgets.HTML()
        f = self.fields
        numbers = widgets.HBox([f["n_queries"], f["steps"]])
        numbers.add_class("alviz-pair")
        how = widgets.HTML(f'<p class="alviz-reading">{HOW}</p>')
        self.widget = widgets.VBox([f["dataset"], self.card, f["learner"], f["strategy"], numbers, f["seed"], how])
        self.widget.add_class("alviz-settings")
        self._show()
        for key, field in self.fields.items():
            field.observe(lambda change, key=key: self._set(key, change["new"]), ["value"])
        match.observe(lambda _: self._show(), ["config"])
        match.observe(lambda change: self._lock(change["new"]), ["busy"])

    def _set(self, key: str, value: Any) -> None:
        match = self.match
        value = int(value) if self.fields[key].kind == "number" else value
        if self._filling or value == match.config[key]:
            return
        changed = {**match.config, key: value, **(suggested(value) if key == "dataset" else {})}
        match.config = suited(changed)
        told = [
            f"the {word} is now {match.config[part]}"
            for part, word in (("learner", "learner"), ("strategy", "opponent"))
            if match.config[part] != changed[part]
        ]
        if told:
            match.notice = f"{value} does not go with that: {' and '.join(told)}."

    def _show(self) -> None:
        config = self.match.config
        self._filling = True
        try:
            card = data.card(config["dataset"])
            self.card.value = f'<p class="alviz-reading">{escape(card.idea)}</p>'
            self.fields["learner"].options = learner_menu(config["dataset"])
            self.fields["strategy"].options = strategy_menu(teacher(config))
            for key, field in self.fields.items():
                field.value = config[key]
        finally:
            self._filling = False

    def _lock(self, busy: bool) -> None:
        for field in self.fields.values():
            field.disabled = busy


def data_menu() -> list[dict[str, Any]]:
    """The 2D pools, then the pictures."""
    names = sorted(data.available(), key=lambda name: not is_plane(name))
    return [
        option(name, title=f"{data.card(name).title}: {data.card(name).idea}", group="2D pools" if is_plane(name) else "Pictures")
        for name in names
    ]


class TurnBar:
    """How many are picked, and what can be done now: one row of buttons for picking and for the reveal."""

    def __init__(self, match: Match):
        self.match = match
        self.line = widgets.HTML()
        self.line.add_class("alviz-status")
        self.unsure = Field(kind="switch", label="Show the model's uncertainty", help="How sure your model is of every candidate.")
        self.shown = Field(label="Round", help="Which round's picks are laid open.")
        self.surprise = widgets.Button(description="Surprise me", tooltip="Pick the rest at random")
        self.clear = widgets.Button(description="Clear", tooltip="Take all picks back")
        self.go = widgets.Button(description="Label and train", tooltip="The labels are revealed and both sides are trained")
        buttons = widgets.HBox([self.surprise, self.clear, self.go])
        buttons.add_class("alviz-buttons")
        self.controls = widgets.HBox([self.unsure, self.shown])
        self.controls.add_class("alviz-controls")
        self.widget = widgets.HBox([self.line, buttons])
        self.widget.add_class("alviz-turnbar")
        self.surprise.on_click(lambda _: match.fill())
        self.clear.on_click(lambda _: match.choose([]))
        self.go.on_click(lambda _: self._go())
        self.unsure.observe(lambda change: setattr(match, "unsure", bool(change["new"])), ["value"])
        self.shown.observe(self._look, ["value"])
        match.observe(lambda _: self._show(), ["config", "turns", "picks", "revealed", "busy"])
        self._show()

    def _go(self) -> None:
        if self.match.revealed and not self.match.over:
            self.match.revealed = 0
        else:
            self.match.step()

    def _look(self, change: Any) -> None:
        if (
            self.match.revealed and change["new"] and 0 < int(change["new"]) <= self.match.position
        ):  # while a round is picked there is no menu
            self.match.revealed = int(change["new"])

    def _show(self) -> None:
        match = self.match
        picking = bool(match.turns) and not match.revealed
        for widget in (self.surprise, self.clear, self.unsure):
            widget.layout.display = None if picking or not match.turns else "none"
        self.shown.layout.display = None if match.revealed and match.position > 1 else "none"
        self.shown.options = [option(str(r), f"round {r}") for r in range(1, match.position + 1)]
        self.shown.value = str(match.revealed or match.position)
        # Once there is a match they stay enabled, also where they have nothing to do: a button that is disabled loses the keyboard's focus.
        self.surprise.disabled = self.clear.disabled = self.go.disabled = not match.turns
        (self.go.add_class if match.revealed or len(match.picks) == match.batch else self.go.remove_class)("alviz-primary")
        self.go.description = "Label and train" if not match.revealed or match.over else "Next round"
        self.go.layout.display = "none" if match.over else None
        self.line.value = f'<span role="status">{self._words()}</span>'

    def _words(self) -> str:
        match = self.match
        if not match.turns:
            return f"Press <b>Start</b>, then pick {plural(match.batch, 'sample')} a round."
        if match.revealed:
            turn = match.turns[match.revealed]
            ahead = against(turn.yours.metrics["accuracy"], turn.its.metrics["accuracy"], match.rival)
            return f"Round {match.revealed}: <b>{escape(ahead)}</b>"
        return f"Round {match.position + 1} of {match.steps}: <b>{len(match.picks)} of {match.batch} picked</b>"


class Stage:
    """The middle of the page: the board while the person picks, then the reveal."""

    def __init__(self, match: Match):
        self.match = match
        self.bar = TurnBar(match)
        self.candidates = Candidates(match)
        self.plane = PlaneBoard(match, self.candidates)
        self.map = MapBoard(match, self.candidates)
        self.reveal = Reveal(match)
        self.legend = widgets.HTML()
        self.pictures = widgets.VBox()
        self.widget = widgets.VBox([self.bar.widget, self.legend, self.plane.widget, self.pictures, self.reveal.widget])
        match.observe(lambda _: self._show(), ["dataset", "turns", "revealed", "unsure"])
        self._show()

    def _show(self) -> None:
        match = self.match
        revealed = bool(match.revealed)
        flat = is_plane(match.config["dataset"]) if match.dataset is None else match.flat
        self.plane.widget.layout.display = None if flat and not revealed else "none"
        self.pictures.layout.display = None if not flat and not revealed else "none"
        self.reveal.widget.layout.display = None if revealed else "none"
        self.plane.box.children = [self.candidates.strip, self.candidates.list] if flat else []
        self.pictures.children = [] if flat else [self.candidates.strip, self.candidates.list]
        self.legend.layout.display = None if flat else "none"
        if flat and match.dataset is not None:
            self.legend.value = board_legend(match)


def board_legend(match: Match) -> str:
    """The legend of the planes, as they are drawn now."""
    assert match.dataset is not None
    names, large, line = match.dataset.class_names, "large: labelled", "line: decision boundary"
    if match.revealed:
        both = STAR.replace("★", "✶")
        return legend(names, "small: pool", large, f"{STAR} its own picks", f"{both} picked by both", "☆ the other's picks", line)
    dots, behind = ("dots", BEHIND["probability"]) if match.unsure else ("grey", "")
    return legend(names, f"{dots}: candidates", large, f"{STAR} your picks", line, behind)


def versus(**config: Any) -> widgets.VBox:
    """The page "You vs strategy" as a widget, for a notebook cell or Voila. config: settings to begin with (see `alviz.panels.match.DEFAULTS`)."""
    return Versus(Match(**config)).widget


class Versus:
    """All panels of the page over one Match."""

    def __init__(self, match: Match):
        self.match = match
        watch = ["turns", "config", "dataset", "reference", "referring", "projecting", "projected", "preparing"]
        self.header = Header(match, match, self._status, watch, self._background, TOOLTIPS)
        self.settings = VersusSettings(match)
        self.stage = Stage(match)
        self.score = ScorePanel(match)
        self.card = ScoreCard(match)
        self.url = PageUrl()
        self.card_panel = panel("Score card", self.card.widget)
        self.map_panel = panel("Embedding map", self.stage.map.widget, controls=self.stage.map.controls)
        cards = {
            "settings": panel("Settings", self.settings.widget),
            "card": self.card_panel,
            "round": panel("The round", self.stage.widget, controls=self.stage.bar.controls),
            "map": self.map_panel,
            "score": panel("Held-out accuracy", self.score.widget),
        }
        parts = {key: Part(field.label, [field]) for key, field in self.settings.fields.items()}
        self.sharing = Sharing(
            {**parts_of(cards), **parts, **self.header.parts},
            match.to_python,
            lambda: cited(**{key: match.config[key] for key in ("strategy", "dataset", "learner")}),
        )
        self.header.add(self.sharing.widget)
        columns = [widgets.VBox([cards[name] for name in names]) for names in (("settings",), ("card", "round"), ("map", "score"))]
        self.widget = page(self.url, self.header.widget, columns=columns)
        self.url.observe(lambda change: self._open(change["new"]), ["query"])
        self.url.observe(lambda _: self._share(), ["query"])  # also where nothing that it says is a setting
        match.preview()
        match.observe(lambda _: self._share(), ["config", "turns", "picks", "revealed", "unsure", "method"])
        match.observe(lambda _: self._arrange(), ["dataset", "turns", "revealed"])
        self._arrange()

    def _arrange(self) -> None:
        match = self.match
        flat = is_plane(match.config["dataset"]) if match.dataset is None else match.flat
        self.map_panel.layout.display = "none" if flat else None
        self.card_panel.layout.display = None if match.over else "none"

    def _status(self) -> tuple[str, bool, bool]:
        match = self.match
        if not match.turns or match.started is None or match.dataset is None:
            return "You against a query strategy: choose which, then press <b>Start</b>.", False, False
        budget = match.batch * (match.steps + 1)
        line = f"<b>you against {escape(match.rival)}</b> on {escape(match.dataset.name)} with {escape(match.started['learner'])}"
        line += f" · <span>round {match.position}/{match.steps} · {match.turns[-1].yours.n_labelled:,}/{budget:,} labels each</span>"
        if match.changed:
            line += ' · <span class="alviz-changed">settings changed: press Start</span>'
        return line, not match.over, match.position > 0

    def _background(self) -> tuple[str, float] | None:
        match = self.match
        if match.projecting:
            return match.preparing, match.projected
        return (f"random picks, {DRAWS} runs", len(match.reference) / DRAWS) if match.referring else None

    def _open(self, query: dict[str, str]) -> None:
        """Take settings from the page's address; what makes no sense there is said and left out."""
        address = Address(query)
        found = address.read(of_fields(self.settings.fields, greyed=True))
        if "dataset" in found:
            found = {**suggested(found["dataset"]), **found}
        asked = {**self.match.config, **found}
        self.match.config = suited(asked)
        address.settle(asked, self.match.config)
        batch = several(whole(0, 10**9), MOST_PICKS)
        rounds = several(lambda text: batch(text) if text else [], MOST_ROUNDS + 1, between="_")
        played = address.read({"picks": rounds, "round": whole(1, MOST_ROUNDS)})
        seen = address.read({"map": projections.known, "unsure": of_field(self.stage.bar.unsure)})
        self.match.show_as(seen.get("map", ""))
        self.stage.bar.unsure.value = seen.get("unsure", False)
        self.sharing.take(address)
        self.match.notice = address.notice or self.match.notice
        if "picks" in played:
            self.match.make(played["picks"], played.get("round", 0), address.notice)

    def _share(self) -> None:
        match, config = self.match, self.match.config
        usual = {key: {**DEFAULTS, **suggested(config["dataset"])}[key] for key in DEFAULTS}
        share = told(config, usual) | map_told(match) | told({"unsure": match.unsure}, {"unsure": False})
        picks = "_".join(text_of(batch) for batch in (*(turn.yours.queried.tolist() for turn in match.turns[1:]), match.picks))
        if match.turns and not match.changed and len(picks) <= LONGEST:
            share |= {"picks": picks} | told({"round": match.revealed}, {"round": 0})
        self.sharing.widget.gap = GAP if len(picks) > LONGEST else CHANGED if match.changed else ""
        self.url.share = share | self.sharing.address()
