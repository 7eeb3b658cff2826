"""A project whose images lie in a cloud storage: each has one address, whichever way Label Studio tells of it."""

from contextlib import closing

import pytest

from loop.training.after_reviews import sync
from loop.vision.addresses import identify
from loop.wiring import build
from tests.builders import CONFIG, ls_region, picture, region, served
from tests.services import settings_of

pytestmark = pytest.mark.timeout(240)


@pytest.fixture
def tasks(api, object_store):
    """The project, and its tasks as the API answers them: two images of a bucket."""
    import botocore.session

    object_store.make_bucket("photos")
    client = botocore.session.get_session().create_client("s3", endpoint_url=object_store.variables["AWS_ENDPOINT_URL"])
    for name, colour in (("cars/a.jpg", "red"), ("cars/b 1.jpg", "blue")):
        client.put_object(Bucket="photos", Key=name, Body=picture(colour=colour), ContentType="image/jpeg")
    made = api.post("/api/projects", json={"title": "Cloud", "label_config": CONFIG}).raise_for_status().json()
    storage = {
        "project": made["id"],
        "bucket": "photos",
        "prefix": "cars",
        "use_blob_urls": True,
        "presign": False,
        "s3_endpoint": object_store.variables["AWS_ENDPOINT_URL"],
        "region_name": "us-east-1",
        "aws_access_key_id": object_store.variables["AWS_ACCESS_KEY_ID"],
        "aws_secret_access_key": object_store.variables["AWS_SECRET_ACCESS_KEY"],
    }
    added = api.post("/api/storages/s3", json=storage).raise_for_status().json()
    api.post(f"/api/storages/s3/{added['id']}/sync").raise_for_status()
    return made["id"], api.get("/api/tasks", params={"project": made["id"]}).raise_for_status().json()["tasks"]


def test_an_image_of_a_bucket_has_one_address_is_read_and_its_reviews_are_judged(api, label_studio, tasks, tmp_path):
    project_id, answered = tasks
    with closing(build(settings_of(label_studio, tmp_path / "home"), migrate=True)) as rooms:
        rooms.studio.projects.save(project_id, "Cloud", CONFIG)
        listed = {task.id: task.data["image"] for task in rooms.studio.client.open_tasks(project_id)}

        assert sorted(listed.values()) == ["s3://photos/cars/a.jpg", "s3://photos/cars/b 1.jpg"]
        assert all("/resolve/?fileuri=" in task["data"]["image"] for task in answered)
        assert {task["id"]: identify(task["data"]["image"]) for task in answered} == listed
        first = min(listed)
        assert rooms.vision.images.fetch(listed[first], first) == picture(colour="red")
        rooms.serving.predictions.append(
            [served(region("p"), task=first, project=project_id, image=answered[0]["data"]["image"])]
        )
        review = {"result": [ls_region("p")], "lead_time": 2.0}
        api.post(f"/api/tasks/{first}/annotations/", json=review).raise_for_status()
        sync(rooms.trainings, project_id)
        assert rooms.rates.store.count_by_version(project_id)["yolo_detector@1.0.0"].confirmed == 1
