"""Topology files: read, checked, written."""
