"""The one loop of every strategy: ask, parse, act, observe, until it is done or something has run out."""

from dataclasses import dataclass, replace

from swe_scale.errors import BudgetExceeded, ContextExceeded, EndpointRefused, ModelError, SandboxError
from swe_scale.prompts import render
from swe_scale.records import Completion, Message, Trajectory, TrajectoryOutcome, Turn
from swe_scale.trajectory import SET_ASIDE, Act, Assignment, Setting, Strategy, find_strategy
from swe_scale.trajectory.conversation import Conversation
from swe_scale.trajectory.grammar import Malformed
from swe_scale.trajectory.tools import said

_BRIEFER = "Of {} earlier observations only the ends were sent from here on, to make room."


@dataclass(frozen=True, slots=True)
class _End:
    """Why the loop ended."""

    outcome: TrajectoryOutcome
    error: str = ""


async def run(setting: Setting, assignment: Assignment) -> Trajectory:
    """Make one trajectory. What goes wrong within it is part of the record.

    Raises:
        EndpointRefused: the endpoint answers nothing at all.
        SandboxError: the backend no longer works at all.
        StoreError: the record can't be written.
    """
    path = f"{setting.issue.id}/trajectory/{assignment.index:02}"
    async with find_strategy(assignment)(setting, assignment) as strategy:
        tools = tuple(offered.tool for offered in strategy.tools)
        conversation = Conversation(path, setting.model, setting.ledger, assignment.sampling, tools)
        turns: list[Turn] = []
        end = over = _End("budget", "the time is over")
        with setting.leash.held(setting.deadline):
            end = await _converse(setting, strategy, conversation, turns, assignment)
        if end is over and setting.leash.cut:
            end = _End("cancelled", setting.leash.cut)
        patch = await setting.trees.patch(strategy.tree)
        setting.events.emit("trajectory", end.outcome + (f": {end.error}" if end.error else ""), path)
        return Trajectory(
            index=assignment.index,
            strategy=assignment.strategy,
            model=setting.model.name,
            sampling=assignment.sampling,
            plan=assignment.plan,
            turns=tuple(turns),
            tree=strategy.tree,
            patch=patch,
            check=strategy.check,
            outcome=end.outcome,
            error=end.error,
            usage=conversation.usage,
        )


async def _converse(
    setting: Setting,
    strategy: Strategy,
    conversation: Conversation,
    turns: list[Turn],
    assignment: Assignment,
) -> _End:
    asked = setting.opening("\n\n".join(filter(None, (strategy.instructions(), assignment.guidance))))
    last = min(setting.turns, assignment.pause or setting.turns)
    try:
        for number in range(1, last + 1):
            whole = conversation.condensed
            completion = await conversation.ask(number, asked)
            act = await _act(strategy, number, completion, setting.turns - number)
            if briefer := conversation.condensed - whole:
                act = replace(act, note="\n".join(filter(None, (_BRIEFER.format(briefer), act.note))))
            turns.append(await _turn(setting, strategy, asked, completion, act))
            setting.events.emit("turn", act.action, f"{conversation.path}/turn/{number:02}")
            if act.done:
                return _End("done")
            asked = conversation.answer(act.observation)
    except ContextExceeded as error:
        return _End("context", str(error))
    except BudgetExceeded as error:
        return _End("budget", str(error))
    except EndpointRefused:
        raise
    except ModelError as error:
        return _End("failed", str(error))
    except SandboxError as error:
        if not await setting.cells.alive():
            raise
        return _End("failed", f"its sandbox failed: {error}")
    if all(turn.action == "malformed" for turn in turns):
        return _End("malformed", "no reply kept the format")
    if last < setting.turns:
        return _End("turns", f"{SET_ASIDE} after {last} of {setting.turns} replies")
    return _End("turns")


async def _act(strategy: Strategy, number: int, completion: Completion, left: int) -> Act:
    try:
        return await strategy.act(number, said(completion, strategy.tools))
    except Malformed as error:
        fault = str(error)
        if strategy.tools and not completion.tool_calls:
            names = ", ".join(offered.tool.name for offered in strategy.tools)
            fault = f"it calls no tool ({names}), and as text: {fault}"
        if completion.finish == "length":
            fault += " (it was cut off at the longest reply allowed: be shorter)"
        return Act("malformed", render("malformed", fault=fault, left=left), note=fault)


async def _turn(
    setting: Setting, strategy: Strategy, asked: tuple[Message, ...], completion: Completion, act: Act
) -> Turn:
    return Turn(
        asked=asked,
        completion=completion,
        action=act.action,
        untouched=act.untouched,
        edited=act.edited,
        tree=strategy.tree,
        patch=await setting.trees.patch(strategy.tree),
        note=act.note,
        check=strategy.check,
    )
