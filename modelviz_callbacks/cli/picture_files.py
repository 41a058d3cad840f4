"""Where drawn pictures go: names that the user gives, or one made of the run's."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from modelviz_callbacks.archive.layout import numbered
from modelviz_callbacks.cli.arguments import PICTURES
from modelviz_callbacks.cli.output_file import check_writable, local_path, write_file
from modelviz_callbacks.draw.job import Drawn
from modelviz_callbacks.errors import ModelVizError

# Of these nobody is served by a file like `net.gif.svg`.
_OTHER_PICTURES = {".bmp", ".eps", ".gif", ".jpeg", ".jpg", ".ps", ".tif", ".tiff", ".webp"}


@dataclass(frozen=True)
class PictureFiles:
    """The names of pictures.

    Attributes:
        stem: Their path without the format.
        replaces: Whether they may take the place of files that are there.
    """

    stem: Path
    replaces: bool

    def of(self, suffix: str, sheet: int = 1) -> Path:
        """Names a picture, or one of its sheets."""
        return self.stem.with_name(f"{numbered(self.stem.name, sheet)}.{suffix}")

    def check(self, files: Iterable[Path]) -> None:
        """Checks that files can be written.

        Raises:
            ModelVizError: If one cannot, or is there and must not be replaced.
        """
        for file in files:
            check_writable(file)
            if file.exists() and not self.replaces:
                raise ModelVizError(f"{file} is there: --force replaces it, -o names another.")

    def write(self, drawn: Drawn) -> list[Path]:
        """Writes all pictures, or none if one must not be replaced; gives their paths."""
        contents = dict(self._contents(drawn))
        self.check(contents)
        for file, content in contents.items():
            write_file(file, content)
        return list(contents)

    def _contents(self, drawn: Drawn) -> Iterator[tuple[Path, bytes]]:
        for suffix, content in drawn.files.items():
            yield self.of(suffix), content
        for sheet, content in enumerate(drawn.more_sheets, start=2):
            yield self.of("png", sheet), content


def formats_of(output: str | None, given: Sequence[str] | None) -> tuple[str, ...]:
    """Tells which pictures are wanted: those that are named, else that of the file's ending."""
    if given is not None:
        return tuple(given)
    ending = _ending(output or "")
    return (ending,) if ending else PICTURES[:1]


def picture_files(
    output: str | None, formats: Sequence[str], name: str, *, force: bool
) -> PictureFiles:
    """Decides where pictures go.

    Args:
        output: A file, with or without the ending of a format; a folder; None for here.
        formats: The pictures.
        name: How they are called where the user does not say it.
        force: Whether files of such a name are replaced. A file that the user names always is.

    Raises:
        ModelVizError: If the file has the ending of a picture that is not wanted, or not drawn.
    """
    if output is None:
        return PictureFiles(Path(name), replaces=force)
    target = local_path(output)
    if target.is_dir() or output.endswith("/"):
        return PictureFiles(target / name, replaces=force)
    if target.suffix.lower() in _OTHER_PICTURES:
        raise ModelVizError(f"-o {output}: only {', '.join(PICTURES)} can be drawn.")
    ending = _ending(output)
    if ending and ending not in formats:
        raise ModelVizError(f"-o {output} ends in .{ending}, --format says {','.join(formats)}.")
    return PictureFiles(target.with_suffix("") if ending else target, replaces=True)


def _ending(output: str) -> str:
    ending = Path(output).suffix.removeprefix(".").lower()
    return ending if ending in PICTURES else ""
