"""Painting: PNGs within bounds, in columns and sheets, with text that can be read."""

import io
import itertools

import pytest
from PIL import Image

from modelviz_callbacks.draw import engine
from modelviz_callbacks.draw.paint import plan as plan_module
from modelviz_callbacks.draw.paint import raster as raster_module
from modelviz_callbacks.draw.paint.pieces import read_picture
from modelviz_callbacks.draw.paint.plan import LEAST_TEXT_PX, PX_PER_PT, plan_sheets
from modelviz_callbacks.draw.paint.raster import rasterize


def chain(length: int, label: str = "box {} of a chain", more: str = "") -> str:
    """A graph of boxes in line, each with two lines of text."""
    boxes = "".join(f'n{i} [label="{label.format(i)}\\n[2, 64]"];' for i in range(length))
    lines = "".join(f"n{i} -> n{i + 1};" for i in range(length - 1))
    style = "node [shape=box fontsize=9 height=0.2]; graph [ranksep=0.25]"
    return f"digraph {{ {style} {boxes} {lines} {more} }}"


def wide(count: int) -> str:
    """A graph of many boxes beside each other."""
    return (
        "digraph { node [shape=box fontsize=9]" + "".join(f"a -> b{i};" for i in range(count)) + "}"
    )


def images(svg: str) -> list[Image.Image]:
    return [Image.open(io.BytesIO(png)).convert("RGB") for png in rasterize(svg).sheets]


def test_a_small_picture_is_one_column_of_its_natural_size() -> None:
    """Nothing is scaled or cut, and nothing is said of it."""
    raster = rasterize(engine.layout(chain(5)))
    assert (len(raster.sheets), raster.notes) == (1, ())
    plan = plan_sheets(read_picture(engine.layout(chain(5))))
    assert [len(sheet.slices) for sheet in plan.sheets] == [1]
    assert plan.zoom == 1


@pytest.mark.parametrize("length", [60, 100, 200])
def test_a_tall_picture_is_cut_in_columns_of_a_pleasing_shape(length) -> None:
    """Side by side, in full size."""
    svg = engine.layout(chain(length))
    plan = plan_sheets(read_picture(svg))
    (sheet,) = plan.sheets
    assert len(sheet.slices) > 1
    assert plan.zoom == 1
    (image,) = images(svg)
    assert 1.1 < image.width / image.height < 2.1


def test_a_very_wide_picture_is_cut_in_rows() -> None:
    """One below the other."""
    svg = engine.layout(wide(60))
    (sheet,) = plan_sheets(read_picture(svg)).sheets
    assert sheet.axis == 0
    assert len(sheet.slices) > 1
    (image,) = images(svg)
    assert 0.7 < image.width / image.height < 2.5


def test_no_cut_goes_through_text_or_a_box() -> None:
    """It lies between two ranks."""
    picture = read_picture(engine.layout(chain(150)))
    (sheet,) = plan_sheets(picture).sheets
    cuts = [part.place.bottom for part in sheet.slices[:-1]]
    assert len(cuts) > 2
    torn = [
        piece
        for piece in picture.pieces
        if piece.kind == "node" and any(piece.place.top < cut < piece.place.bottom for cut in cuts)
    ]
    assert torn == []


def test_the_slices_hold_the_whole_picture_once() -> None:
    """From the top to the bottom, without a gap."""
    picture = read_picture(engine.layout(chain(150)))
    places = [part.place for sheet in plan_sheets(picture).sheets for part in sheet.slices]
    assert places[0].top == picture.place.top
    assert places[-1].bottom == picture.place.bottom
    assert all(one.bottom == two.top for one, two in itertools.pairwise(places))


def test_every_cut_says_where_it_goes_on() -> None:
    """In words, and with an arrow for each line that is cut."""
    picture = read_picture(engine.layout(chain(150)))
    plan = plan_sheets(picture)
    svg = raster_module.sheet_svg(picture, plan.sheets[0], plan.zoom, 1)
    count = len(plan.sheets[0].slices)
    for number in range(1, count):
        assert f">continues in column {number + 1}<" in svg
        assert f">continued from column {number}<" in svg
    assert svg.count("<polygon points=") == 2 * (count - 1)


