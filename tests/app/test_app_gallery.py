"""The gallery's page: every case is a card whose link sets it up, and the home page leads there."""

from html.parser import HTMLParser

import pytest

from alviz.panels.duel import Duel
from alviz.panels.toy import Toy
from alviz.studies.gallery import CASES


class Cards(HTMLParser):
    """The links with their texts, and the paragraphs, of a page."""

    def __init__(self, html: str):
        super().__init__()
        self.links: dict[str, str] = {}
        self.paragraphs: list[str] = []
        self._into: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("a", "p"):
            self._into, self._address = [], dict(attrs).get("href") or ""

    def handle_data(self, text: str) -> None:
        self._into.append(text)

    def handle_endtag(self, tag: str) -> None:
        if tag == "a":
            self.links[self._address] = "".join(self._into).strip()
        elif tag == "p":
            self.paragraphs.append("".join(self._into).strip())


def test_the_gallery_links_every_case_and_home_links_the_gallery(ask) -> None:
    home, gallery = (Cards(answer.body.decode()) for answer in ask("/", "/gallery"))
    assert "/gallery" in home.links
    for case in CASES:
        assert gallery.links[f"/{case.address}"] == case.title
        assert case.reason in gallery.paragraphs


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_toy_page_takes_every_setting_of_a_case(case) -> None:
    page = Toy(Duel())
    page.url.query = case.settings
    config = page.duel.config
    assert (page.duel.notice, page.duel.error) == ("", "")
    assert config["strategies"] == list(case.strategies)
    assert config["params"] == dict(case.params)
    for key in ("dataset", "learner", "initial", "n_queries", "steps", "seed"):
        assert config[key] == getattr(case, key)
    page.duel.wait(60)
