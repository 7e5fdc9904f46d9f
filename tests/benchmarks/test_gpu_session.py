"""A session in several sittings: real trainings in real processes, stopped in their midst by the budget."""

import copy
import dataclasses
import json
import subprocess
import sys
import tarfile
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from benchmarks.gpu import parity, worker
from benchmarks.gpu.command import REMAINS, Order, carry_out
from benchmarks.gpu.data import prepare
from benchmarks.gpu.estimate import Pace
from benchmarks.gpu.options import Options, State
from benchmarks.gpu.parcel import pack, unpack
from benchmarks.gpu.plan import NETWORKS, Task, make_plan
from benchmarks.gpu.session import startable
from benchmarks.gpu.speed import _training_speed
from symae.errors import DataError, FailureError, InputError
from symae.results import Result, read_results
from symae.weights import load_tensors

ROOT = Path(__file__).parents[2]
PRETRAIN, ROW = "table2-pretrain-s0", "table2-shortcut-s0"
RESULT = Result("recipe", {"accuracy": 50.0}, "data", "test", 0, "abc", "CPU")
FAR = 1e9


def order(folder: Path, data: Path, **changes: object) -> Order:
    given = Order(
        folder / "state",
        folder / "out",
        data=(f"cifar10={data}",),
        jobs=("table2-shortcut",),
        seeds=1,
        settings=("epochs=16", "milestones=[8]"),
        budget=1000.0,
        reserve=300.0,
        device="cpu",
        smoke=True,
    )
    return dataclasses.replace(given, **changes)


def rows(state: Path, task: str) -> int:
    file = State(state).run(task) / "metrics.csv"
    return len(file.read_text().splitlines()) - 1 if file.is_file() else 0


def stop_at(state: Path, task: str, epochs: int):
    """A clock on which the budget is spent as soon as a training has come so far."""
    return lambda: FAR if rows(state, task) >= epochs else 0.0


def test_stopped_by_the_budget_again_and_again_and_carried_elsewhere_it_comes_to_the_same(class_folder, tmp_path):
    whole, parted = tmp_path / "whole", order(tmp_path / "parted", class_folder, pack=50.0, part=0.01)
    assert carry_out(order(whole, class_folder), say=print) == 0

    news: list[str] = []
    assert carry_out(parted, say=news.append, clock=stop_at(parted.state, PRETRAIN, 2)) == REMAINS
    assert 2 <= rows(parted.state, PRETRAIN) < 16
    assert news[-1].startswith("0 tasks done, 2 remain, about ")
    assert f"{PRETRAIN} (" in news[-1]
    assert len(list(parted.out.glob("state.tar.*"))) > 1

    moved = dataclasses.replace(parted, state=tmp_path / "moved", unpack=parted.out)
    unpacked = tmp_path / "first"
    unpack(parted.out, unpacked)
    began = rows(unpacked, PRETRAIN)
    assert carry_out(moved, say=print, clock=lambda: FAR if rows(moved.state, PRETRAIN) >= began + 3 else 0) == REMAINS
    assert rows(moved.state, PRETRAIN) < 16
    moved = dataclasses.replace(moved, unpack=None)
    assert carry_out(moved, say=print, clock=stop_at(moved.state, ROW, 4)) == REMAINS
    assert 4 <= rows(moved.state, ROW) < 16
    assert carry_out(moved, say=news.append) == 0
    assert news[-1] == "all is done: 2 tasks"

    for task in (PRETRAIN, ROW):
        one, other = (load_tensors(State(state).run(task)) for state in (whole / "state", moved.state))
        assert one.keys() == other.keys()
        assert all(torch.equal(one[name], other[name]) for name in one)
    one, other = (list(read_results(out / "results.jsonl")) for out in (whole / "out", moved.out))
    assert [dataclasses.replace(result, training_seconds=None) for result in one] == [
        dataclasses.replace(result, training_seconds=None) for result in other
    ]
    assert [result.recipe for result in one] == ["table2-pretrain", "table2-shortcut"]
    assert one[1].changes["epochs"] == 16
    assert one[1].start.startswith("table2-pretrain, seed 0")


def test_what_fails_is_told_and_what_is_done_stays(class_folder, tmp_path):
    given = order(tmp_path, class_folder / "train" / "bright", jobs=("table2-random",))  # no classes there
    news: list[str] = []
    assert carry_out(given, say=news.append) == 1
    assert "failed: table2-random-s0" in news[-1]
    assert any("classes" in line for line in news)
    assert not (given.out / "results.jsonl").exists()


def test_without_time_nothing_begins(class_folder, tmp_path):
    news: list[str] = []
    assert carry_out(order(tmp_path, class_folder, budget=0.0), say=news.append) == REMAINS
    assert len(news) == 1
    assert "2 remain" in news[0]


