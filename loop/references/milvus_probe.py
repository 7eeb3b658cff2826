"""Tries out whether a Milvus stores and finds a vector."""

from __future__ import annotations

from contextlib import suppress

from loop.errors import MilvusDown
from loop.references.milvus_client import Milvus

NAME = "loop_probe"  # no collection of a project begins so


def try_out(milvus: Milvus) -> None:
    """
    Make a collection, store a vector in it, find the vector, and drop the collection.

    A Milvus can answer while its folder is gone or its disk is full. One process at a time may do this. Raises
    MilvusDown.
    """
    if milvus.ask("has_collection", NAME):  # of a process that was killed
        milvus.ask("drop_collection", NAME)
    try:
        milvus.ask("create_collection", NAME, dimension=2, metric_type="COSINE", consistency_level="Strong")
        milvus.ask("insert", NAME, [{"id": 1, "vector": [1.0, 0.0]}])
        hits = milvus.ask("search", NAME, data=[[1.0, 0.0]], limit=1)
        if not hits or not hits[0]:
            raise MilvusDown(milvus.place, "it does not find what was stored")
    finally:
        with suppress(MilvusDown):
            milvus.ask("drop_collection", NAME)
