"""Train, export, serve, call, extract, show: each step through the same doors that a user takes."""

from __future__ import annotations

import csv
import dataclasses
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from export import export_run
from symae.assess import assess
from symae.data.scenes import PARTS
from symae.demo import calls, features
from symae.demo.page import Comparison, Page, write_page
from symae.demo.picture import write_picture
from symae.demo.server import served
from symae.recipes import Recipe, find
from symae.request import Request
from symae.run import Run
from symae.train import train

__all__ = ["PLAN", "Plan", "run_demo"]

Say = Callable[[str], None]


@dataclass(frozen=True)
class Plan:
    """What the demo trains.

    Attributes:
        pretrain: on `photos`.
        classify, segment: on `scenes`, once from the pre-trained weights and once from scratch.
        scenes: number of test scenes whose features are extracted.
    """

    pretrain: Recipe
    classify: Recipe
    segment: Recipe
    scenes: int = 300

    def smoke(self) -> Plan:
        """Shrink to seconds."""
        pretrain = dataclasses.replace(self.pretrain.smoke(), epochs=1, batch_size=64)
        classify, segment = (
            dataclasses.replace(recipe.smoke(), labels=32, epochs=1) for recipe in (self.classify, self.segment)
        )
        return Plan(pretrain, classify, segment, scenes=12)


SCENES = PARTS["train"].count
PLAN = Plan(find("photos"), find("scenes-classify"), find("scenes-segment"))


def run_demo(out: Path, plan: Plan = PLAN, say: Say = print) -> Path:
    """Run the chain and write its page; what an earlier, interrupted demo has trained is kept.

    Args:
        out: folder for runs, models, images, features and page; made if need be.
        plan: what to train.
        say: gets each line of news.

    Returns:
        The page, one self-contained HTML file.
    """
    out.mkdir(parents=True, exist_ok=True)
    seconds: dict[str, float] = {}
    with _timed("pre-training on photographs", seconds, say):
        pretrained = _train(plan.pretrain, out / "runs" / "photos", None, say)
    with _timed("fine-tuning on scenes, pre-trained and from scratch", seconds, say):
        classify = _both(plan.classify, out, pretrained, say)
        segment = _both(plan.segment, out, pretrained, say)
    models = out / "models"
    with _timed("export to ONNX, verified", seconds, say):
        for run in (pretrained, classify.tuned, segment.tuned):
            if not (models / f"{run.path.name}-encoder").exists():  # the last of a run's models to be written
                for model in export_run(run.path, models):
                    say(f"{model.path}: {model.worst}")
    with _timed("serving and calling", seconds, say), served(models) as address:
        answers = calls.call_everything(address, plan.scenes)
    with _timed("features of the test scenes", seconds, say):
        neighbours = features.nearest(models / f"{pretrained.path.name}-encoder", out, plan.scenes)
    page = Page(
        answers=answers,
        neighbours=neighbours,
        comparisons=(_compare("classification", classify), _compare("segmentation", segment)),
        labels=(plan.classify.labels or SCENES, plan.segment.labels or SCENES),
        losses={run.path.name: _losses(run) for run in (pretrained, *classify.runs, *segment.runs)},
        seconds=seconds,
        threads=_threads(),
    )
    write_picture(answers, out / "overview.png")
    return write_page(page, out / "index.html")


@dataclass(frozen=True)
class _Pair:
    """The same recipe from pre-trained weights and from scratch."""

    tuned: Run
    scratch: Run

    @property
    def runs(self) -> tuple[Run, Run]:
        return self.tuned, self.scratch


def _both(recipe: Recipe, out: Path, pretrained: Run, say: Say) -> _Pair:
    scratch = dataclasses.replace(recipe, initialise="nothing", hold_epochs=0)
    return _Pair(
        _train(recipe, out / "runs" / recipe.name, pretrained.path, say),
        _train(scratch, out / "runs" / f"{recipe.name}-scratch", None, say),
    )


def _train(recipe: Recipe, out: Path, init: Path | None, say: Say) -> Run:
    request = Request(recipe, data=recipe.data, out=out, init=init, resume=True, device="cpu")
    return train(request, say=lambda line: say(f"  {line}"))


def _compare(task: str, pair: _Pair) -> Comparison:
    tuned, scratch = (assess(run.path, data=None, part="test", seed=0, device="cpu") for run in pair.runs)
    return Comparison(task, tuned, scratch)


def _losses(run: Run) -> list[float]:
    with run.metrics.open(newline="") as file:
        return [float(row["loss"]) for row in csv.DictReader(file)]


def _threads() -> int:
    import torch

    return torch.get_num_threads()


@contextmanager
def _timed(step: str, seconds: dict[str, float], say: Say) -> Iterator[None]:
    say(f"== {step}")
    began = time.perf_counter()
    yield
    seconds[step] = time.perf_counter() - began
    say(f"== {step}: {seconds[step]:.0f} s")
