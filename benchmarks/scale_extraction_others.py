"""How else features are extracted from files: torchvision's or timm's loader, and PyTorch, as their users write it."""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from benchmarks.scale_extraction_rig import CROP, RESIZE

__all__ = ["macs", "timm_is_here", "timm_of_cost", "timm_path", "torchvision_path"]

NAMES = ("resnet10t", "resnet14t", "resnet18", "resnet26", "resnet34", "regnetx_002", "regnetx_004", "regnetx_008")


class Files(Dataset):
    """Images of a list of files, as torchvision's own ImageFolder reads them; without labels, as in its examples 0."""

    def __init__(self, paths: Sequence[Path], transform: Any) -> None:
        self.paths, self.transform = [str(path) for path in paths], transform

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> tuple[Any, int]:
        with open(self.paths[index], "rb") as file:  # noqa: PTH123
            return self.transform(Image.open(file).convert("RGB")), 0


def torchvision_path(paths: Sequence[Path], encoder: nn.Module, batch: int, workers: int) -> float:
    """Read by a DataLoader of torchvision's transforms, run eagerly: images a second, without writing anything."""
    transform = transforms.Compose([transforms.Resize(RESIZE), transforms.CenterCrop(CROP), transforms.ToTensor()])
    loader = DataLoader(Files(paths, transform), batch_size=batch, num_workers=workers)
    return _through(loader, encoder, len(paths))


def timm_path(paths: Sequence[Path], name: str, batch: int, workers: int) -> float:
    """Read by timm's loader with its evaluation transform, run timm's network eagerly: images a second."""
    import timm
    from timm.data import create_loader

    model = timm.create_model(name, pretrained=False, num_classes=0).eval()
    loader = create_loader(
        Files(paths, None), input_size=(3, CROP, CROP), batch_size=batch, is_training=False, use_prefetcher=False,
        num_workers=workers, interpolation="bilinear", crop_pct=CROP / RESIZE, persistent_workers=False,
    )  # fmt: skip
    return _through(loader, model, len(paths))


def timm_is_here() -> bool:
    """Tell whether timm can be imported."""
    return importlib.util.find_spec("timm") is not None


def timm_of_cost(wanted: float) -> tuple[str, float]:
    """Find the network whose cost is next to, and not above, what is wanted; its multiplications an image."""
    import timm

    costs = {name: macs(timm.create_model(name, pretrained=False, num_classes=0).eval()) for name in NAMES}
    below = {name: cost for name, cost in costs.items() if cost <= wanted} or costs
    name = max(below, key=below.__getitem__) if below is not costs else min(costs, key=costs.__getitem__)
    return name, costs[name]


def macs(model: nn.Module) -> float:
    """Count multiplications of convolutions and matrix products for one image."""
    total = [0.0]

    def count(module: nn.Module, _: Any, output: torch.Tensor) -> None:
        total[0] += output.numel() * module.weight[0].numel()  # type: ignore[index, operator]

    hooks = [
        module.register_forward_hook(count) for module in model.modules() if isinstance(module, nn.Conv2d | nn.Linear)
    ]
    with torch.inference_mode():
        model(torch.zeros(1, 3, CROP, CROP))
    for hook in hooks:
        hook.remove()
    return total[0]


@torch.inference_mode()
def _through(loader: Iterable[Any], model: nn.Module, count: int) -> float:
    began, kept = time.perf_counter(), []
    for images, _ in loader:
        kept.append(model(images).numpy())
    assert sum(map(len, kept)) == count
    return count / (time.perf_counter() - began)
