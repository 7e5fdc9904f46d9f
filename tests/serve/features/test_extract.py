import dataclasses
import io
import os
import random
import signal
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import numpy as np
import onnxruntime
import pyarrow.parquet as pq
import pytest
from PIL import Image

from serve.errors import FaultError, JobError
from serve.features import job, parts, table
from serve.features.extract import ExtractOptions
from serve.features.extract import extract as extract_by
from serve.features.items import Shard
from serve.features.local import Local
from serve.repository import find_models
from serve.session import RuntimeOptions, open_session

OPTIONS = ExtractOptions(batch=4, threads=1)


@pytest.fixture(autouse=True)
def small_parts(monkeypatch):
    monkeypatch.setattr(job, "PART_ROWS", 8)
    monkeypatch.setattr(parts, "CHUNK", 1)


@pytest.fixture
def session(repository):
    return open_session(find_models(repository / "toy-encoder")[0], RuntimeOptions(("CPU",), 1))


@pytest.fixture
def folder(tmp_path, rng):
    """30 images of three sizes: 20 files, 10 in a shard; one truncated, one empty."""
    root = tmp_path / "images"
    (root / "packed").mkdir(parents=True)
    for index in range(30):
        pixels = rng.integers(0, 256, (5 + index % 3, 6, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(root / ("packed" if index >= 20 else ".") / f"{index:02d}.png")
    (root / "03.png").write_bytes((root / "03.png").read_bytes()[:60])
    (root / "17.png").write_bytes(b"")
    with tarfile.open(root / "shard.tar", "w") as shard:
        shard.add(root / "packed", arcname=".")
    for path in (root / "packed").iterdir():
        path.unlink()
    return root


def extract(session, *arguments):
    return extract_by(Local(session), *arguments)


class Steps:
    """Remembers what progress was told; stops the job after so many images."""

    def __init__(self, stop=None):
        self.seen, self.stop = 0, stop

    def __call__(self, done, total):
        self.done, self.total = done, total
        return self.advance

    def advance(self, more):
        self.seen += more
        if self.stop is not None and self.seen >= self.stop:
            raise KeyboardInterrupt


def test_equals_the_raw_runtime_and_reports_the_broken(session, folder, tmp_path):
    out, steps = tmp_path / "out.parquet", Steps()
    written = extract(session, [folder], out, OPTIONS, steps)
    assert (written.rows, written.failed) == (30, 2)
    assert (steps.done, steps.total, steps.seen) == (0, 30, 30)
    assert [Path(path).name for path, _ in written.shown] == ["03.png", "17.png"]
    raw = onnxruntime.InferenceSession(str(session.file.path), providers=["CPUExecutionProvider"])
    rows = pq.read_table(out).to_pylist()
    assert [row["path"] for row in rows] == [*sorted(row["path"] for row in rows)]
    for row in rows[:20]:
        if row["error"]:
            assert row["embedding"] is None and row["width"] is None
            continue
        image = np.asarray(Image.open(row["path"]))
        assert (row["height"], row["width"]) == image.shape[:2]
        (expected,) = raw.run(["embedding"], {"image": image[None]})
        np.testing.assert_allclose(row["embedding"], expected[0], rtol=1e-6)
    assert all(len(row["embedding"]) == 3 for row in rows[20:])


@pytest.mark.parametrize("stop", [1, 9, 20, 29])
def test_resumed_equals_uninterrupted(session, folder, tmp_path, stop):
    extract(session, [folder], tmp_path / "whole.parquet", OPTIONS, Steps())
    with pytest.raises(KeyboardInterrupt):
        extract(session, [folder], tmp_path / "out.parquet", OPTIONS, Steps(stop))
    steps = Steps()
    extract(session, [folder], tmp_path / "out.parquet", OPTIONS, steps)
    assert steps.done == stop // 8 * 8
    assert (tmp_path / "out.parquet").read_bytes() == (tmp_path / "whole.parquet").read_bytes()


def test_shards_partition(session, folder, tmp_path):
    paths = []
    for index in (1, 2, 3):
        out = tmp_path / f"{index}.parquet"
        options = ExtractOptions(Shard(index, 3), batch=4, threads=1)
        assert extract(session, [folder], out, options, Steps()).rows == 10
        paths += pq.read_table(out).column("path").to_pylist()
    assert len(set(paths)) == 30


def test_every_kind_of_source_at_once(session, tmp_path, pictures, pack, tabulate):
    (tmp_path / "a.png").write_bytes(pictures[0])
    sources = [pack(tmp_path / "b.tar", pictures[1:4]), tabulate(tmp_path / "c.parquet", pictures[4:9])]
    (tmp_path / "d.txt").write_text(f"a.png\nnone.png\nfile://{tmp_path}/a.png\n")
    out = tmp_path / "out.parquet"
    written = extract(session, [tmp_path / "a.png", *sources, tmp_path / "d.txt"], out, OPTIONS, Steps())
    assert (written.rows, written.shown) == (12, ((f"{tmp_path}/none.png", "No such file or directory"),))
    values = pq.read_table(out).column("embedding").to_pylist()
    assert values[10] is None
    for value, data in zip([*values[:10], values[11]], [*pictures[:9], pictures[0], pictures[0]], strict=True):
        with Image.open(io.BytesIO(data)) as image:
            np.testing.assert_allclose(value, np.asarray(image).mean((0, 1)) / 255, rtol=1e-5)


def test_what_is_new_is_not_seen_until_the_next_job(session, folder, tmp_path):
    deed = Meddler(lambda: (folder / "zz.png").write_bytes(b"new"))
    assert extract(session, [folder], tmp_path / "out.parquet", OPTIONS, deed).rows == 30


def test_another_list_or_model_is_refused(session, folder, tmp_path, toys):
    out = tmp_path / "out.parquet"
    with pytest.raises(KeyboardInterrupt):
        extract(session, [folder], out, OPTIONS, Steps(1))
    other = open_session(
        find_models(toys.write_encoder(tmp_path / "other" / "1" / "model.onnx", crop=8))[0], RuntimeOptions(("CPU",), 1)
    )
    with pytest.raises(JobError, match="differs in model, weights"):
        extract(other, [folder], out, OPTIONS, Steps())
    (folder / "05.png").unlink()
    with pytest.raises(JobError, match="differs in files, count"):
        extract(session, [folder], out, OPTIONS, Steps())


def shorten(shard):
    """Leave 4 of its 10 images: 24 are 3 parts."""
    with tarfile.open(shard) as whole:
        members = [(info, whole.extractfile(info)) for info in whole][:5]  # the folder, 4 images
        with tarfile.open(shard.with_suffix(".new"), "w") as shorter:
            for info, data in members:
                shorter.addfile(info, data)
    shard.with_suffix(".new").replace(shard)


class Meddler(Steps):
    """Does something to the images after they were counted."""

    def __init__(self, deed):
        super().__init__()
        self.deed = deed

    def __call__(self, done, total):
        self.deed()
        return super().__call__(done, total)


@pytest.mark.parametrize(
    "deed",
    [
        lambda folder: (folder / "shard.tar").unlink(),
        lambda folder: shorten(folder / "shard.tar"),
        lambda folder: (folder / "19.png").unlink(),
        lambda folder: (folder / "19.png").write_bytes(b"another"),
    ],
)
@pytest.mark.parametrize("shard", [Shard(), Shard(2, 2)])
def test_images_that_change_meanwhile_end_the_job_and_no_wrong_row_is_kept(session, folder, tmp_path, deed, shard):
    out, options = tmp_path / "out.parquet", dataclasses.replace(OPTIONS, shard=shard)
    extract(session, [folder], tmp_path / "whole.parquet", options, Steps())
    kept = {path: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    with pytest.raises(JobError, match="images were changed while they were read"):
        extract(session, [folder], out, options, Meddler(lambda: deed(folder)))
    assert not out.exists()
    for path in folder.glob("*.png"):
        path.unlink()
    for path, data in kept.items():
        path.write_bytes(data)
    extract(session, [folder], out, options, Steps())  # what it goes on with is right
    assert out.read_bytes() == (tmp_path / "whole.parquet").read_bytes()


def test_a_kill_right_after_the_end_is_no_error(session, folder, tmp_path, monkeypatch):
    out = tmp_path / "out.parquet"
    with monkeypatch.context() as killed:
        killed.setattr(table.shutil, "rmtree", lambda *_, **__: None)
        first = extract(session, [folder], out, OPTIONS, Steps())
    steps = Steps()
    assert extract(session, [folder], out, OPTIONS, steps) == first
    assert (steps.done, steps.total, steps.seen) == (30, 30, 0)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "images", "out.parquet", "out.parquet.errors.txt", "out.parquet.manifest.json",
    ]  # fmt: skip


def test_a_file_name_that_is_no_text(session, tmp_path):
    (tmp_path / "images").mkdir()
    Image.new("RGB", (4, 4)).save(tmp_path / "images" / os.fsdecode(b"\xff.png"))
    assert extract(session, [tmp_path / "images"], tmp_path / "out.parquet", OPTIONS, Steps()).failed == 0
    assert pq.read_table(tmp_path / "out.parquet").column("path").to_pylist() == [f"{tmp_path}/images/\\xff.png"]


def test_thin_images_need_no_memory_and_what_cannot_be_fitted_is_a_row(tmp_path, toys, monkeypatch):
    path = toys.write_encoder(tmp_path / "models" / "e" / "1" / "model.onnx", resize=16)
    session = open_session(find_models(path)[0], RuntimeOptions(("CPU",), 1))
    (tmp_path / "images").mkdir()
    Image.new("RGB", (200_000, 1), "red").save(tmp_path / "images" / "thin.png")
    written = extract(session, [tmp_path / "images"], tmp_path / "out.parquet", OPTIONS, Steps())
    assert (written.rows, written.failed) == (1, 0)
    np.testing.assert_allclose(pq.read_table(tmp_path / "out.parquet").to_pylist()[0]["embedding"], [1, 0, 0])

    def exhausted(data, **how):
        raise MemoryError

    monkeypatch.setattr(parts, "decode_fitted", exhausted)
    written = extract(session, [tmp_path / "images"], tmp_path / "again.parquet", OPTIONS, Steps())
    assert written.shown == ((str(tmp_path / "images" / "thin.png"), "out of memory"),)


def test_nothing_to_do(session, repository, tmp_path):
    with pytest.raises(JobError, match="no image in"):
        extract(session, [tmp_path], tmp_path / "out.parquet", OPTIONS, Steps())
    classifier = open_session(find_models(repository / "toy-classifier")[0], RuntimeOptions(("CPU",), 1))
    with pytest.raises(JobError, match="features need an encoder"):
        extract(classifier, [tmp_path], tmp_path / "out.parquet", OPTIONS, Steps())
    assert list(tmp_path.iterdir()) == []


def test_a_model_that_fails_on_one_image_fails_that_row_alone(session, folder, tmp_path, monkeypatch):
    run = type(session).run

    def poisoned(self, inputs, outputs):
        if any(image.shape[0] == 7 and image[0, 0, 0] == poison for image in inputs[0]):
            raise FaultError("cannot")
        return run(self, inputs, outputs)

    poison = int(np.asarray(Image.open(folder / "05.png"))[0, 0, 0])
    monkeypatch.setattr(type(session), "run", poisoned)
    written = extract(session, [folder], tmp_path / "out.parquet", OPTIONS, Steps())
    assert ("05.png", "cannot") in [(Path(path).name, error) for path, error in written.shown]
    assert written.failed <= 4


KILLED = """
import sys, time
from pathlib import Path
from serve.features import job
from serve.features.extract import ExtractOptions, extract
from serve.features.local import Local
job.PART_ROWS = 8
from serve.session import RuntimeOptions, open_only
session = open_only("encoder", Path(sys.argv[1]), RuntimeOptions(("CPU",), 1))
def progress(done, total):
    print(done, flush=True)
    return lambda more: time.sleep(0.01 * more)
extract(Local(session), [sys.argv[2]], Path(sys.argv[3]), ExtractOptions(batch=4, threads=1), progress)
"""


@pytest.fixture
def killed(repository, folder):
    """A function that runs the job in a process of its own and kills it; gives what was done before, or None."""

    def run(out, moment):
        command = [sys.executable, "-c", KILLED, str(repository), str(folder), str(out)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            done = process.stdout.readline()
            if moment is not None:
                moment(process)
                process.send_signal(signal.SIGKILL)
            process.wait(30)
        return int(done) if done else None

    return run


def parts_there(out, count):
    """The moment when so many parts are there."""

    def moment(process):
        there = out.with_name(f"{out.name}.parts")
        while process.poll() is None and len(list(there.glob("0*.parquet"))) < count:
            time.sleep(0.005)

    return moment


def test_kill_at_any_moment_loses_and_doubles_nothing(session, folder, tmp_path, killed):
    out, whole, moments = tmp_path / "out.npy", tmp_path / "whole.npy", random.Random(0)
    extract(session, [folder], whole, OPTIONS, Steps())
    done = [killed(out, lambda process: time.sleep(moments.uniform(0, 0.1))) for _ in range(2)]
    done += [killed(out, moment) for moment in (parts_there(out, 1), parts_there(out, 3), None)]
    assert done == sorted(done) and done[0] == 0 and done[3] >= 8 and done[4] >= 24
    for suffix in ("", ".parquet", ".errors.txt", ".manifest.json"):
        assert Path(f"{out}{suffix}").read_bytes() == Path(f"{whole}{suffix}").read_bytes()
    assert not Path(f"{out}.parts").exists()


def test_images_above_the_size_of_a_run_are_embedded_in_tiles(session, tmp_path, rng):
    image = rng.integers(0, 256, (60, 70, 3), dtype=np.uint8)
    (tmp_path / "images").mkdir()
    Image.fromarray(image).save(tmp_path / "images" / "large.png")
    seen, run = [], session.run
    session.run = lambda inputs, outputs: (seen.append(inputs[0].shape), run(inputs, outputs))[1]
    options = dataclasses.replace(OPTIONS, batch_pixels=1000, keep_size=True)
    extract(session, [tmp_path / "images"], tmp_path / "out.parquet", options, Steps())
    (vector,) = pq.read_table(tmp_path / "out.parquet")["embedding"].to_pylist()
    np.testing.assert_allclose(vector, image.mean((0, 1)) / 255, rtol=1e-5)
    assert len(seen) > 4 and all(height * width <= 1000 for _, height, width, _ in seen)


def test_an_array_that_is_gone_is_not_called_finished(session, folder, tmp_path):
    out = tmp_path / "out.npy"
    extract(session, [folder], out, OPTIONS, Steps())
    out.unlink()
    with pytest.raises(JobError, match="is gone"):
        extract(session, [folder], out, OPTIONS, Steps())
