"""Models on disk: `REPOSITORY/NAME-KIND/config.pbtxt` and `REPOSITORY/NAME-KIND/VERSION/model.onnx`.

The layout is that of an NVIDIA Triton model repository, so that Triton serves the same folder. A version is
never overwritten, and appears whole or not at all: it is written beside its place and renamed.
"""

from __future__ import annotations

import errno
import re
import shutil
import uuid
from collections.abc import Mapping
from pathlib import Path

import onnx
from google.protobuf.message import DecodeError

from serve.metadata import MAX_BATCH, Kind
from symae.errors import InputError, RunError

__all__ = ["CONFIG", "MAX_BATCH", "MODEL", "add_version", "check_interface", "check_name", "config_text"]

CONFIG, MODEL = "config.pbtxt", "model.onnx"
TYPES: Mapping[int, str] = {onnx.TensorProto.UINT8: "TYPE_UINT8", onnx.TensorProto.FLOAT: "TYPE_FP32"}
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


def check_name(name: str) -> str:
    """Return `name` if it is safe as a folder and in a URL.

    Raises:
        InputError: it is empty, too long, or has other signs than letters, digits, dots, - and _.
    """
    if not NAME.fullmatch(name):
        rule = "letters, digits, '.', '-' and '_', a letter or digit first, at most 100"
        raise InputError(f"{name!r} is no name for a model: expected {rule}; give one with --name")
    return name


def config_text(name: str, model: onnx.ModelProto) -> str:
    """Write Triton's description of a model; the batch axis is left out of the dims, as it wants it."""
    return "\n".join(
        [
            f'name: "{name}"',
            'platform: "onnxruntime_onnx"',
            f"max_batch_size: {MAX_BATCH}",
            *(_value("input", value) for value in model.graph.input),
            *(_value("output", value) for value in model.graph.output),
            "dynamic_batching { }",
            "",
        ]
    )


def add_version(repository: Path, name: str, kind: Kind, model: onnx.ModelProto) -> Path:
    """Write a model as the newest version of NAME-KIND; return the path of its model.onnx.

    A config.pbtxt that is there already stays as it is: it may have been tuned by hand.

    Raises:
        InputError: the name is not safe, or the repository is a file.
        RunError: NAME-KIND is there with other inputs or outputs, to which its users are bound.
    """
    folder = repository / f"{check_name(name)}-{kind}"
    check_interface(repository, name, kind, model)
    partial = repository / f".{folder.name}.{uuid.uuid4().hex}.partial"
    try:
        new = partial / "new"  # no number yet, which would make it a version to who reads hidden folders
        new.mkdir(parents=True)
        (new / MODEL).write_bytes(model.SerializeToString())
        (partial / CONFIG).write_text(config_text(folder.name, model), encoding="utf-8")
        return _publish(new, folder) / MODEL
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def check_interface(repository: Path, name: str, kind: Kind, model: onnx.ModelProto) -> None:
    """Check that a model may become a version of NAME-KIND; see `add_version` for the errors."""
    if repository.exists() and not repository.is_dir():
        raise InputError(f"{repository} is a file: expected the folder of a model repository, or a new one")
    folder = repository / f"{check_name(name)}-{kind}"
    versions = _versions(folder)
    if versions:
        _check_same_interface(folder / str(versions[-1]) / MODEL, model)


def _publish(new: Path, folder: Path) -> Path:
    """Rename what is whole into its place, with the next number; try anew where another export was quicker."""
    partial = new.parent
    while True:
        try:
            if folder.exists():
                if not (folder / CONFIG).exists():
                    (partial / CONFIG).rename(folder / CONFIG)
                return new.rename(folder / str(max(_versions(folder), default=0) + 1))
            new = new.rename(partial / "1")
            return partial.rename(folder) / "1"
        except OSError as error:
            if error.errno not in (errno.EEXIST, errno.ENOTEMPTY):
                raise


def _versions(folder: Path) -> list[int]:
    """List the versions of a model, oldest first; only positive numbers without leading zeros are versions."""
    if not folder.is_dir():
        return []
    return sorted(int(path.name) for path in folder.iterdir() if re.fullmatch(r"[1-9][0-9]*", path.name))


def _check_same_interface(newest: Path, model: onnx.ModelProto) -> None:
    try:
        there = onnx.load(newest)
    except (OSError, DecodeError) as error:
        raise RunError(f"{newest} cannot be read ({error}): remove its folder, or give another --name") from error
    if config_text("", there) != config_text("", model):
        raise RunError(
            f"{newest} has other inputs or outputs than the model to be added: give another --name, "
            "so that those who call it are not surprised"
        )


def _value(field: str, value: onnx.ValueInfoProto) -> str:
    tensor = value.type.tensor_type
    dims = ", ".join(str(axis.dim_value or -1) for axis in tensor.shape.dim[1:])
    data_type = TYPES.get(tensor.elem_type, "TYPE_INVALID")
    return f'{field} {{ name: "{value.name}" data_type: {data_type} dims: [ {dims} ] }}'
