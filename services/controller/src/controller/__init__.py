"""The controller of HADR Lab: watches the servers, promotes standbys, brings failed servers back."""
