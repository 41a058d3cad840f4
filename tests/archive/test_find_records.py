"""Which records are found below a folder or in a store, and what is told of them."""

import shutil
import threading
from pathlib import Path

import fsspec
import pytest

import modelviz_callbacks
from modelviz_callbacks.archive import search
from modelviz_callbacks.archive.folders import Listing, list_folder
from modelviz_callbacks.archive.found import FoundRecord
from modelviz_callbacks.archive.manifest import Manifest
from modelviz_callbacks.archive.search import SearchProgress, find_records
from modelviz_callbacks.errors import RecordError, SettingsError

MANIFEST = Manifest(
    "2026-01-31T12:00:00Z",
    "complete",
    {"class": "torchvision.models.resnet.ResNet", "roots": [""]},
    totals={"parameters": 11_689_512, "flops_forward": None},
    fingerprints={"structure": "sha256:1f4c09ab", "dataflow": "sha256:77aa"},
)


@pytest.fixture(params=["", "memory://", "file://"])
def root(request, tmp_path) -> str:
    """An empty folder, of this machine or of a store."""
    if request.param == "memory://":
        fsspec.filesystem("memory").store.clear()
        fsspec.filesystem("memory").pseudo_dirs[:] = [""]
        fsspec.filesystem("memory").makedirs(str(tmp_path))
    return f"{request.param}{tmp_path}"


def write(root: str | Path, *folders: str, text: str = MANIFEST.to_json()) -> None:
    """Writes manifests into folders, each with a file beside it."""
    for folder in folders:
        for name, content in (("manifest.json", text), ("table.txt", "")):
            with fsspec.open(f"{root}/{folder}/{name}", "wb", auto_mkdir=True) as file:
                file.write(content.encode("utf-8", "surrogateescape"))


def names(root: str | Path, **filters: str) -> list[str]:
    """The names of what is found."""
    return [record.name for record in find_records(root, **filters)]


def test_what_is_told_of_a_record(root) -> None:
    """Enough for a line in a list, and where it lies."""
    write(root, "exp/architecture")
    (record,) = modelviz_callbacks.find_records(root)
    assert record == FoundRecord(
        directory=f"{root.removeprefix('file://')}/exp/architecture",
        run="exp",
        number=1,
        is_latest=True,
        class_name="torchvision.models.resnet.ResNet",
        parameters=11_689_512,
        flops_forward=None,
        fingerprints={"structure": "sha256:1f4c09ab", "dataflow": "sha256:77aa"},
        status="complete",
        created_at="2026-01-31T12:00:00Z",
    )
    assert modelviz_callbacks.load_record(record.directory).manifest == MANIFEST


def test_the_name_of_a_record_opens_it(root) -> None:
    """The run's is that of its latest record; a copy under another name is a run of its own."""
    folders = [f"run/architecture{n}" for n in ("", "-2", "-10")]
    write(root, *folders, "golden", "architecture", "a/architecture/b/architecture-2")
    assert names(root) == [
        "a/architecture/b",
        ".",
        "golden",
        "run/architecture",
        "run",
        "run/architecture-2",
    ]


@pytest.mark.parametrize("folder", ["run", "run/architecture-2"])
def test_a_search_may_begin_in_a_run_or_a_record(root, folder) -> None:
    """Whoever looks at one alone sees it."""
    write(root, "run/architecture-2")
    assert [(r.name, r.number) for r in find_records(f"{root}/{folder}")] == [(".", 2)]


@pytest.mark.parametrize("name", ["checkpoints", ".git", "site-packages"])
def test_folders_that_hold_no_records_are_not_looked_into(root, name) -> None:
    """Nor are records themselves."""
    write(root, f"{name}/architecture", f"run/{name}/architecture")
    write(root, "run/architecture", "run/architecture/net/architecture")
    assert names(root) == ["run"]


