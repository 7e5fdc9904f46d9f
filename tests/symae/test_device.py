import pytest
import torch

from symae.device import Device, check_devices, on_device, parse_device
from symae.errors import InputError


def test_the_cpu_is_one_process():
    device = parse_device("cpu")
    assert (device.torch, device.accelerator, device.indices) == (torch.device("cpu"), "cpu", 1)
    assert "CPU" in device.describe()


@pytest.mark.parametrize("there", [True, False])
@pytest.mark.parametrize("name", ["cpu", "cuda"])
def test_what_it_has_no_instructions_for_is_told(monkeypatch, name, there):
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: there)
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: True)
    monkeypatch.setattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: there)
    device = Device(torch.device(name))
    assert device.has_instructions_for("bf16-mixed") == there
    assert device.has_instructions_for("32-true")


def test_auto_takes_what_is_there():
    assert parse_device("auto").torch.type == ("cuda" if torch.cuda.is_available() else "cpu")


@pytest.mark.parametrize(
    ("name", "number", "count", "index"), [("auto", 2, 4, 2), ("cuda", 3, 1, 0), ("cuda:1", 0, 4, 1)]
)
def test_each_process_takes_the_gpu_of_its_number_or_the_only_one_it_sees(monkeypatch, name, number, count, index):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
    processes = 1 if ":" in name else 4
    assert parse_device(name, number, processes).torch == torch.device("cuda", index)


def test_one_named_gpu_and_too_few_are_refused_to_several_processes(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with pytest.raises(InputError, match="CUDA_VISIBLE_DEVICES"):
        parse_device("cuda:1", 0, 2)
    with pytest.raises(InputError, match="2 GPUs"):
        parse_device("cuda", 2, 3)


def test_numbers_on_a_device_are_brought_once_and_for_training_too():
    with torch.inference_mode():
        first = on_device((0.25, 0.5), torch.device("cpu"))
    assert on_device((0.25, 0.5), torch.device("cpu")) is first
    (first * torch.ones(2, requires_grad=True)).sum().backward()


@pytest.mark.parametrize("name", ["tpu", "cuda:99", "cuda:x", "cpu:0", ""])
def test_other_names_are_refused(name):
    with pytest.raises(InputError, match=r"give"):
        parse_device(name)


def test_each_process_of_this_machine_has_a_gpu_of_its_own(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(InputError, match="2 processes want a GPU each and PyTorch sees 1"):
        check_devices("cuda", 2)
    check_devices("cpu", 2)
