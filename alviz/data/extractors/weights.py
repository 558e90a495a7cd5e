"""Files with a network's weights: where they lie, what to do where they are missing, and reading them."""

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import nn


def hub_folder() -> Path:
    """Where torch keeps what it has downloaded ($TORCH_HOME, or else the user's cache folder), found without loading torch."""
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(os.environ.get("TORCH_HOME") or f"{cache}/torch").expanduser() / "hub" / "checkpoints"


def given(path: str | os.PathLike[str]) -> Path:
    """A file the user points at. Raises FileNotFoundError where there is none."""
    found = Path(path).expanduser()
    if not found.is_file():
        raise FileNotFoundError(f"weights: there is no file {found}")
    return found


def obtained(label: str, name: str, path: Path | None, remedy: str, fetch: Callable[[], Path] | None) -> Path:
    """`path` where it is a file; else what `fetch` downloads. Raises FileNotFoundError saying what is missing, where it belongs and how to get it.

    label: the extractor, as `create` takes it. name: what is missing. remedy: where it belongs. fetch: None where no download was asked for.
    """
    if path is not None and path.is_file():
        return path
    if fetch is None:
        raise FileNotFoundError(
            f"{label} needs the file {name}, which is not there. {remedy}, or download it with: "
            f"python -c \"from alviz.data import extractors; extractors.create('{label}', download=True).weights_file()\""
        )
    return fetch()


def fill(module: "nn.Module", path: Path, head: tuple[str, ...], label: str) -> None:
    """Put the weights in `path` into `module`. Tensors of its former layers `head` are left out.

    A file of safetensors, or one of torch with nothing but tensors in it (`weights_only`): names to tensors, or such a table under
    "state_dict" or "model". Raises ValueError where the file is not that, or belongs to another network.
    """
    state = {name: tensor for name, tensor in read(path).items() if not name.startswith(tuple(f"{layer}." for layer in head))}
    own = module.state_dict()
    counters = {name for name in own if name.endswith("num_batches_tracked")}  # older files lack these counters, which nothing reads
    missing = sorted(set(own) - set(state) - counters)
    wrong = sorted(name for name in state if name not in own or own[name].shape != state[name].shape)
    if missing or wrong:
        what = [f"{len(names)} {how} ({names[0]}, …)" for names, how in ((missing, "missing"), (wrong, "of another network")) if names]
        raise ValueError(f"{path} does not hold the weights of {label}: tensors {' and '.join(what)}")
    module.load_state_dict(state, strict=False)


def read(path: Path) -> dict[str, Any]:
    """Names to tensors, as in `fill`. Raises ValueError where the file cannot be read as that."""
    import torch

    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            return dict(load_file(path))
        state: Any = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # whatever a damaged or foreign file makes torch or safetensors raise
        raise ValueError(f"{path} cannot be read as weights: {str(error).splitlines()[0]}") from error
    for key in ("state_dict", "model"):
        state = state.get(key, state) if isinstance(state, dict) else state
    if not isinstance(state, dict) or not all(isinstance(tensor, torch.Tensor) for tensor in state.values()):
        raise ValueError(f"{path} does not hold a table of weights by name")
    # torchvision's files of DenseNets name some layers as modules could be called before torch 0.4.
    return {re.sub(r"(denselayer\d+\.(?:norm|relu|conv))\.(\d)", r"\1\2", name): tensor for name, tensor in state.items()}
