import csv
import dataclasses
import os
import shutil
import signal
from functools import partial
from pathlib import Path

import pytest
import torch

from symae.corruption import GaussianNoise
from symae.device import parse_device
from symae.errors import DataError, DivergenceError, Interrupted, RecipeError, RunError
from symae.evaluate import Measured
from symae.module import TrainingModule
from symae.recipes import find
from symae.request import Request, open_part, open_unlabelled, resolve
from symae.run import Run, create
from symae.train import train
from symae.weights import load, load_card, load_tensors


def request(data: Path, out: Path, name: str = "pretrain", **changes: object) -> Request:
    recipe = dataclasses.replace(find(name).smoke(), validation=0.2, resize=None, crop=21)
    return Request(recipe, data=str(data), out=out, device="cpu", **changes)  # type: ignore[arg-type]


def quiet(line: str) -> None:
    """Take a line of news and drop it."""


def stop_after(monkeypatch: pytest.MonkeyPatch, steps: int) -> None:
    """Send SIGINT to this process at a step, as Ctrl-C does."""
    step = TrainingModule.training_step

    def and_interrupt(self, batch, batch_idx):
        if self.global_step == steps:
            os.kill(os.getpid(), signal.SIGINT)
        return step(self, batch, batch_idx)

    monkeypatch.setattr(TrainingModule, "training_step", and_interrupt)


def same_state(first: Path, second: Path) -> None:
    one, other = (torch.load(run / "last.ckpt", weights_only=True) for run in (first, second))
    assert one["global_step"] == other["global_step"]
    for name, tensor in one["state_dict"].items():
        assert torch.equal(tensor, other["state_dict"][name]), name
    moments, other_moments = one["optimizer_states"][0]["state"], other["optimizer_states"][0]["state"]
    for number, state in moments.items():
        for key, value in state.items():
            assert torch.equal(torch.as_tensor(value), torch.as_tensor(other_moments[number][key])), (number, key)
    weights, other_weights = load_tensors(first), load_tensors(second)
    assert all(torch.equal(weights[name], other_weights[name]) for name in weights)


def rows(run: Path) -> list[dict[str, str]]:
    with (run / "metrics.csv").open() as file:
        return list(csv.DictReader(file))


def losses(run: Path) -> list[tuple[str, str]]:
    return [(row["epoch"], row["loss"]) for row in rows(run)]


def test_a_run_directory_holds_all_that_is_promised(class_folder, tmp_path):
    run = train(request(class_folder, tmp_path / "run"), say=quiet)
    for name in ("recipe.json", "last.ckpt", "model.safetensors", "metrics.csv", "preview.png"):
        assert (run.path / name).stat().st_size > 0, name
    assert list((run.path / "tensorboard").glob("events.*"))
    assert not list(run.path.glob("*.partial"))
    assert [epoch for epoch, _ in losses(run.path)] == ["1", "2"]
    card = load_card(run.path)
    assert card.stage == "pretrain"
    assert set(card.quality) == {"psnr", "psnr_input", "ssim"}


def test_same_seed_same_weights_and_another_seed_others(class_folder, tmp_path):
    first, again, other = (
        train(request(class_folder, tmp_path / name, seed=seed), say=quiet).path
        for name, seed in (("first", 1), ("again", 1), ("other", 2))
    )
    same_state(first, again)
    assert losses(first) == losses(again) != losses(other)


@pytest.mark.parametrize("name", ["pretrain", "classify"])
@pytest.mark.parametrize("steps", [0, 1, 2, 3, 4, 5])
def test_interrupted_anywhere_and_resumed_equals_uninterrupted_to_the_bit(
    class_folder, tmp_path, monkeypatch, name, steps
):
    settings = ("epochs=3", "corruption_probability=0.5", "milestones=[1,2]", "batch_size=8")
    whole = train(request(class_folder / "train", tmp_path / "whole", name, settings=settings), say=quiet)
    parted = request(class_folder / "train", tmp_path / "parted", name, settings=settings, resume=True)
    with monkeypatch.context() as patch:
        stop_after(patch, steps)
        with pytest.raises(Interrupted, match=r"SIGINT .* --resume"):
            train(parted, say=quiet)
    train(parted, say=quiet)
    same_state(whole.path, parted.out)
    assert losses(whole.path) == losses(parted.out)


