"""references.bib: well formed, all of it used, and each entry the paper that the card's own words name; BibTeX of a run."""

import re
import unicodedata
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

import alviz
from alviz import data, initial, learners, strategies
from alviz.citations import bibtex, entries
from alviz.data import extractors
from alviz.registry import Card
from alviz.strategies.activeml import SERVED

KINDS = {"strategy": strategies, "dataset": data, "learner": learners, "initial": initial, "extractor": extractors}
CARDS = {f"{kind} {name}": part.registry.card(name) for kind, part in KINDS.items() for name in part.registry.available()}
CITED = {of: card for of, card in CARDS.items() if card.cites}
NEEDED = {"article": {"journal"}, "inproceedings": {"booktitle"}, "incollection": {"booktitle", "publisher"}, "book": {"publisher"}}
NEEDED |= {"techreport": {"institution"}, "mastersthesis": {"school"}, "misc": set()}
"""The fields without which BibTeX warns, beside author, title and year."""


def parsed(entry: str) -> tuple[str, str, dict[str, str]]:
    """(type, key, fields) of an entry, read brace by brace. Raises AssertionError where it is not well formed."""
    head = re.match(r"@(\w+)\{([a-z0-9]+),", entry)
    assert head and entry.endswith("}"), entry
    fields, rest = {}, entry[head.end() : -1]
    while rest.strip():
        start = re.match(r"\s*([a-z]+)\s*=\s*\{", rest)
        assert start, rest
        depth, at = 1, start.end()
        while depth:
            depth += {"{": 1, "}": -1}.get(rest[at], 0)
            at += 1
        assert start[1] not in fields, f"{head[2]} has {start[1]} twice"
        fields[start[1]] = rest[start.end() : at - 1]
        comma = re.match(r",|\s*$", rest[at:])
        assert comma, rest[at:]
        rest = rest[at + comma.end() :]
    return head[1], head[2], fields


def plain(text: str) -> str:
    """Text without accents, be they LaTeX's or Unicode's, and without braces."""
    text = re.sub(r"\\[\"'`^~]|[\\{}]", "", text).replace("ı", "i").replace("ø", "o")
    return "".join(letter for letter in unicodedata.normalize("NFKD", text) if not unicodedata.combining(letter))


def surname(fields: dict[str, str]) -> str:
    """The first author's."""
    return plain(fields["author"].split(" and ")[0].split(",")[0])


def keys(text: str) -> list[str]:
    return re.findall(r"^@\w+\{(\w+),$", text, re.M)


@pytest.mark.parametrize("key", entries())
def test_an_entry_is_well_formed(key: str) -> None:
    kind, named, fields = parsed(entries()[key])
    assert named == key and {"author", "title", "year"} | NEEDED[kind] <= set(fields)
    assert all(value.strip() and value.isascii() for value in fields.values())
    assert re.fullmatch(r"\d{4}", fields["year"]) and re.fullmatch(r"\d+(--\d+)?", fields.get("pages", "1"))
    assert re.fullmatch(r"10\.\d{4,}/\S+", fields.get("doi", "10.1000/1"))
    assert fields.get("archiveprefix") == ("arXiv" if "eprint" in fields else None)
    assert re.fullmatch(r"\d{4}\.\d{4,5}", fields.get("eprint", "1234.56789"))
    assert all("," in author for author in fields["author"].split(" and "))
    first = surname(fields).lower().split("-")[0].replace(" ", "")
    assert re.fullmatch(rf"{first[:5]}\w*{fields['year']}[a-z0-9]+", key)


def test_the_file_has_nothing_beside_its_entries_in_order() -> None:
    assert list(entries()) == sorted(entries())
    text = (alviz.citations.files("alviz") / "references.bib").read_text(encoding="utf-8")
    assert text == bibtex(*entries())
    assert len({re.sub(r"\W", "", parsed(entry)[2]["title"].lower()) for entry in entries().values()}) == len(entries())


