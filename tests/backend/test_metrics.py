"""Metrics that come from the records and from the queue."""

import os
import subprocess
import sys

from loop.job_queue.progress import JobProgress
from loop.training.stopwatch import Stage, spend
from tests.backend.builders import AUTH
from tests.builders import CONFIG, count_statements


def test_metrics_have_the_seconds_of_the_newest_training_by_stage(client, rooms):
    training = rooms.trainings.store.ask(1, "a test")
    spend(rooms.trainings.store, training.id, {Stage.STEP: 12.5})

    text = client.get("/metrics", headers=AUTH).text

    assert 'loop_training_seconds{project="1",stage="step"} 12.5' in text


def test_metrics_ask_the_records_as_often_for_many_projects_as_for_one(client, rooms):
    def ask():
        client.get("/metrics", headers=AUTH)

    once = count_statements(rooms.engine, ask)
    for project_id in range(2, 12):
        rooms.studio.projects.save(project_id, "Cars", CONFIG)
        rooms.trainings.store.ask(project_id, "a test")

    assert count_statements(rooms.engine, ask) == once


def test_metrics_say_how_far_a_job_has_come(client, rooms):
    rooms.queue.note_progress("refresh-1", JobProgress(200, 100, 12.5))

    lines = client.get("/metrics", headers=AUTH).text.splitlines()

    assert 'loop_job_images_done{job="refresh-1"} 200.0' in lines
    assert 'loop_job_images_left{job="refresh-1"} 100.0' in lines
    assert 'loop_job_images_rate{job="refresh-1"} 12.5' in lines


def test_metrics_say_how_many_jobs_wait_and_for_how_long(client, rooms):
    rooms.queue.lengths, rooms.queue.waits = lambda: {"gpu": 0, "default": 3}, lambda: {"default": 42.5}

    lines = client.get("/metrics", headers=AUTH).text.splitlines()

    assert 'loop_jobs_waiting{queue="default"} 3.0' in lines
    assert 'loop_jobs_wait_seconds{queue="default"} 42.5' in lines
    assert 'loop_jobs_wait_seconds{queue="gpu"} 0.0' in lines


COUNT = """
import os, shutil
from backend import metrics
metrics.open_files()
shutil.rmtree(os.environ["PROMETHEUS_MULTIPROC_DIR"])
metrics.EVENTS.labels("1", "ANNOTATION_CREATED").inc()
metrics.SECONDS.labels("predict").observe(0.5)
metrics.open_files()
"""


def test_a_process_counts_on_after_its_folder_was_removed_and_the_next_one_has_it_again(tmp_path):
    folder = tmp_path / "removed"

    done = subprocess.run(
        [sys.executable, "-c", COUNT],
        env={**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert folder.is_dir()
