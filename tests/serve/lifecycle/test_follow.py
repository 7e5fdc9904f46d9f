"""What one look brings about, without a server; how it ends under callers stands in test_watch.py."""

import shutil

import pytest

from serve.config import ServeConfig
from serve.errors import ConfigError, RepositoryError
from serve.lifecycle.follow import AtStart, Follower

AT_ONCE = {"threads": 1, "providers": ("CPU",), "watch_seconds": 0.0}  # nothing needs to stand still


class Told(AtStart):
    """Writes down everything it is told, in its order."""

    def __init__(self):
        super().__init__()
        self.log = []

    def loading(self, file):
        self.log.append(("loading", file.name, file.version))

    def refused(self, file, error):
        self.log.append(("refused", file.name, file.version))

    def forget(self, name, version):
        self.log.append(("forget", name, version))

    def put(self, session):
        self.log.append(("put", session.file.name, session.file.version))

    def remove(self, name):
        self.log.append(("remove", name))

    def since(self):
        log, self.log = self.log, []
        return log


@pytest.fixture
def folder(tmp_path, toys):
    toys.write_encoder(tmp_path / "m" / "1" / "model.onnx")
    return tmp_path


def broken(folder, name, version):
    path = folder / name / version / "model.onnx"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"no model")
    return path


def test_the_start_takes_the_newest_that_works_of_each_and_says_what_does_not(folder):
    broken(folder, "m", "2")
    broken(folder, "a", "1")
    start = Follower(folder, ServeConfig(**AT_ONCE)).load()
    assert [(s.file.name, s.file.version) for s in start.sessions] == [("m", "1")]
    assert [(file.name, file.version) for file, _ in start.failures] == [("a", "1"), ("m", "2")]


def test_the_start_is_refused_where_nothing_works(tmp_path, folder):
    shutil.rmtree(folder / "m")
    broken(folder, "a", "1")
    with pytest.raises(RepositoryError, match="damaged"):
        Follower(folder, ServeConfig(**AT_ONCE)).load()
    with pytest.raises(ConfigError, match="no provider 'AbacusExecutionProvider'"):
        Follower(folder, ServeConfig(providers=("Abacus",))).load()


def test_looks_bring_versions_and_models_and_take_them_away(folder, toys):
    follower, told = Follower(folder, ServeConfig(**AT_ONCE)), Told()
    follower.load()
    follower.look(told)
    assert told.since() == []
    bad = broken(folder, "m", "3")
    toys.write_encoder(folder / "m" / "2" / "model.onnx")
    toys.write_classifier(folder / "n" / "7" / "model.onnx")
    follower.look(told)
    assert told.since() == [
        ("loading", "m", "3"), ("refused", "m", "3"), ("loading", "m", "2"), ("put", "m", "2"),
        ("loading", "n", "7"), ("put", "n", "7"),
    ]  # fmt: skip
    follower.look(told)
    assert told.since() == []
    shutil.rmtree(bad.parent)
    shutil.rmtree(folder / "n")
    follower.look(told)
    assert told.since() == [("forget", "m", "3"), ("remove", "n")]
    shutil.rmtree(folder / "m" / "2")
    follower.look(told)
    assert told.since() == [("loading", "m", "1"), ("put", "m", "1")]
