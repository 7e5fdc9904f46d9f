from pathlib import Path

import pytest
from click.testing import CliRunner

from benchmarks.plan import Device, Workload, devices, main, plan, table

PAGE = Path(__file__).parents[2] / "docs/scaling.md"
DEVICE = Device("box", train=300, run=1000, estimated=False, source="tried")


def test_a_job_takes_its_images_over_the_rate():
    found = plan(Workload("embed", images=3.6e6, gflop=2, read=10, written=4), DEVICE)  # 500 images/s
    assert found.device_hours == pytest.approx(2)
    assert found.devices == pytest.approx(2 / 24)
    assert (found.read, found.written) == (3.6e7, 1.44e7)


def test_training_goes_at_the_speed_of_training():
    found = plan(Workload("train", images=3600, gflop=3, read=1, written=0, training=True), DEVICE)
    assert found.device_hours == pytest.approx(3600 / 100 / 3600)


def test_serving_leaves_room():
    found = plan(Workload("serve", images=3000, gflop=1, read=1, written=1, serving=True), DEVICE)
    assert found.device_hours == found.devices == pytest.approx(5)  # 1,000/s each, of which 60 %
    assert plan(Workload("serve", images=1, gflop=1, read=1, written=1, serving=True), DEVICE).device_hours == 1


def test_the_page_shows_what_the_command_prints():
    shown = PAGE.read_text().partition("<!-- python -m benchmarks.plan -->\n")[2].partition("<!-- end -->")[0]
    result = CliRunner().invoke(main, [])
    assert result.exit_code == 0
    assert shown == result.output


def test_what_was_not_measured_says_so():
    for device in devices():
        rows = [row for row in table([device]) if f"| {device.name}" in row]
        assert rows
        assert all(("(estimate)" in row) == device.estimated for row in rows)
        assert device.source in PAGE.read_text()


def test_money_is_hours_times_price():
    head, _, first, *_ = table([DEVICE], price=2.0)
    assert head.endswith("money at 2 a device hour |")
    cells = [cell.strip().replace(",", "") for cell in first.split("|")]
    assert float(cells[-2]) == pytest.approx(2 * float(cells[4]), rel=0.06)
