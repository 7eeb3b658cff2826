"""
Labels that exist elsewhere: datasets in the formats of YOLO, COCO and Pascal VOC, as reviews or predictions.

Other rooms use: class_names, find_tasks, foreign, formats, import_dataset, outcome.
"""
