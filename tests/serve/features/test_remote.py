"""Stores in memory, on disk and behind a web server on this machine; others differ by their address alone."""

import sys
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest

from serve.errors import JobError
from serve.features import remote
from serve.features.reading import Bytes
from serve.features.sources import list_items

fsspec = pytest.importorskip("fsspec", reason="fsspec is of the extra `scale`")


@pytest.fixture
def store(tmp_path, pictures, pack, tabulate):
    """A folder in memory: files, a hidden one, a tar, a table."""
    memory = fsspec.filesystem("memory")
    tar, table = pack(tmp_path / "s.tar", pictures[3:5]), tabulate(tmp_path / "t.parquet", pictures[5:8])
    data = {"b.png": pictures[0], "a/c.JPG": pictures[1], ".hidden.png": b"", "notes.md": b"", "a/d.webp": pictures[2]}
    for name, content in (data | {"s.tar": tar.read_bytes(), "t.parquet": table.read_bytes()}).items():
        memory.pipe_file(f"/photos/{name}", content)
    yield memory
    memory.rm("/photos", recursive=True)


def test_a_folder_of_a_store_is_as_a_local_one(store, pictures):
    items = list(list_items(["memory://photos"]))
    assert [item.name.partition("photos/")[2] for item in items] == [
        "a/c.JPG", "a/d.webp", "b.png", "s.tar/0.png", "s.tar/1.png",
    ]  # fmt: skip
    read = Bytes()
    assert [read(item) for item in items] == [pictures[1], pictures[2], pictures[0], *pictures[3:5]]
    assert items[2].length == len(pictures[0])


@pytest.mark.parametrize(
    ("url", "which"), [("memory://photos/t.parquet", slice(5, 8)), ("memory://photos/*.tar", slice(3, 5))]
)
def test_tables_and_patterns_of_a_store(store, pictures, url, which):
    read = Bytes()
    assert [read(item) for item in list_items([url])] == pictures[which]


def test_files_by_url(tmp_path, pictures):
    (tmp_path / "a.png").write_bytes(pictures[0])
    (item,) = list_items([f"file://{tmp_path}"])
    assert Bytes()(item) == pictures[0]


def test_a_list_of_a_web_server_and_an_image_that_is_not_there(tmp_path, pictures, monkeypatch):
    (tmp_path / "a.png").write_bytes(pictures[0])
    handler = type("Quiet", (SimpleHTTPRequestHandler,), {"log_message": lambda *_: None})
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(handler, directory=tmp_path)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        base = f"http://127.0.0.1:{server.server_port}"
        (tmp_path / "list.txt").write_text(f"{base}/a.png\n{base}/none.png\n")
        there, missing = list_items([tmp_path / "list.txt"])
        assert Bytes()(there) == pictures[0]
        with pytest.raises(FileNotFoundError):
            Bytes()(missing)
        server.shutdown()


def test_a_store_that_is_busy_is_asked_again(store, pictures, monkeypatch):
    monkeypatch.setattr(remote, "PAUSES", (0.0, 0.0))
    answers = [ConnectionError("busy"), TimeoutError(), pictures[0]]

    def cat_file(*_, **__):
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(store, "cat_file", cat_file)
    assert remote.read_bytes("memory://photos/b.png") == pictures[0]
    answers += [ConnectionError("busy")] * 3
    with pytest.raises(OSError, match="busy"):
        remote.read_bytes("memory://photos/b.png")


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("memory://nothing", "no such file or folder: memory://nothing"),
        ("abacus://x", "abacus://x cannot be opened: Protocol not known: abacus"),
        ("memory://nothing/*.png", "no such file or folder"),
    ],
)
def test_what_is_not_there_is_one_line(url, message):
    with pytest.raises(JobError, match=message) as caught:
        list(list_items([url]))
    assert "\n" not in str(caught.value)


def test_without_fsspec_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "fsspec.core", None)
    with pytest.raises(JobError, match=r"not installed: pip install 'symae\[scale\]'"):
        list(list_items(["s3://bucket/photos"]))
