"""The Label page without a browser: what the page says arrives in the store, what Python says arrives on the page."""

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import alviz
from alviz.loop.labelling import Labelling
from alviz.panels.label import Label
from alviz.panels.label_stage import LONGEST, picture_file
from alviz.panels.label_state import LabelBench, class_names, sessions
from alviz.studies import Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(f"sqlite:///{tmp_path / 'runs.db'}")


@pytest.fixture
def page(store: Store) -> Label:
    """A practice session that waits for its first answer."""
    page = Label(LabelBench(store=store, n_queries=4, annotator="ada"))
    page.form.button.click()
    page.bench.wait(60)
    assert page.bench.error == ""
    return page


def say(page: Label, kind: str, **content: Any) -> None:
    """What the page sends when a key is pressed."""
    page.stage._answer(page.stage, {"kind": kind, **content}, [])
    page.bench.wait(60)


def answer(page: Label, label: int = -1, kind: str = "label") -> int:
    sample = page.stage.sample
    assert sample is not None
    say(page, "answer", sample=sample, answer=kind, label=label)
    return sample


def session(page: Label) -> Labelling:
    assert page.bench.session is not None
    return page.bench.session


def sent(widget: Any, monkeypatch: pytest.MonkeyPatch) -> list[tuple[dict[str, Any], list[bytes]]]:
    """What a widget sends to the page from now on."""
    messages: list[tuple[dict[str, Any], list[bytes]]] = []
    monkeypatch.setattr(type(widget), "send", lambda self, content, buffers=(): messages.append((content, list(buffers))))
    return messages


def test_before_a_session_there_is_the_form_and_after_it_the_stage(store: Store) -> None:
    page = Label(LabelBench(store=store, n_queries=4))
    assert page.room.layout.display == "none" and page.form.widget.layout.display is None
    assert page.form.old.layout.display == "none"
    page.form.button.click()
    page.bench.wait(60)
    assert page.room.layout.display is None and page.form.widget.layout.display == "none"
    assert page.url.share == {"run": session(page).run.id}
    assert page.stage.heading == "Round 0 · picture 1 of 4"
    assert len(page.stage.classes) == 10 and page.stage.counts == [0] * 10 and not page.stage.may_undo


