"""The dashboard asks for what there is."""

import json
import re
from pathlib import Path

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest

from serve.observing.counts import RequestCounts
from serve.observing.metrics import Metrics

BOARD = json.loads((Path(__file__).parents[2] / "deploy/grafana/symae.json").read_text())


class NoModels:
    def __iter__(self):
        return iter(())

    def states(self):
        return []


def test_every_name_and_label_is_one_that_the_server_tells():
    registry = CollectorRegistry()
    registry.register(Metrics(NoModels(), bool, RequestCounts))
    ProcessCollector(registry=registry)
    told = set(re.findall(r"^# TYPE (\S+)", generate_latest(registry).decode(), re.MULTILINE))
    asked = [target["expr"] for panel in BOARD["panels"] for target in panel["targets"]]
    names = {name for expr in asked for name in re.findall(r"\b(?:symae|process)_\w+", expr)}
    assert names and all(name in told or re.sub("_(bucket|sum|count)$", "", name) in told for name in names)
    labels = {label for expr in asked for label in re.findall(r"(\w+)=~", expr)}
    assert labels == {"model", "job"}
