"""The served app as a visitor meets it: how long, how much, and whether anything leaves the machine or stays behind.

    python benchmarks/page.py [PART ...] [--visitors 5] [--rounds 10] [--write]

Serves `alviz app` with data and cache folders of its own, drives Chromium, and prints a table beside the targets; parts: cold, warm, steps, memory,
cancel, compare, dragging (all of them when none is named). Times run in the page's own clock, from the click to the second frame after the wanted change. `--write` puts
the table between the markers of docs/measurements.md. Needs the extras `test` and Chromium.
"""

import argparse
import json
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from common import table, write_section

from alviz.app.pages import PAGES

DOCUMENT = Path(__file__).resolve().parent.parent / "docs" / "measurements.md"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
]
FLAGS += ["--disable-sync", "--enable-unsafe-swiftshader", "--enable-precise-memory-info"]
LOCAL = ("http://127.0.0.1", "http://localhost", "ws://127.0.0.1", "ws://localhost", "data:", "blob:")
LIMIT = 600
"""Seconds after which something that does not come is given up."""
LEAVING = 15.0
"""Seconds that "some seconds after the tab closes" may mean."""
REST = 2.0
"""Seconds without work after which a warm kernel has finished its page."""
ENDING = 60
"""Seconds that the app may take to end when it is told to."""
TRIES = 3
"""Times that each Cancel, and opening a comparison, is measured."""
FIGURES = 8
"""Of a comparison: the runs and the seven views."""

PLOTS = "[...document.querySelectorAll('.alviz-plot')].filter((plot) => plot.querySelector('.main-svg'))"
COUNTERS = f"new Map({PLOTS}.map((plot) => [plot, Number(plot.dataset.alvizDrawn ?? 0)]))"
MAP = "[...document.querySelectorAll('.alviz-panel')].find((panel) => panel.textContent.startsWith('Embedding map'))?.querySelector('.alviz-plot')"
FIRST_PICTURE = ".alviz-plot[data-alviz-drawn] .js-plotly-plot .main-svg"
STATUS = "(document.querySelector('.alviz-status')?.textContent ?? '')"
WORK = "(document.querySelector('.alviz-job')?.textContent.trim() ?? '')"
MESSAGE = "(document.querySelector('.alviz-topbar')?.textContent ?? '')"
TWO_FRAMES = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"

HANDS_REST = """() => {
    const { drawn, wished } = document.querySelector(".alviz-hands")?.dataset ?? {};
    return drawn !== undefined && drawn === wished;
}"""
LAGS = """() => {
    const hands = document.querySelector(".alviz-hands");
    window.alvizLags = [];
    new MutationObserver(() => window.alvizLags.push(Number(hands.dataset.lag))).observe(hands, { attributes: true, attributeFilter: ["data-lag"] });
}"""
MOVES = 40
"""Places that the mouse goes through on its way from one corner to the next."""

SETTINGS = {
    "gaussians": ({"dataset": "gaussians", "n_queries": 5, "budget": 100}, 0.3),
    "fashion-mini": ({"dataset": "fashion-mini", "n_queries": 50, "budget": 600}, 0.6),
    "fashion-mnist": ({"dataset": "fashion-mnist", "n_queries": 100, "budget": 1500}, 3.0),
}
"""What is stepped through, with linear-svm and margin, and the seconds that a click may take."""


@dataclass(frozen=True)
class Row:
    """One line of the table: what was measured, how it is written, and the most that it may be (None: nobody set a target)."""

    what: str
    value: float
    unit: str = ""
    target: float | None = None
    more: str = ""

    @property
    def verdict(self) -> str:
        """Whether the target is met; the value is compared as measured, not as rounded."""
        if self.target is None:
            return ""
        return "met" if self.value <= self.target else "missed"

    def cells(self) -> tuple[str, str, str, str]:
        """The line as text."""
        target = "" if self.target is None else f"≤ {figure(self.target, self.unit)}" if self.target else "0"
        return self.what, figure(self.value, self.unit) + (f" ({self.more})" if self.more else ""), target, self.verdict


def figure(value: float, unit: str) -> str:
    """A number with its unit: seconds to two places, megabytes and counts to as many as they need."""
    if unit == "s":
        return f"{value:.2f} s"
    return f"{value:.1f} {unit}" if unit and value < 100 else f"{value:,.0f} {unit}".strip()


def seconds(what: str, values: Sequence[float], target: float | None, more: str = "") -> Row:
    """The median of `values` against the target, their largest beside it."""
    beside = [] if len(values) == 1 else [f"most {max(values):.2f} s of {len(values)}"]
    return Row(what, median(values), "s", target, "; ".join([*beside, *([more] if more else [])]))


