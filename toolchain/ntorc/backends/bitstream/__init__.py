"""From a plan to a bitstream: projects for tools that may be on another machine, run, collected, judged."""
