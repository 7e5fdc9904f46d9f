import pytest
import torch

from symae.device import parse_device
from symae.errors import InputError


def test_the_cpu_is_one_process():
    device = parse_device("cpu")
    assert (device.torch, device.accelerator, device.indices) == (torch.device("cpu"), "cpu", 1)
    assert "CPU" in device.describe()


def test_auto_takes_what_is_there():
    assert parse_device("auto").torch.type == ("cuda" if torch.cuda.is_available() else "cpu")


@pytest.mark.parametrize("name", ["tpu", "cuda:99", "cuda:x", "cpu:0", ""])
def test_other_names_are_refused(name):
    with pytest.raises(InputError, match=r"give"):
        parse_device(name)
