import pytest

from symae.errors import InputError
from symae.world import Environment, World, world_of

TORCHRUN = {
    "TORCHELASTIC_RUN_ID": "none",
    "TORCHELASTIC_USE_AGENT_STORE": "True",
    "TORCHELASTIC_RESTART_COUNT": "2",
    "RANK": "5",
    "WORLD_SIZE": "8",
    "LOCAL_RANK": "1",
    "LOCAL_WORLD_SIZE": "4",
    "GROUP_RANK": "1",
    "MASTER_ADDR": "node1",
    "MASTER_PORT": "29500",
}
SLURM = {
    "SLURM_JOB_ID": "1234567",
    "SLURM_PROCID": "9",
    "SLURM_LOCALID": "1",
    "SLURM_NODEID": "2",
    "SLURM_STEP_NUM_TASKS": "11",
    "SLURM_STEP_TASKS_PER_NODE": "4(x2),3",
    "SLURM_STEP_NODELIST": "gpu[07-08,11]",
}


def test_nobody_else_is_one_process():
    world = world_of({"SLURM_JOB_ID": "1", "SLURM_NTASKS": "8"})  # a batch script without srun
    assert world == World()
    assert world.alone and world.leads


def test_torchrun_says_who_this_is():
    world = world_of(TORCHRUN)
    assert world == World(5, 8, 1, 4, 1, "node1", 29500, hosted=True, attempt=2)
    assert not world.alone and not world.leads


def test_srun_says_who_this_is():
    assert world_of(SLURM) == World(9, 11, 1, 3, 2, "gpu07", 15000 + 4567)
    elsewhere = world_of({**SLURM, "MASTER_ADDR": "10.0.0.1", "MASTER_PORT": "4000", "SLURM_RESTART_COUNT": "1"})
    assert (elsewhere.address, elsewhere.port, elsewhere.attempt) == ("10.0.0.1", 4000, 1)
    assert world_of({**SLURM, "SLURM_STEP_NUM_TASKS": "1"}).alone


@pytest.mark.parametrize("environment", [TORCHRUN, SLURM])
def test_half_of_what_is_needed_is_an_error(environment):
    broken = {key: value for key, value in environment.items() if "RANK" not in key and "LOCALID" not in key}
    with pytest.raises(InputError, match="torchrun or srun"):
        world_of(broken)


def test_lightning_is_told_the_same():
    environment = Environment(world_of(TORCHRUN))
    assert environment.creates_processes_externally
    assert (environment.global_rank(), environment.world_size()) == (5, 8)
    assert (environment.local_rank(), environment.node_rank()) == (1, 1)
    assert (environment.main_address, environment.main_port) == ("node1", 29500)
