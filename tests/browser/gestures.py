"""What visitors do on every page, and what they see there."""

from typing import Any


def says(page: Any, words: str) -> None:
    """Wait until the page's text contains `words`."""
    page.wait_for_function("words => document.body.innerText.includes(words)", arg=words)


def press(page: Any, name: str) -> None:
    """Press the button of that name."""
    page.get_by_role("button", name=name, exact=True).click()


def no_sideways_scrolling(page: Any) -> bool:
    """Whether the page is no wider than the window."""
    return bool(page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"))
