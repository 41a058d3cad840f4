"""What is no checkpoint, damaged or hostile is one clear error: nothing runs, memory is bounded."""

import contextlib
import io
import json
import os
import pickle
import struct
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
import torch.distributed.checkpoint as dcp
from torch import nn

from modelviz_callbacks import CheckpointError, RecordError, load_record
from modelviz_callbacks.checkpoint.opening import open_checkpoint

STATE = nn.Linear(3, 2).state_dict()


class Runs:
    """Would make a file if it were unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.marker),)


def refused(place: Path, match: str) -> str:
    """Opening it is one error that names it."""
    with pytest.raises(CheckpointError, match=match) as caught:
        open_checkpoint(str(place))
    message = str(caught.value)
    assert message.startswith(str(place))
    assert "\n" not in message
    assert len(message) < 800
    return message


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def torch_bytes(content: Any, **options: Any) -> bytes:
    buffer = io.BytesIO()
    torch.save(content, buffer, **options)
    return buffer.getvalue()


def test_what_is_no_checkpoint_says_what_one_is(tmp_path) -> None:
    """Nothing, text, an archive of something, a pickle, a tar file, a program."""
    refused(tmp_path / "gone.ckpt", r"no checkpoint here .*FileNotFoundError.*Give a checkpoint's")
    refused(written(tmp_path / "empty.ckpt", b""), "is empty")
    refused(written(tmp_path / "notes.txt", b"some notes" * 9), r"notes\.txt is no checkpoint")
    refused(written(tmp_path / "p.ckpt", pickle.dumps(STATE)), "a bare pickle.*torch.save")
    with zipfile.ZipFile(tmp_path / "pages.zip", "w") as archive:
        archive.writestr("page.html", "x")
    refused(tmp_path / "pages.zip", r"was not written by torch\.save")
    with tarfile.open(tmp_path / "old.tar", "w") as tar:
        tar.add(tmp_path / "notes.txt")
    refused(tmp_path / "old.tar", "is no checkpoint")
    torch.jit.script(nn.Linear(3, 2)).save(tmp_path / "script.pt")
    refused(tmp_path / "script.pt", "TorchScript.*Save the state dict")


def test_a_named_pipe_is_not_waited_for(tmp_path) -> None:
    """Nobody may write to it."""
    for name in ("pipe.ckpt", "pipe.safetensors", "pipe.index.json"):
        os.mkfifo(tmp_path / name)
        refused(tmp_path / name, "this is no file")
    (tmp_path / "sharded").mkdir()
    os.mkfifo(tmp_path / "sharded" / ".metadata")
    refused(tmp_path / "sharded", "this is no file")


@pytest.mark.parametrize("zipped", [True, False], ids=["archive", "before torch 1.6"])
def test_a_part_of_a_checkpoint_is_told(zipped, tmp_path) -> None:
    """Wherever it ends; an interrupted copy is the usual case."""
    content = torch_bytes(STATE, _use_new_zipfile_serialization=zipped)
    for share in (0.02, 0.2, 0.5, 0.9):
        part = written(tmp_path / "part.ckpt", content[: int(len(content) * share)])
        refused(part, "damaged|no checkpoint|bare pickle")


@pytest.mark.parametrize("zipped", [True, False], ids=["archive", "before torch 1.6"])
def test_a_checkpoint_that_would_run_code_is_refused(zipped, tmp_path) -> None:
    """Weights only, and nothing else is tried; the error says what it holds and what to do."""
    marker = tmp_path / "ran"
    content = {"state_dict": STATE, "hyper_parameters": Runs(marker)}
    options = {"_use_new_zipfile_serialization": zipped}
    path = written(tmp_path / "h.ckpt", torch_bytes(content, **options))
    message = refused(path, r"it holds posix\.mkdir")
    assert "save_weights_only=True" in message
    with pytest.raises(RecordError, match=r"posix\.mkdir"):
        load_record(path)
    assert not marker.exists()


def test_an_archive_that_unpacks_to_more_than_it_should_is_refused(tmp_path, monkeypatch) -> None:
    """Before anything of it is unpacked, and a directory without an end before it is read."""
    bomb = tmp_path / "bomb.ckpt"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        with archive.open("archive/data.pkl", "w") as file:
            for _ in range(70):
                file.write(bytes(2**20))
        archive.writestr("archive/version", "3")
    assert bomb.stat().st_size < 200_000
    refused(bomb, r"is 73,400,321 bytes long; up to 67,108,864 are read")
    many = bytearray(torch_bytes(STATE))
    at = many.rfind(b"PK\x05\x06")
    many[at + 12 : at + 16] = struct.pack("<L", 2**31)
    refused(written(tmp_path / "many.ckpt", bytes(many)), "is 2,147,483,648 bytes long")


def test_hostile_pickles_in_an_archive_are_errors(tmp_path) -> None:
    """Not what weights-only loading admits, or no pickle at all."""
    for content in (b"", b"\x80\x02", b"\x80\x02}q", b"garbage", b"\x80\x02K\x01.", b"\x80\x02R."):
        path = tmp_path / "h.ckpt"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("archive/data.pkl", content)
            archive.writestr("archive/version", "3")
            archive.writestr("archive/byteorder", "little")
        refused(path, "")


def header(about: Any, room: int = 0) -> bytes:
    text = about if isinstance(about, bytes) else json.dumps(about).encode()
    return struct.pack("<Q", len(text)) + text + bytes(room)


GOOD = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"", "damaged"),
        (b"1234567", "damaged"),
        (struct.pack("<Q", 2**63) + b"{}", "its header has 9,223,372,036,854,775,808 bytes"),
        (struct.pack("<Q", 100) + b"{}", "its header has 100 bytes, the file 10"),
        (header(b"{"), "no header of a safetensors file, or a part"),
        (header(b"[1]"), "no JSON object"),
        (header(b'{"a": 1, "a": 2}'), "twice"),
        (header(b"[" * 100_000), "no header of a safetensors file"),
        (header(b'{"\xff": 1}'), "utf-8"),
        (header(b"{" + b"," * 4_000_001), "more than 4,000,000 values"),
        (header({"a": 3}), "'a' has no dtype"),
        (header({"a": {**GOOD, "dtype": 3}}, 8), "'a' has no dtype"),
        (header({"a": {**GOOD, "shape": [-2]}}, 8), "has the shape"),
        (header({"a": {**GOOD, "shape": [True, 2]}}, 8), "has the shape"),
        (header({"a": {**GOOD, "shape": [2**70]}}, 8), "has the shape"),
        (header({"a": {**GOOD, "shape": [3]}}, 8), "not its shape's size"),
        (header({"a": GOOD}, 7), "end beyond the end"),
        (header({"a": {**GOOD, "data_offsets": [8, 0]}}, 8), "end beyond the end"),
    ],
)
def test_a_hostile_header_of_safetensors_is_an_error(content, match, tmp_path) -> None:
    """Its length is believed no further than the file goes."""
    refused(written(tmp_path / "x.safetensors", content), match)


def test_a_header_that_is_too_long_is_not_read(tmp_path, monkeypatch) -> None:
    """However large the file is."""
    monkeypatch.setattr("modelviz_callbacks.checkpoint.safetensors_file.MOST_DESCRIPTION_BYTES", 50)
    refused(written(tmp_path / "x.safetensors", header({"a": GOOD}, 8)), "up to 50 are read")


@pytest.mark.parametrize(
    ("index", "match"),
    [
        ({"weight_map": {"weight": "../other/x.safetensors"}}, "no name of a file in this folder"),
        ({"weight_map": {"weight": "/etc/passwd"}}, "no name of a file in this folder"),
        ({"weight_map": {"weight": "s3://bucket/x"}}, "no name of a file in this folder"),
        ({"weight_map": {"weight": ".."}}, "no name of a file in this folder"),
        ({"weight_map": {"weight": "gone.safetensors"}}, "cannot be read.*FileNotFound"),
        ({"weight_map": {"other": "x.safetensors"}}, "'other' is not in x.safetensors"),
        ({"weight_map": {"weight": 3}}, "no index"),
        ({"weights": {}}, "no index"),
        ([], "no JSON object"),
    ],
)
def test_a_hostile_index_is_an_error(index, match, tmp_path) -> None:
    """It does not lead out of its folder."""
    (tmp_path / "other").mkdir()
    for folder in (tmp_path, tmp_path / "other"):
        safetensors.torch.save_file(STATE, folder / "x.safetensors")
    path = tmp_path / "x.safetensors.index.json"
    path.write_text(json.dumps(index))
    with pytest.raises(CheckpointError, match=match):
        open_checkpoint(str(path))


def metadata(folder: Path, content: bytes) -> Path:
    (folder / "sharded").mkdir(exist_ok=True)
    written(folder / "sharded" / ".metadata", content)
    return folder / "sharded"


def test_metadata_that_would_run_code_are_refused(tmp_path) -> None:
    """Only the classes of metadata are admitted, and even those only stand for themselves."""
    marker = tmp_path / "ran"
    folder = metadata(tmp_path, pickle.dumps(Runs(marker)))
    assert "could run code" in refused(folder, r"it names posix\.mkdir")
    assert not marker.exists()


@pytest.mark.parametrize(
    "named",
    [
        ("builtins", "eval"),
        ("builtins", "getattr"),
        ("torch", "load"),
        ("torch", "hub.load"),
        ("torch.serialization", "load"),
        ("torch.distributed.checkpoint.metadata", "os.system"),
        ("torch.distributed.checkpoint.metadata", "dataclass"),
        ("pathlib", "os.system"),
    ],
)
def test_no_other_name_is_admitted(named, tmp_path) -> None:
    """Neither of torch's own modules nor through them."""
    module, name = named
    pickled = b"\x80\x04" + b"".join(
        b"\x8c" + bytes([len(text)]) + text.encode() for text in (module, name)
    )
    refused(metadata(tmp_path, pickled + b"\x93."), f"it names {module}.{name}")


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"", "damaged"),
        (b"garbage", "damaged"),
        (b"\x80\x04}.", "no description"),
        (b"\x80\x04K\x01r\xff\xff\xff\x7f.", "a memo of 2,147,483,647 places"),
        (b"\x80\x04\x8e" + struct.pack("<Q", 2**60) + b".", "damaged"),
        (b"\x80\x04\x95" + struct.pack("<Q", 2**60) + b"}.", "damaged"),
        (b"\x80\x04\x82\x01.", "uses EXT1"),
        (b"\x80\x04Pname\n.", "uses PERSID"),
    ],
)
def test_damaged_and_hostile_metadata_are_errors(content, match, tmp_path) -> None:
    """No memory is taken for what the file cannot hold."""
    refused(metadata(tmp_path, content), match)


def test_every_part_and_every_changed_byte_of_metadata_is_read_or_an_error(tmp_path) -> None:
    """Never another exception."""
    dcp.save({"model": STATE}, checkpoint_id=tmp_path / "real", no_dist=True)
    content = (tmp_path / "real" / ".metadata").read_bytes()
    parts = [content[:at] for at in range(0, len(content), 97)]
    changed = [
        content[:at] + bytes([content[at] ^ 0x41]) + content[at + 1 :]
        for at in range(0, len(content), 19)
    ]
    for hostile in (*parts, *changed):
        with contextlib.suppress(CheckpointError):
            open_checkpoint(str(metadata(tmp_path, hostile)))