SEMI = ("unlabelled=6", "average=0.9", "certainty=0.6", "augmentation.mix=cutmix", "augmentation.shift=2")


@pytest.mark.parametrize(("steps", "first"), [(1, 0), (3, 0), (3, 1)])
def test_learning_without_labels_is_resumed_to_the_bit(class_folder, map_folder, tmp_path, monkeypatch, steps, first):
    settings = ("epochs=3", "batch_size=8", "corruption_probability=0.5", f"labels_first={first}", *SEMI)
    given = {"settings": settings, "unlabelled": str(map_folder / "images")}
    whole = train(request(class_folder, tmp_path / "whole", "classify", **given), say=quiet)
    parted = request(class_folder, tmp_path / "parted", "classify", resume=True, **given)
    with monkeypatch.context() as patch:
        stop_after(patch, steps)
        with pytest.raises(Interrupted):
            train(parted, say=quiet)
    again = dataclasses.replace(parted, unlabelled=None, data=None)  # the run knows
    train(again, say=quiet)
    same_state(whole.path, parted.out)
    assert (whole.path / "metrics.csv").read_text().splitlines()[0].split(",").count("certain") == 1
    assert [row["certain"] for row in rows(whole.path)] == [row["certain"] for row in rows(parted.out)]
    assert losses(whole.path) == losses(parted.out)


def test_who_is_certain_learns_from_what_has_no_labels(class_folder, tmp_path):
    news: list[str] = []
    plain = ("epochs=2", "batch_size=8", "average=0.9")
    settings = (*plain, "unlabelled=6", "certainty=0.5001")  # of two classes one always is
    with_others = train(request(class_folder, tmp_path / "with", "classify", settings=settings), say=news.append)
    without = train(request(class_folder, tmp_path / "without", "classify", settings=plain), say=quiet)
    assert any("and 19 without labels" in line for line in news), news
    assert {float(row["certain"]) for row in rows(with_others.path)} == {100.0}
    first, second = (load_tensors(run.path)["encoder.convolutions.0.weight"] for run in (with_others, without))
    assert not torch.equal(first, second)


def test_other_images_without_labels_are_noticed_on_resume(class_folder, map_folder, tmp_path):
    settings = ("epochs=2", *SEMI)
    first = request(
        class_folder, tmp_path / "run", "classify", settings=settings, unlabelled=str(map_folder / "images")
    )
    train(first, say=quiet)
    more = dataclasses.replace(first, settings=("epochs=3",), resume=True, unlabelled=str(class_folder))
    with pytest.raises(RunError, match="not those that"):
        train(more, say=quiet)


def test_images_without_labels_that_nobody_would_look_at_are_refused(class_folder, tmp_path):
    refused = request(class_folder, tmp_path / "run", "classify", unlabelled="photos")
    with pytest.raises(RunError, match=r"--unlabelled .* leave it out, take classify-semi"):
        train(refused, say=quiet)
    assert not (tmp_path / "run").exists()
    train(dataclasses.replace(refused, unlabelled=None), say=quiet)
    with pytest.raises(RunError, match=r"--unlabelled .* leave it out"):
        train(dataclasses.replace(refused, resume=True, settings=("epochs=3",)), say=quiet)


@pytest.mark.parametrize("labels", [None, 8])
@pytest.mark.parametrize("given", [None, "the same", "a link", "its parent", "another"])
def test_held_out_images_are_never_among_those_without_labels(class_folder, map_folder, tmp_path, labels, given):
    recipe = dataclasses.replace(find("classify"), validation=0.25, labels=labels, unlabelled=4, average=0.9)
    data = tmp_path / "all" / "labelled"
    shutil.copytree(class_folder / "train", data)
    shutil.copy(map_folder / "images" / "000.png", data.parent / "more.png")
    (tmp_path / "link").symlink_to(data)
    place = {
        "the same": data,
        "a link": tmp_path / "link",
        "its parent": data.parent,
        "another": map_folder / "images",
    }
    others = None if given is None else str(place[given])
    held_out = open_part(recipe, str(data), "validation", 3)
    unlabelled = open_unlabelled(recipe, str(data), others, 3, held_out)
    held, learnt = ({os.path.realpath(part.path(i)) for i in range(len(part))} for part in (held_out, unlabelled))
    assert len(held) == 6
    assert len(learnt) == {"its parent": 19, "another": 16}.get(given, 18)
    assert not held & learnt


