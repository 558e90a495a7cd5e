"""Compare: put a grid of runs together, watch it fill, and see what it says."""

from html import escape
from typing import Any

import ipywidgets as widgets
import numpy as np

from alviz.figures import grid_progress
from alviz.figures.base import plural, shorten
from alviz.figures.curves import in_words, value_text
from alviz.panels.address import LONG, Address, entry_of, fits, one_of, text_of
from alviz.panels.comparing import Comparing
from alviz.panels.download import Download
from alviz.panels.explore import open_store
from alviz.panels.field import Field, option
from alviz.panels.frame import page, panel
from alviz.panels.grid_address import grid_of, grid_told
from alviz.panels.grid_settings import GridSettings
from alviz.panels.header import Header
from alviz.panels.initial import show
from alviz.panels.plot import Plot
from alviz.panels.pulse import Pulse
from alviz.panels.recipes import cited, grid_script
from alviz.panels.share import Part, Sharing, parts_of
from alviz.panels.url import PageUrl
from alviz.report.about import title
from alviz.report.numbers import Outcome, Standings, outcome, standings, who_is_best
from alviz.report.views import VIEWS, Question
from alviz.studies.findings import ARMS, metrics_of, places, setting_of, usual_arms, varied
from alviz.studies.grid import Cell, Comparison

TOOLTIPS = {
    "Run": "Make all runs of the grid, or go on where they stopped",
    "Cancel": "Stop; every finished round is kept, and Run goes on from there",
}
WORTH = (option("aubc", "on average"), option("final", "at the end"))
NOBODY = "nobody"
ALONE = ("overlap", "time")
"""Figures beside the curves that say something of a single arm too."""
COLUMNS = (("curves", "labels", "penalties", "ranks"), ("runs", "wins", "overlap", "time"))
EMPTY = "Put a grid together and press Run: the curves of all strategies, and who is better, grow here."
WISHES = ("metric", "measure", "arms", "reference", "setting")


class Runs:
    """A picture of all runs and how far they are; the one that is clicked is told about, with the way into it."""

    def __init__(self, comparing: Comparing):
        self.comparing = comparing
        self.plot = Plot(empty="Put a grid together.")
        self.told = widgets.HTML()
        self.round = Field(
            kind="number", label="Round", minimum=0, help="The round that Explore shows first; there you can step to any other."
        )
        self.link = widgets.HTML()
        self.opening = widgets.HBox([self.round, self.link], layout={"display": "none"})
        self.opening.add_class("alviz-controls")
        self.widget = widgets.VBox([self.plot, self.told, self.opening])
        self.rows: list[list[Cell]] = []
        self.plot.observe(lambda change: self._click(change["new"]), ["clicked"])
        self.round.observe(lambda _: self._tell(), ["value"])
        comparing.observe(lambda _: self._draw(), ["grid", "counts", "failed", "cell"])
        comparing.observe(lambda _: self._tell(), ["counts", "failed", "cell", "question"])
        self._draw()

    def _click(self, point: dict[str, Any]) -> None:
        row, column = point.get("y"), point.get("x")
        if isinstance(row, int) and isinstance(column, int) and row < len(self.rows) and column < len(self.rows[row]):
            self.comparing.cell = self.rows[row][column]
            self.round.value = max(self.comparing.counts.get(self.rows[row][column].key, 1) - 1, 0)

    def _draw(self) -> None:
        comparing, grid = self.comparing, self.comparing.grid
        if grid is None:
            self.rows = []
            self.plot.show({}, "")
            return
        arms, rows = usual_arms(grid), dict[str, list[Cell]]()
        settings = len({setting_of(grid, cell, arms) for cell in grid.cells()}) > 1
        for cell in grid.cells():
            arm = str(cell.label(arms))
            rows.setdefault(f"{setting_of(grid, cell, arms)} · {arm}" if settings else arm, []).append(cell)
        self.rows = list(rows.values())
        done = np.array([[comparing.counts.get(cell.key, 0) for cell in row] for row in self.rows])
        failed = np.array([[cell.key in comparing.failed for cell in row] for row in self.rows])
        chosen = next(((i, row.index(comparing.cell)) for i, row in enumerate(self.rows) if comparing.cell in row), None)
        drawing = grid_progress(list(rows), [str(seed) for seed in grid.seeds], done, grid.rounds + 1, failed, chosen)
        self.plot.height = f"{min(max(24 * len(rows), 96), 900) + 56}px"
        self.plot.show(drawing.figure, drawing.reading)

    def _tell(self) -> None:
        """What there is of the chosen run."""
        comparing, cell = self.comparing, self.comparing.cell
        asked, self.opening.layout.display = comparing.question, "none"
        if cell is None or (grid := comparing.grid) is None:
            self.told.value = ""
            return
        where = f"<b>{escape(str(cell.label(usual_arms(grid))))}</b>, {escape(setting_of(grid, cell, usual_arms(grid)))}, seed {cell.seed}"
        if cell.key in comparing.failed:
            self.told.value = f'{where}<div class="alviz-error" role="alert">{escape(comparing.failed[cell.key])}</div>'
            return
        rows = None if asked is None else asked.table[[*map(bool, _is_run(asked.table, cell))]]
        if rows is None or not len(rows):
            self.told.value = f"{where}: not begun."
            return
        last = rows.iloc[-1]
        self.told.value = (
            f"{where}: {plural(int(last['round']), 'round')}, {plural(int(last['n_labelled']), 'label')}, "
            f"accuracy {value_text(last['accuracy'], 'accuracy')}. In a notebook: <code>alviz.panels.explore(run={str(last['run'])!r})</code>"
        )
        self.round.maximum = int(last["round"])
        shown = min(int(self.round.value or 0), int(last["round"]))
        budget = cell.n_initial + grid.rounds * cell.n_queries
        self.link.value = f'<a class="alviz-open" href="explore?run={last["run"]}&amp;round={shown}&amp;budget={budget}" target="_blank">Open in Explore</a>'
        self.opening.layout.display = None


