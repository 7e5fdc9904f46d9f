import json

import pytest

from symae.recipes import find, override
from symae.report.start import Start, parse_start
from symae.results import result_of
from symae.run import Run, create


def test_no_weights_and_a_file_of_weights():
    assert parse_start("") is None
    assert parse_start("model.safetensors") == Start("model.safetensors")


@pytest.mark.parametrize(
    "settings",
    [
        (),
        ("network.width=0.25", "milestones=[5,7]", "resize=null", "flip=true", "network.shortcuts=input-output"),
        ('corruption={"kind":"mixture","parts":[{"kind":"gaussian-noise","sigma":9.0},{"kind":"big-block"}]}',),
    ],
)
def test_what_a_result_writes_is_read(settings, tmp_path):
    first = override(find("table2-pretrain"), settings)
    for name, recipe, init in (("first", first, None), ("second", find("table2-shortcut"), tmp_path / "first")):
        create(Run(tmp_path / name, recipe, 3, "cifar10", "", init))
        (tmp_path / name / "metrics.csv").write_text("seconds\n1.5\n")
    told = [result_of(tmp_path / name, "cifar10", "test", {}) for name in ("first", "second")]
    start = parse_start(told[1].start)
    assert (start.recipe, start.seed) == ("table2-pretrain", 3)
    assert json.loads(json.dumps(start.changes)) == json.loads(json.dumps(told[0].changes))
