"""Calls to Milvus that fail, or that take long."""

import time
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from pymilvus import MilvusException
from pymilvus.client.grpc_handler import GrpcHandler

from loop.errors import MilvusDown
from loop.references.collection import call_milvus
from loop.references.milvus_client import channel_options

LONG_CALL = 240.0  # seconds; gRPC's servers close the connection after 200, at the third ping too many


@pytest.mark.parametrize(("code", "expected"), [(grpc.StatusCode.UNAVAILABLE, 0), (101, 101)])
def test_a_milvus_that_fails_until_the_time_is_over_is_down(code, expected):
    def fail():
        raise MilvusException(code, "no connection")

    with pytest.raises(MilvusDown, match="no connection") as failure:
        call_milvus("here", fail)

    assert failure.value.code == expected


@pytest.mark.long  # four minutes in which nothing happens
def test_our_server_may_take_its_time_for_a_call(tmp_path):
    address = f"unix:{tmp_path}/milvus.sock"
    method = grpc.unary_unary_rpc_method_handler(lambda *_: time.sleep(LONG_CALL) or b"done")
    server = grpc.server(ThreadPoolExecutor(2))
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("milvus", {"index": method})])
    server.add_insecure_port(address)
    server.start()
    try:
        with ThreadPoolExecutor(2) as clients:
            ours = clients.submit(call, address, channel_options(address, LONG_CALL))
            as_it_comes = clients.submit(call, address, {})
            assert ours.result() == b"done"
            with pytest.raises(grpc.RpcError, match="Too many pings"):
                as_it_comes.result()
    finally:
        server.stop(0)


def call(address, options):
    """Call the method over a channel of pymilvus."""
    handler = GrpcHandler.__new__(GrpcHandler)
    handler._address, handler._secure, handler._grpc_options = address, False, options
    with handler._create_grpc_channel(address) as channel:
        return channel.unary_unary("/milvus/index")(b"build", timeout=2 * LONG_CALL)
