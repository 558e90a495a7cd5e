"""`timm`: any network of the package timm with its weights, or with yours."""

import difflib
import os
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alviz.data.extractors.pretrained import OPTIONS, PretrainedExtractor
from alviz.data.extractors.weights import fill, obtained
from alviz.registry import Card

if TYPE_CHECKING:
    from torch import nn


class Timm(PretrainedExtractor):
    """The pooled features of a network of timm.

    network: its name in timm, with the weights' tag if you want others than the default ("vit_small_patch14_dinov2.lvd142m"). weights: a file of
    yours, or None for timm's weights in Hugging Face's download folder. size, precision: see the card. download: fetch them where they are missing.
    Raises ValueError when timm is not installed or has no such network, FileNotFoundError (when features are asked for) where the weights are missing.
    """

    name = "timm"
    card = Card(
        title="A network of timm",
        idea="Any of the thousand networks that timm brings describes each picture by its pooled features.",
        formula="what the classifier would see",
        needs="the package timm, and the file with the weights, in Hugging Face's download folder or named; nothing is downloaded unasked",
        cost="by the network's multiplications, which grow with the square of the side",
        reference="Wightman, PyTorch image models (2019); the networks' own papers",
        cites=("wightman2019timm",),
        shines="Features learned without labels (DINOv2 and the like), on which a linear SVM needs few labels.",
        fails="Large networks without a GPU: minutes for every thousand pictures.",
        options={"network": 'Its name in timm, as "resnet50"; "timm:resnet50" names both at once.', **OPTIONS},
    )

    def __init__(
        self,
        network: str,
        weights: str | os.PathLike[str] | None = None,
        size: int | None = None,
        precision: str = "auto",
        download: bool = False,
    ):
        if find_spec("timm") is None:
            raise ValueError("extractor 'timm' needs a package that is not installed: pip install timm")
        self.architecture = network
        self.download = download
        super().__init__(weights, size, precision)

    @property
    def key(self) -> dict[str, Any] | None:
        """The network too."""
        return {"network": self.architecture, **(super().key or {})}

    @property
    def label(self) -> str:
        """timm:network."""
        return f"timm:{self.architecture}"

    def find(self) -> Path:
        """timm's file in Hugging Face's download folder."""
        from huggingface_hub import constants, hf_hub_download, try_to_load_from_cache

        repository = self._config.hf_hub_id
        if not repository:
            raise ValueError(f"timm has no weights for network {self.architecture!r}; give a file of yours as weights=…")
        name = self._config.hf_hub_filename or "model.safetensors"
        kept = try_to_load_from_cache(repository, name)
        path = Path(kept) if isinstance(kept, str) else None
        fetch = (lambda: Path(hf_hub_download(repository, name))) if self.download else None
        remedy = f"Neither does Hugging Face's folder {constants.HF_HUB_CACHE} have it; give its place as weights=…"
        return obtained(self.label, f"{name} of {repository}", path, remedy, fetch)

    def build(self, path: Path) -> "nn.Module":
        """The network without its classifier."""
        import timm

        heads = self._config.classifier or ()
        network: Any = timm.create_model(self.architecture, pretrained=False, num_classes=0)
        fill(network, path, (heads,) if isinstance(heads, str) else tuple(heads), self.label)
        return network

    @property
    def normalisation(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """As timm has it for these weights."""
        return self._config.mean, self._config.std

    @property
    def own_side(self) -> int:
        """As timm has it for these weights."""
        return int(self._config.input_size[-1])

    @property
    def fixed_side(self) -> bool:
        """As timm has it for these weights."""
        return bool(self._config.fixed_input_size)

    @cached_property
    def _config(self) -> Any:
        import timm

        if not timm.is_model(self.architecture):
            near = difflib.get_close_matches(str(self.architecture), timm.list_models(), n=3, cutoff=0.4)
            hint = f"; did you mean {' or '.join(near)}?" if near else ""
            raise ValueError(f"network {self.architecture!r} is not one of timm's{hint}")
        return timm.models.get_pretrained_cfg(self.architecture)
