"""The names that Label Studio's webhooks and buttons send, and of the headers that ours carries. Pure."""

CREATED = ("ANNOTATION_CREATED", "ANNOTATION_UPDATED", "ANNOTATIONS_CREATED")
ACTIONS = [*CREATED, "ANNOTATIONS_DELETED", "TASKS_CREATED", "TASKS_DELETED", "PROJECT_UPDATED"]  # our hook sends these
START_TRAINING = "START_TRAINING"  # the button in Label Studio, sent to its ML backend without our hook
SECRET_HEADER, PROJECT_HEADER = "X-Loop-Secret", "X-Loop-Project"
