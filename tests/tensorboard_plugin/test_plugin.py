"""The plugin in TensorBoard: what it answers, and to what."""

import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path
from urllib.parse import quote

import pytest
from tensorboard.backend.application import make_plugin_loader
from tensorboard.plugins import base_plugin

from modelviz_callbacks.tensorboard_plugin import plugin as plugin_module
from modelviz_callbacks.tensorboard_plugin.catalogue import Catalogue
from tests.tensorboard_plugin.records import (
    artifact,
    listing,
    manifest,
    page,
    tensorboard,
    write_events,
    write_record,
)

ROUTE = "/data/plugin/modelviz"


@pytest.fixture
def logs(tmp_path) -> Path:
    """A logdir with two runs, beside a secret."""
    (tmp_path / "secret.txt").write_text("secret")
    for name in ("a", "b"):
        write_events(tmp_path / "logs" / name)
        write_record(tmp_path / "logs" / name / "architecture")
    return tmp_path / "logs"


def listed_plugins(client) -> dict:
    return client.get("/data/plugins_listing").json


def test_the_tab_is_there_where_records_are(logs, tmp_path) -> None:
    """It is among the inactive ones elsewhere, and TensorBoard's own are as they were."""
    told = listed_plugins(tensorboard("--logdir", str(logs)))
    assert told["modelviz"]["tab_name"] == "Architecture"
    assert told["modelviz"]["enabled"] is True
    assert told["modelviz"]["loading_mechanism"] == {
        "type": "IFRAME",
        "module_path": f"{ROUTE}/tab.js",
    }
    assert {"images", "graphs", "text"} <= told.keys()
    (tmp_path / "empty").mkdir()
    told = listed_plugins(tensorboard("--logdir", str(tmp_path / "empty")))
    assert told["modelviz"]["enabled"] is False


def test_records_of_all_logdirs_are_listed(logs) -> None:
    """With the names that TensorBoard gives their runs."""
    told = listing(tensorboard("--logdir_spec", f"one:{logs / 'a'},two:{logs / 'b'}"))
    assert [(r["name"], r["run"]) for r in told["records"]] == [
        ("one/architecture", "one/."),
        ("two/architecture", "two/."),
    ]


def test_new_records_appear_without_a_restart(logs, monkeypatch) -> None:
    """When the tab asks again."""
    monkeypatch.setattr("modelviz_callbacks.tensorboard_plugin.catalogue._PAUSE_S", 0.0)
    monkeypatch.setattr("modelviz_callbacks.tensorboard_plugin.catalogue._SHARE", 1e9)
    client = tensorboard("--logdir", str(logs))
    assert len(listing(client)["records"]) == 2
    write_record(logs / "c" / "architecture")
    assert [r["name"] for r in listing(client)["records"]] == [
        f"{run}/architecture" for run in "abc"
    ]


def test_a_store_is_not_searched_and_the_tab_says_so() -> None:
    """And TensorBoard starts."""
    told = listing(tensorboard("--logdir_spec", "x:s3://bucket/logs"))
    assert told["records"] == []
    assert "not on this machine" in told["notes"][0]


@pytest.mark.parametrize("prefix", ["", "/proxy/tb"])
def test_a_page_is_served_to_be_framed(prefix, logs) -> None:
    """As HTML in a sandbox, with its script allowed; behind a proxy, too."""
    client = tensorboard("--logdir", str(logs), path=prefix)
    (first, _) = listing(client, prefix)["records"]
    answer = client.get(f"{prefix}{ROUTE}/record/{first['id']}/index.html?v={first['page']}")
    assert answer.status_code == 200
    assert answer.text == page("a")
    assert answer.mimetype.lower() == "text/html"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    (policy,) = answer.headers.getlist("Content-Security-Policy")
    assert policy.startswith(
        "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline'"
    )


def test_tensorboard_has_no_complaints_about_the_answers(logs, caplog) -> None:
    """It looks at the policy of each page that it serves."""
    client = tensorboard("--logdir", str(logs))
    for record in listing(client)["records"]:
        for name in ("index.html", "summary.txt", "manifest.json"):
            assert client.get(f"{ROUTE}/record/{record['id']}/{name}").status_code == 200
    for name in plugin_module._ASSETS:
        assert client.get(f"{ROUTE}/{name}").status_code == 200
    assert client.get("/data/plugin_entry.html?name=modelviz").status_code == 200
    assert [r.getMessage() for r in caplog.records if r.levelname == "WARNING"] == []


