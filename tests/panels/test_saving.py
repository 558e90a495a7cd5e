"""SavePage: the runs on a page as a file, made beside everything else."""

from alviz.panels.duel import Duel
from alviz.panels.explore import Explore
from alviz.panels.toy import Toy
from alviz.panels.workbench import Workbench


def test_explore_saves_the_run_looked_at_and_at_most_three_beside_it(monkeypatch):
    workbench = Workbench(dataset="digits", learner="logistic", n_queries=10, budget=40)
    page = Explore(workbench)
    save = page.history.save
    given = []
    monkeypatch.setattr(save.download, "give", lambda *file: given.append(file))
    workbench.wait()
    assert save.button.disabled
    for seed in range(5):
        workbench.config = {**workbench.config, "seed": seed}
        workbench.start()
        workbench.wait()
    workbench.look_at(workbench.tracks[0])
    save.button.click()
    workbench.wait()
    ((name, content, kind),) = given
    assert (name, kind) == ("margin-margin-3-margin-4-margin-5-digits.html", "text/html")
    assert "<title>margin, margin (3), margin (4) and margin (5) on digits</title>" in content.decode()
    assert workbench.notice.startswith("Saved as a page of ") and not workbench.error
    assert not save.button.disabled


def test_toy_saves_its_duel(monkeypatch):
    duel = Duel(dataset="moons", learner="logistic", strategies=["random", "margin"])
    page = Toy(duel)
    given = []
    monkeypatch.setattr(page.planes.save.download, "give", lambda *file: given.append(file))
    duel.wait()
    duel.start()
    duel.wait()
    page.planes.save.button.click()
    duel.wait()
    assert [name for name, _, _ in given] == ["random-margin-moons.html"]
    assert b"line: decision boundary" in given[0][1]
