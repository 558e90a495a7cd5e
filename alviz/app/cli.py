"""The ``alviz`` command."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

import alviz

cli = typer.Typer(name="alviz", help="See active learning happen.", no_args_is_help=True, add_completion=False)
console = Console(highlight=False, soft_wrap=True)


def main() -> None:
    """Run the command line."""
    cli()


def _version(wanted: bool) -> None:
    if wanted:
        version()
        raise typer.Exit


@cli.callback()
def _options(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")] = False,
) -> None:
    pass


@cli.command()
def version() -> None:
    """Show the version."""
    console.print(f"alviz {alviz.__version__}")


@cli.command()
def app(
    page: Annotated[
        str, typer.Argument(help="Page to open: explore, label, initial or toy; the home page when left out.", show_default=False)
    ] = "",
    port: Annotated[int, typer.Option(help="First port to try; 0 for any free one.", min=0, max=65535)] = 8866,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open the page in a browser, where there is one.")] = True,
    token: Annotated[str, typer.Option(help="Secret that visitors must show; part of the printed address.", show_default=False)] = "",
    host: Annotated[str, typer.Option(help="Address to listen on; any but this machine's own loopback needs --token.")] = "localhost",
    kernels: Annotated[int, typer.Option(help="Warm kernels kept ready per page.", min=0)] = 1,
) -> None:
    """Serve the app to a browser, until Ctrl-C."""
    from alviz.app.gate import is_loopback
    from alviz.app.pages import PAGES

    names = [known.name for known in PAGES]
    if page and page not in names:
        _refuse(f"There is no page {page!r}: choose {', '.join(names)}, or none for the home page.")
    if not token and not is_loopback(host):
        _refuse(f"Refused to listen on {host} without a token: add --token, so that only people you give it to can use the app.")
    # Jupyter's JSON schemas would load this grammar for addresses, at a third of the start-up time; none of ours needs it.
    sys.modules["rfc3987_syntax"] = None  # type: ignore[assignment]
    with console.status("Starting the server …"):
        from alviz.app.server import serve

    def ready(address: str) -> None:
        console.print(f"alviz is at [bold]{address}[/bold]")
        console.print("Ctrl-C ends it.", style="dim")
        if browser:
            _open_browser(address)

    try:
        serve(page, host=host, port=port, token=token, kernels=kernels, on_ready=ready)
    except ValueError as error:
        _refuse(str(error))
    console.print("Stopped; no kernel is left running.", style="dim")


@cli.command()
def strategies(
    name: Annotated[str, typer.Argument(help="A strategy, for its card; a table of all when left out.", show_default=False)] = "",
    markdown: Annotated[bool, typer.Option("--markdown", help="All cards as a Markdown page.")] = False,
    bibtex: Annotated[bool, typer.Option("--bibtex", help="The strategy's papers as BibTeX, or those of all.")] = False,
) -> None:
    """List the query strategies, or show the card of one."""
    from alviz.app import tables
    from alviz.strategies import handbook

    if markdown:
        print(handbook.markdown(), end="")
        return
    try:
        if bibtex:
            print(handbook.bibtex(name), end="")
            return
        console.print(tables.card(name) if name else tables.strategies(), soft_wrap=False)
    except ValueError as error:
        _refuse(str(error))


@cli.command()
def run(
    preset: Annotated[str, typer.Option(help="A paper's protocol by name; --list shows them.", show_default=False)] = "",
    listed: Annotated[bool, typer.Option("--list", help="List the presets.")] = False,
    dataset: Annotated[str, typer.Option(help="Pool of samples.", show_default=False)] = "",
    imbalance: Annotated[str, typer.Option(help="Class imbalance of the pool, such as ir=0.75 or 1:10.", show_default=False)] = "",
    learner: Annotated[str, typer.Option(help="What is trained in every round.", show_default=False)] = "",
    strategy: Annotated[str, typer.Option(help="How the next samples are chosen.", show_default=False)] = "",
    initial: Annotated[str, typer.Option(help="How the samples of round 0 are chosen.", show_default=False)] = "",
    n_queries: Annotated[int | None, typer.Option(help="Labels in every round.", show_default=False)] = None,
    n_initial: Annotated[int | None, typer.Option(help="Labels in round 0.", show_default=False)] = None,
    rounds: Annotated[int | None, typer.Option(help="Rounds after round 0.", show_default=False)] = None,
    seed: Annotated[int, typer.Option(help="The same seed makes the same run, pick for pick.", min=0)] = 0,
    settings: Annotated[list[str] | None, typer.Option("--set", help="A parameter, such as learner.dropout=0.3.")] = None,
    csv: Annotated[str, typer.Option(help="Write one row per round to this file.", show_default=False)] = "",
    store: Annotated[str, typer.Option(help="Database to keep the run in (an SQLAlchemy URL), or none.", show_default=False)] = "",
) -> None:
    """Make a run, round by round; a paper's protocol with --preset."""
    from alviz.app import running

    if listed:
        console.print(running.presets(), soft_wrap=False)
        return
    parts = {"dataset": dataset, "imbalance": imbalance, "learner": learner, "strategy": strategy, "initial": initial}
    numbers = {"n_queries": n_queries, "n_initial": n_initial, "rounds": rounds, "seed": seed}
    try:
        from alviz.studies import Store

        kept = None if store == "none" else Store(store or None)
        made, wanted = running.begun(preset, parts, numbers, settings or [], kept, console)
        running.drive(made, wanted, console)
        if csv:
            made.to_frame().to_csv(csv, index=False)
    except (ValueError, OSError) as error:
        _refuse(str(error))
    console.print(running.summary(made))