WAYS_OUT = (
    "../../../secret.txt",
    "../../b/architecture/summary.txt",
    "/etc/passwd",
    "//etc/passwd",
    "..\\..\\..\\secret.txt",
    "C:\\secret.txt",
    "summary.txt\0.png",
    "summary.txt/../../../../secret.txt",
    "./summary.txt",
    "errors/../summary.txt",
    "summary.txt/",
    "SUMMARY.txt",
    "",
    "%2e%2e/%2e%2e/%2e%2e/secret.txt",
    "~/secret.txt",
)


@pytest.mark.parametrize("encoded", [False, True])
@pytest.mark.parametrize("name", WAYS_OUT)
def test_no_name_leads_out_of_a_record(name, encoded, logs) -> None:
    """However it is written and encoded; also to nothing else inside of it."""
    client = tensorboard("--logdir", str(logs))
    (first, _) = listing(client)["records"]
    written = quote(name, safe="" if encoded else "/\\:%")
    answer = client.get(f"{ROUTE}/record/{first['id']}/{written}")
    assert answer.status_code == 404
    assert "secret" not in answer.text.replace("secret.txt", "")


@pytest.mark.parametrize("name", ["a/architecture", "..", "", "0" * 16, "a%2Farchitecture", "%00"])
def test_a_record_is_asked_for_by_its_id_alone(name, logs) -> None:
    """No part of an address is taken for a path."""
    client = tensorboard("--logdir", str(logs))
    listing(client)
    for file in ("summary.txt", "index.html", ""):
        assert client.get(f"{ROUTE}/record/{name}/{file}").status_code == 404


def test_a_manifest_that_lists_others_files_opens_nothing(logs) -> None:
    """Neither by a path, nor by a link."""
    names = ("../../../secret.txt", "link.txt", "inner/secret.txt")
    record = logs / "c" / "architecture"
    record.mkdir(parents=True)
    (record / "link.txt").symlink_to(logs.parent / "secret.txt")
    (record / "inner").symlink_to(logs.parent)
    evil = manifest(artifacts=(artifact("summary", *names),))
    (record / "manifest.json").write_text(evil.to_json())
    client = tensorboard("--logdir", str(logs))
    *_, last = listing(client)["records"]
    for name in names:
        answer = client.get(f"{ROUTE}/record/{last['id']}/{quote(name, safe='')}")
        assert answer.status_code == 404
        assert "secret" not in answer.text.replace("secret.txt", "")


def test_if_the_plugin_fails_tensorboard_goes_on(logs, monkeypatch) -> None:
    """A plugin that cannot be made costs its tab."""

    def fail(*_args: object) -> None:
        raise RuntimeError("no such thing")

    monkeypatch.setattr(Catalogue, "__init__", fail)
    client = tensorboard("--logdir", str(logs))
    assert "modelviz" not in listed_plugins(client)
    assert client.get("/").status_code == 200


def test_tensorboard_finds_the_plugin_by_the_entry_point_of_the_project() -> None:
    """What pyproject names is a loader that TensorBoard takes."""
    text = (Path(__file__).parents[2] / "pyproject.toml").read_text("utf-8")
    _, _, section = text.partition("[project.entry-points.tensorboard_plugins]\n")
    name, _, value = section.splitlines()[0].partition(" = ")
    loaded = EntryPoint(name, value.strip('"'), "tensorboard_plugins").load()
    loader = make_plugin_loader(loaded)
    made = loader.load(base_plugin.TBContext(logdir="/nowhere"))
    assert made.plugin_name == "modelviz"


def test_every_asset_is_served_and_every_served_one_is_there() -> None:
    """A module that is imported by the tab is not forgotten."""
    folder = Path(plugin_module.__file__).parent / "assets"
    assert {path.name for path in folder.iterdir()} == plugin_module._ASSETS.keys()


def test_neither_starting_nor_serving_imports_anything_heavy(logs) -> None:
    """TensorBoard imports the loader at each start, of whoever has this package installed."""
    script = f"""
import sys
from tensorboard.plugins import base_plugin
before = set(sys.modules)
import modelviz_callbacks.tensorboard_plugin.loader
new = {{name.partition(".")[0] for name in set(sys.modules) - before}}
print(new - sys.stdlib_module_names)
from tests.tensorboard_plugin.records import listing, tensorboard
client = tensorboard("--logdir", {str(logs)!r})
for record in listing(client)["records"]:
    assert client.get("{ROUTE}/record/" + record["id"] + "/index.html").status_code == 200
print({{"torch", "lightning", "pytorch_lightning", "pygraphviz"}} & set(sys.modules))
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert done.stdout.splitlines() == ["{'modelviz_callbacks'}", "set()"], done.stderr
