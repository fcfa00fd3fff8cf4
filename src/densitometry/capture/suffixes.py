"""The endings of the picture files that are read."""

PICTURE_SUFFIXES = (".jpg", ".jpeg", ".png", ".tif", ".tiff")
"""File suffixes of JPEG, PNG and TIFF, in lower case."""
