"""The report of an experiment, made from its result folder alone.

A page, and a short form for the terminal.

page.write(folder)      report.html: one file that opens offline; returns its path
short.terminal(folder)  the verdict, the expectations, the budget and the losses, as text
story_text.page(folder) what happened and what became of the requests, as `make chaos` tells it
short.status(folder)    the exit status that belongs to the verdict; as JSON the report is
                        verdict.json

folder.py reads the records; series.py counts requests per time, bands.py follows the servers'
states, events.py tells what was done and decided; traces.py and figures.py draw them; tables.py
makes the tables' rows; page.py puts the page together; short.py is the terminal's form.
"""
