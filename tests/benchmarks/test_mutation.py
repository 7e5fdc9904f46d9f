import random
from collections import Counter

from google.protobuf.message import DecodeError

from benchmarks.mutation import mutated, random_message, sample
from serve.pb.inference import inference_pb2 as open_pb
from serve.pb.symae.v1 import symae_pb2 as pb


def test_the_same_seed_gives_the_same_bytes():
    kinds = [pb.ReconstructRequest.DESCRIPTOR, open_pb.ModelInferRequest.DESCRIPTOR]
    one, two = ([sample(k, [b"abc"], ["m"], random.Random(s)) for k in kinds for s in range(50)] for _ in "ab")
    assert one == two
    assert len(set(one)) > 50


def test_random_messages_are_messages_and_reach_every_field():
    rng, reached = random.Random(1), Counter()
    for _ in range(200):
        data = random_message(open_pb.ModelInferRequest.DESCRIPTOR, ["toy"], rng)
        message = open_pb.ModelInferRequest.FromString(data)
        reached.update(field.name for field, _ in message.ListFields())
        reached.update(field.name for tensor in message.inputs for field, _ in tensor.ListFields())
    fields = [
        *open_pb.ModelInferRequest.DESCRIPTOR.fields,
        *open_pb.ModelInferRequest.InferInputTensor.DESCRIPTOR.fields,
    ]
    assert set(reached) == {field.name for field in fields}


def test_mutations_change_what_they_are_given_and_leave_some_of_it_readable():
    good = pb.EmbedRequest(model="toy", images=[pb.Image(encoded=b"x" * 40)]).SerializeToString()
    rng, outcomes = random.Random(2), Counter()
    for _ in range(300):
        data = mutated(good, rng)
        outcomes["changed"] += data != good
        try:
            pb.EmbedRequest.FromString(data)
            outcomes["readable"] += 1
        except DecodeError:
            outcomes["broken"] += 1
    assert outcomes["changed"] > 250 and outcomes["readable"] > 50 and outcomes["broken"] > 50


def test_nothing_can_be_mutated():
    assert isinstance(mutated(b"", random.Random(3)), bytes)