@cli.command()
def compare(
    grid: Annotated[str, typer.Argument(help="The grid: a .toml or .json file.")],
    workers: Annotated[
        int | None, typer.Option(help="Processes; one per core when left out, 0: this one.", min=0, show_default=False)
    ] = None,
    threads: Annotated[int, typer.Option(help="Threads for arithmetic in each process.", min=1)] = 1,
    scheduler: Annotated[str, typer.Option(help="A running Dask cluster, such as tcp://host:8786.", show_default=False)] = "",
    table: Annotated[str, typer.Option(help="Write one row per round to this .csv or .parquet file.", show_default=False)] = "",
    store: Annotated[str, typer.Option(help="Database to keep the runs in (an SQLAlchemy URL).", show_default=False)] = "",
) -> None:
    """Make every run of a grid, or go on with it where it stopped."""
    from alviz.app import comparing

    try:
        from alviz.studies import Store
        from alviz.studies.export import check_kind, write
        from alviz.studies.grid import read

        if table:
            check_kind(Path(table).suffix[1:].lower())  # before hours of work
        wanted, kept = read(grid), Store(store or None)
        reached = comparing.drive(wanted, kept, console, workers=workers, threads=threads, scheduler=scheduler)
        found = comparing.whole(wanted, kept)
        if table:
            write(found, table, overwrite=True)
    except KeyboardInterrupt:
        console.print("Stopped. The same command goes on from here.")
        raise typer.Exit(130) from None
    except (ValueError, OSError) as error:
        _refuse(str(error))
    console.print(comparing.summary(wanted, found), soft_wrap=False)
    if reached.failed:
        _refuse(f"{len(reached.failed):,} of {reached.cells:,} runs could not be made; the same command tries them again.")


@cli.command()
def report(
    grid: Annotated[str, typer.Argument(help="The grid: a .toml or .json file.")],
    output: Annotated[str, typer.Option(help="The file to write.")] = "report.html",
    metric: Annotated[list[str] | None, typer.Option(help="Report on this metric; accuracy when left out.", show_default=False)] = None,
    reference: Annotated[
        str, typer.Option(help="Measure the others against this one; random when left out, where there is one.", show_default=False)
    ] = "",
    store: Annotated[str, typer.Option(help="Database that has the runs (an SQLAlchemy URL).", show_default=False)] = "",
) -> None:
    """Write what came of a grid as one HTML file, to read offline or to print."""
    try:
        from alviz.report import write
        from alviz.studies import Store
        from alviz.studies.grid import read

        written = write(read(grid), Store(store or None), output, metrics=metric or ["accuracy"], reference=reference or None)
    except (ValueError, OSError) as error:
        _refuse(str(error))
    else:
        console.print(f"{written} ({written.stat().st_size / 1e6:.1f} MB)", markup=False)


