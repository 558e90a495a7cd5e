"""The cards of all strategies, laid out: for the command line, the app and the docs page, from the one source."""

from alviz import citations
from alviz.strategies.base import FAMILIES, QueryStrategy, registry
from alviz.strategies.needs import readable_needs

HEADINGS = {
    "baseline": "Baseline",
    "uncertainty": "Uncertainty of one prediction",
    "posterior": "Disagreement of several predictions",
    "diversity": "Diversity and coverage",
    "gradient": "Gradients",
    "class balance": "Class balance",
    "hybrid": "Uncertainty and diversity together",
    "look-ahead": "Look-ahead and upper bounds",
    "synthesis": "Made-up samples",
    "wrapper": "Wrappers",
}
"""The families in words."""


def families() -> dict[str, list[str]]:
    """The names of all strategies by heading, in the order of menus and tables."""
    by_family: dict[str, list[str]] = {family: [] for family in FAMILIES}
    for name in registry.available():
        by_family.setdefault(registry.card(name).family, []).append(name)
    return {HEADINGS.get(family, family or "Other"): names for family, names in by_family.items() if names}


def fields(name: str) -> dict[str, str]:
    """The card of a strategy as text under short headings; what it does not say is left out. Raises ValueError for an unknown name."""
    card = registry.card(name)
    every = {
        "Formula": card.formula,
        "Needs": readable_needs(made(name)),
        "Cost": card.cost,
        "Shines": card.shines,
        "Fails": card.fails,
        "Ours": card.deviation,
        "Options": "\n".join(f"{option} = {default(name, option)}: {text}" for option, text in card.options.items()),
        "Paper": card.reference,
    }
    return {heading: text for heading, text in every.items() if text}


def made(name: str) -> QueryStrategy:
    """The strategy with its defaults. Raises ValueError for an unknown name."""
    return registry.create(name)


def default(name: str, option: str) -> str:
    """The default of an option, as one would write it."""
    value = registry.parameters(name)[option].default
    return value if isinstance(value, str) else repr(value)


def markdown() -> str:
    """The docs page: every strategy that comes with alviz, a table of contents by family, and all cards."""
    own = {heading: [name for name in names if ":" not in name] for heading, names in families().items()}
    count = sum(map(len, own.values()))
    lines = [
        "# Query strategies",
        "",
        f"The {count} strategies of alviz, as `alviz strategies --markdown` prints them. In formulas and costs: n candidates, L labelled "
        "samples, b samples per batch, d dimensions, K classes, T posterior draws.",
        "",
    ]
    for heading, names in own.items():
        lines += [f"- {heading}: " + ", ".join(f"[{name}](#{name})" for name in names)] if names else []
    for heading, names in own.items():
        lines += ["", f"## {heading}"] if names else []
        for name in names:
            card = registry.card(name)
            lines += ["", f"### {name}", "", f"**{escaped(card.title)}.** {escaped(card.idea)}", ""]
            for label, text in fields(name).items():
                first, *others = escaped(text).split("\n")
                lines += [f"- *{label}*: {first}", *(f"  - {other}" for other in others)]
    return "\n".join(lines) + "\n"


def bibtex(name: str = "") -> str:
    """The papers of a strategy, or of all of them, as BibTeX. Raises ValueError for an unknown name."""
    names = [name] if name else registry.available()
    return citations.bibtex(*(key for each in names for key in registry.card(each).cites))


def escaped(text: str) -> str:
    """Text in which Markdown finds nothing to format."""
    for sign in "\\*_`<|[]":
        text = text.replace(sign, f"\\{sign}")
    return text
