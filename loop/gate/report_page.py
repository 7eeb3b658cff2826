"""A report as one self-contained HTML page, by the template `report.html.j2`."""

from __future__ import annotations

import base64
from collections.abc import Collection
from dataclasses import dataclass, fields
from pathlib import Path

from loop.gate.comparison import Mistakes, Part
from loop.gate.report import ComparedVersion, GateReport, Picture, list_broken, list_fixed
from loop.gate.report_chart import Scale, make_caption, make_scale
from loop.gate.rule import is_dropped, needed_share
from loop.page_template import fill

TEMPLATE = Path(__file__).with_name("report.html.j2")


@dataclass(frozen=True, slots=True)
class ReportRow:
    """A row of a table: a class, a subset of the images or the whole, with a word about it."""

    part: Part
    tag: str = ""
    is_total: bool = False


@dataclass(frozen=True, slots=True)
class ReportTable:
    """A table of changes, drawn on one scale."""

    title: str
    note: str
    first_column: str
    scale: Scale
    rows: list[ReportRow]


@dataclass(frozen=True, slots=True)
class ShownRow:
    """A row on what the candidate would show: boxes an image that are right, wrong and missed, with a word about it."""

    threshold: float
    right: float
    wrong: float
    missed: float
    tag: str = ""


@dataclass(frozen=True, slots=True)
class ShownTable:
    """The boxes that the candidate would show at each threshold; no rows in a report from before they were counted."""

    title: str
    note: str
    rows: list[ShownRow]


@dataclass(frozen=True, slots=True)
class ReportGallery:
    """Pictures under a title, each with the id of its image in the page."""

    title: str
    pictures: list[tuple[str, Picture]]


@dataclass(frozen=True, slots=True)
class ReportView:
    """All that a page on a report shows, in its order; a card is a value with words about it."""

    report: GateReport
    reasons: list[str]
    cards: list[tuple[str, str]]
    tables: list[ReportTable]
    shown: ShownTable
    galleries: list[ReportGallery]
    facts: list[tuple[str, str]]


def make_view(report: GateReport) -> ReportView:
    """Return the content of the page on a report."""
    return ReportView(
        report=report,
        reasons=[_make_sentence(reason) for reason in report.ruling.reasons] if report.ruling else [],
        cards=_make_cards(report),
        tables=[_make_class_table(report), *_make_subset_tables(report)],
        shown=_make_shown_table(report),
        galleries=_make_galleries(report),
        facts=_list_facts(report),
    )


def make_page(report: GateReport) -> str:
    """Return the report as HTML."""
    view = make_view(report)
    return fill(
        TEMPLATE,
        **{field.name: getattr(view, field.name) for field in fields(view)},
        caption=make_caption,
        short=shorten_name,
        jpeg_uri=lambda jpeg: f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}",
    )


def _make_sentence(text: str) -> str:
    return f"{text}." if text.startswith("mAP") else f"{text[:1].upper()}{text[1:]}."


def _make_cards(report: GateReport) -> list[tuple[str, str]]:
    comparison, latency = report.comparison, report.comparison.latency
    ratio = f"{latency.ratio:.2f} times, {report.policy.latency_ratio:g} allowed" if latency else "no champion to time"
    return [
        (f"{comparison.overall.champion:.3f} → {comparison.overall.candidate:.3f}", "mAP50-95"),
        (
            f"{comparison.overall.better:.1%}",
            f"of {comparison.resamples} resamples ahead; {needed_share(comparison, report.policy):.1%} needed",
        ),
        (f"{comparison.candidate.images} / {comparison.candidate.boxes}", "held-out images / boxes"),
        (
            f"{latency.champion:.0f} → {latency.candidate:.0f} ms" if latency else "not timed",
            f"an image; {ratio}",
        ),
    ]


