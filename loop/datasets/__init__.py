"""Reviews to immutable YOLO datasets with a frozen held-out split."""
