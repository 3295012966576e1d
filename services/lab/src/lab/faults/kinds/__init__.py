"""The faults: one fault, one file; `lab.faults` has the contract."""
