"""The controller of HADR Lab.

Watches the servers, promotes standbys, brings failed servers back.
"""
