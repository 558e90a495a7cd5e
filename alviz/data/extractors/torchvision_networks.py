"""`torchvision` and `resnet18`: torchvision's classification networks with its ImageNet weights, or with yours."""

import difflib
import os
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alviz.data.extractors.pretrained import OPTIONS, PretrainedExtractor
from alviz.data.extractors.weights import fill, hub_folder, obtained
from alviz.registry import Card

if TYPE_CHECKING:
    from torch import nn

FIXED = ("vit_", "maxvit_")
"""Networks that take pictures of one size only."""
ODD = {
    "googlenet": "has further outputs in training",
    "inception_v3": "has further outputs in training",
    "squeezenet1_0": "has no linear layer at its end",
    "squeezenet1_1": "has no linear layer at its end",
}


class Torchvision(PretrainedExtractor):
    """What the last linear layer of a torchvision network sees.

    network: a name of `torchvision.models`, as "resnet50". weights: a file of yours, or None for torchvision's default weights in torch's download
    folder. size, precision: see the card. download: fetch them where they are missing. Raises ValueError for a network that torchvision has not, or
    that has no embedding, FileNotFoundError (when features are asked for) where the weights are missing.
    """

    name = "torchvision"
    card = Card(
        title="A network of torchvision",
        idea="Any of torchvision's classification networks describes each picture by what its last layer sees.",
        formula="the input of the last linear layer",
        needs="the file with its weights, in torch's download folder or named; nothing is downloaded unasked",
        cost="resnet18 at 96 pixels takes about twice the time of EfficientNet-Lite0, at 224 ten times; larger networks more, by their multiplications",
        reference="torchvision.models; He et al. 2016 (ResNet), Dosovitskiy et al. 2021 (ViT), and others",
        shines="When you have weights of your own, trained on pictures like yours.",
        fails="Large networks without a GPU: minutes for every thousand pictures.",
        options={"network": 'Its name in torchvision, as "resnet50"; "torchvision:resnet50" names both at once.', **OPTIONS},
    )

    def __init__(
        self,
        network: str,
        weights: str | os.PathLike[str] | None = None,
        size: int | None = None,
        precision: str = "auto",
        download: bool = False,
    ):
        self.architecture = network
        self.download = download
        super().__init__(weights, size, precision)

    @property
    def key(self) -> dict[str, Any] | None:
        """The network too."""
        return {"network": self.architecture, **(super().key or {})}

    @property
    def label(self) -> str:
        """torchvision:network."""
        return f"torchvision:{self.architecture}"

    def find(self) -> Path:
        """torchvision's file in torch's download folder."""
        url: str = self._default.url
        path = hub_folder() / url.rsplit("/", 1)[1]
        remedy = f"Put it into {path.parent}, or give its place as weights=…"
        return obtained(self.label, path.name, path, remedy, (lambda: _download(url, path)) if self.download else None)

    def build(self, path: Path) -> "nn.Module":
        """The network without its last linear layer."""
        from torch import nn
        from torchvision import models

        self._check()
        network: Any = models.get_model(self.architecture, weights=None)
        head = [name for name, layer in network.named_modules() if isinstance(layer, nn.Linear)][-1]
        network.set_submodule(head, nn.Identity())
        fill(network, path, (head,), self.label)
        return network

    @property
    def normalisation(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """As torchvision's default weights want it."""
        wanted = self._default.transforms()
        return tuple(wanted.mean), tuple(wanted.std)

    @property
    def own_side(self) -> int:
        """As torchvision's default weights want it."""
        return int(self._default.transforms().crop_size[0])

    @property
    def fixed_side(self) -> bool:
        """Vision transformers know their pictures' size."""
        return self.architecture.startswith(FIXED)

    @cached_property
    def _default(self) -> Any:
        from torchvision import models

        self._check()
        return models.get_model_weights(self.architecture)["DEFAULT"]

    def _check(self) -> None:
        from torchvision import models

        known = [name for name in models.list_models(module=models) if name not in ODD]
        if self.architecture not in known:
            near = difflib.get_close_matches(str(self.architecture), known, n=3, cutoff=0.4)
            why = ODD.get(self.architecture, "is no classification network of torchvision")
            raise ValueError(f"network {self.architecture!r} {why}; did you mean {' or '.join(near or known[:3])}?")


class ResNet18(Torchvision):
    """The 512 pooled features of torchvision's ResNet-18: the backbone of papers 000 and 001. See `Torchvision`."""

    name = "resnet18"
    card = Card(
        title="ResNet-18",
        idea="The network that Aggarwal et al. (2020, 2022) transfer from describes each picture in 512 numbers.",
        formula="global average pooling of the last block",
        needs="torchvision's file resnet18-f37072fd.pth, in torch's download folder or named; nothing is downloaded unasked",
        cost="135 (float32) to 260 (bfloat16) images a second and core at 96 pixels, 26 to 46 at 224; memory O(n · 512)",
        reference="He, Zhang, Ren and Sun, Deep residual learning for image recognition (2016); transferred from by Aggarwal, Popescu and Hudelot",
        cites=("he2016resnet",),
        shines="Comparing with papers: most of them use this network.",
        fails="Pictures unlike ImageNet's.",
        options=OPTIONS,
    )
    FILE = "resnet18-f37072fd.pth"

    def __init__(
        self, weights: str | os.PathLike[str] | None = None, size: int | None = None, precision: str = "auto", download: bool = False
    ):
        super().__init__("resnet18", weights, size, precision, download)

    @property
    def label(self) -> str:
        """resnet18."""
        return self.name

    def find(self) -> Path:
        """torchvision's file, looked for without loading torchvision."""
        path = hub_folder() / self.FILE
        return path if path.is_file() else super().find()


def _download(url: str, path: Path) -> Path:
    """Fetch `url` into `path`, which appears only when whole; its hash is the last part of its name. Raises OSError where that fails."""
    from torch.hub import download_url_to_file

    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        download_url_to_file(url, str(path), hash_prefix=path.stem.rsplit("-", 1)[1], progress=False)
    except (OSError, RuntimeError) as error:  # no network; content that its hash does not fit
        raise OSError(f"the download of {url} failed: {error}") from error
    return path
