"""The strategies in a terminal: one table of all, one card of each."""

from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from alviz.strategies import handbook, registry


def strategies() -> RenderableType:
    """A table of all strategies, family by family."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1))
    table.add_column("strategy", style="bold", no_wrap=True)
    table.add_column("what it is", ratio=3)
    table.add_column("needs", ratio=4, style="dim")
    table.add_column("large pools", no_wrap=True)
    for heading, names in handbook.families().items():
        table.add_section()
        table.add_row(Text(heading, style="cyan"))
        for name in names:
            fields = handbook.fields(name)
            size = "yes" if handbook.made(name).scalable else "capped" if "cap" in registry.parameters(name) else "no"
            table.add_row(name, Text(registry.card(name).title), Text(fields["Needs"]), size)
    return Group(table, Text("alviz strategies NAME shows a card: idea, formula, cost, when it shines, when it fails, paper.", style="dim"))


def card(name: str) -> RenderableType:
    """The card of one strategy. Raises ValueError for an unknown name."""
    fields = handbook.fields(name)
    shown = registry.card(name)
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column()
    for heading, text in fields.items():
        table.add_row(heading, Text(text, style="cyan" if heading == "Formula" else ""))
    return Panel(
        Group(Text(shown.idea), Text(""), table), title=Text(f"{shown.title} · {registry.resolve(name)}"), title_align="left", width=100
    )
