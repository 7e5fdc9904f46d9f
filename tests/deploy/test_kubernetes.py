import dataclasses
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from serve.calling.healthcheck import check_health
from serve.channel import Access
from serve.options import resolve
from serve.pb.symae.v1 import symae_pb2
from serve.server import load_sessions, running
from serve.shipped import shipped_models

SERVICE = symae_pb2.DESCRIPTOR.services_by_name["SymaeService"].full_name
OVERLAYS = ("base", "gpu", "tls")
PROBES = {"startupProbe": SERVICE, "readinessProbe": SERVICE, "livenessProbe": ""}


@pytest.fixture
def pod(base):
    return base["Deployment"]["spec"]["template"]["spec"]


@pytest.fixture
def container(pod):
    (container,) = pod["containers"]
    return container


def test_every_port_is_the_one_of_the_configuration(base, container, config):
    host, _, port = config.address.rpartition(":")
    assert host == "0.0.0.0"  # probes come to the pod's own address
    assert [p["containerPort"] for p in container["ports"] if p["name"] == "grpc"] == [int(port)]
    metrics = config.metrics_address.rpartition(":")[2]
    assert [p["containerPort"] for p in container["ports"] if p["name"] == "metrics"] == [int(metrics)]
    annotations = base["Deployment"]["spec"]["template"]["metadata"]["annotations"]
    assert (annotations["prometheus.io/scrape"], annotations["prometheus.io/port"]) == ("true", metrics)
    (service,) = [p for p in base["Service"]["spec"]["ports"] if p["name"] == "grpc"]
    assert (service["port"], service["targetPort"]) == (int(port), "grpc")
    health = config.health_address.rpartition(":")[2]  # calls that flood the other port would keep probes out
    assert [p["containerPort"] for p in container["ports"] if p["name"] == "health"] == [int(health)]
    assert {container[probe]["grpc"]["port"] for probe in PROBES} == {int(health)}


def test_liveness_asks_for_the_process_and_readiness_for_the_service(container):
    assert {probe: container[probe]["grpc"]["service"] for probe in PROBES} == PROBES


def test_the_pod_has_time_to_drain(pod, stopping):
    assert pod["terminationGracePeriodSeconds"] > stopping


def test_balancers_notice_before_calls_are_refused(container, config):
    probe = container["readinessProbe"]
    assert config.drain_delay > probe["periodSeconds"] * probe["failureThreshold"]


def test_the_arguments_are_read_by_the_command_line(container, pod, deploy, parsed):
    params = parsed(container["args"])
    mounts = {mount["name"]: mount for mount in container["volumeMounts"]}
    assert str(params["models"]) == mounts["models"]["mountPath"]
    (generated,) = yaml.safe_load((deploy / "kubernetes/base/kustomization.yaml").read_text())["configMapGenerator"]
    assert str(params["file"]) == f"{mounts['config']['mountPath']}/{generated['files'][0]}"
    assert {volume["name"] for volume in pod["volumes"]} == set(mounts)
    assert all(mount["readOnly"] for mount in mounts.values())


def test_it_runs_without_rights_and_as_the_user_of_the_image(pod, container, argument):
    user, group = argument("USER").split(":")
    context = pod["securityContext"]
    assert (context["runAsUser"], context["runAsGroup"], context["runAsNonRoot"]) == (int(user), int(group), True)
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def test_processors_are_whole_and_limited(container):
    assert int(container["resources"]["limits"]["cpu"]) >= 1  # threads are counted from the limit


def test_clients_see_every_pod(base):
    assert base["Service"]["spec"]["clusterIP"] == "None"


@pytest.mark.skipif(not shutil.which("kubectl"), reason="needs kubectl, which has kustomize in it")
@pytest.mark.parametrize("overlay", OVERLAYS)
def test_kustomize_builds_it_and_the_schemas_accept_it(overlay, deploy, tmp_path):
    rendered = subprocess.run(
        ["kubectl", "kustomize", deploy / "kubernetes" / overlay],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    ).stdout
    documents = list(yaml.safe_load_all(rendered))
    labels = {tuple(d["spec"]["selector"].items()) for d in documents if d["kind"] == "Service"}
    (deployment,) = [d for d in documents if d["kind"] == "Deployment"]
    assert labels == {tuple(deployment["spec"]["template"]["metadata"]["labels"].items())}
    names = {d["metadata"]["name"] for d in documents if d["kind"] == "ConfigMap"}
    assert {
        v["configMap"]["name"] for v in deployment["spec"]["template"]["spec"]["volumes"] if "configMap" in v
    } <= names
    pytest.importorskip("kubernetes_validate", reason="needs kubernetes-validate for the schemas")
    (tmp_path / "all.yaml").write_text(rendered)
    command = [sys.executable, "-m", "kubernetes_validate", "--strict", tmp_path / "all.yaml"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_encrypted_one_finds_its_files_and_leaves_the_probes_alone(deploy):
    patch = yaml.safe_load((deploy / "kubernetes/tls/deployment.yaml").read_text())["spec"]["template"]["spec"]
    (container,) = patch["containers"]
    assert not PROBES.keys() & container.keys()
    mounts = tuple(mount["mountPath"] for mount in container["volumeMounts"])
    options = resolve(None, {one["name"]: one["value"] for one in container["env"]}, {}).config
    for path in (options.tls_certificate, options.tls_key, options.tokens):
        assert str(Path(path).parent) in mounts


def test_a_pod_with_a_gpu_uses_nothing_else(deploy):
    patch = yaml.safe_load((deploy / "kubernetes/gpu/deployment.yaml").read_text())["spec"]["template"]["spec"]
    (container,) = patch["containers"]
    variables = {one["name"]: one["value"] for one in container["env"]}
    assert resolve(None, variables, {}).config.providers == ("CUDA",)


@pytest.mark.parametrize("service", ["", SERVICE])
def test_the_server_answers_what_the_probes_ask(config, service):
    own = dataclasses.replace(
        config, address="127.0.0.1:0", health_address="", metrics_address="", drain_delay=0, grace=1
    )
    with running(load_sessions(shipped_models(), own), own) as address:
        check_health(address, service, Access(timeout=5))