def report(rows: Sequence[Row]) -> str:
    """The table as Markdown."""
    return table(("what", "measured", "target", ""), [row.cells() for row in rows])


# ---- the server ----


@dataclass
class App:
    """A served app: its address (ending in a slash) and its process."""

    address: str
    process: "subprocess.Popen[str]"
    home: Path

    def counts(self) -> dict[str, int]:
        """What the app says about its kernels."""
        with urllib.request.urlopen(f"{self.address}alviz/status", timeout=30) as answer:
            found: dict[str, int] = json.load(answer)
        return found

    def until(self, ready: Callable[[dict[str, int]], bool]) -> None:
        """Wait until the counts are as wanted."""
        began = time.perf_counter()
        while not ready(self.counts()):
            if time.perf_counter() - began > LIMIT:
                raise TimeoutError(f"the app's kernels are not as wanted after {LIMIT} s: {self.counts()}")
            time.sleep(0.05)

    def kernels(self) -> list[Any]:
        """The processes of the kernels, without one that is just ending."""
        import psutil

        found = []
        for child in psutil.Process(self.process.pid).children():
            with suppress(psutil.NoSuchProcess):
                if "alviz.app.kernel" in child.cmdline():
                    found.append(child)
        return found

    def until_warm(self) -> None:
        """Wait until all pages' warm kernels are there and at rest: the app counts a kernel from its start, before it has rendered its page."""
        self.until(lambda now: now["pooled"] == len(PAGES) + 1)  # a warm one for each page, and the spare one
        spent, since = -1.0, time.perf_counter()
        while time.perf_counter() - since < REST:
            now = sum(sum(kernel.cpu_times()[:2]) for kernel in self.kernels())
            if now > spent + 0.03:  # a kernel at rest still answers its heartbeat
                spent, since = now, time.perf_counter()
            time.sleep(0.1)

    def memory(self) -> tuple[float, float]:
        """Resident and proportional megabytes of the one kernel (Linux)."""
        [kernel] = self.kernels()
        lines = Path(f"/proc/{kernel.pid}/smaps_rollup").read_text().splitlines()
        kilobytes = {line.split(":")[0]: int(line.split()[1]) for line in lines if line.endswith("kB")}
        return kilobytes["Rss"] * 1024 / 1e6, kilobytes["Pss"] * 1024 / 1e6

    def spent(self) -> list[float]:
        """Seconds in the five phases of every round after round 0 of the last run that was kept."""
        from alviz import data
        from alviz.studies import Store

        store = Store(f"sqlite:///{self.home / 'alviz' / 'runs.db'}")
        try:
            last = store.runs()[0]["id"]
            dataset = data.registry.create(store.config(last)["dataset"]["name"])  # its ids are enough
            return [sum(finished.seconds.values()) for finished in store.load(last, dataset).rounds[1:]]
        finally:
            store.close()


@contextmanager
def serving(kernels: int) -> Iterator[App]:
    """An app with `kernels` warm kernels per page, in folders of its own, ended afterwards."""
    with tempfile.TemporaryDirectory(prefix="alviz-") as folder:
        homes = {name: str(Path(folder) / name.lower()) for name in ("XDG_DATA_HOME", "XDG_CACHE_HOME")}
        kept = {name: value for name, value in os.environ.items() if name not in ("ALVIZ_CACHE", "ALVIZ_STORE")}
        command = [sys.executable, "-u", "-m", "alviz", "app", "--no-browser", "--port", "0", "--kernels", str(kernels)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**kept, **homes, "COLUMNS": "500"})
        assert process.stdout is not None
        try:
            found = next((match for line in process.stdout if (match := re.search(r"http://\S+", line))), None)
            if found is None:
                raise RuntimeError("the app ended without printing an address")
            yield App(found.group(), process, Path(homes["XDG_DATA_HOME"]))
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(ENDING)
            except subprocess.TimeoutExpired:
                process.kill()
                print(f"the app did not end within {ENDING} s of SIGTERM, and was killed", file=sys.stderr, flush=True)


# ---- the visitor ----


