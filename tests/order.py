"""The order in which files of tests run."""

# Half a minute and more each. They begin first of those on servers, so that no worker is alone with one at the end.
LONGEST = (
    "integration/test_whole_way.py",
    "taxonomy/integration/test_match_by_itself.py",
    "imports/integration/test_import.py",
    "backend/integration/test_gunicorn.py",
    "reviews/integration/test_sync.py",
    "installation/integration/test_doctor.py",
    "installation/integration/test_connect.py",
    "installation/integration/test_up.py",
    "reviews/bulk/integration/test_run_cut_off.py",
    "reviews/bulk/integration/test_run.py",
    "training/integration/test_trainer.py",
    "discovery/integration/test_label_studio.py",
    "installation/integration/test_prompted.py",
    "gate/integration/test_evaluate.py",
    "taxonomy/integration/test_first_reviews.py",
    "training/integration/test_retrain.py",
    "backend/integration/test_busy_door.py",
    "job_queue/integration/test_workers.py",
    "installation/integration/test_faults.py",
    "serving/integration/test_click_tools.py",
    "installation/integration/test_closed.py",
    "installation/integration/test_backup.py",
    "training/integration/test_image_size.py",
    "references/integration/test_index.py",
    "vision/integration/test_images_of_tasks.py",
    "training/integration/test_tiles.py",
)


def place(item):
    """The place of a test: those without servers first, since a server once started costs until the end."""
    if item.get_closest_marker("integration") is None:
        return -1
    file = item.nodeid.partition("::")[0].removeprefix("tests/")
    return LONGEST.index(file) if file in LONGEST else len(LONGEST)
