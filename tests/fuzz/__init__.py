"""Adapters in front of servers that have gone mad: `babbling` says what such a server answers, the tests hold every adapter to its port.

`python -m fuzz`, which `make fuzz` runs, plays them with other seeds until its minutes of the processor are used up.
"""
