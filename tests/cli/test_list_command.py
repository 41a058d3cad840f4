"""What `modelviz list` prints, and how it ends."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from _pytest.capture import CaptureIO

from modelviz_callbacks.archive import search
from modelviz_callbacks.archive.manifest import Manifest
from modelviz_callbacks.cli import search_progress
from modelviz_callbacks.cli.main import main

RESNET = "sha256:e9b91c7e" + "0" * 56
VGG = "sha256:4dd5ac10" + "1" * 56


def write(
    folder: Path,
    day: int = 1,
    class_name: str = "torchvision.models.resnet.ResNet",
    structure: str = RESNET,
    **fields: object,
) -> None:
    """Writes a record that was begun at a day of January."""
    folder.mkdir(parents=True)
    manifest = Manifest(
        f"2026-01-{day:02}T12:00:00Z",
        **{
            "status": "complete",
            "model": {"class": class_name},
            "totals": {"parameters": 11_689_512, "flops_forward": 7_256_293_376},
            "fingerprints": {"structure": structure},
            **fields,
        },
    )
    (folder / "manifest.json").write_text(manifest.to_json(), "utf-8", "surrogateescape")


@pytest.fixture
def runs(tmp_path) -> Path:
    """Three runs, of which two have the same modules."""
    write(tmp_path / "first" / "architecture", 1)
    write(tmp_path / "third" / "architecture", 3, status="failed_step")
    write(tmp_path / "second" / "architecture", 2, "torchvision.models.vgg.VGG", VGG)
    return tmp_path


@pytest.fixture
def terminal(capsys, monkeypatch) -> pytest.CaptureFixture[str]:
    """What is printed goes to a terminal of 100 columns."""
    monkeypatch.setattr(CaptureIO, "isatty", lambda _: True)
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    return capsys


def lines(capsys, *arguments: object) -> list[str]:
    """The lines that the command prints, which then has nothing to complain of."""
    assert main(["list", *map(str, arguments)]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    return captured.out.splitlines()


def test_other_programs_get_whole_values_newest_first(runs, capsys) -> None:
    """A record a line, tabs between, nothing shortened; a later command can take the folder."""
    assert lines(capsys, runs) == [
        "\t".join(cells)
        for cells in (
            (
                f"{runs}/third/architecture",
                "torchvision.models.resnet.ResNet",
                "11689512",
                "7256293376",
                RESNET,
                "failed_step",
                "2026-01-03T12:00:00Z",
            ),
            (
                f"{runs}/second/architecture",
                "torchvision.models.vgg.VGG",
                "11689512",
                "7256293376",
                VGG,
                "complete",
                "2026-01-02T12:00:00Z",
            ),
            (
                f"{runs}/first/architecture",
                "torchvision.models.resnet.ResNet",
                "11689512",
                "7256293376",
                RESNET,
                "complete",
                "2026-01-01T12:00:00Z",
            ),
        )
    ]


@pytest.mark.parametrize(
    ("given", "found"),
    [
        (["--class", "vgg"], ["second"]),
        (["--fingerprint", "e9b9"], ["third", "first"]),
        (["--name", "ir"], ["third", "first"]),
        (["--limit", "1"], ["third"]),
        (["--limit", "2", "--class", "resnet"], ["third", "first"]),
    ],
)
def test_what_is_listed_can_be_narrowed(given, found, runs, capsys) -> None:
    """The filters of `find_records`, and a number."""
    listed = [Path(line.partition("\t")[0]).parent.name for line in lines(capsys, runs, *given)]
    assert listed == found


def test_a_limit_of_none_is_refused(runs, capsys) -> None:
    """It would say "no record", as if there were none."""
    with pytest.raises(SystemExit) as ended:
        main(["list", str(runs), "--limit", "0"])
    assert ended.value.code == 2
    assert "at least 1" in capsys.readouterr().err


@pytest.mark.parametrize("place", ["third", "third/architecture"])
def test_records_like_another_are_listed(runs, capsys, place) -> None:
    """With its modules, whatever else they have in common."""
    listed = lines(capsys, runs, "--like", runs / place)
    assert len(listed) == 2
    assert all(RESNET in line for line in listed)


def test_a_record_of_no_modules_is_like_no_other(runs, capsys) -> None:
    """That is said."""
    write(runs / "nothing" / "architecture", fingerprints={})
    assert main(["list", str(runs), "--like", str(runs / "nothing")]) == 2
    assert "has no fingerprint" in capsys.readouterr().err


def test_scripts_get_json(runs, capsys) -> None:
    """An array of objects, also of records that cannot be read."""
    (runs / "broken" / "architecture-2").mkdir(parents=True)
    (runs / "broken" / "architecture-2" / "manifest.json").write_text("{")
    assert main(["list", str(runs), "--json"]) == 0
    third, second, first, broken = json.loads(capsys.readouterr().out)
    assert third == {
        "directory": f"{runs}/third/architecture",
        "name": "third",
        "run": "third",
        "number": 1,
        "class": "torchvision.models.resnet.ResNet",
        "parameters": 11_689_512,
        "flops_forward": 7_256_293_376,
        "fingerprints": {"structure": RESNET},
        "status": "failed_step",
        "created_at": "2026-01-03T12:00:00Z",
        "problem": None,
    }
    assert (second["name"], first["name"]) == ("second", "first")
    assert (broken["name"], broken["number"], broken["status"]) == ("broken", 2, None)
    assert "this is no manifest" in broken["problem"]


def test_a_terminal_gets_a_table_that_fits(runs, terminal) -> None:
    """A record is in one line, whatever its run is called; the hash tells who is alike."""
    write(runs / ("long_" * 40) / "architecture", 4, structure="sha256:77aa")
    head, _, long, third, second, first, _, total = plain_lines(terminal, runs)
    assert head.split() == [
        *("Run", "Model", "Parameters", "FLOPs", "Fingerprint", "Status", "Begun", "(UTC)")
    ]
    assert len(long) == len(third) == 100
    assert third.split() == [
        *("third", "ResNet", "11.7", "M", "7.26", "G", "e9b91c7e", "failed", "step"),
        *("2026-01-03", "12:00"),
    ]
    assert ("VGG" in second, "e9b91c7e" in first) == (True, True)
    assert total == "4 records, 3 different models"


@pytest.mark.parametrize("width", [30, 60, 70, 85])
def test_a_narrow_terminal_gets_fewer_columns(width, runs, terminal, monkeypatch) -> None:
    """No line is broken; the run and its fingerprint stay."""
    monkeypatch.setenv("COLUMNS", str(width))
    listed = plain_lines(terminal, runs)
    assert max(map(len, listed[:-1])) <= width
    assert "third" in listed[2]
    if width > 30:
        assert "  e9b91c7e  failed step" in listed[2]


def plain_lines(capsys, root: Path) -> list[str]:
    """The table's lines, without colours."""
    from rich.text import Text

    assert main(["list", str(root)]) == 0
    return Text.from_ansi(capsys.readouterr().out).plain.splitlines()


