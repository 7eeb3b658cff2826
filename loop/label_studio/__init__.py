"""
Everything that knows Label Studio's JSON, label configs and HTTP API.

Other rooms use: annotations, classes, client, connection, exports, imports, interactive, label_config,
label_config_edit, label_config_xml, match_control, payloads, prediction_import, projects, result_format, room, states,
tasks, views, webhook.
"""