def test_the_script_runs_from_a_checkout_and_lists_what_things_cost(tmp_path):
    command = [sys.executable, str(ROOT / "benchmarks" / "gpu_session.py"), "--list", "--jobs", "table2"]
    options = ["--state", "state", "--out", "out"]
    done = subprocess.run([*command, *options], cwd=tmp_path, capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    assert len(lines) == 1 + 2 + 15 + 1
    pretrain = next(line.split() for line in lines if line.startswith(PRETRAIN))
    assert float(pretrain[2]) == pytest.approx(17.8, abs=0.2)  # PFLOP
    assert "needs --data cifar10=PATH" in lines[1]
    assert not list(tmp_path.iterdir())


def test_the_plan_has_each_pretraining_once_and_before_its_rows(tmp_path):
    names = [task.name for task in make_plan(("table2", "table2-shortcut"), Options(tmp_path, {}, seeds=3))]
    assert len(names) == len(set(names)) == 2 + 3 * 3
    assert names.index(PRETRAIN) < names.index(ROW)
    for task in make_plan(("all",), Options(tmp_path, {}, seeds=1)):
        assert all(names.index(before) < names.index(task.name) for before in task.after if task.name in names)


def test_an_unknown_job_names_the_nearest(tmp_path):
    with pytest.raises(InputError, match="did you mean 'table2'"):
        make_plan(("tabel2",), Options(tmp_path, {}))


def test_a_job_may_say_how_many_seeds(tmp_path):
    names = [task.name for task in make_plan(("table2-random:2", "table2:1"), Options(tmp_path, {}, seeds=9))]
    assert sorted(names) == sorted(
        [
            PRETRAIN,
            "table2-pretrain-no-shortcut-s0",
            "table2-random-s0",
            "table2-random-s1",
            ROW,
            "table2-no-shortcut-s0",
        ]
    )
    with pytest.raises(InputError, match="number of seeds"):
        make_plan(("parity:2",), Options(tmp_path, {}))


def test_a_restoration_network_is_measured_on_photographs(class_folder, tmp_path):
    data = (f"restore={class_folder / 'train'}", f"bsd68={class_folder / 'test' / 'dark'}")
    settings = {"data": data, "jobs": ("restore-small-gray",), "settings": ("epochs=2",), "parallel": 2}
    settings["commit"] = "0123456789ab"  # what is given counts, whatever git says
    given = dataclasses.replace(order(tmp_path, class_folder), **settings)
    assert carry_out(given, say=print) == 0
    validated, denoised = sorted(
        read_results(given.out / "results.jsonl"), key=lambda result: result.data, reverse=True
    )
    assert validated.data == "train"
    assert denoised.data == "dark"
    assert {"psnr_sigma25", "psnr_sigma25_ensemble"} < denoised.values.keys()
    assert denoised.recipe == validated.recipe == "restore-small-gray"
    assert denoised.commit == validated.commit == "0123456789ab"
    lacking = make_plan(("restore-small-colour",), Options(tmp_path, {"restore": str(class_folder)}, smoke=True))
    assert [task.lacks for task in lacking] == ["", "cbsd68"]


@pytest.mark.parametrize("compiled", [False, True])
def test_trainings_are_compiled_where_the_session_is_told_so(class_folder, tmp_path, monkeypatch, compiled):
    def asked(request, say):
        assert request.compile is compiled
        raise FailureError("seen")

    monkeypatch.setattr(worker, "train", asked)
    options = Options(tmp_path, {"cifar10": str(class_folder)}, compile=compiled, smoke=True)
    with pytest.raises(FailureError, match="seen"):
        worker.work(make_plan(("table2-random",), options)[0], options)


def test_the_speed_of_a_training_is_measured(class_folder, tmp_path):
    options = Options(tmp_path, {"cifar10": str(class_folder)}, device="cpu", smoke=True)
    task = next(task for task in make_plan(("speed",), options) if task.name == "speed-train")
    found = _training_speed(task, options, "32-true", False, 1e12)
    assert found.recipe == "speed-train" and found.changes["way"] == "32-true"
    assert found.values["images_per_second"] > 0 and 0 < found.values["share_of_peak"] < 100


def test_what_lacks_data_takes_along_what_needs_it(tmp_path):
    plan = {task.name: task for task in make_plan(("speed", "parity"), Options(tmp_path, {}))}
    assert plan["speed-extract"].lacks == plan["speed-train"].lacks == "cifar10"
    assert not plan["parity-torch-network1"].lacks


def test_tasks_start_in_order_when_they_may():
    def task(name: str, *after: str, **more: object) -> Task:
        return Task(name, "job", "train", after=after, **more)

    plan = [task("a"), task("b", "a"), task("c", alone=True), task("d"), task("e", lacks="x"), task("f")]

    def names(done: str = "", running: str = "", skipped: str = "", parallel: int = 2) -> str:
        found = startable(plan, set(done), set(running), set(skipped), parallel)
        return "".join(task.name for task in found)

    assert names() == "ad"
    assert names(running="ad") == ""
    assert names(running="d", done="a") == "b"
    assert names(done="abd", running="f") == ""
    assert names(done="abdf") == "c"
    assert names(done="abd", running="c") == ""
    assert names(skipped="a", parallel=1) == "c"


def test_estimates_follow_what_was_measured(tmp_path):
    plan = make_plan(("table2",), Options(tmp_path, {}, seeds=1))
    state, pace = State(tmp_path), Pace()
    before = pace.left(plan, state, 1)
    assert pace.left(plan, state, 3) < before
    first = next(task for task in plan if task.name == PRETRAIN)
    state.spend(first.name, 3 * pace.seconds(first))
    state.finish(first.name, (RESULT,))
    measured = pace.measured(plan, state)
    assert measured.factor == pytest.approx(3)
    assert measured.left(plan, state, 1) == pytest.approx(3 * (before - pace.seconds(first)))


def test_an_archive_is_unpacked_once_and_names_the_data(class_folder, tmp_path):
    archive = tmp_path / "CIFAR-10, JPEG.tar.xz"
    with tarfile.open(archive, "w:xz") as tar:
        tar.add(class_folder / "test", "test")
    folder = Path(prepare([f"cifar10={archive}"], tmp_path)["cifar10"])
    assert folder.name == "CIFAR-10, JPEG"
    assert sorted(path.name for path in folder.glob("test/*")) == ["bright", "dark"]
    archive.write_bytes(b"broken")
    assert prepare([f"cifar10={archive}"], tmp_path) == {"cifar10": str(folder)}
    with pytest.raises(DataError, match="cannot be unpacked"):
        prepare([f"cifar10={archive}"], tmp_path / "new")
    with pytest.raises(DataError, match="no archive"):
        prepare([f"cifar10={Path(__file__)}"], tmp_path)
    with pytest.raises(InputError, match="NAME=PATH"):
        prepare([str(class_folder)], tmp_path)


def test_a_parcel_keeps_to_its_size_and_takes_what_is_needed_first(tmp_path):
    plan, state = make_plan(("table2",), Options(tmp_path, {}, seeds=1)), State(tmp_path / "state")
    for task, files in {PRETRAIN: ["model.safetensors"], ROW: ["last.ckpt"], "table2-random-s0": ["last.ckpt"]}.items():
        state.run(task).mkdir(parents=True)
        for name in files:
            (state.run(task) / name).write_bytes(bytes(100_000))
        (state.run(task) / "recipe.json").write_text("{}")
    state.finish(PRETRAIN, (RESULT,))
    out = tmp_path / "out"
    out.mkdir()
    parcel = pack(state.path, plan, out, limit=250_000, part=60_000)
    sizes = [file.stat().st_size for file in sorted(out.iterdir())]
    assert sum(sizes) == parcel.size <= 250_000
    assert max(sizes) <= 60_000
    assert len(parcel.left_behind) == 1  # the second checkpoint
    moved = State(tmp_path / "moved")
    unpack(out, moved.path)
    assert moved.done(PRETRAIN)
    assert (moved.run(PRETRAIN) / "model.safetensors").stat().st_size == 100_000
    assert (moved.run(ROW) / "recipe.json").is_file()
    assert list(moved.results()) == [RESULT]
    with pytest.raises(InputError, match="has runs already"):
        unpack(out, moved.path)
    with pytest.raises(InputError, match="--pack"):
        unpack(moved.path, tmp_path / "other")


def test_a_parcel_of_another_size_leaves_nothing_of_the_one_before(tmp_path):
    state = State(tmp_path / "state")
    state.finish("task", (RESULT,))
    (tmp_path / "out").mkdir()
    pack(state.path, [], tmp_path / "out", limit=1 << 20, part=1000)
    pack(state.path, [], tmp_path / "out", limit=1 << 20, part=1 << 20)
    assert [file.name for file in (tmp_path / "out").iterdir()] == ["state.tar.00"]


@pytest.mark.parametrize("network", NETWORKS)
def test_every_network_has_engines_to_compare(network, tmp_path):
    task, options = Task("t", "parity", "parity-torch", network=network), Options(tmp_path, device="cpu", smoke=True)
    (result,) = parity.against_cpu(task, options)
    assert ("segmenter output" in result.values) == (NETWORKS[network].full[0].stride == 1)


def test_engines_agree_and_a_wrong_one_is_found(monkeypatch, tmp_path):
    task, options = Task("t", "parity", "parity-torch", network="network2"), Options(tmp_path, device="cpu", smoke=True)
    (result,) = parity.against_cpu(task, options)
    assert set(result.values.values()) == {0.0}
    json.dumps(dataclasses.asdict(result))

    def wrong(model):
        other = copy.deepcopy(model)
        other.encoder.convolutions[0].weight.data += 1e-2
        return other

    monkeypatch.setattr(parity, "copy", SimpleNamespace(deepcopy=wrong))
    with pytest.raises(FailureError, match=r"autoencoder gradient differs by"):
        parity.against_cpu(task, options)
