import pytest
from click.testing import CliRunner

from benchmarks.capacity import Server, main, simulate


def test_an_idle_server_takes_its_service_time():
    out = simulate(Server(front=0.001, run=0.002, image=0.003), 1, rate=0.5, calls=500)
    assert out.p50 == pytest.approx(0.006)
    assert (out.refused, out.batch) == (0, 1)


def test_batches_of_one_wait_as_queueing_theory_says():
    """M/D/1: a mean wait of rho S / (2 (1 - rho)); its median is near, and a batch of one has no gain."""
    server = Server(front=0.0, run=0.0, image=0.01, batch=1, queue=10_000)
    light, heavy = (simulate(server, 1, rate, calls=40_000) for rate in (50, 90))
    assert light.rate == pytest.approx(50, rel=0.03)
    assert 0.01 <= light.p50 < 0.016
    assert heavy.p99 > 3 * light.p99


def test_too_much_is_refused_and_the_rest_goes_at_full_speed():
    server = Server(front=0.0001, run=0.001, image=0.001, queue=64)
    out = simulate(server, 1, rate=3 * server.capacity(), calls=20_000)
    assert out.rate == pytest.approx(server.capacity(), rel=0.03)
    assert out.refused == pytest.approx(2 / 3, abs=0.05)
    assert out.batch == pytest.approx(server.batch, rel=0.05)


def test_servers_add_up_and_chance_is_the_worst_choice():
    server = Server(front=0.0001, run=0.001, image=0.001)
    rate = 2.4 * server.capacity()
    least, turn, chance = (
        simulate(server, 3, rate, calls=20_000, balance=how) for how in ("least", "round-robin", "random")
    )
    assert least.rate == pytest.approx(rate, rel=0.03)
    assert max(least.p99, turn.p99) < 0.9 * chance.p99


def test_a_front_is_the_limit_where_it_is_slower_than_the_device():
    assert Server(front=0.001, run=0, image=0.0001).capacity() == pytest.approx(1000)
    assert Server(front=0.001, run=0, image=0.0001, fronts=4).capacity() == pytest.approx(4000)
    assert Server(front=0.001, run=0, image=0.001, shared=True).capacity() == pytest.approx(500)


def test_the_command_prints_a_table():
    result = CliRunner().invoke(main, ["--rate", "100", "--servers", "1", "--servers", "2"])
    assert result.exit_code == 0, result.output
    assert len(result.output.splitlines()) == 4
