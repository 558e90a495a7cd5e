"""The app's pages: which there are, and where their notebooks lie."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Page:
    """One notebook served as a page: ``name`` is its address and file stem, ``summary`` its sentence on the home page."""

    name: str
    title: str
    summary: str


PAGES = (
    Page("explore", "Explore", "Step through active learning on real pictures and look inside every choice."),
    Page("compare", "Compare", "Run many strategies over many seeds, and see which differences hold."),
    Page("label", "Label", "Name your own pictures: the model asks for those that help it most."),
    Page("initial", "Initial pools", "Choose the first samples before there is any model, and see what a good start is worth."),
    Page("toy", "Toy", "Watch strategies compete on a plane, where every decision can be seen."),
    Page("versus", "You vs strategy", "Pick the samples yourself, against a query strategy, and see who learns more from as many labels."),
)


def notebook_dir() -> Path:
    """The folder of the pages' notebooks: the package's own copy, or the repository's when installed editable."""
    app = Path(__file__).parent
    shipped = app / "notebooks"
    return shipped if shipped.is_dir() else app.parents[1] / "notebooks"
