"""In place of figure 4, on built-in data: which pixels of a scene belong to which digit, mean IoU.

    symae train table4-scenes-pretrain --out runs/pretrain
    symae train figure4-scenes-both --init runs/pretrain --out runs/both

Digits are shapes that 2,000 labelled scenes teach by themselves, so expect little of pre-training here; 367 street
scenes are the harder stand-in, see `symae.recipes.camvid`.
"""

from __future__ import annotations

import dataclasses

from symae.recipes import figure4_voc2012, scenes, table4_scenes
from symae.recipes.spec import Recipe, Reported, Table

__all__ = ["TABLE"]


def _on_scenes(recipe: Recipe) -> Recipe:
    return dataclasses.replace(
        scenes.SEGMENT,
        name=recipe.name.replace("figure4", "figure4-scenes"),
        summary=recipe.summary.replace("VOC 2012", "scenes"),
        initialise=recipe.initialise,
        pretrained_by=recipe.pretrained_by and table4_scenes.PRETRAIN.name,
        reported=tuple(Reported(f"in place of {reported.source}", reported.metric) for reported in recipe.reported),
        deviations=("the recipe of `scenes-segment`: its network, rate and length", *scenes.SEGMENT.deviations),
    )


TABLE = Table(
    name="figure4-scenes",
    title="Digits in scenes, segmentation, mean IoU",
    rows=tuple(_on_scenes(row) for row in figure4_voc2012.ROWS),
    pretraining=(table4_scenes.PRETRAIN,),
    needs="nothing; about 2 minutes on two CPU cores for the pre-training and 1 for each row",
    instead_of="figure4",
)
