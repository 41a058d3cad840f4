"""One record while it is being made: its manifest, its files, and where they go wrong."""

import json
import traceback
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, cast

from modelviz_callbacks.archive.layout import LAYOUT
from modelviz_callbacks.archive.manifest import Artifact, Manifest, digest_of, timestamp
from modelviz_callbacks.archive.writer import encoded
from modelviz_callbacks.draw.job import DrawJob, Drawn, Kind
from modelviz_callbacks.draw.page.content import Shown
from modelviz_callbacks.draw.page.process import MadePage
from modelviz_callbacks.errors import warn
from modelviz_callbacks.recording.record_folder import RecordFolder
from modelviz_callbacks.visualizers.base import Data, Dot, Output, Text
from modelviz_callbacks.visualizers.run import Result

_PAGE = Artifact("page", "page", "", "pending")


class RecordBook:
    """Keeps a record's manifest and files in step."""

    def __init__(self, run_dir: str) -> None:
        """Prepares a record in `run_dir`, a path or an fsspec URL."""
        # Two records of one run are shown in the same loggers: their folders' names differ.
        self._folder = RecordFolder(run_dir)
        self._outputs: dict[tuple[str, str], Output] = {}
        self._folders: dict[str, str] = {}
        self._tracebacks: dict[str, str] = {}
        self.manifest = Manifest(created_at=timestamp())

    @property
    def directory(self) -> str | None:
        """The record's folder, or None where nothing can be written."""
        return self._folder.directory

    @property
    def has_anything(self) -> bool:
        """Whether a visualizer's result is in a folder that can be written."""
        return self.directory is not None and bool(self._outputs)

    def open(self) -> None:
        """Makes the record's folder."""
        self._folder.open()

    def restore(self) -> None:
        """Makes a new folder with all files if somebody has removed the record's since `open`."""
        if not self._folder.is_gone():
            return
        self.open()
        for artifact in self.manifest.artifacts:
            output = self._outputs.get((artifact.root, artifact.name))
            if output is not None:
                self._filed(artifact, self._folders[artifact.root], output)
        self.note("the record's first folder was removed before the end of the first step")

    def withdraw(self) -> None:
        """Removes the record; nothing more is written."""
        self._folder.withdraw()

    def update(self, **fields: Any) -> None:
        """Sets fields of the manifest."""
        self.manifest = replace(self.manifest, **fields)

    def note(self, text: str) -> None:
        """Adds a note to the manifest, once."""
        if text not in self.manifest.notes:
            self.update(notes=(*self.manifest.notes, text))

    def clear_notes(self, text: str) -> None:
        """Takes a note back."""
        self.update(notes=tuple(note for note in self.manifest.notes if note != text))

    def add_root_call(self, description: dict[str, Any]) -> None:
        """Lists a root call."""
        calls = (*self.manifest.root_calls, description)
        model = self.manifest.model | {"roots": [call["path"] for call in calls]}
        self.update(root_calls=calls, model=model)
        if len(calls) == 1 and not self.manifest.input:
            self.update(input=description["inputs"])

    def forget_input(self) -> None:
        """Takes back what was said of the first batch and of its root calls."""
        self.update(input={}, root_calls=(), model=self.manifest.model | {"roots": []})

    def add(self, result: Result, folder: str) -> None:
        """Files a visualizer's result in `folder`; warns if it failed."""
        self._folders[result.root] = folder
        artifact = Artifact(
            name=result.artifact,
            visualizer=result.visualizer,
            root=result.root,
            status=result.status,
            notes=result.notes + (result.output.notes if result.output is not None else ()),
            error=result.error,
            seconds=round(result.seconds, 6),
        )
        if result.output is not None:
            artifact = self._filed(artifact, folder, result.output)
        self.manifest = self.manifest.with_artifact(artifact)
        if (details := result.traceback()) is not None:
            self._report(result, details)

    def step_failed(self, error: BaseException) -> None:
        """Records what the first step raised; the exception itself is not kept."""
        name = LAYOUT.error("training_step")
        self._tracebacks[name] = details = "".join(traceback.format_exception(error))
        self._folder.write(name, details)
        exception = {"type": type(error).__name__, "message": str(error), "traceback_file": name}
        self.update(status="failed_step", exception=exception)

    def tag(self, *parts: str) -> str:
        """Names something of this record in a logger: `architecture/…`, `architecture-2/…`."""
        return "/".join(part for part in (self._folder.name, *parts) if part)

    def texts(self) -> Iterator[tuple[str, str, tuple[str, ...]]]:
        """Gives each text artifact's tag, content and notes."""
        for (root, name), output in self._outputs.items():
            if isinstance(output, Text):
                yield self._tag(root, name), output.content, output.notes

    def pending(self, formats: tuple[str, ...], depth: int) -> Iterator[DrawJob]:
        """Gives what is to be drawn, named by its tag.

        Args:
            formats: The pictures to make of each graph.
            depth: How many levels of modules are shown.
        """
        seen = "".join(out.content for out in self._outputs.values() if isinstance(out, Data))
        for (root, name), output in self._outputs.items():
            if isinstance(output, Dot):
                # A graph's artifact is named by whose it is.
                kind = cast("Kind", name)
                graph = seen if kind == "architecture" else ""
                yield DrawJob(self._tag(root, name), output.source, formats, kind, graph, depth)

    def page_content(self) -> dict[str, Any]:
        """Gives what there is for the page, pictures apart: fields of `PageMaterial.complete`."""
        outputs = self._outputs.items()
        return {
            "record": self._folder.name,
            "manifest": json.loads(self.manifest.to_json()),
            "graph": "".join(out.content for _, out in outputs if isinstance(out, Data)),
            "texts": [
                Shown(name, root, output.content)
                for (root, name), output in outputs
                if isinstance(output, Text)
            ],
            "tracebacks": self._tracebacks,
        }

    def mark_pending(self) -> None:
        """Says of each graph that its picture is being drawn, and that the page is being made."""
        for artifact in self._graphs():
            self.manifest = self.manifest.with_artifact(replace(artifact, status="pending"))
        self.manifest = self.manifest.with_artifact(_PAGE)

    def artifact_of(self, drawn: Drawn) -> Artifact:
        """Gives the artifact that a picture, named by its tag, belongs to."""
        return next(a for a in self._graphs() if self._tag(a.root, a.name) == drawn.job.name)

    def add_page(self, made: MadePage, seconds: float) -> None:
        """Files the page. An earlier one is kept where there is no later one.

        Args:
            made: What came of making it.
            seconds: Seconds that it took.
        """
        earlier = next((a for a in self.manifest.artifacts if a.name == _PAGE.name), _PAGE)
        artifact = replace(earlier, seconds=round(earlier.seconds + seconds, 6))
        if made.html is not None:
            files = (LAYOUT.page,) if self._folder.write(LAYOUT.page, made.html) else ()
            artifact = replace(artifact, status="ok", files=files, notes=made.notes, error=None)
        elif artifact.files:
            notes = (*artifact.notes, f"an earlier state of the record: {made.error}")
            artifact = replace(artifact, notes=notes)
        else:
            artifact = replace(artifact, status="failed", error=made.error)
        self.manifest = self.manifest.with_artifact(artifact)

    def add_drawn(self, drawn: Drawn) -> str:
        """Files a picture.

        Args:
            drawn: The picture, named by its tag.

        Returns:
            Its tag.
        """
        artifact = self.artifact_of(drawn)
        folder = self._folders[artifact.root]
        contents = {
            LAYOUT.picture(folder, artifact.name, suffix): content
            for suffix, content in drawn.files.items()
        }
        for sheet, content in enumerate(drawn.more_sheets, start=2):
            contents[LAYOUT.picture(folder, artifact.name, "png", sheet)] = content
        files = [name for name, content in contents.items() if self._folder.write(name, content)]
        filed = replace(
            artifact,
            status=drawn.status,
            files=(*artifact.files, *files),
            notes=(*artifact.notes, *drawn.notes),
            error=drawn.error,
            seconds=round(artifact.seconds + drawn.seconds, 6),
            rungs=drawn.rungs,
        )
        self.manifest = self.manifest.with_artifact(filed)
        return drawn.job.name

    def give_up_pending(self, reason: str) -> None:
        """Says of each picture that is still being drawn that it will not come."""
        for artifact in self._graphs():
            if artifact.status == "pending":
                given_up = replace(artifact, status="failed", error=reason)
                self.manifest = self.manifest.with_artifact(given_up)

    def save(self) -> None:
        """Writes the manifest; readers see what it lists."""
        self._folder.save(self.manifest)

    def _filed(self, artifact: Artifact, folder: str, output: Output) -> Artifact:
        self._outputs[artifact.root, artifact.name] = output
        if isinstance(output, Dot):
            name, content = LAYOUT.dot(folder, artifact.name), output.source
        elif isinstance(output, Data):
            name, content = LAYOUT.graph, output.content
            self.update(graph_digest=digest_of(encoded(content)))
        else:
            name, content = LAYOUT.text(folder, artifact.name), output.content
        return replace(artifact, files=(name,) if self._folder.write(name, content) else ())

    def _report(self, result: Result, details: str) -> None:
        several = len(self._folders) > 1
        parts = [self._folders[result.root], result.artifact] if several else [result.artifact]
        name = LAYOUT.error("-".join(part for part in parts if part))
        self._tracebacks[name] = details
        where = (
            f"; traceback in {self.directory}/{name}" if self._folder.write(name, details) else ""
        )
        warn(
            f"{result.visualizer} could not show {result.root or 'the model'}: {result.error}. "
            f"The record says so{where}. Leave {result.visualizer!r} out of visualizers= to "
            "silence this."
        )

    def _graphs(self) -> list[Artifact]:
        return [
            a
            for a in self.manifest.artifacts
            if isinstance(self._outputs.get((a.root, a.name)), Dot)
        ]

    def _tag(self, root: str, name: str) -> str:
        return self.tag(self._folders[root], name)
