"""Facts: records in, what happened and what it is worth out. No I/O but the result folder."""
