import pytest
import yaml

from serve.options import resolve


@pytest.fixture(scope="module")
def service(deploy):
    (service,) = yaml.safe_load((deploy / "compose.yaml").read_text())["services"].values()
    return service


def test_what_it_builds_from_is_there(service, deploy):
    context = (deploy / service["build"]["context"]).resolve()
    assert (context / service["build"]["dockerfile"]).is_file()
    assert (context / "pyproject.toml").is_file()


def test_the_configuration_it_mounts_is_the_one_it_names(service, deploy, config, parsed):
    mounts = {mount["target"]: mount for mount in service["volumes"]}
    models, file = (str(parsed(service["command"])[key]) for key in ("models", "file"))
    assert (deploy / mounts[file]["source"]).is_file()
    assert mounts[models]["read_only"] and mounts[file]["read_only"]
    port = config.address.rpartition(":")[2]
    assert [published.rpartition(":")[2] for published in service["ports"]] == [port]
    assert service["ports"][0].startswith("127.0.0.1:")  # published to this machine until someone decides otherwise


def test_it_gets_the_time_to_stop(service, stopping):
    assert float(service["stop_grace_period"].removesuffix("s")) > stopping


def test_it_runs_with_what_it_needs_and_no_more(service):
    assert service["read_only"] and service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert isinstance(service["cpus"], int)  # whole cores: threads are counted from it


def test_the_gpu_is_added_to_a_service_that_exists(deploy, service):
    added = yaml.safe_load((deploy / "compose.gpu.yaml").read_text())["services"]["symae"]
    assert added.keys() <= {*service, "deploy", "environment"}
    assert resolve(None, added["environment"], {}).config.providers == ("CUDA",)