def test_runs_that_are_alike_have_one_colour(runs, terminal) -> None:
    """One that is alone has none; with `NO_COLOR` nothing has."""
    assert main(["list", str(runs)]) == 0
    listed = terminal.readouterr().out
    assert listed.count("\x1b[36me9b91c7e\x1b[0m") == 2
    assert " 4dd5ac10 " in listed
    assert "\x1b[31mfailed step\x1b[0m" in listed


def test_names_do_not_steer_the_terminal(tmp_path, terminal) -> None:
    """Neither in the table, nor in lines and JSON for others, nor where it says what is broken."""
    evil = "\x1b[2J\t\u202eevil"
    write(tmp_path / f"{evil}run" / "architecture", class_name=f"nets.{evil}", structure=evil)
    (tmp_path / f"{evil}broken" / "architecture").mkdir(parents=True)
    (tmp_path / f"{evil}broken" / "architecture" / "manifest.json").write_text("{")
    for more in ([], ["--json"]):
        assert main(["list", str(tmp_path), *more]) == 0
        captured = terminal.readouterr()
        for text in (captured.out, captured.err):
            assert "\x1b[2J" not in text
            assert "\u202e" not in text


def test_a_line_is_a_record_whatever_it_is_called(tmp_path, capsys) -> None:
    """Tabs, line feeds and characters that no encoding has are escaped."""
    write(tmp_path / "a\tb\nc\udcff" / "architecture")
    (line,) = lines(capsys, tmp_path)
    assert line.split("\t")[0] == f"{tmp_path}/a\\tb\\nc\\udcff/architecture"


