"""A store of objects with the protocol of S3: moto's server, on a free port."""

import logging

import pytest

SECRET = "secret-of-the-store-7f3a"


class ObjectStore:
    """One server with a bucket; *variables* say to boto where it is and who may use it."""

    def __init__(self):
        logging.getLogger("werkzeug").setLevel(logging.WARNING)  # a line for each request
        self.port = 0
        self.start()
        self.port = self._server.get_host_and_port()[1]
        self.variables = {
            "AWS_ACCESS_KEY_ID": "user-of-the-store",
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.port}",
            "AWS_DEFAULT_REGION": "us-east-1",
        }

    def make_bucket(self, name):
        """Make a bucket, and return the address of a folder in it."""
        import botocore.session

        client = botocore.session.get_session().create_client("s3", endpoint_url=self.variables["AWS_ENDPOINT_URL"])
        client.create_bucket(Bucket=name)
        return f"s3://{name}/loop"

    def stop(self):
        """Stop the server; the objects stay in this process."""
        self._server.stop()

    def start(self):
        """Start the server, the first time on a free port."""
        from moto.server import ThreadedMotoServer  # a second of imports

        self._server = ThreadedMotoServer(ip_address="127.0.0.1", port=self.port, verbose=False)
        self._server.start()


@pytest.fixture(scope="session")
def object_stores():
    server = ObjectStore()
    yield server
    server.stop()


@pytest.fixture
def object_store(object_stores, monkeypatch):
    """The server of the session; this process finds it, and its children do."""
    for name, value in object_stores.variables.items():
        monkeypatch.setenv(name, value)
    return object_stores