def test_nothing_but_held_out_images_is_refused(class_folder, tmp_path):
    recipe = dataclasses.replace(find("classify"), validation=0.25, unlabelled=4, average=0.9)
    held_out = open_part(recipe, str(class_folder / "train"), "validation", 3)
    for index in range(len(held_out)):
        (tmp_path / f"{index}").mkdir()
        (tmp_path / f"{index}" / Path(held_out.path(index)).name).symlink_to(held_out.path(index))
    with pytest.raises(DataError, match="give others with --unlabelled"):
        open_unlabelled(recipe, str(class_folder / "train"), str(tmp_path), 3, held_out)


@pytest.mark.parametrize("optimizer", ["adamw", "muon", "sgd"])
def test_averages_schedules_and_other_optimisers_are_resumed_to_the_bit(class_folder, tmp_path, monkeypatch, optimizer):
    modern = (f"optimizer={optimizer}", "schedule=cosine", "warmup=0.5", "average=0.9", "clip=1", "weight_decay=0.01")
    settings = ("epochs=3", "batch_size=8", *modern)
    whole = train(request(class_folder, tmp_path / "whole", settings=settings), say=quiet)
    parted = request(class_folder, tmp_path / "parted", settings=settings, resume=True)
    with monkeypatch.context() as patch:
        stop_after(patch, 4)
        with pytest.raises(Interrupted):
            train(parted, say=quiet)
    train(parted, say=quiet)
    same_state(whole.path, parted.out)
    state = torch.load(whole.path / "last.ckpt", weights_only=True)["state_dict"]
    name = "encoder.convolutions.0.weight"
    kept = load_tensors(whole.path)[name]
    assert torch.equal(kept, state[f"_average.module.{name}"])
    assert not torch.equal(kept, state[f"model.{name}"])


@pytest.mark.parametrize("name", ["pretrain", "classify"])
def test_augmentation_is_resumed_to_the_bit(class_folder, tmp_path, monkeypatch, name):
    strengths = ("shift=2", "rotation=15", "scale=0.2", "brightness=0.3", "contrast=0.3", "saturation=0.3")
    settings = ("epochs=3", "batch_size=8", *(f"augmentation.{strength}" for strength in strengths))
    if name == "classify":
        settings = (*settings, "augmentation.mix=cutmix", "label_smoothing=0.1", "corruption_probability=0.5")
    whole = train(request(class_folder, tmp_path / "whole", name, settings=settings), say=quiet)
    parted = request(class_folder, tmp_path / "parted", name, settings=settings, resume=True)
    with monkeypatch.context() as patch:
        stop_after(patch, 4)
        with pytest.raises(Interrupted):
            train(parted, say=quiet)
    train(parted, say=quiet)
    same_state(whole.path, parted.out)
    plain = train(request(class_folder, tmp_path / "plain", name, settings=("epochs=3", "batch_size=8")), say=quiet)
    assert losses(plain.path) != losses(whole.path) == losses(parted.out)


def test_a_label_map_is_moved_with_its_image(map_folder, tmp_path):
    settings = ("augmentation.shift=3", "augmentation.rotation=10", "epochs=1")
    assert train(request(map_folder, tmp_path / "run", "segment", settings=settings), say=quiet).weights.exists()


def test_taken_parts_move_at_their_own_rate(class_folder, tmp_path):
    first = train(request(class_folder, tmp_path / "pretrain"), say=quiet)
    moved = []
    for factor in (1, 0.01):
        settings = (f"taken_rate={factor}", "epochs=1", "keep=last", "hold_epochs=0")
        out = tmp_path / f"tuned{factor}"
        tuned = train(request(class_folder, out, "classify", init=first.path, settings=settings), say=quiet)
        before, after = (load_tensors(run.path)["encoder.convolutions.0.weight"] for run in (first, tuned))
        moved.append((after - before).abs().mean().item())
    assert 0 < moved[1] < moved[0] / 20