def _is_run(table: Any, cell: Cell) -> Any:
    """(rows,) whether a row of the table belongs to the cell."""
    found = np.ones(len(table), dtype=bool)
    for axis in ("dataset", "imbalance", "learner", "initial", "n_queries", "strategy", "seed"):
        found &= (table[axis] == cell.label(axis)).to_numpy()
    return found


class Findings:
    """What the runs say: the menus of the question, whether the seeds decide, and a figure for each of `VIEWS`."""

    def __init__(self, comparing: Comparing):
        self.comparing = comparing
        self._filling = False
        self.fields = {
            "metric": Field(label="Measure", help="What is measured after every round."),
            "measure": Field(
                label="of a run", options=list(WORTH), help="A run is worth its mean over the budget (AUBC), or its last round."
            ),
            "arms": Field(label="Compare", help="The axis of the grid whose places are compared with each other."),
            "reference": Field(label="with", help="Who the others are measured against."),
            "setting": Field(label="Setting", help="Of the figures that show one setting: data, imbalance, learner …"),
        }
        self.controls = widgets.HBox(list(self.fields.values()))
        self.controls.add_class("alviz-controls")
        self.report = widgets.Button(description="Report", tooltip="All of this as one file, to read offline, print or attach")
        self.download = Download()
        self.report.on_click(lambda _: comparing.report(self.download.give))
        beside = widgets.HBox([self.report, self.download])
        beside.add_class("alviz-controls")
        self.told = widgets.HTML()
        self.asked = panel("What came out", self.controls, self.told, controls=beside)
        self.plots = {view.name: Plot(height="clamp(240px, 38vh, 460px)", empty="Reading the runs …") for view in VIEWS}
        self.figures = {
            view.name: panel(view.title, widgets.HTML(f'<p class="alviz-help">{escape(view.help)}</p>'), self.plots[view.name])
            for view in VIEWS
        }
        for key, field in self.fields.items():
            field.observe(lambda change, key=key: self._wish(key, change["new"]), ["value"])
        comparing.observe(lambda _: self._show(), ["question"])
        comparing.observe(lambda _: self._show() if comparing.question is None else None, ["counts"])
        self._show()

    def _wish(self, key: str, value: Any) -> None:
        if not self._filling:
            self.comparing.wishes = {**self.comparing.wishes, key: None if value == NOBODY else value}

    def _show(self) -> None:
        asked = self.comparing.question
        self.asked.layout.display = None if asked is not None else "none"
        for name, box in self.figures.items():
            several = asked is not None and len(places(asked.grid, asked.arms)) > 1
            shown = name == "curves" or several or (asked is not None and name in ALONE)
            box.layout.display = None if shown else "none"
        self.told.value = "" if asked is None else told(asked)
        if asked is None:
            self.plots["curves"].empty = "Reading the runs …" if self.comparing.counts else EMPTY
            self.plots["curves"].show({}, "")
            return
        self._filling = True
        try:
            arms = [str(place) for place in places(asked.grid, asked.arms)]
            menus = {
                "metric": [option(name, in_words(name)) for name in metrics_of(asked.table)],
                "arms": [
                    option(axis, axis.replace("n_queries", "labels a round").replace("initial", "initial pool"))
                    for axis in ARMS
                    if axis in varied(asked.grid)
                ],
                "reference": [option(NOBODY), *(option(arm) for arm in arms)],
                "setting": [option(name) for name in asked.settings],
            }
            for key, options in menus.items():
                self.fields[key].options = options
                self.fields[key].layout.display = None if len(options) > 1 else "none"
            for key, field in self.fields.items():
                value = getattr(asked, key)
                field.value = NOBODY if value is None else value
        finally:
            self._filling = False
        for view in VIEWS:
            show(self.plots[view.name], view(asked))


