"""Makes the labels of a project the classes of a prompted detector, first and when labels are added."""
