import dataclasses

import pytest
import torch

from symae.corruption import Corrupted
from symae.networks import Classifier, Layer, NetworkSpec, Segmenter, SymmetricAutoencoder
from symae.recipes import find
from symae.stages import (
    classification_loss,
    loss_of,
    masked_loss,
    multi_label_loss,
    psnr_loss,
    reconstruction_loss,
    rmse_loss,
    segmentation_loss,
    target_of,
)

SPEC = NetworkSpec("tiny", (Layer(4), Layer(4, stride=2)))
IMAGES = torch.rand((3, 3, 8, 8), generator=torch.Generator().manual_seed(0))


def test_reconstruction_is_measured_in_normalised_units():
    model = SymmetricAutoencoder(SPEC).eval()
    model.encoder.std.fill_(0.5)
    error = (model(IMAGES) - IMAGES).square().mean() / 0.25
    assert reconstruction_loss(model, IMAGES, Corrupted(IMAGES), None).item() == pytest.approx(error.item())


def test_the_psnr_loss_is_the_mean_distance_in_decibels_from_a_perfect_picture():
    model = SymmetricAutoencoder(SPEC).eval()
    model.encoder.std.fill_(0.5)
    noisy = IMAGES + torch.tensor([0.01, 0.1, 0.5])[:, None, None, None] * torch.randn_like(IMAGES)
    errors = (model(noisy) - IMAGES).square().mean((1, 2, 3)) / 0.25
    away = 10 * torch.log10((errors + 1e-4) / 1e-4)
    loss = psnr_loss(model, IMAGES, Corrupted(noisy), None)
    assert loss.item() == pytest.approx(away.mean().item(), rel=1e-5)
    assert loss_of(dataclasses.replace(find("pretrain"), loss="psnr")) is psnr_loss


def test_the_rmse_loss_is_the_mean_over_the_images_of_each_ones_root():
    model = SymmetricAutoencoder(SPEC).eval()
    model.encoder.std.fill_(0.5)
    noisy = IMAGES + torch.tensor([0.01, 0.1, 0.5])[:, None, None, None] * torch.randn_like(IMAGES)
    roots = [((model(noisy[i : i + 1]) - IMAGES[i]).square().mean() / 0.25 + 1e-4).sqrt() for i in range(3)]
    loss = rmse_loss(model, IMAGES, Corrupted(noisy), None)
    assert loss.item() == pytest.approx(sum(roots).item() / 3, rel=1e-5)
    assert loss_of(dataclasses.replace(find("pretrain"), loss="rmse")) is rmse_loss


def test_the_masked_loss_counts_missing_pixels_alone():
    model = SymmetricAutoencoder(SPEC).eval()
    model.encoder.std.fill_(0.5)
    masks = torch.zeros((3, 8, 8), dtype=torch.bool)
    masks[0, 2:4, 1:5] = True
    errors = (model(IMAGES, masks) - IMAGES).square() / 0.25
    damaged = Corrupted(IMAGES, masks)
    assert masked_loss(model, IMAGES, damaged, None).item() == pytest.approx(errors[0, :, 2:4, 1:5].mean().item())
    elsewhere = torch.where(masks[:, None], IMAGES, torch.rand_like(IMAGES))
    before, after = masked_loss(model, IMAGES, damaged, None), masked_loss(model, elsewhere, damaged, None)
    assert before.item() == pytest.approx(after.item())


def test_smoothed_and_mixed_labels_are_shares_of_the_classes():
    model = Classifier(SPEC, 4).eval()
    labels = torch.tensor([0, 3, 1])
    smooth = loss_of(dataclasses.replace(find("classify"), label_smoothing=0.2))(
        model, IMAGES, Corrupted(IMAGES), labels
    )
    shares = torch.nn.functional.one_hot(labels, 4).float() * 0.8 + 0.2 / 4
    expected = -(shares * model(IMAGES).log_softmax(1)).sum(1).mean()
    assert smooth.item() == pytest.approx(expected.item(), rel=1e-5)
    assert classification_loss(model, IMAGES, Corrupted(IMAGES), shares).item() == pytest.approx(
        smooth.item(), rel=1e-5
    )


def test_answers_that_do_not_count_do_not_change_the_multi_label_loss():
    model = Classifier(SPEC, 2).eval()
    labels = torch.tensor([[1, 0], [0, 1], [1, 255]], dtype=torch.uint8)
    scores = model(IMAGES)
    counted = torch.nn.functional.binary_cross_entropy_with_logits(
        scores.flatten()[:5], torch.tensor([1.0, 0, 0, 1, 1])
    )
    loss = multi_label_loss(model, IMAGES, Corrupted(IMAGES), labels)
    assert loss.item() == pytest.approx(counted.item(), rel=1e-5)


def test_void_pixels_do_not_count_and_a_map_of_void_alone_gives_zero():
    model = Segmenter(SPEC, 3).eval()
    labels = torch.zeros(3, 8, 8, dtype=torch.uint8)
    labels[:, 4:] = 255
    half = torch.nn.functional.cross_entropy(model(IMAGES)[:, :, :4], labels[:, :4].long())
    loss = segmentation_loss(model, IMAGES, Corrupted(IMAGES), labels)
    assert loss.item() == pytest.approx(half.item(), rel=1e-5)
    assert segmentation_loss(model, IMAGES, Corrupted(IMAGES), torch.full_like(labels, 255)).item() == 0


def test_every_stage_has_its_loss_and_its_target():
    chosen = {name: (loss_of(find(name)), target_of(find(name))) for name in ("pretrain", "classify", "segment")}
    assert chosen == {
        "pretrain": (reconstruction_loss, "none"),
        "classify": (classification_loss, "class"),
        "segment": (segmentation_loss, "map"),
    }
    assert (loss_of(find("classify-multi")), target_of(find("classify-multi"))) == (multi_label_loss, "multilabel")


def test_a_stage_without_its_targets_is_a_mistake_of_the_caller():
    with pytest.raises(TypeError, match="targets"):
        classification_loss(Classifier(SPEC, 2), IMAGES, Corrupted(IMAGES), None)


def test_with_mean_fill_the_masked_loss_does_not_see_the_shortcut_from_the_input():
    """Why Context Encoder's row of table 4 does not hang on how footnote 1 is read."""
    losses, gradients = [], []
    masks = torch.rand((3, 8, 8), generator=torch.Generator().manual_seed(1)) < 0.25
    for shortcuts in ("none", "input-output"):
        torch.manual_seed(0)
        model = SymmetricAutoencoder(dataclasses.replace(SPEC, shortcuts=shortcuts, fill="mean"))
        loss = masked_loss(model, IMAGES, Corrupted(IMAGES, masks), None)
        loss.backward()
        losses.append(loss.detach())
        gradients.append(torch.cat([parameter.grad.flatten() for parameter in model.parameters()]))
    torch.testing.assert_close(*losses)
    torch.testing.assert_close(*gradients)


def test_pretraining_on_some_classes_needs_labels_to_choose_by():
    recipe = find("pretrain")
    assert target_of(recipe) == "none"
    assert target_of(dataclasses.replace(recipe, only_classes=("cat",))) == "class"
