"""The versions of a project: which serve, what the gate said of each, and two of them on the same images."""

from __future__ import annotations

from flask import Response, request, url_for

from backend.dashboard.blueprint import Answer, project_page, rooms, show
from backend.dashboard.report_view import OUTCOMES, give_report
from loop.errors import PayloadError, UnknownReport, UpstreamError
from loop.gate.compare import find_report
from loop.gate.promote_by_hand import find_promotion_objection
from loop.gate.report import name_pair
from loop.job_queue.page_queue import name_job
from loop.label_studio.projects import Project
from loop.lineage import of_version
from loop.training.version_rows import PAGE, get_version, list_versions

MOST_MOVES = 20
STORED_PAGE = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'"


@project_page("models/", entry="Models")
def models(project: Project) -> Answer:
    """Show a page of the versions, newest first."""
    skip = min(max(0, request.args.get("skip", 0, int)), 1_000_000)
    listed = list_versions(rooms().trainings, project.id, skip)

    def link(start: int) -> str:
        return url_for("dashboard.models", project_id=project.id, skip=start or None)

    before = link(max(0, skip - PAGE)) if skip else None
    after = link(skip + PAGE) if skip + PAGE < listed.total else None
    return show("models.html", project=project, page=listed, outcomes=OUTCOMES, before=before, after=after)


@project_page("models/version")
def model_version(project: Project) -> Answer:
    """Show one version: its record, its lineage, its verdicts, and what may be done with it."""
    every, name = rooms(), request.args.get("name", "")
    version = every.registry.versions.get(project.id, name)
    lineage = of_version(every.trainings, project.id, version.name)
    listed = list_versions(every.trainings, project.id)
    return show(
        "model_version.html",
        project=project,
        row=get_version(every.trainings, project.id, version.name),
        version=version,
        lineage=lineage,
        moves=lineage.moves[-MOST_MOVES:],
        rates=every.rates.store.count_version(project.id, version.name),
        export=every.registry.exports.of(version),
        objection=find_promotion_objection(every.gate, version),
        champion=listed.champion,
        pinned=listed.pinned,
        outcomes=OUTCOMES,
        job=_find_job(name_job("promote", project.id, version.name)),
    )


@project_page("models/report")
def model_report(project: Project) -> Answer:
    """Show the gate's report on a version."""
    version = rooms().registry.versions.get(project.id, request.args.get("name", ""))
    champion = rooms().registry.versions.champion(project.id)
    try:
        given = give_report(project, rooms().gate.reports.read(project.id, version.name))
    except (UnknownReport, PayloadError) as error:
        given = {"report": None, "trouble": str(error)}
    return show("model_report.html", project=project, version=version, champion=champion, **given)


@project_page("models/report/page")
def report_file(project: Project) -> Answer:
    """Show the page of a report as it was written, which may do nothing but show itself."""
    version = rooms().registry.versions.get(project.id, request.args.get("name", ""))
    page, _ = rooms().gate.reports.find(project.id, version.name)
    return Response(page.read_bytes(), mimetype="text/html", headers={"Content-Security-Policy": STORED_PAGE})


@project_page("models/report/<int:number>.jpg")
def report_picture(project: Project, number: int) -> Answer:
    """Show a picture of a report, by its place in it."""
    versions, given = rooms().registry.versions, request.args
    keys = ("first", "second") if "first" in given else ("name",)
    names = [versions.get(project.id, given.get(key, "")).name for key in keys]
    pictures = rooms().gate.reports.read(project.id, name_pair(*names) if len(names) > 1 else names[0]).pictures
    if number >= len(pictures):
        raise UnknownReport(f"the report has {len(pictures)} pictures")
    return Response(pictures[number].jpeg, mimetype="image/jpeg")


@project_page("models/compare")
def compare_models(project: Project) -> Answer:
    """Show the newest report on two versions, or a button that asks for one."""
    listed = list_versions(rooms().trainings, project.id)
    first, second = request.args.get("first", ""), request.args.get("second", "")
    given: dict[str, object] = {"report": None, "job": None}
    if first and second:
        versions = [rooms().registry.versions.get(project.id, name) for name in (first, second)]
        first, second = (version.name for version in versions)
        report = find_report(rooms().gate, project.id, first, second)
        job = _find_job(name_job("compare", project.id, name_pair(first, second)))
        given = {**(give_report(project, report) if report else {"report": None}), "job": job}
        given["lacking"] = [version.name for version in versions if not version.has_weights]
    return show("model_compare.html", project=project, names=listed.names, first=first, second=second, **given)


def _find_job(job_id: str) -> dict[str, object]:
    """How a job stands that a page asked for: its id, whether it is open, and the error with which it failed."""
    try:
        is_open = rooms().queue.is_open(job_id)
        return {"id": job_id, "is_open": is_open, "failure": "" if is_open else rooms().queue.find_failure(job_id)}
    except UpstreamError as error:
        return {"id": job_id, "is_open": False, "failure": str(error)}
