"""Topology files: read, checked, refused."""
