"""
The records (tables and migrations), and files that are written whole or not at all.

Other rooms use: actor, audit, changes, database, exchange_tables, file_store, files, home_folder, installation_store,
keys, queries, socket_file, storable, tables, taxonomy_tables, text_file, vector_tables, zip_layout.
"""