def _make_class_table(report: GateReport) -> ReportTable:
    comparison, policy = report.comparison, report.policy
    whole = Part("all classes", comparison.candidate.images, comparison.candidate.boxes, comparison.overall)
    rows = [ReportRow(whole, is_total=True)]
    for part in sorted(comparison.classes, key=lambda part: part.change.lead):
        rare = "" if part.images >= policy.class_images else "too rare to judge"
        rows.append(ReportRow(part, "dropped" if is_dropped(part, policy) else rare))
    return ReportTable(
        "Average precision by class",
        "AP over IoU 0.5 to 0.95. The bar is the 95% interval of the change, by a paired bootstrap over images; "
        f"the dashed line is how far a class may fall ({policy.class_drop:.2f}).",
        "class",
        make_scale([row.part.change for row in rows], policy.class_drop),
        rows,
    )


def _make_subset_tables(report: GateReport) -> list[ReportTable]:
    """The table of old and new images; no table if it would have no row."""
    known, fresh, policy = report.comparison.known, report.comparison.fresh, report.policy
    rows = []
    if known:
        name = "images that the champion was first measured on"
        tag = "dropped" if is_dropped(known, policy) else ""
        rows.append(ReportRow(Part(name, known.images, known.boxes, known.change), tag))
    if fresh:
        rows.append(ReportRow(Part("images held out since then", fresh.images, fresh.boxes, fresh.change)))
    table = ReportTable(
        "Old images and new ones",
        "A fall on the old ones is forgetting. The two may show different classes.",
        "held-out images",
        make_scale([row.part.change for row in rows], policy.class_drop),
        rows,
    )
    return [table] if rows else []


def _make_shown_table(report: GateReport) -> ShownTable:
    images, fewest = report.comparison.candidate.images, report.comparison.fewest_mistakes
    rows = []
    for one in report.comparison.shown:
        tags = ["in force" if one.threshold == report.threshold else "", "fewest mistakes" if one == fewest else ""]
        right, wrong, missed = (count / max(images, 1) for count in (one.right, one.wrong, one.missed))
        rows.append(ShownRow(one.threshold, right, wrong, missed, ", ".join(filter(None, tags))))
    return ShownTable(
        "Boxes shown at each threshold",
        "Boxes of the candidate on a held-out image, judged at IoU 0.5. model_score_threshold of the label config, or "
        "LOOP_SCORE_THRESHOLD, is the least confidence that is shown.",
        rows,
    )


def _make_galleries(report: GateReport) -> list[ReportGallery]:
    mistakes, images = report.comparison.mistakes, report.comparison.candidate.images
    better, worse = list_fixed(mistakes), list_broken(mistakes)
    clean = sum(image.candidate == 0 for image in better)
    return [
        ReportGallery(
            f"Images fixed: {len(better)} of {images} have fewer mistakes, {clean} none any more",
            _choose_pictures(report, better),
        ),
        ReportGallery(
            f"Images newly broken: {len(worse)} of {images} have more mistakes",
            _choose_pictures(report, worse),
        ),
    ]


def _choose_pictures(report: GateReport, wanted: Collection[Mistakes]) -> list[tuple[str, Picture]]:
    names = {image.image for image in wanted}
    return [
        (f"image-{number}", picture)
        for number, picture in enumerate(report.pictures)
        if picture.mistakes.image in names
    ]


def _list_facts(report: GateReport) -> list[tuple[str, str]]:
    policy = report.policy
    return [
        ("project", str(report.project_id)),
        ("measured on snapshot", report.snapshot),
        *((side.name, _describe_provenance(side)) for side in (report.champion, report.candidate)),
        ("resamples", str(report.comparison.resamples)),
        ("least held-out size", f"{policy.least_images} images, {policy.least_boxes} boxes"),
        ("class judged from", f"{policy.class_images} images"),
        ("made", f"{report.made_at:%Y-%m-%d %H:%M} UTC"),
    ]


def _describe_provenance(side: ComparedVersion) -> str:
    return f"SHA-256 {side.sha256}, trained on {side.snapshot or 'no snapshot'}"


def shorten_name(name: str) -> str:
    """The version number alone, short enough for a column head."""
    return name.rpartition("@")[2] or name
