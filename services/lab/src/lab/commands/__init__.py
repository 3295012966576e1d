"""The lab's commands: one module, one command.

A command is a module of this package with

    HELP                          one line for `python -m lab --help`
    add_arguments(parser)         declares its arguments on an argparse parser, if it has any
    run(args, settings) -> int    does the work and returns the exit status

The module's name is the command's name, with `-` for `_`. No list of commands is kept elsewhere.
"""
