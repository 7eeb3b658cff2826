"""A report as one self-contained HTML page. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from loop.gate.comparison import Change, Part
from loop.gate.report import Picture, Report, broken, fixed
from loop.gate.report_chart import RIGHT, TRUTH, WRONG, image_symbol, interval, panel, scale, span
from loop.gate.rule import Outcome, is_dropped, share_needed

COLOURS = {Outcome.PROMOTED: "#0a7d33", Outcome.REFUSED: "#b3300a", Outcome.HELD: "#8a5a00", None: "#3a4657"}
STYLE = """
body{margin:0;background:#f3f5f8;color:#17202c;font:15px/1.5 system-ui,"Segoe UI","DejaVu Sans",sans-serif}
main{max-width:1120px;margin:0 auto;padding:36px 40px 60px}
h1{font-size:26px;line-height:1.25;margin:12px 0 8px;font-weight:650}
h2{font-size:18px;margin:0 0 4px;font-weight:650}
p{margin:0 0 8px}.quiet{color:#566273}.small{font-size:13px}
.badge{display:inline-block;padding:3px 13px;border-radius:99px;color:#fff;font-weight:600;font-size:14px}
.reason{font-size:16px;margin:10px 0 0}.reason li{margin:4px 0}ul.reason{padding-left:22px}
.cards{display:grid;grid-template-columns:repeat(4,1fr);gap:14px;margin:24px 0}
.card,section{background:#fff;border:1px solid #dfe4ea;border-radius:10px}
.card{padding:14px 18px}.card b{display:block;font-size:24px;font-weight:650;font-variant-numeric:tabular-nums}
section{padding:20px 24px;margin:0 0 20px}
table{border-collapse:collapse;width:100%;margin-top:10px}
th{font-weight:600;font-size:13px;color:#566273;text-align:right;padding:6px 10px;border-bottom:1px solid #dfe4ea}
td{text-align:right;padding:4px 10px;border-bottom:1px solid #eef1f4;white-space:nowrap}
td{font-variant-numeric:tabular-nums}
th:first-child,td:first-child{text-align:left;padding-left:0;white-space:normal;overflow-wrap:anywhere}
tr:last-child td{border-bottom:0}tr.all td{font-weight:650;border-bottom:1px solid #cfd6de}
td svg{display:block;margin-left:auto}.scale text{font-size:11px;fill:#566273}
.up{color:#1559c7}.down{color:#b3300a}.tag{color:#b3300a;font-weight:600;font-size:13px}
.pairs{display:grid;grid-template-columns:repeat(2,1fr);gap:18px 26px;margin:14px 0 4px}
.pair{display:grid;grid-template-columns:1fr 1fr;gap:6px 8px;align-content:start}
.pair h3{grid-column:1/3;font-size:14px;margin:0;font-weight:600}
.panel{width:100%;height:auto;display:block;border-radius:6px;background:#dfe4ea}
.panel text{font-family:system-ui,"DejaVu Sans",sans-serif}
figure{margin:0}figcaption{font-size:13px;color:#566273;margin-top:4px}
.key{display:inline-block;width:20px;border-top:3px solid;vertical-align:middle;margin:0 6px 0 14px}
dl{display:grid;grid-template-columns:210px 1fr;gap:3px 16px;margin:10px 0 0;font-size:13px}
dt{color:#566273}dd{margin:0;overflow-wrap:anywhere}
"""


def page(report: Report) -> str:
    """The report as HTML."""
    candidate, champion = escape(report.candidate.name), escape(report.champion.name)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{candidate} beside {champion}</title><style>{STYLE}</style></head><body><main>"
        f"{_head(report)}{_cards(report)}{_classes(report)}{_parts(report)}{_galleries(report)}{_facts(report)}"
        "</main></body></html>\n"
    )


def _head(report: Report) -> str:
    word = report.outcome() or "compared"
    badge = f'<span class="badge" style="background:{COLOURS[report.outcome()]}">{escape(word.capitalize())}</span>'
    title = f"<h1>{escape(report.candidate.name)} beside {escape(report.champion.name)}</h1>"
    if report.ruling is None:
        return f"{badge}{title}"
    items = "".join(f"<li>{escape(_sentence(reason))}</li>" for reason in report.ruling.reasons)
    return f'{badge}{title}<ul class="reason">{items}</ul>'


def _sentence(text: str) -> str:
    return f"{text}." if text.startswith("mAP") else f"{text[:1].upper()}{text[1:]}."


def _cards(report: Report) -> str:
    comparison, latency = report.comparison, report.comparison.latency
    times = f"{latency.champion:.0f} → {latency.candidate:.0f} ms" if latency else "not timed"
    ratio = f"{latency.ratio:.2f} times, {report.policy.latency_ratio:g} allowed" if latency else "no champion to time"
    cards = [
        (f"{comparison.overall.champion:.3f} → {comparison.overall.candidate:.3f}", "mAP50-95"),
        (
            f"{comparison.overall.better:.1%}",
            f"of {comparison.resamples} resamples ahead; {share_needed(comparison, report.policy):.1%} needed",
        ),
        (f"{comparison.candidate.images} / {comparison.candidate.boxes}", "held-out images / boxes"),
        (times, f"an image; {ratio}"),
    ]
    shown = "".join(
        f'<div class="card"><b>{escape(value)}</b><span class="quiet small">{escape(caption)}</span></div>'
        for value, caption in cards
    )
    return f'<div class="cards">{shown}</div>'


def _classes(report: Report) -> str:
    comparison, policy = report.comparison, report.policy
    reach = span([comparison.overall, *(part.change for part in comparison.classes)], policy.class_drop)
    whole = Part("all classes", comparison.candidate.images, comparison.candidate.boxes, comparison.overall)
    rows = [_row(whole, reach, report, "all", "")]
    for part in sorted(comparison.classes, key=lambda part: part.change.lead):
        rare = "" if part.images >= policy.class_images else "too rare to judge"
        rows.append(_row(part, reach, report, "", "dropped" if is_dropped(part, policy) else rare))
    return (
        "<section><h2>Average precision by class</h2>"
        '<p class="quiet small">AP over IoU 0.5 to 0.95. The bar is the 95% interval of the change, by a paired '
        f"bootstrap over images; the dashed line is how far a class may fall ({policy.class_drop:.2f}).</p>"
        f"<table>{_headings(report, 'class', scale(reach))}{''.join(rows)}</table></section>"
    )


def _parts(report: Report) -> str:
    comparison = report.comparison
    names = (
        (comparison.known, "images that the champion was first measured on"),
        (comparison.fresh, "images held out since then"),
    )
    parts = [(part, name) for part, name in names if part]
    if not parts:
        return ""
    reach = span([part.change for part, _ in parts], report.policy.class_drop)
    rows = [
        _row(
            Part(name, part.images, part.boxes, part.change),
            reach,
            report,
            "",
            "dropped" if part is comparison.known and is_dropped(part, report.policy) else "",
        )
        for part, name in parts
    ]
    return (
        "<section><h2>Old images and new ones</h2>"
        '<p class="quiet small">A fall on the old ones is forgetting. The two may show different classes.</p>'
        f"<table>{_headings(report, 'held-out images', scale(reach))}{''.join(rows)}</table></section>"
    )


def _headings(report: Report, first: str, drawing: str) -> str:
    names = (_short(report.champion.name), _short(report.candidate.name))
    cells = "".join(f"<th>{escape(name)}</th>" for name in ("images", "boxes", *names, "change", "95% interval"))
    return f"<tr><th>{escape(first)}</th>{cells}<th>{drawing}</th></tr>"


def _row(part: Part, reach: float, report: Report, kind: str, tag: str) -> str:
    change = part.change
    note = f' <span class="{"tag" if tag == "dropped" else "quiet small"}">{escape(tag)}</span>' if tag else ""
    cells = (
        f"<td>{escape(part.name)}{note}</td><td>{part.images}</td><td>{part.boxes}</td>",
        f"<td>{change.champion:.3f}</td><td>{change.candidate:.3f}</td>",
        f'<td class="{_style(change)}">{change.lead:+.3f}</td><td>{change.low:+.3f} to {change.high:+.3f}</td>',
        f"<td>{interval(change, reach, report.policy.class_drop)}</td>",
    )
    return f'<tr class="{kind}">{"".join(cells)}</tr>'


def _style(change: Change) -> str:
    return "up" if change.low > 0 else "down" if change.high < 0 else ""


def _galleries(report: Report) -> str:
    mistakes = report.comparison.mistakes
    better, worse = fixed(mistakes), broken(mistakes)
    clean = sum(one.candidate == 0 for one in better)
    legend = "".join(
        f'<span class="key" style="border-color:{colour};border-top-style:{line}"></span>{name}'
        for colour, line, name in ((TRUTH, "dashed", "true box"), (RIGHT, "solid", "right"), (WRONG, "solid", "wrong"))
    )
    note = f'<p class="quiet small">Boxes of at least {report.threshold:g} confidence, judged at IoU 0.5. {legend}</p>'
    return (
        f"<section><h2>Images fixed: {len(better)} of {len(mistakes)} have fewer mistakes, {clean} none any more</h2>"
        f"{note}{_pictures(report, {one.image for one in better})}</section>"
        f"<section><h2>Images newly broken: {len(worse)} of {len(mistakes)} have more mistakes</h2>"
        f"{note}{_pictures(report, {one.image for one in worse})}</section>"
    )


def _pictures(report: Report, names: Iterable[str]) -> str:
    wanted = set(names)
    numbered = [(number, picture) for number, picture in enumerate(report.pictures) if picture.mistakes.image in wanted]
    pictures = "".join(_picture(report, number, picture) for number, picture in numbered)
    return f'<div class="pairs">{pictures}</div>' if pictures else "<p>none</p>"


def _picture(report: Report, number: int, picture: Picture) -> str:
    name, mistakes = f"image-{number}", picture.mistakes
    sides = (
        (report.champion.name, mistakes.champion, picture.champion),
        (report.candidate.name, mistakes.candidate, picture.candidate),
    )
    captions = [f"<figcaption>{escape(_short(side))}: {_mistakes(count)}</figcaption>" for side, count, _ in sides]
    panels = [panel(picture, name, shown) for _, _, shown in sides]
    figures = "".join(f"<figure>{drawing}{caption}</figure>" for drawing, caption in zip(panels, captions, strict=True))
    hidden = f'<svg width="0" height="0" style="position:absolute">{image_symbol(picture, name)}</svg>'
    return f'<div class="pair">{hidden}<h3>{escape(mistakes.image)}</h3>{figures}</div>'


def _mistakes(count: int) -> str:
    return "no mistake" if count == 0 else "1 mistake" if count == 1 else f"{count} mistakes"


def _facts(report: Report) -> str:
    policy = report.policy
    facts: Sequence[tuple[str, str]] = (
        ("project", str(report.project_id)),
        ("measured on snapshot", report.snapshot),
        (
            report.champion.name,
            f"SHA-256 {report.champion.sha256}, trained on {report.champion.snapshot or 'no snapshot'}",
        ),
        (
            report.candidate.name,
            f"SHA-256 {report.candidate.sha256}, trained on {report.candidate.snapshot or 'no snapshot'}",
        ),
        ("resamples", str(report.comparison.resamples)),
        ("least held-out size", f"{policy.least_images} images, {policy.least_boxes} boxes"),
        ("class judged from", f"{policy.class_images} images"),
        ("made", f"{report.made_at:%Y-%m-%d %H:%M} UTC"),
    )
    rows = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in facts)
    return f"<section><h2>What was compared</h2><dl>{rows}</dl></section>"


def _short(name: str) -> str:
    """The version number alone, short enough for a column head."""
    return name.rpartition("@")[2] or name