def told(asked: Question) -> str:
    """Who is best, whether the seeds can decide, and the numbers, as escaped HTML."""
    found = outcome(asked) if asked.setting in asked.settings else None
    doubt = asked.doubt()
    parts = [] if found is None else [f'<p class="alviz-best">{escape(who_is_best(found))}</p>']
    parts += [f'<p class="alviz-notice" role="status">{escape(doubt)}</p>'] if doubt else []
    parts += [table_html(standings(found)), small_print(found)] if found is not None else ["<p>No run of this setting is finished yet.</p>"]
    return "".join(parts)


def table_html(found: Standings) -> str:
    """The numbers of a setting."""
    head = "".join(f'<th scope="col">{escape(text)}</th>' for text in ("", *found.columns))
    rows = []
    for arm, values in found.rows:
        cells = []
        for value in values:
            text = f"<b>{escape(value.text)}</b>" if value.best else escape(value.text)
            cells.append(f"<td>{text}{f' <small>{escape(value.interval)}</small>' if value.interval else ''}</td>")
        rows.append(f'<tr><th scope="row">{escape(shorten(arm, 40))}</th>{"".join(cells)}</tr>')
    return f'<div class="alviz-scroll"><table class="alviz-table alviz-standings"><thead><tr>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table></div>'


def small_print(found: Outcome) -> str:
    """What the columns of the numbers mean."""
    spread = "what the seeds span, which are too few for an interval" if found.few else "95 % bootstrap intervals over the seeds"
    text = f"In small print {spread}. AUBC: the {in_words(found.curves.metric)} averaged over the labels spent."
    text += " p: paired sign-flip test of the AUBCs, after Holm's correction." if found.tests is not None else ""
    text += " Labels saved: on the way to the best level that every finished run reaches." if found.saved is not None else ""
    return f'<p class="alviz-help">{escape(text)}</p>'


def compare(store: Any = "default", **spec: Any) -> widgets.VBox:
    """The Compare page as a widget, for a notebook cell or Voila.

    store: where the runs are kept (a `Store`; by default the user's own). spec: fields of a grid to begin with, as `alviz.studies.grid.parse` takes them.
    """
    problem = ""
    if store == "default":
        store, problem = open_store()
    comparing = Comparing(store, **spec)
    if problem:
        comparing.notice = problem
    return Compare(comparing).widget


