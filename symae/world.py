"""The processes that train one network together, and which of them this one is.

Who starts them says so: `symae train --devices N` itself, torchrun or SLURM's srun by what they put into the
environment.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lightning.fabric.plugins.environments.cluster_environment import ClusterEnvironment
from lightning.fabric.plugins.environments.slurm import SLURMEnvironment

from symae.errors import InputError

__all__ = ["ALONE", "Environment", "World", "world_of"]


@dataclass(frozen=True)
class World:
    """All processes of a training, seen from one of them.

    Attributes:
        rank: number of this process among all, in [0, size).
        size: number of processes; 1: it trains alone.
        local_rank: number of this process among those of its machine.
        local_size: processes on its machine.
        node: number of its machine.
        address, port: where the processes find each other.
        hosted: whether someone else listens there; if not, process 0 does.
        attempt: number of the start, where processes are started again after a failure.
    """

    rank: int = 0
    size: int = 1
    local_rank: int = 0
    local_size: int = 1
    node: int = 0
    address: str = "127.0.0.1"
    port: int = 0
    hosted: bool = False
    attempt: int = 0

    @property
    def alone(self) -> bool:
        """Whether there is no other process."""
        return self.size == 1

    @property
    def leads(self) -> bool:
        """Whether this is the process that speaks and writes for all."""
        return self.rank == 0


ALONE = World()


def world_of(environment: Mapping[str, str]) -> World:
    """Read what torchrun or srun say of this process; alone if neither has started it.

    Raises:
        InputError: what they say is incomplete.
    """
    try:
        if "TORCHELASTIC_RUN_ID" in environment:
            return _torchrun(environment)
        if int(environment.get("SLURM_STEP_NUM_TASKS", 1)) > 1:
            return _slurm(environment)
    except (KeyError, ValueError) as error:
        message = f"the environment does not say which process this is ({error}): start it by torchrun or srun"
        raise InputError(message) from error
    return ALONE


def _torchrun(environment: Mapping[str, str]) -> World:
    return World(
        rank=int(environment["RANK"]),
        size=int(environment["WORLD_SIZE"]),
        local_rank=int(environment["LOCAL_RANK"]),
        local_size=int(environment["LOCAL_WORLD_SIZE"]),
        node=int(environment["GROUP_RANK"]),
        address=environment["MASTER_ADDR"],
        port=int(environment["MASTER_PORT"]),
        hosted=environment.get("TORCHELASTIC_USE_AGENT_STORE") == "True",
        attempt=int(environment.get("TORCHELASTIC_RESTART_COUNT", 0)),
    )


def _slurm(environment: Mapping[str, str]) -> World:
    node = int(environment["SLURM_NODEID"])
    first = SLURMEnvironment.resolve_root_node_address(environment["SLURM_STEP_NODELIST"])
    return World(
        rank=int(environment["SLURM_PROCID"]),
        size=int(environment["SLURM_STEP_NUM_TASKS"]),
        local_rank=int(environment["SLURM_LOCALID"]),
        local_size=_tasks_of_node(environment["SLURM_STEP_TASKS_PER_NODE"], node),
        node=node,
        address=environment.get("MASTER_ADDR", first),
        port=int(environment.get("MASTER_PORT", 15000 + int(environment["SLURM_JOB_ID"]) % 10000)),
        attempt=int(environment.get("SLURM_RESTART_COUNT", 0)),
    )


def _tasks_of_node(text: str, node: int) -> int:
    """Read SLURM's short form, e.g. "4(x2),3": 4 tasks on nodes 0 and 1, 3 on node 2."""
    counts: list[int] = []
    for part in text.split(","):
        tasks, _, times = part.partition("(x")
        counts += [int(tasks)] * int(times.rstrip(")") or 1)
    return counts[node]


class Environment(ClusterEnvironment):
    """A `World` as Lightning asks for it; the processes exist already, and are connected."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self._world = world

    @property
    def creates_processes_externally(self) -> bool:
        """Lightning is to start none."""
        return True

    @property
    def main_address(self) -> str:
        """Where process 0 is found."""
        return self._world.address

    @property
    def main_port(self) -> int:
        """The port there."""
        return self._world.port

    @staticmethod
    def detect() -> bool:
        """It is never found, it is given."""
        return False

    def world_size(self) -> int:
        """Number of processes."""
        return self._world.size

    def set_world_size(self, size: int) -> None:
        """It is known."""

    def global_rank(self) -> int:
        """Number of this process among all."""
        return self._world.rank

    def set_global_rank(self, rank: int) -> None:
        """It is known."""

    def local_rank(self) -> int:
        """Number of this process on its machine."""
        return self._world.local_rank

    def node_rank(self) -> int:
        """Number of its machine."""
        return self._world.node