def test_bfloat16_trains_and_keeps_full_weights(class_folder, tmp_path):
    said = []
    run = train(request(class_folder, tmp_path / "run", settings=("precision=bf16-mixed",)), say=said.append)
    slow = any("--set precision=32-true" in line for line in said)
    assert slow != parse_device("cpu").has_instructions_for("bf16-mixed")
    assert {tensor.dtype for name, tensor in load_tensors(run.path).items() if "weight" in name} == {torch.float32}


@pytest.mark.parametrize("name", ["pretrain", "classify"])
def test_a_compiled_step_is_the_same_step_under_the_same_names(class_folder, tmp_path, monkeypatch, name):
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend="eager"))  # traced; not made machine code
    settings = ("average=0.9", "hold_epochs=0", *(["label_smoothing=0.1"] if name == "classify" else []))
    plain = train(request(class_folder, tmp_path / "plain", name, settings=(*settings, "epochs=2")), say=quiet)
    begun = request(class_folder, tmp_path / "compiled", name, settings=(*settings, "epochs=1"), compile=True)
    train(begun, say=quiet)
    train(dataclasses.replace(begun, settings=("epochs=2",), resume=True), say=quiet)
    one, other = (torch.load(run / "last.ckpt", weights_only=True)["state_dict"] for run in (plain.path, begun.out))
    assert one.keys() == other.keys()
    assert all(torch.allclose(one[key], other[key], atol=1e-5) for key in one)


def test_k_epochs_and_then_the_rest_equal_all_in_one(class_folder, tmp_path):
    whole = train(request(class_folder, tmp_path / "whole", settings=("epochs=3",)), say=quiet)
    train(request(class_folder, tmp_path / "parts", settings=("epochs=1",)), say=quiet)
    train(request(class_folder, tmp_path / "parts", settings=("epochs=3",), resume=True), say=quiet)
    same_state(whole.path, tmp_path / "parts")
    assert losses(whole.path) == losses(tmp_path / "parts")


def test_a_held_encoder_does_not_move_and_is_released_afterwards(class_folder, tmp_path):
    first = train(request(class_folder, tmp_path / "pretrain"), say=quiet)
    held = ("hold_epochs=2", "epochs=2", "keep=last")
    tuned = train(request(class_folder, tmp_path / "held", "classify", init=first.path, settings=held), say=quiet)
    before, after = load_tensors(first.path), load_tensors(tuned.path)
    encoder = [name for name in before if name.startswith("encoder.")]
    assert encoder
    assert all(torch.equal(before[name], after[name]) for name in encoder)
    train(request(class_folder, tuned.path, "classify", settings=("epochs=3",), resume=True), say=quiet)
    released = load_tensors(tuned.path)
    assert not torch.equal(before["encoder.convolutions.0.weight"], released["encoder.convolutions.0.weight"])


def test_fine_tuning_reports_what_it_took(class_folder, tmp_path):
    first = train(request(class_folder, tmp_path / "pretrain"), say=quiet)
    news: list[str] = []
    train(request(class_folder, tmp_path / "classify", "classify", init=first.path), say=news.append)
    line = next(line for line in news if "tensors taken" in line)
    assert "drawn anew (head.classes)" in line
    assert "left behind (decoder." in line


def test_segmenting_takes_encoder_and_decoder(map_folder, tmp_path):
    first = train(request(map_folder / "images", tmp_path / "pretrain"), say=quiet)
    news: list[str] = []
    run = train(request(map_folder, tmp_path / "segment", "segment", init=first.path), say=news.append)
    assert any("drawn anew (head)" in line for line in news)
    assert set(load_card(run.path).quality) == {"mean_iou", "pixel_accuracy"}
    assert load_card(run.path).classes == ("ground", "square")


