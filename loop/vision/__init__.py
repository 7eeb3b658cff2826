"""
Images, detectors and embedders; each runtime of detectors and each kind of embedder is one file.

Other rooms use: addresses, cpu, detector, elsewhere, embedders, embedding, image_cache, image_files, image_reader,
images, previews, room, start, tiling, ultralytics_detector, ultralytics_setup, ultralytics_weights, weights_kind.
"""
