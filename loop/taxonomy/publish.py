"""Write matches into the predictions in Label Studio. A second run changes nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from functools import partial

from loop.errors import Refused
from loop.failures import Fault, attempt
from loop.label_studio.match_control import find_control
from loop.label_studio.projects import Project
from loop.label_studio.tasks import StoredTask
from loop.storage.queries import chunked
from loop.taxonomy.result import TaskMatches
from loop.taxonomy.room import TaxonomyRoom
from loop.taxonomy.taxonomy import Taxonomy
from loop.taxonomy.views import TITLE, plan_views
from loop.taxonomy.voting import Match

AT_ONCE = 100  # tasks in memory at the same time
MOST_NAMED = 10  # refused tasks named in the summary
MOST_VIEWS = 100  # largest number of tabs: the Data Manager loads all of them before it shows one


def publish(
    taxonomies: TaxonomyRoom, project: Project, taxonomy: Taxonomy, matches_by_task: Mapping[int, Mapping[str, Match]]
) -> str:
    """
    Write the matches of tasks (task id, region id) into the champion's predictions; return a summary.

    All matches of a task must be given: a region without a match loses its old one. Only results of changed predictions
    are written; annotations and predictions of other versions never change. A refusal of Label Studio concerns only
    its task. Raises UpstreamError if Label Studio does not answer.
    """
    champion = taxonomies.registry.versions.champion(project.id)
    if champion is None:
        return "no matches to show: nothing serves yet"
    control = find_control(project.label_config)
    done: Counter[str] = Counter()
    refused: list[str] = []
    for task_ids in chunked(sorted(matches_by_task), AT_ONCE):
        tasks = taxonomies.studio.client.named_tasks(project.id, task_ids)
        for task_id, task in tasks.items():
            matches = TaskMatches(matches_by_task[task_id], taxonomy, control)
            try:
                written = attempt(partial(_write_matches, taxonomies, project.id, champion.name, task, matches))
            except Refused as error:
                refused.append(f"task {task_id}: {error}")
            else:
                done += Counter() if isinstance(written, Fault) else written
                refused += [f"task {task_id}: {written.error}"] if isinstance(written, Fault) else []
    summary = f"{champion.name}: {done['written']} predictions show other matches now, {done['right']} showed theirs"
    more = f"; {len(refused) - MOST_NAMED} more were refused" * (len(refused) > MOST_NAMED)
    return "; ".join([summary, *refused[:MOST_NAMED]]) + more


def publish_views(taxonomies: TaxonomyRoom, project_id: int, taxonomy: Taxonomy, *, most: int = MOST_VIEWS) -> str:
    """
    Keep a view for each node, at most *most*: the tasks with a match to the node, or below it, by the champion.

    Views change only with the taxonomy or the champion: their tasks follow the predictions. Raises UpstreamError if
    Label Studio does not answer.
    """
    champion = taxonomies.registry.versions.champion(project_id)
    if champion is None:
        return "no views of categories: nothing serves yet"
    client = taxonomies.studio.client
    plan = plan_views(taxonomy, champion.name, client.views(project_id), most=most)
    for view in plan.changed:
        client.update_view(project_id, view)
    for view in plan.added:
        client.create_view(project_id, view)
    for view_id in plan.gone:
        client.delete_view(view_id)
    summary = f"views “{TITLE}…”: {len(plan.added)} added, {len(plan.changed)} changed, {len(plan.gone)} deleted"
    remaining = len(taxonomy.nodes) - most
    return f"{summary}; the {remaining} deepest nodes have none" if remaining > 0 else summary


def _write_matches(
    taxonomies: TaxonomyRoom, project_id: int, version: str, task: StoredTask, matches: TaskMatches
) -> Counter[str]:
    done: Counter[str] = Counter()
    for prediction in task.predictions_of(version):
        if prediction.id is None or not prediction.is_readable:  # Label Studio stores any content
            continue
        result = matches.write_into(prediction.result, version)
        if result == prediction.result:
            done["right"] += 1
            continue
        taxonomies.studio.client.update_prediction(prediction.id, result=result, task_id=task.id, project_id=project_id)
        done["written"] += 1
    return done
