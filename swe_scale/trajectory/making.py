"""Makes a trajectory, whatever its strategy is."""

from swe_scale.config import Exec
from swe_scale.records import Trajectory
from swe_scale.trajectory import Assignment, Setting
from swe_scale.trajectory.external import run_command
from swe_scale.trajectory.loop import run


async def make(setting: Setting, assignment: Assignment) -> Trajectory:
    """Make one trajectory. What goes wrong within it is part of the record.

    Raises:
        UsageError: it is of an agent that isn't ours, whose settings can't be used with the model.
        EndpointRefused: the endpoint answers nothing at all.
        SandboxError: the backend no longer works at all.
        StoreError: the record can't be written.
    """
    if isinstance(assignment.settings, Exec):
        return await run_command(setting, assignment, assignment.settings)
    return await run(setting, assignment)
