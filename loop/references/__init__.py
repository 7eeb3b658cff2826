"""
Vectors of boxes in Milvus, kept up with the records; references are the reviewed boxes.

Other rooms use: changed_tasks, check, collection, entries, feature, index, label_counts, milvus_client, milvus_probe,
milvus_server, plan, room, vector_store.
"""
