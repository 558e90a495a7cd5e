"""Public datasets as files: where they are looked for, what is said where they are missing, and how they are fetched when that is asked for."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alviz.data.dataset import Dataset

Root = str | os.PathLike[str] | None


@dataclass(frozen=True)
class Public:
    """A dataset in files. name: its registry name. below: its folder inside the one that torchvision is given as root ("." = that folder itself).

    wanted: files (or folders) in it. megabytes: size of the download. zipped: each may also stand there gzipped, with .gz after its name.
    """

    name: str
    below: str
    wanted: tuple[str, ...]
    megabytes: int
    zipped: bool = False

    def folder(self, root: Root, download: bool, fetch: Callable[[str], Any], first: Sequence[Path] = (), instead: str = "") -> Path:
        """The folder that holds all files. root: it, or torchvision's root; None: `first`, then torchvision's layout under ./data and ~/data.

        download: whether fetch(root) may get them where they are missing. instead: another way to get them. Raises FileNotFoundError that names the files,
        the places and the command.
        """
        if not isinstance(download, bool):
            raise ValueError(f"download must be True or False, got {download!r}")
        base = Path("data" if root is None else root).expanduser().absolute()
        inside = Path.home() / "data" / self.below if root is None else base
        places = list(dict.fromkeys([*first, base / self.below, inside] if root is None else [inside, base / self.below]))
        found = self._complete(places)
        if found is None and download:
            try:
                fetch(str(base))
            except Exception as error:  # networks and archives fail in many ways
                reason = " ".join(str(error).split())[:300].rstrip(" :") or type(error).__name__
                raise FileNotFoundError(f"{self.name} could not be downloaded to {base}: {reason}") from error
            found = self._complete(places)
        if found is not None:
            return found
        # The folder that holds most of the files is the one meant; what it lacks is worth saying.
        lacking = min((self._missing(place) for place in places), key=len)
        names = ", ".join(f"{name}[.gz]" if self.zipped else name for name in lacking)
        command = f'python -c "import alviz; alviz.data.create({self.name!r}, root={str(base)!r}, download=True)"'
        raise FileNotFoundError(
            f"{self.name}: {names} not found in {' or '.join(map(str, places))}. Put the files into {base / self.below}, give their folder as root, "
            f"or download them ({self.megabytes:,} MB) with: {instead + ', or ' if instead else ''}{command}"
        )

    def file(self, folder: Path, name: str) -> Path:
        """The path of one of the files, the gzipped one first."""
        found = self._file(folder, name)
        assert found is not None
        return found

    def spec(self, root: Root, **params: Any) -> dict[str, Any]:
        """What makes the dataset again; never another download."""
        where = {} if root is None else {"root": os.fspath(root)}
        return {"name": self.name, "params": {**where, **params}}

    def _file(self, folder: Path, name: str) -> Path | None:
        names = (f"{name}.gz", name) if self.zipped else (name,)
        return next((folder / one for one in names if (folder / one).exists()), None)

    def _missing(self, folder: Path) -> list[str]:
        return [name for name in self.wanted if self._file(folder, name) is None]

    def _complete(self, places: Sequence[Path]) -> Path | None:
        return next((place for place in places if not self._missing(place)), None)


def pool_and_test(name: str, part: Callable[[str], dict[str, Any]], class_names: Sequence[str], spec: dict[str, Any]) -> Dataset:
    """A dataset from part("train") and part("test"), which give images, targets and what else a Dataset has; ids are places in the original files."""

    def made(title: str, which: str, **more: Any) -> Dataset:
        fields = part(which)
        ids = [f"{which}/{i:05d}" for i in range(len(fields["targets"]))]
        return Dataset(**{"name": title, "ids": ids, "features": None, "class_names": tuple(class_names), **fields, **more})

    return made(name, "train", test=made(f"{name} (test)", "test"), spec=spec)
