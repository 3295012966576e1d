"""Experiments: a scenario is run on the topology that runs, and judged.

schema.py       how a key of a scenario file is declared: kind, unit, bounds, default
scenario.py     what a scenario is, key by key; finds the files
parse.py        a file's text -> scenario, or all that is wrong with it, with lines
schedule.py     pure: scenario, system and seed -> who is struck, when, for how long; the rate of
                the load
abort.py        pure: what the clients saw -> go on, or stop at once and why
strokes.py      does the faults and undoes them
watch.py        samples the system all along
collect.py      fetches the logs of every part into the folder
runner.py       one trial from start to end
assess.py       the folder of a trial -> its verdict
one_fault.py    pure: what `make chaos` is told -> a scenario of one fault
loadtest.py     a load test from start to end
"""