def test_all_of_it_is_used_and_nothing_else_is_asked_for() -> None:
    used = {key for card in CARDS.values() for key in card.cites} | {served.paper for served in SERVED.values()} - {""}
    assert used | {"herde2026scikitactiveml"} == set(entries())


@pytest.mark.parametrize("of", CITED)
def test_the_reference_names_the_first_author_and_the_year_of_every_entry(of: str) -> None:
    card = CITED[of]
    assert len(set(card.cites)) == len(card.cites)
    for key in card.cites:
        fields = parsed(entries()[key])[2]
        assert re.search(rf"\b{surname(fields)}\b.*\b{fields['year']}\b", plain(card.reference)), (
            f"{key} is not what the card names: {card.reference}"
        )


@pytest.mark.parametrize("of", [of for of in CARDS if of.split()[0] != "extractor"])
def test_every_year_that_a_reference_names_is_that_of_a_cited_paper(of: str) -> None:
    years = set(re.findall(r"\b(?:18|19|20)\d\d\b(?!\.\d)", CARDS[of].reference))
    assert years == {parsed(entries()[key])[2]["year"] for key in CARDS[of].cites}


def test_the_main_paper_comes_first() -> None:
    assert [strategies.card(name).cites[0] for name in ("badge", "grad-norm", "k-center")] == [
        "ash2020badge",
        "wang2022boosting",
        "gonzalez1985kcenter",
    ]


def test_entries_come_in_the_order_asked_for_and_once() -> None:
    text = bibtex("xiao2017fashion", "ash2020badge", "xiao2017fashion")
    assert keys(text) == ["xiao2017fashion", "ash2020badge"] and text.endswith("}\n") and "}\n\n@" in text
    assert bibtex() == ""


def test_unknown_keys_are_named_with_the_nearest() -> None:
    with pytest.raises(ValueError, match=r"no entry 'ash2020bagde' or 'q'; did you mean 'ash2020badge'"):
        bibtex("ash2020badge", "ash2020bagde", "q")


def run(**settings: Any) -> alviz.Run:
    return alviz.Run(settings.pop("dataset", "digits"), **{"learner": "logistic", "n_queries": 10, **settings})


def test_a_run_is_cited_by_strategy_data_learner_and_initial_pool() -> None:
    assert keys(run(strategy="badge", initial="kmeans-equal").to_bibtex()) == [
        "ash2020badge",
        "alpaydin1998digits",
        "cox1958logistic",
        "chandra2020initial",
    ]


def test_a_branch_is_cited_by_the_strategies_of_its_past_too() -> None:
    made = run(strategy="k-center")
    made.step()
    branch = made.fork(strategy="typiclust")
    assert keys(branch.to_bibtex())[:3] == ["hacohen2022typiclust", "gonzalez1985kcenter", "sener2018coreset"]
    assert "gonzalez1985kcenter" not in keys(made.fork(round=0, strategy="typiclust").to_bibtex())


def test_what_a_part_is_made_of_is_cited_with_it() -> None:
    cited = keys(
        run(strategy=strategies.create("seals", base="badge"), learner=learners.create("ensemble", base="forest", size=2)).to_bibtex()
    )
    assert {"coleman2022seals", "ash2020badge", "beluch2018ensembles", "breiman2001forests"} <= set(cited)
    assert "muthakana2019uncertainty" not in cited


def test_parts_made_by_hand_are_cited_where_they_are_known() -> None:
    rng = np.random.default_rng(0)
    pool = data.from_arrays(features=rng.normal(size=(40, 2)), targets=rng.integers(0, 2, 40), name="cifar10")
    badge = strategies.registry.factory("badge")()
    assert keys(run(dataset=pool, strategy=badge, learner=LogisticRegression()).to_bibtex()) == ["ash2020badge", "chandra2020initial"]


def test_a_card_cites_nothing_unless_it_says_so() -> None:
    assert Card("title", "idea").cites == ()
    assert all(data.card(name).cites == () for name in ("moons", "xor", "spirals"))