def test_broken_records_are_told_of_and_passed_over(runs, capsys) -> None:
    """The first few with their reasons, all of them when asked."""
    for number in range(5):
        (runs / f"broken{number}" / "architecture").mkdir(parents=True)
        (runs / f"broken{number}" / "architecture" / "manifest.json").write_text("{")
    assert main(["list", str(runs)]) == 0
    captured = capsys.readouterr()
    assert len(captured.out.splitlines()) == 3
    assert captured.err.startswith("5 cannot be read:\n  broken0: manifest.json: this is no")
    assert captured.err.endswith("  and 2 more (-v names all)\n")
    assert main(["list", str(runs), "-v"]) == 0
    assert "broken4" in capsys.readouterr().err


def test_no_record_is_no_error(runs, capsys) -> None:
    """But it is said whether there are others, and what was not looked into."""
    assert main(["list", str(runs), "--class", "GPT"]) == 0
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == f"No record below {runs} is one of these; 3 others are there.\n"
    (runs / "empty").mkdir()
    (runs / "empty" / "link").symlink_to(runs)
    assert main(["list", str(runs / "empty")]) == 0
    assert capsys.readouterr().err == (
        f"No record below {runs}/empty.\n"
        "1 folder not searched: links that lead elsewhere are not followed.\n"
    )


def test_where_nothing_is_named_this_folder_is_searched(runs, capsys, monkeypatch) -> None:
    """As `ls` does; what is printed is a path from here."""
    monkeypatch.chdir(runs / "first")
    (line,) = lines(capsys)
    assert line.startswith("./architecture\t")


@pytest.mark.parametrize("given", [["none"], [".", "--fingerprint", "xyz"], [".", "--like", "no"]])
def test_what_cannot_work_is_an_error(given, tmp_path, capsys, monkeypatch) -> None:
    """It names what was given."""
    monkeypatch.chdir(tmp_path)
    assert main(["list", *given]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert given[-1] in captured.err


def test_a_long_search_shows_how_far_it_is(runs, terminal, monkeypatch) -> None:
    """On stderr; a short one shows nothing."""
    assert main(["list", str(runs)]) == 0
    assert terminal.readouterr().err == ""
    monkeypatch.setattr(search_progress, "_PATIENCE_S", -1.0)
    monkeypatch.setattr(search_progress, "_PAUSE_S", -1.0)
    assert main(["list", str(runs)]) == 0
    assert "3 records" in terminal.readouterr().err


def test_progress_is_for_terminals_alone(runs, capsys, monkeypatch) -> None:
    """A log file has no lines that are written over."""
    monkeypatch.setattr(search_progress, "_PATIENCE_S", -1.0)
    assert len(lines(capsys, runs)) == 3


def test_ctrl_c_ends_it_quietly(runs, terminal, monkeypatch) -> None:
    """With the status that shells expect, and nothing of the progress left."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(search_progress, "_PATIENCE_S", -1.0)
    monkeypatch.setattr(search, "looked_at", interrupt)
    assert main(["list", str(runs)]) == 130
    captured = terminal.readouterr()
    assert captured.out == ""
    assert "Traceback" not in captured.err


def test_whoever_has_seen_enough_may_go(tmp_path) -> None:
    """`| head -1` is neither an error nor a traceback."""
    for number in range(300):
        write(tmp_path / f"run{number}" / "architecture")
    read, given = os.pipe()
    command = [sys.executable, "-m", "modelviz_callbacks", "list", str(tmp_path)]
    os.close(read)
    done = subprocess.run(command, stdout=given, stderr=subprocess.PIPE, check=False)
    os.close(given)
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_real_terminal_is_one(runs) -> None:
    """No stand-in: a pseudo-terminal gets the table."""
    master, slave = pty.openpty()
    command = [sys.executable, "-m", "modelviz_callbacks", "list", str(runs)]
    subprocess.run(command, stdout=slave, stderr=slave, check=True)
    os.close(slave)
    with os.fdopen(master, "rb", buffering=0) as file:
        shown = file.read(100_000)
    assert b"Fingerprint" in shown