def test_training_learns(class_folder, tmp_path):
    settings = ("epochs=25", "learning_rate=0.01", "milestones=[20]", "network.width=0.25")
    run = train(request(class_folder, tmp_path / "run", "classify", settings=settings), say=quiet)
    assert load_card(run.path).quality["accuracy"] == 100
    assert float(losses(run.path)[-1][1]) < 0.5 * float(losses(run.path)[0][1])


def test_the_best_weights_are_kept(class_folder, tmp_path):
    settings = ("epochs=4", "keep=best", "learning_rate=0.05")
    run = train(request(class_folder, tmp_path / "run", settings=settings), say=quiet)
    with run.metrics.open() as file:
        values = [float(row["psnr"]) for row in csv.DictReader(file)]
    assert load_card(run.path).quality["psnr"] == pytest.approx(max(values))


def test_a_loss_that_is_not_finite_stops_with_step_and_cause_and_keeps_the_last_good_state(class_folder, tmp_path):
    train(request(class_folder, tmp_path / "run", settings=("epochs=1",)), say=quiet)
    good = torch.load(tmp_path / "run" / "last.ckpt", weights_only=True)
    for state in good["state_dict"]:
        if state.endswith("output.weight"):
            good["state_dict"][state].fill_(torch.nan)
    torch.save(good, tmp_path / "run" / "last.ckpt")
    before = (tmp_path / "run" / "last.ckpt").read_bytes()
    with pytest.raises(DivergenceError, match=r"loss is nan at step \d+ .*output.weight.*learning_rate"):
        train(request(class_folder, tmp_path / "run", settings=("epochs=2",), resume=True), say=quiet)
    assert (tmp_path / "run" / "last.ckpt").read_bytes() == before


def test_an_existing_run_is_not_overwritten(class_folder, tmp_path):
    train(request(class_folder, tmp_path / "run"), say=quiet)
    before = (tmp_path / "run" / "model.safetensors").read_bytes()
    with pytest.raises(RunError, match=r"exists already.*--resume"):
        train(request(class_folder, tmp_path / "run"), say=quiet)
    assert (tmp_path / "run" / "model.safetensors").read_bytes() == before


def test_a_run_goes_on_with_more_epochs_alone(class_folder, tmp_path):
    train(request(class_folder, tmp_path / "run"), say=quiet)
    with pytest.raises(RunError, match="epochs=N alone"):
        train(request(class_folder, tmp_path / "run", settings=("learning_rate=1",), resume=True), say=quiet)
    with pytest.raises(RunError, match="a run of pretrain, not of classify"):
        train(request(class_folder, tmp_path / "run", "classify", resume=True), say=quiet)


def test_changed_images_are_noticed_on_resume(class_folder, map_folder, tmp_path):
    run = train(request(class_folder, tmp_path / "run"), say=quiet)
    with pytest.raises(RunError, match="are not those"):
        train(request(map_folder / "images", run.path, settings=("epochs=3",), resume=True), say=quiet)
    with pytest.raises(RunError, match="--seed 0"):
        train(request(class_folder, run.path, seed=5, resume=True), say=quiet)


def test_a_run_that_was_lost_before_its_first_checkpoint_starts_as_it_would_have(class_folder, tmp_path):
    first = train(request(class_folder, tmp_path / "pretrain"), say=quiet)
    whole = train(request(class_folder, tmp_path / "whole", "classify", init=first.path, seed=3), say=quiet)
    lost = request(class_folder, tmp_path / "lost", "classify", init=first.path, seed=3)
    plan = resolve(lost)
    training = open_part(plan.recipe, plan.data, "train", plan.seed)
    create(Run(lost.out, plan.recipe, plan.seed, plan.data, training.fingerprint(), plan.init))
    train(dataclasses.replace(lost, resume=True, init=None, seed=None, data=None), say=quiet)
    same_state(whole.path, lost.out)


def test_weights_that_nothing_would_take_are_refused(class_folder, tmp_path):
    first = train(request(class_folder, tmp_path / "pretrain"), say=quiet)
    useless = request(class_folder, tmp_path / "run", "classify", init=first.path, settings=("initialise=nothing",))
    with pytest.raises(RunError, match="takes nothing from --init"):
        train(useless, say=quiet)
    assert not useless.out.exists()