@cli.command()
def replay(
    runs: Annotated[list[str], typer.Argument(help="Ids of one to four runs on the same data; alviz runs lists them.", metavar="RUN...")],
    output: Annotated[str, typer.Option("--output", "-o", help="The file to write.")] = "replay.html",
    projection: Annotated[str, typer.Option(help="The map: plane, pca, umap or tsne.", show_default=False)] = "",
    store: Annotated[str, typer.Option(help="Database that has the runs (an SQLAlchemy URL).", show_default=False)] = "",
) -> None:
    """Write kept runs as one HTML file that is stepped through offline, round by round, side by side."""
    from alviz.app import replaying

    try:
        from alviz.report import write_replay
        from alviz.studies import Store

        with console.status("Reading the runs …") as status:
            found = replaying.runs(Store(store or None), runs)
            status.update("Writing the page …")
            written = write_replay(found, output, projection=projection or None)
    except (ValueError, OSError) as error:
        _refuse(str(error))
    else:
        console.print(f"{written} ({written.stat().st_size / 1e6:.1f} MB)", markup=False)


@cli.command()
def lesson(
    name: Annotated[str, typer.Argument(help="The lesson, such as 2-uncertainty, or a notebook of your own.")],
    output: Annotated[str, typer.Option("--output", "-o", help="The file to write; called like the lesson when left out.")] = "",
) -> None:
    """Write a lesson as one HTML file that asks, reveals and is stepped through offline."""
    from alviz.app.lessons import LESSONS, notebook

    names = [known.name for known in LESSONS]
    if name not in names and not name.endswith(".ipynb"):
        _refuse(f"There is no lesson {name!r}: choose {', '.join(names)}, or a notebook of your own (.ipynb).")
    source = notebook(name) if name in names else Path(name)
    try:
        with console.status("Working out what the lesson shows …"):
            from alviz.app.lesson_file import write_lesson

            written = write_lesson(source, output or f"{source.stem}.html")
    except (ValueError, OSError) as error:
        _refuse(str(error))
    else:
        console.print(f"{written} ({written.stat().st_size / 1e6:.1f} MB)", markup=False)


