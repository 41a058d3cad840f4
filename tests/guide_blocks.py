"""The fenced blocks of a Markdown page, and running them as a reader would, in order."""

import contextlib
import fcntl
import io
import os
import pty
import re
import struct
import subprocess
import sys
import termios
import traceback
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # pytest needs it there, too

_FENCE = re.compile(r"^```(\w*)(?: (\w+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# A block that begins with `# net.py` is that file.
_FILE = re.compile(r"# ([\w./-]+\.\w+)\n")
_STEP = re.compile(r"^ *-? run: (?!\|)(.*)$", re.MULTILINE)
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_MARK = "--- end of a command ---"
_COLUMNS = 110


@dataclass(frozen=True)
class Block:
    """A fenced block.

    Attributes:
        line: Where it begins in the page, from 1.
        language: What stands after the fence.
        note: A word after that; `raises` where the code is meant to fail.
        text: What is in it.
    """

    line: int
    language: str
    note: str
    text: str

    @property
    def file(self) -> str | None:
        """The file that it is, if it is one."""
        named = _FILE.match(self.text)
        return None if named is None else named.group(1)


def blocks(page: str) -> list[Block]:
    """Gives the fenced blocks of a page, in order."""
    return [
        Block(page.count("\n", 0, m.start()) + 1, m.group(1), m.group(2) or "", m.group(3))
        for m in _FENCE.finditer(page)
    ]


class Reader:
    """Does what a page says in the working directory, and compares what it shows."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        """Begins with nothing.

        Args:
            environment: That of the commands.
        """
        self._names: dict[str, Any] = {"__name__": "__guide__"}
        self._environment = environment
        self._said = ""

    def read(self, block: Block) -> None:
        """Does what a block says.

        Raises:
            AssertionError: If what comes of it is not what the page shows.
        """
        if block.file is not None:
            Path(block.file).parent.mkdir(parents=True, exist_ok=True)
            Path(block.file).write_text(block.text, "utf-8")
            if block.language == "yaml":
                self._run_workflow(block)
        elif block.language == "python":
            self._said = self._run_python(block)
        elif block.language == "console":
            self._run_commands(block)
        elif block.language in ("text", "mermaid"):
            require_shown(block.text, self._said, block)
        else:
            raise AssertionError(f"line {block.line}: nobody runs a block of {block.language!r}")

    def _run_python(self, block: Block) -> str:
        said = io.StringIO()
        code = compile("\n" * block.line + block.text, "guide.md", "exec")
        raised = False
        with contextlib.redirect_stdout(said):
            try:
                exec(code, self._names)
            except Exception:
                raised = True
                if block.note != "raises":
                    raise
                traceback.print_exc(file=said)
        assert raised is (block.note == "raises"), f"line {block.line}: nothing was raised"
        return said.getvalue()

    def _run_commands(self, block: Block) -> None:
        steps = list(_commands(block.text))
        # What `$?` is stays as the command left it.
        mark = f'__mark() {{ local code=$?; echo "{_MARK}"; return $code; }}\n'
        script = mark + "".join(f"{command}\n__mark\n" for command, _ in steps)
        _, said = in_terminal(["bash", "-c", script], self._environment)
        outputs = said.split(_MARK)
        for (command, shown), output in zip(steps, outputs, strict=False):
            require_shown(shown, output, block, command)
        self._said = "".join(outputs)

    def _run_workflow(self, block: Block) -> None:
        for step in _STEP.findall(block.text):
            code, said = in_terminal(["bash", "-e", "-c", step], self._environment)
            assert code == 0, f"guide, line {block.line}: {step}\n{said}"


def _commands(text: str) -> Iterator[tuple[str, str]]:
    """Gives the commands after `$ `, and what the page shows of what each says."""
    command: list[str] = []
    shown: list[str] = []
    for line in text.splitlines():
        if line.startswith("$ "):
            if command:
                yield "\n".join(command), "\n".join(shown)
            command, shown = [line[2:]], []
        elif command and command[-1].endswith("\\"):
            command.append(line)
        else:
            shown.append(line)
    yield "\n".join(command), "\n".join(shown)


def require_shown(shown: str, said: str, block: Block, command: str = "") -> None:
    """Requires each line that a page shows, in their order, among what was said.

    Spaces do not matter; `…` stands for anything; between the lines there may be others.
    """
    lines = iter([" ".join(line.split()) for line in said.splitlines()])
    for line in filter(None, (" ".join(line.split()) for line in shown.splitlines())):
        pattern = re.compile(".*".join(re.escape(part) for part in line.split("…")))
        assert any(pattern.fullmatch(other) for other in lines), (
            f"guide, line {block.line}: {command}\nshows {line!r}, and this was said:\n{said}"
        )


def in_terminal(command: list[str], environment: Mapping[str, str]) -> tuple[int, str]:
    """Runs a command in a terminal; gives its exit code and what whoever types it sees."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, _COLUMNS, 0, 0))
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs, env=dict(environment)
    ) as process:
        os.close(theirs)
        said = b"".join(_read(ours))
    os.close(ours)
    shown = _CONTROL.sub("", said.decode("utf-8", "replace")).replace("\r\n", "\n")
    return process.wait(), shown.replace("\r", "\n")


def _read(descriptor: int) -> Iterator[bytes]:
    # Linux ends a terminal that nobody writes to any more by an error.
    with contextlib.suppress(OSError):
        while part := os.read(descriptor, 65536):
            yield part


_PIP = """
import pathlib, sys
sys.path.insert(0, {root!r})
from tests.guide_blocks import install
if sys.argv[1:] == ["install", "-e", "."]:
    install(pathlib.Path.cwd(), pathlib.Path({folder!r}))
"""


def as_installed(folder: Path, root: Path) -> dict[str, str]:
    """Gives an environment in which our package is installed, and pip installs nothing but that.

    Args:
        folder: Where commands and entry points are put.
        root: The project.
    """
    install(root, folder)
    pip = folder / "pip.py"
    pip.write_text(_PIP.format(root=str(root), folder=str(folder)))
    for name, options in {"modelviz": "-m modelviz_callbacks", "python": "", "pip": pip}.items():
        file = folder / name
        file.write_text(f'#!/bin/sh\nexec "{sys.executable}" {options} "$@"\n')
        file.chmod(0o755)
    return os.environ | {
        "PATH": os.pathsep.join([str(folder), os.environ["PATH"]]),
        "PYTHONPATH": str(folder),
        "NO_COLOR": "1",
        "TERM": "xterm",
        "COLUMNS": str(_COLUMNS),
    }


def install(project: Path, folder: Path) -> None:
    """Puts a project on a path as `pip install -e` does: its packages and its entry points."""
    declared = tomllib.loads((project / "pyproject.toml").read_text("utf-8"))["project"]
    distribution = folder / f"{declared['name'].replace('-', '_')}-0.dist-info"
    distribution.mkdir()
    (distribution / "METADATA").write_text(f"Name: {declared['name']}\nVersion: 0\n")
    groups = [
        f"[{group}]\n" + "".join(f"{name} = {place}\n" for name, place in points.items())
        for group, points in declared["entry-points"].items()
    ]
    (distribution / "entry_points.txt").write_text("\n".join(groups))
    for package in project.glob("*/*.py"):
        link = folder / package.parent.name
        if not link.exists():
            link.symlink_to(package.parent)
