"""Every action of the pages is a command, and every command is on a page or among those that are not, in the docs."""

from pathlib import Path

from backend.dashboard.blueprint import OF_INSTALLATION, OF_PROJECTS
from tests.cli.builders import commands

PAGE = Path(__file__).parents[3] / "docs" / "dashboard.md"
COMMANDS = {" ".join(path) for path, _ in commands()}
COMMAND_OF = {  # each action by the name of its function
    "accept_tasks": "accept",
    "undo_accepted": "accept",
    "discover_clusters": "discover",
    "promote_cluster": "clusters promote",
    "dismiss_cluster": "clusters dismiss",
    "undo_cluster": "clusters undo",
    "show_crops_in_label_studio": "crops list",
    "relabel_crops": "crops relabel",
    "look_for_suspects": "suspects",
    "events_retry": "events retry",
    "events_dismiss": "events dismiss",
    "deliveries_retry": "deliveries retry",
    "job_cancel": "jobs cancel",
    "measure_models": "models compare",
    "promote_model": "models promote",
    "pin_model": "models pin",
    "unpin_model": "models unpin",
    "roll_back_model": "models rollback",
    "shadow_model": "models shadow",
    "end_shadow": "models shadow",
    "show_disagreements": "disagreements",
    "check_taxonomy": "taxonomy check",
    "apply_taxonomy": "taxonomy apply",
    "calibrate_taxonomy": "taxonomy calibrate",
    "apply_thresholds": "taxonomy calibrate",
    "prepare_matches": "taxonomy reapply",
    "reapply_taxonomy": "taxonomy reapply",
    "undo_matches": "taxonomy undo",
    "ask_for_training": "retrain",
    "set_policy": "policy",
    "rename_class": "dataset rename-class",
    "retire_class": "dataset retire-class",
}


def test_every_action_of_the_pages_is_a_command(filled):
    actions = {
        rule.endpoint.removeprefix("dashboard.")
        for rule in filled.url_map.iter_rules()
        if rule.endpoint.startswith("dashboard.") and "POST" in rule.methods
    }

    assert actions - {"sign_in", "sign_out"} == COMMAND_OF.keys()
    assert {*COMMAND_OF.values()} <= COMMANDS


def test_the_docs_say_of_every_command_where_it_is_in_the_pages_or_why_it_is_not():
    pages, terminal = PAGE.read_text().split("## Only at a terminal")

    def name(text):
        return {command for command in COMMANDS if f"`loop {command}`" in text or f"`loop {command} --" in text}

    assert name(pages) | name(terminal) == COMMANDS
    assert {*COMMAND_OF.values()} <= name(pages)
    assert name(pages) & name(terminal) <= {"dashboard", "up"}  # how to get in


def test_the_docs_have_a_picture_of_every_page_of_the_navigation():
    text = PAGE.read_text()

    assert [title for title in (*OF_PROJECTS, *OF_INSTALLATION) if f"![{title}](screenshots/" not in text] == []
