"""What the report's scripts are given: rows without names, for there may be ten thousand."""

from collections.abc import Sequence
from typing import Any

from modelviz_callbacks.archive.found import FoundRecord
from modelviz_callbacks.report.evolution import Lineage
from modelviz_callbacks.report.links import Links
from modelviz_callbacks.report.runs import Archive, class_of
from modelviz_callbacks.table.columns import shorten

_MOST_NAME = 300
_MOST_REASON = 500
# In the page these stand as numbers.
_STATUSES = ("complete", "failed_step", "partial")


def facts_of(archive: Archive, evolution: Sequence[Lineage], links: Links) -> dict[str, Any]:
    """Describes the archive.

    Args:
        archive: The runs.
        evolution: How they evolved.
        links: Where their pages are.

    Returns:
        `runs`: for each, newest first, name, place in `classes`, parameters, FLOPs, place in
        `statuses`, place in `architectures`, date, link and place of its page in words; null where
        unknown. `architectures`: place of the class and fingerprints. `lineages`: place of the
        class, `runs` and `steps` by their places. `broken`: names and reasons.
    """
    classes = sorted({class_of(run) for run in archive.runs})
    place_of = {name: place for place, name in enumerate(classes)}
    architecture_of = archive.architecture_of()
    return {
        "classes": classes,
        "statuses": _STATUSES,
        "runs": [
            _run(run, place_of, architecture_of.get(place), links)
            for place, run in enumerate(archive.runs)
        ],
        "architectures": [
            [place_of[one.class_name], one.structure, one.dataflow] for one in archive.architectures
        ],
        "lineages": [
            {"class": place_of[one.class_name], "runs": one.runs, "steps": one.steps}
            for one in evolution
        ],
        "broken": [_broken(record) for record in archive.broken],
        "left_out": archive.left_out,
    }


def _run(
    run: FoundRecord, place_of: dict[str, int], architecture: int | None, links: Links
) -> list[Any]:
    return [
        shorten(run.name, _MOST_NAME),
        place_of[class_of(run)],
        run.parameters,
        run.flops_forward,
        _STATUSES.index(run.status) if run.status in _STATUSES else None,
        architecture,
        run.created_at and run.created_at[:40],
        *links.of(run.directory),
    ]


def _broken(record: FoundRecord) -> list[str]:
    return [
        shorten(record.name, _MOST_NAME),
        shorten(" ".join((record.problem or "").split()), _MOST_REASON),
    ]