def test_others_manifests_are_no_records(root) -> None:
    """Web extensions have one, too; records may lie below."""
    for content in ('{"manifest_version": 3}', "[]", "no JSON", "\udcff"):
        write(root, f"other{len(content)}", text=content)
        write(root, f"other{len(content)}/inner/architecture")
    assert [Path(name).name for name in names(root)] == ["inner"] * 4


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("{", "manifest.json: this is no manifest"),
        ('{"schema_version": 99}', "Update modelviz-callbacks"),
        ("\udcff", "no UTF-8"),
    ],
)
def test_a_record_that_cannot_be_read_says_why(root, content, problem) -> None:
    """It has our name, so it is ours; the others are given all the same."""
    write(root, "a/architecture", "c/architecture")
    write(root, "b/architecture-2", text=content)
    first, broken, last = find_records(root)
    assert (first.problem, last.problem) == (None, None)
    assert problem in str(broken.problem)
    assert root not in str(broken.problem)
    assert (broken.name, broken.status, broken.fingerprints) == ("b", None, {})


def test_figures_that_are_none_are_not_told(root) -> None:
    """Anybody may have written a manifest."""
    totals = {"parameters": "many", "flops_forward": True}
    write(
        root,
        "a/architecture",
        text=Manifest("", model={"class": [1]}, totals=totals).to_json(),
    )
    (record,) = find_records(root)
    assert (record.class_name, record.parameters, record.flops_forward) == (None, None, None)


@pytest.mark.parametrize(
    ("given", "is_found"),
    [
        ({"class_name": "ResNet"}, True),
        ({"class_name": "resnet"}, True),
        ({"class_name": "resnet.ResNet"}, True),
        ({"class_name": "torchvision.models.resnet.ResNet"}, True),
        ({"class_name": "*res?et"}, True),
        ({"class_name": "Res"}, False),
        ({"class_name": "Net"}, False),
        ({"fingerprint": "1f4c"}, True),
        ({"fingerprint": "sha256:1F4C09AB"}, True),
        ({"fingerprint": "77"}, True),
        ({"fingerprint": "4c"}, False),
        ({"name": "version_3"}, True),
        ({"name": "LOGS/v"}, True),
        ({"name": "logs/*_?"}, True),
        ({"name": "version_?"}, False),
        ({"name": "architecture"}, False),
        ({"name": "version_3", "class_name": "VGG"}, False),
    ],
)
def test_records_are_filtered(root, given, is_found) -> None:
    """By class, fingerprint and run; all of them must fit."""
    write(root, "logs/version_3/architecture")
    assert names(root, **given) == (["logs/version_3"] if is_found else [])


def test_what_cannot_be_read_might_be_what_is_asked_for(root) -> None:
    """Only its run's name can tell that it is not."""
    write(root, "exp/architecture", text="{")
    assert names(root, class_name="VGG", fingerprint="0") == ["exp"]
    assert names(root, name="other") == []


@pytest.mark.parametrize("given", ["", "xyz", "sha256:", "md5:12", "1" * 65, "*"])
def test_a_fingerprint_that_is_none_is_refused(tmp_path, given) -> None:
    """Before anything is searched."""
    with pytest.raises(SettingsError, match="hexadecimal"):
        find_records(tmp_path, fingerprint=given)


def test_links_are_not_followed(tmp_path) -> None:
    """Neither linked folders, nor a linked manifest, nor a link that leads around."""
    write(tmp_path, "outside/architecture", "logs/run/architecture")
    logs = tmp_path / "logs"
    (logs / "architecture").mkdir()
    (logs / "out").symlink_to(tmp_path / "outside")
    (logs / "around").symlink_to(logs)
    (logs / "architecture" / "manifest.json").symlink_to(
        tmp_path / "outside" / "architecture" / "manifest.json"
    )
    (tmp_path / "link").symlink_to(logs)
    seen: list[SearchProgress] = []
    for root in (logs, f"file://{logs}", tmp_path / "link"):
        assert [r.name for r in find_records(root, on_progress=seen.append)] == ["run"]
        assert seen[-1] == SearchProgress(folders=4, records=1, linked=1)