@cli.command()
def runs(
    dataset: Annotated[str, typer.Option(help="Only runs on this dataset.", show_default=False)] = "",
    imbalance: Annotated[
        str, typer.Option(help="Only runs on this make-up of the pool, such as ir=0.75, or none.", show_default=False)
    ] = "",
    strategy: Annotated[str, typer.Option(help="Only runs of this query strategy.", show_default=False)] = "",
    learner: Annotated[str, typer.Option(help="Only runs of this learner.", show_default=False)] = "",
    initial: Annotated[str, typer.Option(help="Only runs that began with this initial pool.", show_default=False)] = "",
    seed: Annotated[int | None, typer.Option(help="Only runs of this seed.", min=0, show_default=False)] = None,
    by: Annotated[str, typer.Option(help="Only runs that people label, or simulated ones.", metavar="people|simulated")] = "",
    since: Annotated[str, typer.Option(help="Only runs begun since: a date, or an age such as 12h, 2d or 3w.", show_default=False)] = "",
    comparison: Annotated[str, typer.Option(help="Only cells of this comparison.", show_default=False)] = "",
    only: Annotated[str, typer.Option(help="Only single runs, or only cells of grids.", metavar="single|cells")] = "",
    limit: Annotated[int, typer.Option(help="Show so many; 0: all.", min=0)] = 30,
    export: Annotated[str, typer.Option(help="Write all that fit to this .csv or .parquet file.", show_default=False)] = "",
    rounds: Annotated[bool, typer.Option("--rounds", help="With --export: a row for every round, with all that was measured.")] = False,
    delete: Annotated[list[str] | None, typer.Option(help="Delete this run; its id, once or several times.", show_default=False)] = None,
    delete_matching: Annotated[bool, typer.Option("--delete-matching", help="Delete all that fit; wants a filter.")] = False,
    delete_comparison: Annotated[str, typer.Option(help="Delete this comparison with its cells.", show_default=False)] = "",
    yes: Annotated[bool, typer.Option("--yes", help="Delete without asking.")] = False,
    store: Annotated[str, typer.Option(help="The database (an SQLAlchemy URL).", show_default=False)] = "",
) -> None:
    """List the runs that are kept, newest first; write them to a file, or delete them."""
    from alviz.app import listing

    texts = {"dataset": dataset, "imbalance": imbalance, "strategy": strategy, "learner": learner, "initial": initial}
    filters: dict[str, Any] = {**texts, "seed": seed, "by": by, "since": since, "comparison": comparison, "only": only}
    filtered = any(value not in ("", None) for value in filters.values())
    ways = [
        name
        for name, used in (
            ("--delete", delete),
            ("--delete-matching", delete_matching),
            ("--delete-comparison", delete_comparison),
            ("--export", export),
        )
        if used
    ]
    try:
        from alviz.studies import Store

        if len(ways) > 1:
            raise ValueError(f"{' and '.join(ways)} do not go together: one at a time")
        if filtered and (delete or delete_comparison):
            raise ValueError(f"{ways[0]} takes no filter; --delete-matching deletes all that a filter lets through")
        if delete_matching and not filtered:
            raise ValueError("--delete-matching wants a filter, such as --strategy, --since or --comparison")
        if rounds and not export:
            raise ValueError("--rounds says what --export writes: add --export FILE")
        kept = Store(store or None)
        found = listing.chosen(kept, listing.listed(kept), **filters)
        if ways and not export:
            doomed, grids = listing.doomed(kept, found, delete or [], delete_comparison)
            what = " and ".join(filter(None, (listing.counted(doomed), f"the comparison {delete_comparison!r}" if grids else "")))
            if delete or ((doomed or grids) and _sure(f"Delete {what}?", yes)):
                kept.delete(*(entry["id"] for entry in doomed))
                for grid in grids:
                    kept.delete_comparison(grid["key"])
                console.print(f"Deleted {what}.", markup=False)
            elif not doomed:
                console.print("No run is kept that fits.")
        elif export:
            from alviz.studies.export import write

            write(listing.rounds(kept, found) if rounds else listing.frame(found), export, overwrite=True)
            console.print(f"Wrote {'every round of ' if rounds else ''}{listing.counted(found)} to {export}.", markup=False)
        elif found:
            console.print(listing.shown(found, limit, console.width), soft_wrap=False)
        else:
            console.print("No run is kept" + (" that fits." if filtered else "."))
    except (ValueError, OSError) as error:
        _refuse(str(error))


def _sure(question: str, yes: bool) -> bool:
    """Whether it may be done: asked at a terminal, or said with --yes. Raises ValueError where nobody can be asked."""
    if yes:
        return True
    if not sys.stdin.isatty():
        raise ValueError(f"{question} Nobody can be asked here: add --yes")
    return typer.confirm(question)


def _refuse(sentence: str) -> None:
    Console(stderr=True, highlight=False, soft_wrap=True).print(sentence, style="red", markup=False)
    raise typer.Exit(2)


def _open_browser(address: str) -> None:
    """Open ``address`` in the user's browser; on a machine without a screen, do nothing."""
    import os
    import threading
    import webbrowser

    graphical = sys.platform in {"darwin", "win32"} or any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"))
    if graphical:  # else the standard library would start a text browser in this very terminal
        threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()
