"""Which files of a record are handed out, and how."""

import pytest

from modelviz_callbacks.tensorboard_plugin.found import LogdirRecord
from modelviz_callbacks.tensorboard_plugin.log_roots import LogRoot
from modelviz_callbacks.tensorboard_plugin.record_files import serve, served_names
from tests.tensorboard_plugin.records import artifact, manifest, write_record

FILES = {
    "manifest.json": "application/json",
    "index.html": "text/html",
    "architecture.json": "application/json",
    "summary.txt": "text/plain",
    "net/torchview.gv": "text/plain",
    "net/torchview.svg": "image/svg+xml",
    "net/torchview.png": "image/png",
}


@pytest.fixture
def record(tmp_path) -> LogdirRecord:
    """A record of a network called "net", with files that no manifest lists."""
    pictures = [name for name in FILES if name.startswith("net/")]
    artifacts = (*manifest().artifacts, artifact("torchview", *pictures))
    folder = write_record(tmp_path / "run" / "architecture", artifacts=artifacts)
    (folder / "unlisted.txt").write_text("mine")
    (tmp_path / "secret.txt").write_text("secret")
    return LogdirRecord(
        LogRoot(str(tmp_path)), "run/architecture", manifest=manifest(artifacts=artifacts)
    )


@pytest.mark.parametrize(("name", "content_type"), FILES.items())
def test_what_a_manifest_lists_is_handed_out(name, content_type, record) -> None:
    """Each with the type of its name, and with a policy under which it reaches nothing."""
    served = serve(record, name)
    assert served.content_type == content_type
    assert served.policy.startswith("sandbox")
    assert "default-src 'none'" in served.policy
    assert "allow-same-origin" not in served.policy
    assert ("allow-scripts" in served.policy) == (name == "index.html")


@pytest.mark.parametrize(
    "name", ["unlisted.txt", "", ".", "net", "./summary.txt", "SUMMARY.TXT", "summary.txt/"]
)
def test_nothing_else_is(name, record) -> None:
    """Also where it is another way of writing what is listed."""
    with pytest.raises(ValueError, match="no file that the manifest lists"):
        serve(record, name)


@pytest.mark.parametrize(
    "name",
    ["../../secret.txt", "/etc/hostname.txt", "net/../../../secret.txt", "..\\..\\secret.txt",
     "net/\0.txt"],
)  # fmt: skip
def test_a_manifest_opens_no_way_out(name, tmp_path) -> None:
    """Whoever wrote it: it is data."""
    evil = manifest(artifacts=(artifact("summary", name),))
    (tmp_path / "run" / "architecture").mkdir(parents=True)
    (tmp_path / "secret.txt").write_text("secret")
    record = LogdirRecord(LogRoot(str(tmp_path)), "run/architecture", manifest=evil)
    with pytest.raises(ValueError, match="no path below"):
        serve(record, name)


@pytest.mark.parametrize("linked", ["run", "run/architecture", "run/architecture/summary.txt"])
def test_a_link_opens_no_way_out(linked, tmp_path) -> None:
    """Also one that was put there after the record was found."""
    elsewhere = tmp_path / "elsewhere"
    write_record(elsewhere / "run" / "architecture")
    logs = tmp_path / "logs"
    (logs / linked).parent.mkdir(parents=True)
    (logs / linked).symlink_to(elsewhere / linked)
    record = LogdirRecord(LogRoot(str(logs)), "run/architecture", manifest=manifest())
    with pytest.raises(OSError, match=r"symbolic|directory"):
        serve(record, "summary.txt")


@pytest.mark.parametrize("name", ["evil.html", "net/index.html", "evil.js", "evil", "x.svgz"])
def test_kinds_that_no_record_holds_are_refused(name, tmp_path) -> None:
    """A page is one file of one name."""
    artifacts = (artifact("summary", name),)
    write_record(tmp_path / "architecture", artifacts=artifacts)
    record = LogdirRecord(
        LogRoot(str(tmp_path)), "architecture", manifest=manifest(artifacts=artifacts)
    )
    with pytest.raises(ValueError, match="no kind that a record holds"):
        serve(record, name)


def test_a_manifest_that_cannot_be_read_lists_nothing() -> None:
    """Its page may be there all the same."""
    listed = manifest(artifacts=(artifact("summary", "ok.txt"),))
    assert served_names(listed) == {"manifest.json", "index.html", "ok.txt"}
    assert served_names(None) == {"manifest.json", "index.html"}