def test_a_measure_that_is_no_number_still_leaves_weights(class_folder, tmp_path, monkeypatch):
    monkeypatch.setattr("symae.validation.measure", lambda *_, **__: Measured({"psnr": float("nan")}))
    run = train(request(class_folder, tmp_path / "run", settings=("keep=best",)), say=quiet)
    assert run.weights.exists()


def test_a_broken_validation_part_is_an_error_not_a_missing_one(class_folder, tmp_path):
    (tmp_path / "data" / "val").mkdir(parents=True)
    (tmp_path / "data" / "train").symlink_to(class_folder / "train")
    with pytest.raises(DataError, match="val"):
        train(request(tmp_path / "data", tmp_path / "run", settings=("keep=last",)), say=quiet)
    with pytest.raises(DataError, match=r"--set validation=0\.1"):
        train(request(class_folder, tmp_path / "run", settings=("validation=0",)), say=quiet)


def test_the_same_seed_gives_the_golden_losses(class_folder, tmp_path):
    """A change of these numbers, from one CPU to another or with a change of the code, must be meant."""
    golden = Path(__file__).with_name("golden_losses.txt")
    got = {}
    for name in ("pretrain", "classify"):
        settings = ("corruption_probability=0.5", "epochs=3")
        run = train(request(class_folder, tmp_path / name, name, settings=settings), say=quiet)
        got[name] = [float(loss) for _, loss in losses(run.path)]
    expected = {line.split()[0]: [float(x) for x in line.split()[1:]] for line in golden.read_text().splitlines()}
    for name, values in expected.items():
        assert got[name] == pytest.approx(values, rel=2e-3), name


def test_weights_of_another_network_are_refused_and_nothing_is_written(class_folder, tmp_path):
    first = train(request(class_folder, tmp_path / "pretrain"), say=quiet)
    other = request(class_folder, tmp_path / "classify", "classify", init=first.path, settings=("network.width=0.3",))
    with pytest.raises(RunError, match=r"does not fit: .* another shape"):
        train(other, say=quiet)
    assert not other.out.exists()
    paper = dataclasses.replace(other, recipe=find("table2-shortcut").smoke(), settings=())
    with pytest.raises(RunError, match="table2-pretrain"):
        train(paper, say=quiet)


def test_a_row_of_the_paper_without_its_weights_is_refused(class_folder, tmp_path):
    with pytest.raises(RunError, match="give --init RUN"):
        train(request(class_folder, tmp_path / "run", "table2-shortcut"), say=quiet)


@pytest.mark.parametrize(
    ("change", "error"),
    [({"settings": ("epoch=3",)}, RecipeError), ({"data": "nowhere"}, DataError), ({"init": Path("no")}, RunError)],
)
def test_bad_input_writes_nothing(class_folder, tmp_path, change, error):
    with pytest.raises(error):
        train(dataclasses.replace(request(class_folder, tmp_path / "run"), **change), say=quiet)
    assert not (tmp_path / "run").exists()


def test_unreadable_images_are_reported_and_skipped(class_folder, tmp_path):
    for number, file in enumerate(sorted((class_folder / "train").rglob("*.png"))):
        (tmp_path / "photos").mkdir(exist_ok=True)
        data = file.read_bytes()
        (tmp_path / "photos" / f"{number}.png").write_bytes(data[: len(data) // 2] if number == 3 else data)
    news: list[str] = []
    train(request(tmp_path / "photos", tmp_path / "run", settings=("validation=0", "keep=last")), say=news.append)
    assert any("1 unreadable image" in line for line in news)
    assert any("3.png" in line for line in news)


def test_gray_images_train_a_gray_network(class_folder, tmp_path):
    settings = ("network.channels=1", "corruption.kind=gaussian-noise")
    run = train(request(class_folder, tmp_path / "run", settings=settings), say=quiet)
    model, card = load(run.path)
    assert card.network.channels == 1
    assert model(torch.rand(1, 1, 21, 21)).shape == (1, 1, 21, 21)
    assert isinstance(run.recipe.corruption, GaussianNoise)
