"""From a design to a bitstream: the way it is made, the project, its steps here or on a builder, what they give."""
