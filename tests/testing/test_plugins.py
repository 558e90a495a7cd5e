"""A third party's package: found through its entry point, and checked with the public suite."""

import subprocess
import sys
from pathlib import Path

PLUGIN = """
from alviz.registry import Card
from alviz.strategies import ScoringStrategy

class Contrary(ScoringStrategy):
    name = "contrary"
    card = Card(
        title="Contrary", family="baseline", idea="Label what is most certain.", formula="max p", needs="probabilities", cost="O(nK)",
        reference="Nobody (2026)", shines="Never.", fails="Always.",
    )
    needs = ("probabilities",)

    def score(self, pool):
        return pool.probabilities.max(axis=1)

def register(registry):
    seen.append(registry.package)

seen = []
"""
USE = """
import sys
import alviz
from alviz.testing import check_strategy, check_strategy_property
assert "hypothesis" not in sys.modules and "torch" not in sys.modules
assert "contrary" in alviz.strategies.available()
import their_plugin
assert their_plugin.seen == ["alviz.strategies"]
check_strategy(lambda: alviz.strategies.create("contrary"))
check_strategy_property(their_plugin.Contrary)
run = alviz.Run(alviz.data.create("gaussians", n=30), strategy="contrary", n_queries=3)
print(run.step().queried.size, alviz.strategies.card("contrary").reference)
"""


def ran(folder: Path, plugin: str, use: str) -> subprocess.CompletedProcess:
    """`use`, run by a Python that has a package with `plugin` as its code installed in `folder`."""
    (folder / "their_plugin.py").write_text(plugin)
    metadata = folder / "their_plugin-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: their-plugin\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[alviz.strategies]\ntheirs = their_plugin:register\n")
    program = f"import sys; sys.path.insert(0, {str(folder)!r})\n{use}"
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=folder)


def test_a_plugin_is_found_and_passes(tmp_path):
    done = ran(tmp_path, PLUGIN, USE)
    assert done.stdout.split("\n")[0] == "3 Nobody (2026)", done.stderr


def test_a_plugin_that_fails_is_left_out_with_a_warning(tmp_path):
    done = ran(tmp_path, "import a_package_that_is_not_there", "import alviz; print('margin' in alviz.strategies.available())")
    assert done.stdout == "True\n", done.stderr
    assert "plug-in 'theirs' of alviz.strategies was left out: ModuleNotFoundError" in done.stderr
