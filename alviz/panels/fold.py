"""A button that shows what is below it, or folds it away."""

import ipywidgets as widgets


def fold(title: str, box: widgets.Box) -> widgets.Button:
    """Fold `box` away, and give the button that shows it; both are to be put below one another."""
    box.layout.display = "none"
    button = widgets.Button(description=f"▸ {title}", tooltip="Show, or fold away")
    button.add_class("alviz-fold")

    def turn(_: object) -> None:
        shown = box.layout.display == "none"
        box.layout.display = None if shown else "none"
        button.description = f"{'▾' if shown else '▸'} {title}"

    button.on_click(turn)
    return button