@dataclass
class Visit:
    """One visitor: a browser without anything cached, on a screen of 1280 × 800, where all that leaves the machine hangs."""

    page: Any
    bytes: int = 0
    outside: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    sideways: int = 0

    def watch(self) -> None:
        """Count what comes over websockets, what is asked of other machines, and what the console complains about."""

        def count(payload: "str | bytes") -> None:
            self.bytes += len(payload.encode() if isinstance(payload, str) else payload)

        page = self.page
        page.set_default_timeout(LIMIT * 1000)
        page.route(lambda url: not url.startswith(LOCAL), lambda route: None)
        page.on("request", lambda request: None if request.url.startswith(LOCAL) else self.outside.append(request.url))
        page.on("console", lambda message: self.errors.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("websocket", lambda socket: socket.on("framereceived", count))

    def picture(self) -> None:
        """Wait until the first picture is on the screen."""
        self.page.wait_for_selector(FIRST_PICTURE)
        self.page.evaluate(TWO_FRAMES)
        self.look()

    def figures(self) -> None:
        """Wait until all figures of a comparison are on the screen."""
        self.page.wait_for_function(f"() => {PLOTS}.length >= {FIGURES}")
        self.page.evaluate(TWO_FRAMES)

    def look(self) -> None:
        """Note whether the page has to be scrolled sideways."""
        self.sideways += self.page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")

    def leave(self) -> None:
        """Close the tab as a visitor does, so that the page can say goodbye."""
        if not self.page.is_closed():
            with self.page.expect_event("close"):
                self.page.close(run_before_unload=True)

    def settle(self) -> None:
        """Wait until the page can be stepped, works on nothing and has drawn nothing for a quarter of a second."""
        self.page.wait_for_function(
            f"""() => {{
                const step = [...document.querySelectorAll('button')].find((button) => button.textContent.trim() === 'Step');
                const now = [...{COUNTERS}.values(), {STATUS}].join();
                if (window.alvizSeen !== now || step.disabled || {WORK}) {{ window.alvizSeen = now; window.alvizSince = performance.now(); }}
                return performance.now() - window.alvizSince > 250;
            }}"""
        )

    def button(self, name: str) -> Any:
        """The button of that name."""
        return self.page.get_by_role("button", name=name, exact=True)

    def timed(self, name: str, *conditions: str) -> list[float]:
        """Click a button; for every condition, the seconds until it holds and two frames have passed.

        Conditions are JavaScript; `changed()` in them: the status is another one; `drawn()`: the map was drawn again; `redrawn()`: every plot was.
        """
        watched = ", ".join(f"() => {condition}" for condition in conditions)
        self.page.evaluate(
            f"""() => {{
                const status = {STATUS}, before = {COUNTERS}, map = {MAP};
                const changed = () => {STATUS} !== status;
                const drawn = () => Number(map.dataset.alvizDrawn) > (before.get(map) ?? 0);
                const redrawn = () => [...{COUNTERS}].every(([plot, count]) => count > (before.get(plot) ?? 0));
                const conditions = [{watched}];
                if (conditions.some((holds) => holds())) throw new Error("holds before the click, so nothing would be measured");
                window.alvizTimed = new Promise((resolve) => addEventListener("click", (event) => {{
                    const spent = async (holds) => {{
                        while (!holds()) await new Promise(requestAnimationFrame);
                        await ({TWO_FRAMES})();
                        return (performance.now() - event.timeStamp) / 1000;
                    }};
                    resolve(Promise.all(conditions.map(spent)));
                }}, {{ capture: true, once: true }}));
            }}"""
        )
        self.button(name).click()
        found: list[float] = self.page.evaluate("window.alvizTimed")
        return found

    def start(self, address: str, settings: dict[str, Any]) -> None:
        """Open Explore with settings in its address and press Start."""
        self.page.goto(f"{address}explore?" + "&".join(f"{name}={value}" for name, value in settings.items()))
        self.picture()
        chosen = self.page.get_by_label("Data", exact=True).element_handle()
        self.page.wait_for_function("([field, name]) => field.value === name", arg=[chosen, settings["dataset"]])
        self.page.wait_for_function(f"() => !{WORK}")
        self.timed("Start", "changed() && drawn()")
        self.settle()


class Visitors:
    """Makes visits with one browser, and adds up what must not happen in any of them."""

    def __init__(self, browser: Any) -> None:
        self.browser = browser
        self.outside: list[str] = []
        self.errors: list[str] = []
        self.sideways = 0

    @contextmanager
    def visit(self) -> Iterator[Visit]:
        """One visit; its tab is closed at the end."""
        context = self.browser.new_context(viewport={"width": 1280, "height": 800}, color_scheme="light")
        visit = Visit(context.new_page())
        visit.watch()
        try:
            yield visit
        finally:
            visit.leave()
            context.close()
            self.outside += visit.outside
            self.errors += visit.errors
            self.sideways += visit.sideways

    def rows(self) -> list[Row]:
        """What all visits together did that they should not."""
        return [
            Row("outside requests, all visits", len(self.outside), "", 0, ", ".join(sorted(set(self.outside)))),
            Row("console errors, all visits", len(self.errors), "", 0, "; ".join(sorted({error[:120] for error in self.errors}))),
            Row("times the page had to be scrolled sideways at 1280 × 800", self.sideways, "", 0),
        ]


# ---- the parts ----


def from_home(app: App, visit: Visit) -> float:
    """Seconds from asking for the home page, through its link, to Explore's first picture."""
    began = time.perf_counter()
    visit.page.goto(app.address, wait_until="commit")
    visit.page.get_by_role("link", name="Explore", exact=True).first.click()
    visit.picture()
    return time.perf_counter() - began


def cold(visitors: Visitors, args: argparse.Namespace) -> Iterator[Row]:
    """The first visitor of a server without a warm kernel."""
    with serving(kernels=0) as app, visitors.visit() as visit:
        yield seconds("home to first picture, cold", [from_home(app, visit)], 8.0)


def warm(visitors: Visitors, args: argparse.Namespace) -> Iterator[Row]:
    """Visitors who find a warm kernel, and what is left when they go."""
    taken, received, left = [], [], []
    with serving(kernels=1) as app:
        for _ in range(args.visitors):
            app.until_warm()
            with visitors.visit() as visit:
                taken.append(from_home(app, visit))
                received.append(visit.bytes / 1e6)
                app.until(lambda now: now["visitors"] == 1 and now["pooled"] == len(PAGES) + 1)
                began = time.perf_counter()
                visit.leave()
                app.until(lambda now: now["kernels"] == now["pooled"])
                left.append(time.perf_counter() - began)
    yield seconds("home to first picture, warm", taken, 3.0)
    yield Row("over the websocket to the first picture", max(received), "MB", 15.0)
    yield seconds("a closed tab's kernel is gone after", left, LEAVING)


def steps(visitors: Visitors, args: argparse.Namespace) -> Iterator[Row]:
    """Click on Step to picture."""
    from alviz.data import fashion

    installed = all((fashion.DEBIAN_FOLDER / f"{name}.gz").is_file() for name in fashion.IDX_FILES)
    for name, (settings, target) in SETTINGS.items():
        if name == "fashion-mnist" and not installed:
            continue
        with serving(kernels=0) as app:
            with visitors.visit() as visit:
                visit.start(app.address, settings)
                taken = []
                for _ in range(args.rounds):
                    visit.settle()
                    taken.append(visit.timed("Step", "changed() && drawn()", "changed() && redrawn()"))
                visit.look()
                total = visit.bytes / 1e6
            engine = median(app.spent())
        yield seconds(f"Step to picture, {name}", [one for one, _ in taken], target, f"engine {engine:.2f} s")
        yield seconds(f"Step to all pictures, {name}", [two for _, two in taken], None)
        yield Row(f"over the websocket after {args.rounds} rounds, {name}", total, "MB", 15.0 if name == "fashion-mini" else None)


def memory(visitors: Visitors, args: argparse.Namespace) -> Iterator[Row]:
    """What a visitor's kernel takes after Start and three rounds."""
    for name, learner in (("fashion-mini", "linear-svm"), ("gaussians", "linear-svm"), ("fashion-mini", "ensemble")):
        with serving(kernels=0) as app, visitors.visit() as visit:
            visit.start(app.address, {**SETTINGS[name][0], "learner": learner})
            for _ in range(3):
                visit.settle()
                visit.timed("Step", "changed() && drawn()")
            visit.settle()
            resident, proportional = app.memory()
        yield Row(
            f"memory per visitor, {name}, {learner}", resident, "MB", 260 if learner == "linear-svm" else None, f"PSS {proportional:.0f} MB"
        )


def cancel(visitors: Visitors, args: argparse.Namespace) -> Iterator[Row]:
    """Click on Cancel until the page says that it has stopped."""
    with serving(kernels=0) as app:
        taken = []
        for _ in range(TRIES):
            with visitors.visit() as visit:  # a new page each time: the message stays until the next job
                visit.page.goto(f"{app.address}explore")
                visit.picture()
                visit.page.get_by_label("Projection", exact=True).select_option("tsne")
                visit.page.wait_for_function(f"() => /map \\d\\d%/.test({MESSAGE})")
                taken += visit.timed("Cancel", f"{MESSAGE}.includes('cancelled')")
        yield seconds("Cancel during t-SNE", taken, 1.0)
        with visitors.visit() as visit:
            visit.page.goto(f"{app.address}toy?steps=20")
            seeds = visit.page.get_by_label("Seeds", exact=True)
            seeds.fill("1000")
            seeds.press("Tab")
            taken = []
            for _ in range(TRIES):
                visit.button("Make the table").click()
                visit.page.wait_for_function(f"() => /\\d+%/.test({MESSAGE})")
                taken += visit.timed("Cancel", f"{MESSAGE}.includes('Cancelled')")
            visit.look()
        yield seconds("Cancel during a Toy table of 1,000 seeds", taken, 1.0)


def compare(visitors: Visitors, args: argparse.Namespace) -> Iterator[Row]:
    """A large comparison, chosen in the page's menu or by a link, until all of its figures are drawn."""
    from store import comparison, filled

    from alviz import data

    grid, chosen, linked = comparison(1000), [], []
    with serving(kernels=1) as app:
        app.until_warm()
        filled(f"sqlite:///{app.home / 'alviz' / 'runs.db'}", grid, data.create("fashion-mini")).close()
        for _ in range(TRIES):
            app.until_warm()
            with visitors.visit() as visit:
                visit.page.goto(f"{app.address}compare")
                visit.picture()
                app.until_warm()
                began = time.perf_counter()
                visit.page.get_by_label("Comparison", exact=True).select_option(grid.key)
                visit.figures()
                chosen.append(time.perf_counter() - began)
            app.until_warm()
            with visitors.visit() as visit:
                began = time.perf_counter()
                visit.page.goto(f"{app.address}compare?comparison={grid.key}", wait_until="commit")
                visit.figures()
                linked.append(time.perf_counter() - began)
                visit.look()
    yield seconds("1,000 runs of 20 rounds chosen in Compare, all figures", chosen, 3.0)
    yield seconds("the same by a link, the page's own loading included", linked, None)


def dragging(visitors: Visitors, args: argparse.Namespace) -> Iterator[Row]:
    """A Gaussian dragged about on the Toy page, until the boundary, the field and the next picks are drawn for where it is.

    Every move of the hand counts, also one that another overtook before it was answered: then until the later one's picture.
    """
    with serving(kernels=0) as app, visitors.visit() as visit:
        page = visit.page
        page.goto(f"{app.address}toy?hands=gaussians")
        page.wait_for_function(HANDS_REST)
        page.evaluate(LAGS)
        box = page.locator(".alviz-hands-stage").bounding_box()
        start = page.get_by_role("button", name="Gaussian 1, class A").bounding_box()
        page.mouse.move(start["x"] + start["width"] / 2, start["y"] + start["height"] / 2)
        page.mouse.down()
        for x, y in [(0.8, 0.3), (0.7, 0.8), (0.2, 0.7), (0.5, 0.5)] * 3:
            page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"], steps=MOVES)
        page.mouse.up()
        page.wait_for_function(HANDS_REST)
        lags = sorted(lag / 1000 for lag in page.evaluate("window.alvizLags"))
        visit.look()
    near = lags[int(0.95 * len(lags))]
    yield Row(
        "a dragged Gaussian's boundary, field and picks, 95th percentile",
        near,
        "s",
        0.3,
        f"median {median(lags):.2f} s, {len(lags)} pictures",
    )


PARTS = {"cold": cold, "warm": warm, "steps": steps, "memory": memory, "cancel": cancel, "compare": compare, "dragging": dragging}


def main() -> None:
    """Entry point."""
    from playwright.sync_api import sync_playwright

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"some of: {', '.join(PARTS)} (default: all)")
    parser.add_argument("--visitors", type=int, default=5, help="visitors who find a warm kernel")
    parser.add_argument("--rounds", type=int, default=10, help="clicks on Step per dataset")
    parser.add_argument("--write", action="store_true", help="also write the table into docs/measurements.md; wants all parts")
    args = parser.parse_args()
    if unknown := [name for name in args.parts if name not in PARTS]:
        parser.error(f"unknown part {', '.join(unknown)}: choose from {', '.join(PARTS)}")
    if args.write and args.parts:
        parser.error("--write wants all parts, so name none")
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        parser.error("no Chromium on this machine (Debian: apt-get install chromium)")
    load = os.getloadavg()[0]
    rows = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=FLAGS)
        visitors = Visitors(browser)
        for name in args.parts or PARTS:
            for row in PARTS[name](visitors, args):
                print(" · ".join(filter(None, row.cells())), flush=True)
                rows.append(row)
        rows += visitors.rows()
        machine = f"Python {platform.python_version()}, Chromium {browser.version}, {os.cpu_count()} cores"
        browser.close()
    text = f"{report(rows)}\n\n{machine}; load average {load:.1f} before and {os.getloadavg()[0]:.1f} after (1 per busy core)."
    print(f"\n{text}")
    if args.write:
        write_section("page", text, DOCUMENT)


if __name__ == "__main__":
    main()
