"""What a session tells: its plan with costs, and at its end what remains."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from benchmarks.gpu.estimate import Pace, progress
from benchmarks.gpu.options import State
from benchmarks.gpu.plan import Task

__all__ = ["conclusion", "table"]


def table(plan: Sequence[Task], state: State, pace: Pace, parallel: int) -> Iterator[str]:
    """List the tasks with their costs, and what they come to."""
    form = "{:40} {:24} {:>8} {:>9} {:>8}  {}"
    yield form.format("task", "job", "PFLOP", "steps", "minutes", "")
    for task in plan:
        costs = (f"{task.flop / 1e15:.2f}", f"{task.steps:,}") if task.steps else ("", "")
        yield form.format(
            task.name, task.job, *costs, f"{pace.seconds(task) / 60:.1f}", _standing(task, state)
        ).rstrip()
    todo = [task for task in plan if not task.lacks and not state.done(task.name)]
    flop = sum(task.flop * (1 - progress(task, state)) for task in todo) / 1e15
    yield f"{len(todo)} of {len(plan)} tasks to do: {flop:.0f} PFLOP, {_minutes(todo, state, pace, parallel)}"


def conclusion(plan: Sequence[Task], state: State, pace: Pace, parallel: int, failed: Collection[str]) -> Iterator[str]:
    """Say what lacks data; the last line says what is done, what remains, and how long it takes."""
    for name in dict.fromkeys(task.lacks for task in plan if task.lacks):
        yield f"not done without --data {name}=PATH: {', '.join(task.name for task in plan if task.lacks == name)}"
    todo = [task for task in plan if not task.lacks and not state.done(task.name)]
    done = sum(state.done(task.name) for task in plan)
    if not todo:
        yield f"all is done: {done} tasks"
        return
    names = ", ".join(f"{task.name}{_share(task, state)}" for task in todo)
    trouble = f"; failed: {', '.join(failed)}" if failed else ""
    yield f"{done} tasks done, {len(todo)} remain, {_minutes(todo, state, pace, parallel)}: {names}{trouble}"


def _standing(task: Task, state: State) -> str:
    if state.done(task.name):
        return f"done in {state.spent(task.name) / 60:.1f} minutes"
    if task.lacks:
        return f"needs --data {task.lacks}=PATH"
    return f"under way{_share(task, state)}" if state.spent(task.name) else ""


def _share(task: Task, state: State) -> str:
    share = progress(task, state)
    return f" ({share:.0%})" if share else ""


def _minutes(todo: Sequence[Task], state: State, pace: Pace, parallel: int) -> str:
    return f"about {pace.left(todo, state, parallel) / 60:.1f} minutes, {parallel} at a time"
