"""Flows: chains of operators that build stages. Demand goes through all of them; nothing runs until a flow is run.

From what a user writes to what runs:

flow        `Flow`, what a user writes: sources, operators, windows, ways to run
plan        from a description to stages: which steps run together, who subscribes to what
stages      the stages that flows are made of
steps       what happens to events within one stage (pure)
windows     gathering: reductions, groups, lists; by count, by time, to the end (pure)
running     runs stages for somebody who iterates
"""

from genstage.flow.flow import Flow, Windowed

__all__ = ["Flow", "Windowed"]