def test_progress_is_told(root) -> None:
    """Also of records that are not asked for."""
    write(root, "a/architecture", "b/architecture")
    seen: list[SearchProgress] = []
    assert list(find_records(root, class_name="VGG", on_progress=seen.append)) == []
    assert seen[-1].records == 2
    assert len(seen) > 2


def test_a_folder_that_cannot_be_read_is_counted(tmp_path, monkeypatch) -> None:
    """The others are searched; one that has gone meanwhile is nothing to tell of."""
    write(tmp_path, "a/architecture", "b/architecture", "c/architecture")

    def refuse(path: str) -> Listing:
        if path.endswith("b"):
            raise PermissionError(path)
        if path.endswith("c"):
            shutil.rmtree(path)
        return list_folder(path)

    monkeypatch.setattr(search, "list_folder", refuse)
    seen: list[SearchProgress] = []
    assert [r.name for r in find_records(tmp_path, on_progress=seen.append)] == ["a"]
    assert seen[-1].unreadable == 1


def test_a_root_that_is_not_there_is_an_error(root) -> None:
    """It says what was given."""
    with pytest.raises(RecordError, match=f"{root}/none: .*searched"):
        list(find_records(f"{root}/none"))
    write(root, "file")
    if "memory" not in root:
        with pytest.raises(RecordError, match=r"manifest\.json: .*searched"):
            list(find_records(f"{root}/file/manifest.json"))


def test_an_empty_root_has_no_records(root) -> None:
    """That is no error."""
    assert names(root) == []


class FailingStore(fsspec.AbstractFileSystem):
    """A store that nobody lets in."""

    protocol = "failing"

    def find(self, *args, **kwargs):
        raise RuntimeError("no credentials")


@pytest.mark.parametrize(
    ("url", "reason"), [("failing://bucket/runs", "no credentials"), ("nosuch://a", "nosuch")]
)
def test_a_store_that_fails_is_named(url, reason) -> None:
    """Whatever it raises."""
    fsspec.register_implementation("failing", FailingStore, clobber=True)
    with pytest.raises(RecordError, match=f"{url}: .*{reason}"):
        list(find_records(url))


def test_a_store_is_listed_once(root, monkeypatch) -> None:
    """Each call may take long."""
    write("memory://listed", *(f"run{n}/architecture" for n in range(20)))
    calls: list[str] = []
    store = type(fsspec.filesystem("memory"))
    for name in ("ls", "info", "exists", "find"):
        really = getattr(store, name)
        monkeypatch.setattr(
            store,
            name,
            lambda self, *a, _name=name, _really=really, **k: (
                calls.append(_name) or _really(self, *a, **k)
            ),
        )
    assert len(names("memory://listed")) == 20
    assert calls.count("find") == 1
    assert calls.count("exists") == 0


def test_a_store_is_asked_for_several_manifests_at_a_time(monkeypatch) -> None:
    """They come in the order of their places all the same; nobody reads on for one who has gone."""
    write("memory://many", *(f"run{n:03}/architecture" for n in range(200)))
    both, gone = threading.Barrier(2, timeout=10), threading.Event()
    asked: list[str] = []
    really = search.looked_at

    def look(place: FoundRecord) -> FoundRecord | None:
        asked.append(place.run)
        if len(asked) <= 2:
            both.wait()
        elif place.run > "run005":
            gone.wait(10)
        return really(place)

    monkeypatch.setattr(search, "looked_at", look)
    found = find_records("memory://many")
    assert [next(found).run for _ in range(3)] == ["run000", "run001", "run002"]
    found.close()
    gone.set()
    for thread in threading.enumerate():
        if thread.name.startswith("modelviz-search"):
            thread.join(10)
    assert len(asked) < 40
