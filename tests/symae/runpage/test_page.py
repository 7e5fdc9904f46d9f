import dataclasses
import json
import re
import shutil
from html import unescape

import pytest

from symae.run import Run
from symae.runpage.facts import Price, facts_of
from symae.runpage.page import confusions, run_html, write_page
from symae.runpage.record import read_record
from symae.runpage.words import cost_lines, duration


@pytest.fixture(scope="module")
def pages(runs):
    return {name: (path / "report.html").read_text() for name, path in runs.items()}


def nothing_from_elsewhere(page):
    plain = re.sub(r"<(?:td|dd|pre|code)[^>]*>.*?</(?:td|dd|pre|code)>|<script>.*?</script>", "", page, flags=re.DOTALL)
    assert re.findall(r"""(?:src|href)\s*=\s*["'](?!#|data:)""", page) == []
    assert "http" not in plain
    assert "url(" not in page or set(re.findall(r"url\((.)", page)) == {"#"}


@pytest.mark.parametrize("name", ["first", "classify", "segment"])
def test_a_page_stands_alone_small_and_for_both_grounds(pages, name):
    nothing_from_elsewhere(pages[name])
    assert len(pages[name]) < 2_000_000
    assert "prefers-color-scheme: dark" in pages[name]
    assert pages[name].count("<script>") == 1


def test_all_that_is_promised_is_on_it(pages, runs):
    text = unescape(pages["first"])
    record = read_record(runs["first"])
    for words in ("training loss", "PSNR, dB", "SSIM", "learning rate", "images/s", "waited for data", "FLOP", "kWh"):
        assert words in text
    assert all(setting.key in text and setting.value in text for setting in record.settings)
    assert "● network.width" in text
    assert text.count('src="data:image/png;base64,') == 2 + 3
    assert text.count('class="band"') == 6 * 3
    assert f"symae train pretrain --data {record.run.data} --out {runs['first']}-again" in text
    assert f"symae export {runs['first']}" in text
    assert record.origin["versions"]["torch"] in text
    assert "nan" not in re.sub('base64,[^"]*', "", text).lower().replace("nano", "")


def test_classes_and_maps_are_told(pages):
    assert all(f"<td>{name}</td>" in pages["classify"] for name in ("bright", "dark"))
    assert 'class="confusion"' in pages["classify"]
    assert "IoU, %" in pages["segment"] and "square" in pages["segment"]
    assert pages["segment"].count('src="data:image/png;base64,') == 2 + 2
    assert 'id="classes"' not in pages["first"]


@pytest.fixture
def copied(runs, tmp_path):
    return shutil.copytree(runs["classify"], tmp_path / "a <b>run</b>")


def test_names_are_text_not_markup(copied):
    page = write_page(copied).read_text()
    assert "a &lt;b&gt;run" in page
    assert "<b>run</b>" not in page


def test_an_older_run_has_a_page_too(copied):
    for name in ("sessions.json", "classes.json"):
        (copied / name).unlink()
    shutil.rmtree(copied / "previews")
    record = read_record(copied)
    assert (record.state, record.strip, record.classes) == ("finished", None, None)
    page = run_html(record)
    assert "An older run" in page
    assert "2 of 2 epochs done" in page


@pytest.mark.parametrize("damage", [b"", b"\xff\xfe\x00", b"epoch,step,loss\n1,2", b"{", b"[{}]"])
def test_damaged_files_cost_what_they_held(copied, damage):
    for name in ("metrics.csv", "sessions.json", "classes.json", "model.safetensors", "previews/strip.json"):
        (copied / name).write_bytes(damage)
    record = read_record(copied)
    assert (record.metrics.epochs, record.sessions, record.strip, record.parameters) == (0, (), None, None)
    assert "‖ not finished" in run_html(record)


def test_a_run_of_a_recipe_that_is_gone(copied):
    file = copied / "recipe.json"
    values = json.loads(file.read_text())
    values["recipe"]["name"] = "gone"
    file.write_text(json.dumps(values))
    assert "no recipe of the name gone" in run_html(read_record(copied))


def test_money_and_energy_are_formulas_until_prices_are_told(runs):
    facts = dataclasses.replace(facts_of(read_record(runs["first"])), device_hours=2.0)
    told = dict(cost_lines(facts, Price()))
    assert told["energy"] == "2 h × watts / 1000"
    assert told["money"] == "2 h × price of an hour, or kWh × price of a kWh"
    priced = dict(cost_lines(facts, Price(watts=300, kwh=0.5)))
    assert (priced["energy"], priced["money"]) == ("2 h × 300 W / 1000 = 0.6 kWh", "0.6 kWh × 0.5 = 0.3")
    assert dict(cost_lines(facts, Price(hour=2.5)))["money"] == "2 h × 2.5 an hour = 5"


def test_what_was_computed_is_counted(runs):
    record = read_record(runs["first"])
    facts = facts_of(record)
    recipe = record.run.recipe
    assert facts.images == 3 * 2 * recipe.batch_size
    assert facts.flops == 3 * recipe.network.flops(21, 21) * facts.images
    assert facts.elapsed > facts.training > 0
    assert record.parameters > 1000
    later = dataclasses.replace(record.sessions[0], first=2)
    resumed = facts_of(dataclasses.replace(record, sessions=(later,)))  # begun before sessions were kept
    assert resumed.elapsed is None and resumed.device_hours == facts.training / 3600


def test_many_classes_are_told_by_their_confusions(runs):
    scores = read_record(runs["classify"]).classes
    names = tuple(f"class {number}" for number in range(100))
    many = dataclasses.replace(
        scores, names=names, values=(50.0,) * 100, counts=(2,) * 100, pairs=((0, 0, 2), (1, 2, 1), (3, 1, 1))
    )
    found = confusions(many)
    assert found.table == ()
    assert found.pairs == (("class 1", "class 2", 1, 50.0), ("class 3", "class 1", 1, 50.0))
    page = run_html(dataclasses.replace(read_record(runs["classify"]), classes=many))
    assert "The worst and the best of 100 classes" in page


def test_times_are_told_as_people_tell_them():
    assert [duration(s) for s in (0.25, 42, 99, 125, 3599.7, 3600, 86400)] == [
        *("0.2 s", "42 s", "99 s", "2 min 05 s", "1 h 00 min", "1 h 00 min", "24 h 00 min"),
    ]


def test_a_run_can_say_where_its_page_is(runs):
    assert Run(runs["first"], None, 0, "", "").page.exists()
