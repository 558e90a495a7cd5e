"""The ``alviz`` command."""

import sys
from typing import Annotated

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
) -> None:
    """List the query strategies, or show the card of one."""
    from alviz.app import tables
    from alviz.strategies import handbook

    if markdown:
        print(handbook.markdown(), end="")
        return
    try:
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
        from alviz.studies.grid import read

        wanted, kept = read(grid), Store(store or None)
        reached = comparing.drive(wanted, kept, console, workers=workers, threads=threads, scheduler=scheduler)
        found = comparing.whole(wanted, kept)
        if table:
            comparing.write(found, table)
    except KeyboardInterrupt:
        console.print("Stopped. The same command goes on from here.")
        raise typer.Exit(130) from None
    except (ValueError, OSError) as error:
        _refuse(str(error))
    console.print(comparing.summary(wanted, found), soft_wrap=False)
    if reached.failed:
        _refuse(f"{len(reached.failed):,} of {reached.cells:,} runs could not be made; the same command tries them again.")


@cli.command()
def runs(
    dataset: Annotated[str, typer.Option(help="Only runs on this dataset.", show_default=False)] = "",
    strategy: Annotated[str, typer.Option(help="Only runs of this query strategy.", show_default=False)] = "",
    learner: Annotated[str, typer.Option(help="Only runs of this learner.", show_default=False)] = "",
    export: Annotated[str, typer.Option(help="Write the list to this .csv or .parquet file.", show_default=False)] = "",
    delete: Annotated[list[str] | None, typer.Option(help="Forget this run; its id, once or several times.", show_default=False)] = None,
    store: Annotated[str, typer.Option(help="The database (an SQLAlchemy URL).", show_default=False)] = "",
) -> None:
    """List the runs that are kept, newest first; export or forget them."""
    from alviz.app import comparing

    wanted = {"dataset": dataset, "strategy": strategy, "learner": learner}
    try:
        from alviz.studies import Store

        kept = Store(store or None)
        for run in delete or []:
            kept.config(run)  # an unknown one is refused before anything is lost
        for run in delete or []:
            kept.delete(run)
        if delete:
            console.print(f"Forgot {len(delete)} run{'s' if len(delete) > 1 else ''}.")
            return
        shown, found = comparing.runs(
            kept, lambda entry: all(not name or entry[key].split(" (")[0] == name for key, name in wanted.items())
        )
        if export:
            import pandas as pd

            comparing.write(pd.DataFrame(found), export)
    except (ValueError, OSError) as error:
        _refuse(str(error))
    console.print(shown if found else "No run is kept" + (" that fits." if any(wanted.values()) else "."), soft_wrap=False)


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
