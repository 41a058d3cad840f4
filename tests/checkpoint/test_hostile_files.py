"""What is no checkpoint, damaged or hostile is one clear error: nothing runs, memory is bounded."""

import contextlib
import io
import json
import os
import pickle
import pickletools
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
from modelviz_callbacks.checkpoint import limits
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
        (struct.pack("<Q", 2**63) + b"{}", "ends beyond the end of the file"),
        (struct.pack("<Q", 100) + b"{}", "ends beyond the end of the file"),
        (header(b"{"), "no header of a safetensors file, or a part"),
        (header(b"[1]"), "no JSON object"),
        (header(b'{"a": 1, "a": 2}'), "twice"),
        (header(b"[" * 100_000), "no header of a safetensors file"),
        (header(b'{"\xff": 1}'), "utf-8"),
        (header(b"{" + b"," * 4_000_001), "more than 4,000,000 values"),
        (header({"a": 3}), "'a' has no dtype"),
        (header({"a": {**GOOD, "dtype": 3}}, 8), "'a' has no dtype"),
        (header({"a": {**GOOD, "shape": [-2]}}, 8), "has a shape that no tensor can have"),
        (header({"a": {**GOOD, "shape": [True, 2]}}, 8), "has a shape that no tensor can have"),
        (header({"a": {**GOOD, "shape": [2**70]}}, 8), "has a shape that no tensor can have"),
        (header({"a": {**GOOD, "shape": [3]}}, 8), "not as many as its shape needs"),
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
        (b"\x80\x04K\x01r\xff\xff\xff\x7f.", "damaged|no description"),
        (b"\x80\x04\x8e" + struct.pack("<Q", 2**60) + b".", "damaged"),
        (b"\x80\x04\x95" + struct.pack("<Q", 2**60) + b"}.", "damaged"),
        (b"\x80\x04\x82\x01.", "uses EXT1"),
        (b"\x80\x04Pname\n.", "uses PERSID"),
    ],
)
def test_damaged_and_hostile_metadata_are_errors(content, match, tmp_path) -> None:
    """No memory is taken for what the file cannot hold."""
    refused(metadata(tmp_path, content), match)


_ITS = b"ctorch.distributed.checkpoint.metadata\n"
# A tuple of twice the same, sixty times: a few bytes of which a hash or a text takes for ever.
_LAUGHS = b"()q\0" + b"".join(b"h%ch%c\x86q%c" % (n, n, n + 1) for n in range(50)) + b"t"


def _text(text: bytes) -> bytes:
    return b"X" + struct.pack("<I", len(text)) + text


def _described(name: bytes, size: bytes, ways: bytes = b"}") -> bytes:
    properties = _ITS + b"TensorProperties\n)\x81(" + b"ctorch\nfloat32\ntb"
    fields = _text(b"size") + size + _text(b"properties") + properties
    tensor = _ITS + b"TensorStorageMetadata\n)\x81}(" + fields + b"ub"
    state = _text(b"state_dict_metadata") + b"}(" + name + tensor + b"u"
    whole = state + _text(b"planner_data") + ways
    return b"\x80\x02" + _ITS + b"Metadata\n)\x81}(" + whole + b"ub."


def _whole(number: int) -> bytes:
    content = number.to_bytes(number.bit_length() // 8 + 1, "little")
    return b"\x8a%c" % len(content) + content


def test_a_description_as_the_hostile_ones_are_made_is_read(tmp_path) -> None:
    """So they fail for what is hostile in them."""
    folder = metadata(tmp_path, _described(_text(b"w"), b"K\x02\x85"))
    assert open_checkpoint(str(folder)).tree.tensors()["w"].shape == (2,)


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (_described(_LAUGHS, b"K\x02\x85"), "damaged.*unhashable"),
        (_described(b"K\x01", b"K\x02\x85"), "name is no text"),
        (_described(_text(b"w"), _LAUGHS), "sizes that no tensor can have"),
        (_described(_text(b"w"), b"(" + b"K\x02" * 65 + b"t"), "sizes that no tensor can have"),
        (_described(_text(b"w"), _whole(2**63) + b"\x85"), "sizes that no tensor can have"),
        (_described(_text(b"w"), _whole(2**40) * 2 + b"\x86"), "sizes that no tensor can have"),
        (
            _described(_text(b"w"), b"K\x02\x85", b"}(" + _text(b"w") + _LAUGHS + b"\x85u"),
            "neither texts nor numbers",
        ),
        (
            _described(_text(b"w"), b"K\x02\x85", b"}(" + _text(b"w") + _whole(2**999) + b"\x85u"),
            "neither texts nor numbers",
        ),
        (b"\x80\x02)2\x86.", "uses DUP"),
        (b"\x80\x02" + _ITS + b"Metadata\n}}\x86b.", "a state to what has none"),
        (b"(" + b"}" * 3_000_001, "more than 3,000,000 objects"),
    ],
    ids=range(11),
)
def test_metadata_that_would_take_for_ever_are_errors(content, match, tmp_path) -> None:
    """Nothing is hashed, counted or printed that grows faster than the file."""
    refused(metadata(tmp_path, content), match)


@pytest.mark.parametrize(
    "about",
    [
        {**GOOD, "shape": [2**62] * 100_000},
        {**GOOD, "shape": [-1] * 100_000},
        {**GOOD, "shape": [2**62, 2**62]},
    ],
    ids=["many", "negative", "product"],
)
def test_a_hostile_shape_of_safetensors_is_a_short_error(about, tmp_path) -> None:
    """The product is not made, and the sizes are not printed; nor is a name in full."""
    place = written(tmp_path / "x.safetensors", header({"n" * 100_000: about}, 8))
    refused(place, "a shape that no tensor can have")


