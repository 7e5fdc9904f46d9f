import grpc
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

from serve.pb.inference import inference_pb2
from serve.pb.symae.v1 import symae_pb2
from serve.protocol.reflected import pool_of

SERVICES = {"symae.v1.SymaeService": 9, "inference.GRPCInferenceService": 10, "grpc.health.v1.Health": 2}


def test_a_caller_without_protos_finds_every_service(address):
    with grpc.insecure_channel(address) as channel:
        database = ProtoReflectionDescriptorDatabase(channel)
        assert set(SERVICES) <= set(database.get_services())
        for name, methods in SERVICES.items():
            assert len(DescriptorPool(database).FindServiceByName(name).methods) >= methods


def test_imports_come_first_and_files_once():
    base, user = FileDescriptorProto(name="base.proto", package="p"), FileDescriptorProto(name="user.proto")
    base.message_type.add(name="Base")
    user.dependency.append("base.proto")
    user.message_type.add(name="User").field.add(name="base", number=1, type=11, type_name=".p.Base", label=1)
    pool = DescriptorPool()
    files = [pool.AddSerializedFile(file.SerializeToString()) for file in (base, user)]
    made = pool_of([files[1], files[1], symae_pb2.DESCRIPTOR, inference_pb2.DESCRIPTOR])
    assert made.FindMessageTypeByName("User").fields[0].message_type.full_name == "p.Base"
    assert made.FindServiceByName("inference.GRPCInferenceService")
