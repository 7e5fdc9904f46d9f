from symae.networks import network2, network3
from symae.probe.cost import Meter, layer_cost


def test_the_meter_tells_whole_units_and_loses_none():
    told = []
    meter = Meter(told.append)
    for _ in range(10):
        meter(0.75)
    assert sum(told) == 7
    assert 0 not in told


def test_what_a_layer_costs_follows_its_map():
    shallow, deep = (layer_cost(network2(), layer, 29, 4000, 10) for layer in (1, 8))
    assert shallow.training > 5 * deep.training
    assert deep.encoding > shallow.encoding


def test_maps_that_do_not_fit_are_encoded_at_every_step():
    kept, recomputed = (layer_cost(network3(), 1, 225, images, 20) for images in (20, 4000))
    assert recomputed.training > kept.training
