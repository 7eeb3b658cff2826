"""What the templates of a gate report need beside the report: addresses of its pictures, and places of its drawings."""

from __future__ import annotations

from typing import Any

from flask import url_for

from loop.gate.report import GateReport
from loop.gate.report_chart import make_caption
from loop.gate.report_page import make_view, shorten_name
from loop.label_studio.projects import Project

OUTCOMES = {"promoted": "good", "refused": "bad", "held": "warn"}  # the kinds of their badges


def give_report(project: Project, report: GateReport) -> dict[str, Any]:
    """Return the values for `report_macros.html`."""
    judged = report.candidate.name if report.ruling else None
    pair: dict[str, Any] = {"first": report.champion.name, "second": report.candidate.name}

    def find_picture(name: str) -> str:
        number = int(name.removeprefix("image-"))
        return url_for(
            "dashboard.report_picture", project_id=project.id, number=number, **({"name": judged} if judged else pair)
        )

    return {
        "view": make_view(report),
        "report": report,
        "outcomes": OUTCOMES,
        "short": shorten_name,
        "caption": make_caption,
        "picture_of": find_picture,
    }