def pickled_in_archive(path: Path, content: bytes, *more: str) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("data.pkl", *more):
            archive.writestr(f"archive/{name}", content)
        archive.writestr("archive/version", "3")
        archive.writestr("archive/byteorder", "little")
    return path


def pickled_before_torch_1_6(path: Path, content: bytes) -> Path:
    return written(path, pickle_header() + content + b"\x80\x02].")


def pickle_header() -> bytes:
    start = torch_bytes({}, _use_new_zipfile_serialization=False)
    # The magic number, and the version.
    stream = io.BytesIO(start)
    for _ in range(3):
        pickle.load(stream)
    return start[: stream.tell()]


@pytest.mark.parametrize("made", [pickled_in_archive, pickled_before_torch_1_6])
def test_a_pickle_that_would_take_much_memory_is_refused_before_torch(made, tmp_path, monkeypatch):
    """Objects for a byte each, and the one class that takes as much memory as it is told."""
    monkeypatch.delattr("modelviz_callbacks.checkpoint.torch_loading.load_branch")
    many = b"\x80\x02(" + b"}" * 3_000_001 + b"t."
    refused(made(tmp_path / "many.pt", many), "more than 3,000,000 objects")
    for module in (b"builtins", b"__builtin__"):
        reserving = b"\x80\x02c" + module + b"\nbytearray\n" + _whole(3 * 10**9) + b"\x85R."
        refused(made(tmp_path / "b.pt", reserving), "it holds a bytearray")


def test_an_archive_with_two_pickles_is_refused(tmp_path) -> None:
    """Another one might be loaded than the one that was looked at."""
    refused(pickled_in_archive(tmp_path / "h.pt", b"\x80\x02}.", "DATA.pkl"), "not written by")


def test_pickles_of_many_tensors_are_within_the_limits() -> None:
    """A hundred thousand tensors take a fifth of what is allowed."""
    tensors = {f"model.layers.{n}.self_attn.q_proj.weight": torch.zeros(2) for n in range(1_000)}
    with zipfile.ZipFile(io.BytesIO(torch_bytes(tensors))) as archive:
        content = archive.read("archive/data.pkl")
    steps = sum(1 for _ in pickletools.genops(content))
    made = sum(1 for step, *_ in pickletools.genops(content) if step.code in "(]}R\x8f\x81")
    assert steps * 100 * 4 < limits.MOST_STEPS
    assert made * 100 * 5 < limits.MOST_CONTAINERS
    assert len(content) * 100 * 3 < limits.MOST_DESCRIPTION_BYTES


def test_what_a_link_leads_to_is_not_told(tmp_path) -> None:
    """Shards may be links, as in the cache of Hugging Face; no byte of another file is printed."""
    foreign = written(tmp_path / "secret", b"SECRET99" * 9)
    (tmp_path / "x.safetensors").symlink_to(foreign)
    index = tmp_path / "x.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {"w": "x.safetensors"}}))
    with pytest.raises(CheckpointError, match="damaged") as caught:
        open_checkpoint(str(index))
    message = str(caught.value).replace(str(tmp_path), "")
    assert not any(letter.isdigit() for letter in message)
    assert "SECRET" not in message


_CALLS = {
    "os.system": (b"os", b"system", "touch {}"),
    "posix.system": (b"posix", b"system", "touch {}"),
    "eval": (b"builtins", b"eval", "__import__('os').mkdir('{}')"),
    "__builtin__.eval": (b"__builtin__", b"eval", "__import__('os').mkdir('{}')"),
    "torch.hub": (b"torch.hub", b"load", "{}"),
    "torch.load": (b"torch", b"load", "{}"),
    "torch.os.system": (b"torch", b"os.system", "touch {}"),
    "torch.serialization.os.system": (b"torch.serialization", b"os.system", "touch {}"),
}


def _calls(name: str, marker: Path) -> bytes:
    module, function, argument = _CALLS[name]
    called = b"\x80\x02c" + module + b"\n" + function + b"\n"
    return called + _text(argument.format(marker).encode()) + b"\x85R."


def _in_metadata(folder: Path, content: bytes) -> Path:
    return metadata(folder, content)


def _in_lightnings(folder: Path, content: bytes) -> Path:
    metadata(folder, _described(_text(b"w"), b"K\x02\x85"))
    pickled_in_archive(folder / "sharded" / "meta.pt", content)
    return folder / "sharded"


def _in_shard(folder: Path, content: bytes) -> Path:
    pickled_in_archive(folder / "x.pt", content)
    index = folder / "x.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {"w": "x.pt"}}))
    return index


def _in_archive(folder: Path, content: bytes) -> Path:
    return pickled_in_archive(folder / "x.pt", content)


def _before_torch_1_6(folder: Path, content: bytes) -> Path:
    return pickled_before_torch_1_6(folder / "x.pt", content)


@pytest.mark.parametrize("name", _CALLS)
@pytest.mark.parametrize(
    "put", [_in_archive, _before_torch_1_6, _in_metadata, _in_lightnings, _in_shard]
)
def test_nothing_in_any_kind_of_checkpoint_is_called(put, name, tmp_path) -> None:
    """Wherever a pickle may be, what it would call is refused by name."""
    marker = tmp_path / "ran"
    with pytest.raises(CheckpointError, match=r"could run code|weights-only loading refuses"):
        open_checkpoint(str(put(tmp_path, _calls(name, marker))))
    assert not marker.exists()


@pytest.mark.parametrize("name", ["posix.system", "eval"])
def test_what_is_called_in_a_hostile_checkpoint_would_run(name, tmp_path) -> None:
    """So the tests above would see it."""
    pickle.loads(_calls(name, tmp_path / "ran"))
    assert (tmp_path / "ran").exists()


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