class Compare:
    """All panels of the page over one Comparing."""

    def __init__(self, comparing: Comparing):
        self.comparing = comparing
        watch = ["grid", "counts", "reading"]
        self.header = Header(comparing, comparing, self._status, watch, self._background, TOOLTIPS)
        self.settings = GridSettings(comparing)
        self.runs = Runs(comparing)
        self.findings = Findings(comparing)
        self.url = PageUrl()
        self.pulse = Pulse()
        comparing.keeps_up = self.pulse.keeps_up
        left = widgets.VBox([panel("Grid", self.settings.widget)])
        shown = {**self.findings.figures, "runs": panel("Runs", self.runs.widget)}
        halves = widgets.Box([widgets.VBox([shown[name] for name in names]) for names in COLUMNS])
        halves.add_class("alviz-halves")
        right = widgets.VBox([self.findings.asked, halves])
        cards = {"settings": left.children[0], "asked": self.findings.asked, **shown}
        grid = self.settings
        parts = {key: Part(field.label, [field]) for key, field in {"comparison": grid.which, **grid.parts, **grid.numbers}.items()}
        self.sharing = Sharing({**parts_of(cards), **parts, **self.header.parts}, self._python, self._bibtex)
        self.header.add(self.sharing.widget)
        self.widget = page(self.url, self.pulse, self.header.widget, columns=[left, right])
        self.url.observe(lambda change: self._open(change["new"]), ["query"])
        self.url.observe(lambda _: self._share(), ["query"])  # also where nothing that it says is a setting
        self.url.observe(lambda _: self._come(), ["opened"])
        comparing.observe(lambda _: self._share(), ["grid", "kept", "wishes"])
        comparing.observe(lambda _: self.pulse.beat(), ["question"])  # last: after all panels have sent theirs

    def _status(self) -> tuple[str, bool, bool]:
        grid = self.comparing.grid
        if grid is None:
            return "The grid on the left cannot be run yet.", False, False
        wanted = grid.rounds + 1
        done = sum(min(count, wanted) for count in self.comparing.counts.values())
        finished = sum(count >= wanted for count in self.comparing.counts.values())
        line = f"<b>{escape(title(grid, usual_arms(grid)))}</b> · <span>{finished:,}/{len(grid):,} runs · {done:,}/{len(grid) * wanted:,} rounds</span>"
        return line, finished < len(grid), False

    def _background(self) -> tuple[str, float] | None:
        return ("reading the runs", 0.0) if self.comparing.reading else None

    def _open(self, query: dict[str, str]) -> None:
        """Take the comparison and the question from the page's address; what makes no sense there is said and left out."""
        address = Address(query)
        self.sharing.take(address)
        free = fits(lambda text: len(text) <= LONG)
        wishes = {**dict.fromkeys(WISHES, free), "measure": entry_of(list(WORTH)), "arms": one_of(ARMS)}
        self.comparing.wishes = {key: None if text == NOBODY else text for key, text in address.read(wishes).items()}
        spec = grid_of(address)
        try:
            if "comparison" in query:
                self.comparing.open(query["comparison"])
        except ValueError:
            put = "press Run to make it here" if spec else "put one together on the left"
            address.say(f"The comparison in the address is not kept on this machine: {put}.")
        if spec and (self.comparing.grid is None or self.comparing.grid.key != query.get("comparison")):
            self.comparing.spec = spec
        self.comparing.notice = address.notice or self.comparing.notice

    def _come(self) -> None:
        """The page was made some time before it is opened: what was read then may be old."""
        if not self.comparing.reading:
            self.comparing.look_again()

    def _share(self) -> None:
        grid = self.comparing.grid
        kept = grid is not None and grid.key in {entry["key"] for entry in self.comparing.kept}
        share = {"comparison": grid.key} if kept and grid is not None else {}
        share |= {key: NOBODY if value is None else text_of(value) for key, value in self.comparing.wishes.items()}
        said, self.sharing.widget.gap = grid_told(self.comparing.spec)
        share |= said
        self.url.share = share | self.sharing.address()

    def _grid(self) -> Comparison:
        if self.comparing.grid is None:
            raise ValueError("the grid cannot be run yet")
        return self.comparing.grid

    def _python(self) -> str:
        return grid_script(self._grid())

    def _bibtex(self) -> str:
        grid = self._grid()
        axes = {"strategy": grid.strategies, "dataset": grid.datasets, "learner": grid.learners, "initial": grid.initial}
        return cited(**{axis: [part.name for part in parts] for axis, parts in axes.items()})