def test_each_box_and_its_text_is_on_one_sheet_alone(monkeypatch) -> None:
    """However many sheets there are."""
    monkeypatch.setattr(plan_module, "MAX_PIXELS", 150_000)
    picture = read_picture(engine.layout(chain(150, "only {}!")))
    plan = plan_sheets(picture)
    assert len(plan.sheets) > 2
    sheets = [
        raster_module.sheet_svg(picture, sheet, plan.zoom, number)
        for number, sheet in enumerate(plan.sheets, start=1)
    ]
    assert "continues on sheet 2" in sheets[0]
    assert "continued from sheet 1" in sheets[1]
    shown = [sum(f">only {i}!</" in text for text in sheets) for i in range(150)]
    assert set(shown) == {1}


@pytest.mark.parametrize("dot", [chain(300), wide(400), chain(20, "x" * 500)], ids=len)
def test_no_sheet_is_above_the_bounds_and_no_text_below_nine_pixels(dot, monkeypatch) -> None:
    """Pixels, sides and the number of sheets are bounded; what is left out is told."""
    monkeypatch.setattr(plan_module, "MAX_PIXELS", 700_000)
    monkeypatch.setattr(plan_module, "MAX_SIDE_PX", 6_000)
    svg = engine.layout(dot)
    plan = plan_sheets(read_picture(svg))
    made = images(svg)
    assert len(made) == len(plan.sheets) <= plan_module.MAX_SHEETS
    assert all(max(image.size) <= 6_000 for image in made)
    assert all(image.width * image.height <= 700_000 for image in made)
    assert plan.zoom * read_picture(svg).least_font * PX_PER_PT >= LEAST_TEXT_PX - 1e-6
    notes = " ".join(rasterize(svg).notes)
    assert ("the SVG has everything" in notes) == bool(plan.left_out)
    assert ("scaled" in notes) == (plan.zoom < 1)


def test_one_box_that_is_larger_than_a_sheet_is_painted_smaller() -> None:
    """A name of 5,000 letters cannot be cut; the note says that it was scaled."""
    svg = engine.layout(chain(2, "x" * 5_000))
    (image,) = images(svg)
    assert max(image.size) <= plan_module.MAX_SIDE_PX
    assert "scaled" in rasterize(svg).notes[0]


def test_tiny_text_is_painted_larger() -> None:
    """What a source writes in 5 points has nine pixels in the PNG."""
    svg = engine.layout("digraph { node [fontsize=5]; a -> b }")
    assert plan_sheets(read_picture(svg)).zoom == pytest.approx(9 / (5 * PX_PER_PT))


def test_a_png_of_too_many_bytes_is_painted_smaller(monkeypatch) -> None:
    """Until it fits."""
    svg = engine.layout(chain(5))
    whole = rasterize(svg).sheets[0]
    monkeypatch.setattr(raster_module, "MAX_BYTES", len(whole) * 3 // 4)
    (smaller,) = rasterize(svg).sheets
    assert len(smaller) <= len(whole) * 3 // 4
    assert Image.open(io.BytesIO(smaller)).width < Image.open(io.BytesIO(whole)).width


def test_the_ink_of_all_columns_is_that_of_the_picture() -> None:
    """What is painted in columns is what the picture holds: nothing is lost, nothing twice."""
    dot = chain(60, more="n0 -> n30; n10 -> n50 [color=red penwidth=3];")
    boxed = dot.replace("n5 [", "subgraph cluster_a { n5; n6; n7; n40 } n5 [")
    svg = engine.layout(boxed)
    picture = read_picture(svg)
    cut = plan_sheets(picture)
    assert len(cut.sheets[0].slices) > 1
    (columns,) = images(svg)
    whole = Image.open(io.BytesIO(raster_module.paint(svg.replace('pt"', '"')))).convert("RGB")
    red = [_red(image) for image in (columns, whole)]
    # The one is in pixels, the other in points.
    assert red[0] / PX_PER_PT**2 == pytest.approx(red[1], rel=0.1)


def _red(image: Image.Image) -> int:
    """Counts the pixels that are red."""
    counted = image.getcolors(2**24) or []
    return sum(count for count, (red, green, _) in counted if red > 200 and green < 80)
