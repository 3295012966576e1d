"""The measurements of `make bench`: one measurement, one file; `lab.bench` has the contract."""
