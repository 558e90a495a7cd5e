"""What became of the files or rows that a dataset was made from."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Skipped:
    """Something that was not read, and why. name: a file's path inside its folder, or a row of a table."""

    name: str
    reason: str


@dataclass(frozen=True)
class Report:
    """What was read and what was not. `str(report)` says it in one sentence.

    kind: what the samples are ("pictures", "rows"). read: how many became samples. skipped: what did not, each with a reason.
    duplicates: groups of samples that look alike, by name (all of them were read). lonely: classes with one sample. unlabelled:
    samples without a class. new: samples that an earlier reading of the same source did not have. set_aside: how many of `read` are in the test set.
    """

    kind: str
    read: int
    set_aside: int = 0
    unlabelled: int = 0
    new: int = 0
    skipped: tuple[Skipped, ...] = ()
    duplicates: tuple[tuple[str, ...], ...] = ()
    lonely: tuple[str, ...] = ()

    def reasons(self) -> dict[str, int]:
        """How many were skipped for each reason, the most frequent first."""
        counts: dict[str, int] = {}
        for one in self.skipped:
            counts[one.reason] = counts.get(one.reason, 0) + 1
        return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))

    def why(self) -> str:
        """The reasons with their numbers, as text: "broken: 3, hidden: 1"."""
        return ", ".join(f"{reason}: {count:,}" for reason, count in self.reasons().items())

    def __str__(self) -> str:
        said = [f"{self.read:,} {self.kind if self.read != 1 else self.kind[:-1]} read"]
        if self.set_aside:
            said[0] += f" ({self.set_aside:,} of them set aside for testing)"
        if self.new:
            said.append(f"{self.new:,} new since last time")
        if self.unlabelled:
            said.append("none has a label" if self.unlabelled == self.read else f"{self.unlabelled:,} without a label")
        if self.skipped:
            said.append(f"{len(self.skipped):,} skipped ({self.why()}; the first is '{self.skipped[0].name}')")
        if self.duplicates:
            alike = sum(len(group) for group in self.duplicates)
            said.append(f"{alike:,} look alike in {len(self.duplicates):,} group{'s' if len(self.duplicates) > 1 else ''}")
        if self.lonely:
            several = f"{len(self.lonely):,} classes have a single sample ({_some(self.lonely)})"
            said.append(several if len(self.lonely) > 1 else f"class '{self.lonely[0]}' has a single sample")
        return "; ".join(said) + "."


def _some(names: Iterable[str], most: int = 3) -> str:
    names = list(names)
    return ", ".join(f"'{name}'" for name in names[:most]) + (", …" if len(names) > most else "")