def test_an_answer_is_stored_before_the_next_picture_is_asked(page: Label, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []
    append = store.append

    def appending(run: str, events: Any) -> None:
        append(run, events)
        order.append(f"stored {events[0].sample}")

    monkeypatch.setattr(store, "append", appending)
    page.stage.observe(lambda change: order.append(f"shown {change['new']}"), ["sample"])
    first, second = page.stage.sample, page.stage.ahead[0]
    turn = page.stage.turn
    answer(page, 7)
    assert order == [f"stored {first}", f"shown {second}"]
    assert page.stage.turn > turn and page.stage.counts[7] == 1 and page.stage.word == "Sneaker"
    assert page.stage.heading == "Round 0 · picture 2 of 4"


def test_a_round_ends_with_training_and_the_next_pictures(page: Label) -> None:
    asked = [answer(page, 0), answer(page, 1), answer(page, kind="skip"), answer(page, kind="ignore")]
    assert session(page).run.position == 0
    assert page.stage.heading == "Round 1 · picture 1 of 4"
    assert not {page.stage.sample, *page.stage.ahead} & set(asked)
    assert "<dt>Labelled</dt><dd>2</dd>" in page.side.numbers.value and "<dt>None of these</dt><dd>1</dd>" in page.side.numbers.value
    assert "2 labels" in page.side.model.value and "agree with the hidden ones" in page.side.model.value


def test_undo_goes_back_through_rounds(page: Label) -> None:
    asked = [answer(page, k) for k in range(4)]
    for sample in reversed(asked):
        say(page, "undo")
        assert page.stage.sample == sample
    say(page, "undo")
    assert page.bench.word == "nothing left to undo"
    assert page.stage.counts == [0] * 10


def test_a_key_pressed_for_a_picture_that_has_gone_says_nothing(page: Label) -> None:
    first = answer(page, 3)
    turn = page.stage.turn
    say(page, "answer", sample=first, answer="label", label=5)
    assert page.stage.counts[3] == 1 and page.stage.counts[5] == 0
    assert page.stage.turn > turn  # the keys are freed again


def test_a_new_class_is_given_to_the_picture_asked_about(page: Label) -> None:
    sample = page.stage.sample
    say(page, "class", name="<b>Hat</b>", sample=sample)
    assert page.stage.classes[-1] == "<b>Hat</b>" and page.stage.counts == [*[0] * 10, 1]
    assert session(page).now.labels[sample] == 10
    say(page, "class", name="  ", sample=page.stage.sample)
    assert "not taken" in page.bench.error and len(page.stage.classes) == 11


def test_a_new_class_that_is_an_old_one_but_for_capitals_and_spaces_is_the_old_one(page: Label) -> None:
    say(page, "class", name=" ankle  BOOT ", sample=page.stage.sample)
    assert page.bench.error == "" and len(page.stage.classes) == 10
    assert page.stage.counts[9] == 1 and page.stage.word == "Ankle boot"


def test_an_earlier_answer_is_changed_without_undoing_those_after_it(page: Label) -> None:
    asked = [answer(page, k) for k in range(4)]
    asked.append(answer(page, kind="skip"))
    waiting = page.stage.sample
    assert [(said["sample"], said["word"]) for said in page.stage.recent] == list(
        zip(reversed(asked), ["skipped", *reversed(page.stage.classes[:4])], strict=True)
    )
    say(page, "again", sample=asked[1])
    assert page.stage.again and page.stage.sample == asked[1] and page.stage.former == 1
    assert page.stage.note == "Your answer was: Trouser. Give another one, or keep it."
    answer(page, kind="keep")
    assert page.stage.sample == waiting and not page.stage.again
    said = session(page).said(asked[1])
    assert said is not None and said.kind == "label"
    say(page, "again", sample=asked[1])
    answer(page, 7)
    say(page, "again", sample=asked[4])
    answer(page, 8)
    say(page, "again", sample=asked[0])
    answer(page, kind="ignore")
    assert page.stage.sample == waiting
    now = session(page).now
    assert [int(now.labels[i]) for i in asked[1:]] == [7, 2, 3, 8] and now.ignored[asked[0]]
    say(page, "undo")
    assert not session(page).now.ignored[asked[0]] and page.stage.sample == waiting
    say(page, "again", sample=waiting)  # it has no answer that could be changed
    assert page.stage.sample == waiting and not page.stage.again


def test_an_answer_can_be_changed_when_all_is_answered(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    root = tmp_path / "pictures"
    root.mkdir()
    for k in range(4):
        Image.new("RGB", (30, 30), (60 * k, 0, 0)).save(root / f"{k}.png")
    page = Label(LabelBench(store=store, pictures="folder", folder=str(root), classes="a\nb", n_queries=4))
    page.bench.start()
    page.bench.wait(60)
    asked = [answer(page, k % 2) for k in range(4)]
    assert page.stage.heading == "Finished"
    say(page, "again", sample=asked[0])
    answer(page, 1)
    assert page.stage.heading == "Finished" and session(page).run.state.labels[asked[0]] == 1


def test_closing_and_coming_back_loses_nothing(page: Label, store: Store) -> None:
    answer(page, 1)
    answer(page, 2)
    waiting, run = page.stage.sample, session(page).run.id
    assert run is not None
    later = Label(LabelBench(store=Store(store.url)))
    assert later.form.waiting.children[0].children[0].value.startswith("<b>Practice on Fashion</b><br>ada")
    assert later.form.waiting.children[0].children[0].value.endswith("2 labels")
    later.url.query = {"run": run}
    later.bench.wait(60)
    assert later.stage.sample == waiting and later.stage.counts[1] == later.stage.counts[2] == 1
    assert session(later).annotator == "ada"
    later.side.leave.click()
    assert later.room.layout.display == "none" and later.url.share == {}
    later.form.waiting.children[0].children[1].click()
    later.bench.wait(60)
    assert later.stage.sample == waiting


def test_an_unknown_session_in_the_address_gets_a_sentence(store: Store) -> None:
    page = Label(LabelBench(store=store))
    page.url.query = {"run": "000000000000"}
    page.bench.wait(60)
    assert "not kept on this machine" in page.bench.notice and page.bench.session is None


def test_a_second_tab_is_told_to_reload(page: Label, store: Store) -> None:
    other = Label(LabelBench(store=Store(store.url)))
    other.bench.resume(str(session(page).run.id))
    other.bench.wait(60)
    answer(page, 1)
    answer(other, 2)
    assert "changed in another tab" in other.bench.error
    assert 'role="alert"' in other.activity.message.value
    answer(page, 3)
    assert page.bench.error == "" and session(page).class_counts.sum() == 2


def test_a_second_look_offers_doubtful_labels_and_undo_leads_back(store: Store) -> None:
    page = Label(LabelBench(store=store, n_queries=80))
    page.form.button.click()
    page.bench.wait(60)
    targets = session(page).run.dataset.targets
    for k, i in enumerate(session(page).waiting.tolist()):
        answer(page, int(targets[i] if k % 10 else (targets[i] + 5) % 10))
    next_query = page.stage.sample
    page.side.look.click()
    page.bench.wait(60)
    assert page.stage.look and page.stage.heading.startswith("Second look: 1 of ")
    doubt = page.bench.doubt
    assert doubt is not None and page.stage.former == doubt.given and page.stage.guess == doubt.predicted
    assert f"You said {page.stage.classes[doubt.given]}" in page.stage.note
    first = answer(page, kind="keep")
    said = session(page).said(first)
    assert said is not None and (said.kind, said.label) == ("relabel", doubt.given)
    second = page.bench.doubt
    assert second is not None
    answer(page, second.predicted)
    assert session(page).now.labels[second.sample] == second.predicted
    say(page, "undo")
    assert page.stage.sample == second.sample and session(page).now.labels[second.sample] == second.given
    answer(page, kind="skip")
    assert session(page).now.labels[second.sample] == second.given
    page.side.look.click()
    assert not page.stage.look and page.stage.sample == next_query


def test_the_estimate_is_shown_until_the_model_changes(page: Label) -> None:
    for k in range(4):
        answer(page, k)
    page.side.estimate.click()
    page.bench.wait(60)
    assert "<b>Cannot tell yet.</b>" in page.side.reading.value
    say(page, "undo")
    assert page.side.reading.layout.display == "none"


def test_the_models_guess_is_hidden_until_asked_for(page: Label) -> None:
    for k in range(4):
        answer(page, k)
    assert page.stage.guess == -1 and page.stage.note == ""
    page.side.guess.value = True
    assert page.stage.guess >= 0 and page.stage.note.startswith("The model says ")


def test_tables_are_handed_to_the_browser(page: Label, monkeypatch: pytest.MonkeyPatch) -> None:
    sample = answer(page, 9)
    messages = sent(page.side.download, monkeypatch)
    assert page.side.tables["predictions", "csv"].disabled
    page.side.tables["labels", "csv"].click()
    page.bench.wait(60)
    content, buffers = next((c, b) for c, b in messages if c["kind"] == "file")
    assert content["name"] == "fashion-mini-labels.csv"
    _, row = buffers[0].decode().splitlines()
    assert row.startswith(f"{session(page).run.dataset.ids[sample]},Ankle boot,label,ada,")
    assert page.bench.notice.startswith("1 row handed") and "fashion-mini-labels.csv" in page.bench.notice


def test_pictures_are_sorted_into_a_new_folder_only(page: Label, tmp_path: Path) -> None:
    answer(page, 9)
    page.side.sort.click()
    assert "which new folder" in page.bench.error
    page.side.folder.value = str(tmp_path)
    page.side.sort.click()
    page.bench.wait(60)
    assert "not empty" in page.bench.error
    page.side.folder.value = str(tmp_path / "out")
    page.side.sort.click()
    page.bench.wait(60)
    assert page.bench.error == "" and len(list((tmp_path / "out" / "Ankle boot").iterdir())) == 1


def test_names_are_one_a_line_or_one_line_with_commas() -> None:
    assert class_names("a, b\n c \n\na, b") == ["a, b", "c"]
    assert class_names("cat, dog,cat, ") == ["cat", "dog"]
    assert class_names("  \n ") == []


def test_a_folder_wants_two_classes_and_a_place(store: Store) -> None:
    page = Label(LabelBench(store=store, pictures="folder", classes="one"))
    page.form.button.click()
    page.bench.wait(60)
    assert page.bench.error.startswith("Name at least two classes")
    page.form.fields["classes"].value = "one\ntwo"
    page.form.button.click()
    page.bench.wait(60)
    assert "which folder" in page.bench.error
    page.form.fields["folder"].value = "/nowhere/at/all"
    page.form.button.click()
    page.bench.wait(60)
    assert "/nowhere/at/all" in page.bench.error and page.bench.session is None


def test_own_pictures_of_all_kinds_are_shown_and_a_broken_one_gets_a_sentence(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    root = tmp_path / "pictures"
    root.mkdir()
    rng = np.random.default_rng(0)
    sizes = [(1, 1), (9, 400), (2400, 30), (300, 1700), *[(40 + k, 50) for k in range(8)]]
    for k, size in enumerate(sizes):
        Image.fromarray(rng.integers(0, 255, (*size, 3), dtype=np.uint8)).save(root / f"{k:02d}.png")
    page = Label(LabelBench(store=store, pictures="folder", folder=str(root), classes="a\nb", n_queries=12))
    page.bench.start()
    page.bench.wait(60)
    assert page.bench.error == ""
    dataset = session(page).run.dataset
    assert dataset.targets.max() == -1 and page.stage.caption.endswith(".png")
    for i in range(len(dataset)):
        content, kind = picture_file(dataset, i)
        shown, original = Image.open(io.BytesIO(content)), Image.open(dataset.files[i])
        assert kind == f"image/{str(shown.format).lower()}" and max(shown.size) <= LONGEST
        assert shown.size == original.size or max(original.size) > LONGEST
    broken = int(session(page).waiting[3])
    Path(dataset.files[broken]).write_bytes(b"no picture any more")
    messages = sent(page.stage, monkeypatch)
    say(page, "want", samples=[broken, int(session(page).waiting[4]), 10_000], size="shown")
    page.stage._painter.submit(lambda: None).result(60)
    (bad, nothing), (good, buffers) = [(c, b) for c, b in messages if c["kind"] == "picture"]
    assert bad["sample"] == broken and bad["broken"] and not nothing
    assert good["broken"] == "" and buffers[0]


def test_a_closer_look_gets_the_originals_own_pixels_and_a_small_picture_what_learners_see(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    root = tmp_path / "pictures"
    root.mkdir()
    turned = Image.Exif()
    turned[0x0112] = 6
    for k in range(2):
        Image.new("RGB", (2400, 1800), (90 * k, 0, 0)).save(root / f"{k}.jpg", exif=turned)
    dataset = alviz.data.create("folder", root=str(root), labels=False, test=0.0)
    sizes = {size: Image.open(io.BytesIO(picture_file(dataset, 0, size)[0])).size for size in ("shown", "whole", "small")}
    assert sizes == {"shown": (1200, 1600), "whole": (1800, 2400), "small": (128, 128)}


def test_only_sessions_of_people_are_offered(store: Store) -> None:
    pool = alviz.data.create("gaussians", n=40)
    alviz.Run(pool, n_queries=4, store=store)
    Labelling.start(replace(pool, targets=np.full(40, -1)), pool.class_names, store=store, n_queries=4)
    nameless = replace(pool, targets=np.full(40, -1), spec=None)
    Labelling.start(nameless, pool.class_names, store=store, n_queries=4)
    assert [entry["config"]["dataset"]["name"] for entry in sessions(store)] == ["gaussians"]
    assert sessions(None) == []
