from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ModelKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    MODEL_KIND_UNSPECIFIED: _ClassVar[ModelKind]
    MODEL_KIND_AUTOENCODER: _ClassVar[ModelKind]
    MODEL_KIND_ENCODER: _ClassVar[ModelKind]
    MODEL_KIND_CLASSIFIER: _ClassVar[ModelKind]
    MODEL_KIND_SEGMENTER: _ClassVar[ModelKind]

class Encoding(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ENCODING_UNSPECIFIED: _ClassVar[Encoding]
    ENCODING_RAW: _ClassVar[Encoding]
    ENCODING_PNG: _ClassVar[Encoding]
    ENCODING_JPEG: _ClassVar[Encoding]
    ENCODING_WEBP: _ClassVar[Encoding]
MODEL_KIND_UNSPECIFIED: ModelKind
MODEL_KIND_AUTOENCODER: ModelKind
MODEL_KIND_ENCODER: ModelKind
MODEL_KIND_CLASSIFIER: ModelKind
MODEL_KIND_SEGMENTER: ModelKind
ENCODING_UNSPECIFIED: Encoding
ENCODING_RAW: Encoding
ENCODING_PNG: Encoding
ENCODING_JPEG: Encoding
ENCODING_WEBP: Encoding

class Image(_message.Message):
    __slots__ = ("encoded", "raw")
    ENCODED_FIELD_NUMBER: _ClassVar[int]
    RAW_FIELD_NUMBER: _ClassVar[int]
    encoded: bytes
    raw: RawImage
    def __init__(self, encoded: _Optional[bytes] = ..., raw: _Optional[_Union[RawImage, _Mapping]] = ...) -> None: ...

class RawImage(_message.Message):
    __slots__ = ("data", "height", "width", "channels")
    DATA_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    CHANNELS_FIELD_NUMBER: _ClassVar[int]
    data: bytes
    height: int
    width: int
    channels: int
    def __init__(self, data: _Optional[bytes] = ..., height: _Optional[int] = ..., width: _Optional[int] = ..., channels: _Optional[int] = ...) -> None: ...

class Mask(_message.Message):
    __slots__ = ("encoded", "raw")
    ENCODED_FIELD_NUMBER: _ClassVar[int]
    RAW_FIELD_NUMBER: _ClassVar[int]
    encoded: bytes
    raw: bytes
    def __init__(self, encoded: _Optional[bytes] = ..., raw: _Optional[bytes] = ...) -> None: ...

class FloatTensor(_message.Message):
    __slots__ = ("shape", "data")
    SHAPE_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    shape: _containers.RepeatedScalarFieldContainer[int]
    data: bytes
    def __init__(self, shape: _Optional[_Iterable[int]] = ..., data: _Optional[bytes] = ...) -> None: ...

class Answered(_message.Message):
    __slots__ = ("model", "version", "queue_micros", "run_micros")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    QUEUE_MICROS_FIELD_NUMBER: _ClassVar[int]
    RUN_MICROS_FIELD_NUMBER: _ClassVar[int]
    model: str
    version: str
    queue_micros: int
    run_micros: int
    def __init__(self, model: _Optional[str] = ..., version: _Optional[str] = ..., queue_micros: _Optional[int] = ..., run_micros: _Optional[int] = ...) -> None: ...

class ReconstructRequest(_message.Message):
    __slots__ = ("model", "images", "masks", "keep_known", "encoding")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    IMAGES_FIELD_NUMBER: _ClassVar[int]
    MASKS_FIELD_NUMBER: _ClassVar[int]
    KEEP_KNOWN_FIELD_NUMBER: _ClassVar[int]
    ENCODING_FIELD_NUMBER: _ClassVar[int]
    model: str
    images: _containers.RepeatedCompositeFieldContainer[Image]
    masks: _containers.RepeatedCompositeFieldContainer[Mask]
    keep_known: bool
    encoding: Encoding
    def __init__(self, model: _Optional[str] = ..., images: _Optional[_Iterable[_Union[Image, _Mapping]]] = ..., masks: _Optional[_Iterable[_Union[Mask, _Mapping]]] = ..., keep_known: bool = ..., encoding: _Optional[_Union[Encoding, str]] = ...) -> None: ...

class ReconstructResponse(_message.Message):
    __slots__ = ("images", "answered")
    IMAGES_FIELD_NUMBER: _ClassVar[int]
    ANSWERED_FIELD_NUMBER: _ClassVar[int]
    images: _containers.RepeatedCompositeFieldContainer[Image]
    answered: Answered
    def __init__(self, images: _Optional[_Iterable[_Union[Image, _Mapping]]] = ..., answered: _Optional[_Union[Answered, _Mapping]] = ...) -> None: ...

class EmbedRequest(_message.Message):
    __slots__ = ("model", "images", "keep_size", "feature_maps")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    IMAGES_FIELD_NUMBER: _ClassVar[int]
    KEEP_SIZE_FIELD_NUMBER: _ClassVar[int]
    FEATURE_MAPS_FIELD_NUMBER: _ClassVar[int]
    model: str
    images: _containers.RepeatedCompositeFieldContainer[Image]
    keep_size: bool
    feature_maps: bool
    def __init__(self, model: _Optional[str] = ..., images: _Optional[_Iterable[_Union[Image, _Mapping]]] = ..., keep_size: bool = ..., feature_maps: bool = ...) -> None: ...

class EmbedResponse(_message.Message):
    __slots__ = ("embeddings", "feature_maps", "answered")
    EMBEDDINGS_FIELD_NUMBER: _ClassVar[int]
    FEATURE_MAPS_FIELD_NUMBER: _ClassVar[int]
    ANSWERED_FIELD_NUMBER: _ClassVar[int]
    embeddings: FloatTensor
    feature_maps: _containers.RepeatedCompositeFieldContainer[FloatTensor]
    answered: Answered
    def __init__(self, embeddings: _Optional[_Union[FloatTensor, _Mapping]] = ..., feature_maps: _Optional[_Iterable[_Union[FloatTensor, _Mapping]]] = ..., answered: _Optional[_Union[Answered, _Mapping]] = ...) -> None: ...

class ClassifyRequest(_message.Message):
    __slots__ = ("model", "images", "keep_size", "top_k")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    IMAGES_FIELD_NUMBER: _ClassVar[int]
    KEEP_SIZE_FIELD_NUMBER: _ClassVar[int]
    TOP_K_FIELD_NUMBER: _ClassVar[int]
    model: str
    images: _containers.RepeatedCompositeFieldContainer[Image]
    keep_size: bool
    top_k: int
    def __init__(self, model: _Optional[str] = ..., images: _Optional[_Iterable[_Union[Image, _Mapping]]] = ..., keep_size: bool = ..., top_k: _Optional[int] = ...) -> None: ...

class ClassifyResponse(_message.Message):
    __slots__ = ("probabilities", "classes", "top", "answered")
    PROBABILITIES_FIELD_NUMBER: _ClassVar[int]
    CLASSES_FIELD_NUMBER: _ClassVar[int]
    TOP_FIELD_NUMBER: _ClassVar[int]
    ANSWERED_FIELD_NUMBER: _ClassVar[int]
    probabilities: FloatTensor
    classes: _containers.RepeatedScalarFieldContainer[str]
    top: _containers.RepeatedCompositeFieldContainer[TopClasses]
    answered: Answered
    def __init__(self, probabilities: _Optional[_Union[FloatTensor, _Mapping]] = ..., classes: _Optional[_Iterable[str]] = ..., top: _Optional[_Iterable[_Union[TopClasses, _Mapping]]] = ..., answered: _Optional[_Union[Answered, _Mapping]] = ...) -> None: ...

class TopClasses(_message.Message):
    __slots__ = ("classes",)
    CLASSES_FIELD_NUMBER: _ClassVar[int]
    classes: _containers.RepeatedCompositeFieldContainer[ScoredClass]
    def __init__(self, classes: _Optional[_Iterable[_Union[ScoredClass, _Mapping]]] = ...) -> None: ...

class ScoredClass(_message.Message):
    __slots__ = ("index", "name", "probability")
    INDEX_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    PROBABILITY_FIELD_NUMBER: _ClassVar[int]
    index: int
    name: str
    probability: float
    def __init__(self, index: _Optional[int] = ..., name: _Optional[str] = ..., probability: _Optional[float] = ...) -> None: ...

class SegmentRequest(_message.Message):
    __slots__ = ("model", "images", "probabilities", "encoding")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    IMAGES_FIELD_NUMBER: _ClassVar[int]
    PROBABILITIES_FIELD_NUMBER: _ClassVar[int]
    ENCODING_FIELD_NUMBER: _ClassVar[int]
    model: str
    images: _containers.RepeatedCompositeFieldContainer[Image]
    probabilities: bool
    encoding: Encoding
    def __init__(self, model: _Optional[str] = ..., images: _Optional[_Iterable[_Union[Image, _Mapping]]] = ..., probabilities: bool = ..., encoding: _Optional[_Union[Encoding, str]] = ...) -> None: ...

class SegmentResponse(_message.Message):
    __slots__ = ("labels", "probabilities", "classes", "answered")
    LABELS_FIELD_NUMBER: _ClassVar[int]
    PROBABILITIES_FIELD_NUMBER: _ClassVar[int]
    CLASSES_FIELD_NUMBER: _ClassVar[int]
    ANSWERED_FIELD_NUMBER: _ClassVar[int]
    labels: _containers.RepeatedCompositeFieldContainer[Image]
    probabilities: _containers.RepeatedCompositeFieldContainer[FloatTensor]
    classes: _containers.RepeatedScalarFieldContainer[str]
    answered: Answered
    def __init__(self, labels: _Optional[_Iterable[_Union[Image, _Mapping]]] = ..., probabilities: _Optional[_Iterable[_Union[FloatTensor, _Mapping]]] = ..., classes: _Optional[_Iterable[str]] = ..., answered: _Optional[_Union[Answered, _Mapping]] = ...) -> None: ...

class StreamReconstructRequest(_message.Message):
    __slots__ = ("request",)
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    request: ReconstructRequest
    def __init__(self, request: _Optional[_Union[ReconstructRequest, _Mapping]] = ...) -> None: ...

class StreamReconstructResponse(_message.Message):
    __slots__ = ("response",)
    RESPONSE_FIELD_NUMBER: _ClassVar[int]
    response: ReconstructResponse
    def __init__(self, response: _Optional[_Union[ReconstructResponse, _Mapping]] = ...) -> None: ...

class StreamEmbedRequest(_message.Message):
    __slots__ = ("request",)
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    request: EmbedRequest
    def __init__(self, request: _Optional[_Union[EmbedRequest, _Mapping]] = ...) -> None: ...

class StreamEmbedResponse(_message.Message):
    __slots__ = ("response",)
    RESPONSE_FIELD_NUMBER: _ClassVar[int]
    response: EmbedResponse
    def __init__(self, response: _Optional[_Union[EmbedResponse, _Mapping]] = ...) -> None: ...

class StreamClassifyRequest(_message.Message):
    __slots__ = ("request",)
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    request: ClassifyRequest
    def __init__(self, request: _Optional[_Union[ClassifyRequest, _Mapping]] = ...) -> None: ...

class StreamClassifyResponse(_message.Message):
    __slots__ = ("response",)
    RESPONSE_FIELD_NUMBER: _ClassVar[int]
    response: ClassifyResponse
    def __init__(self, response: _Optional[_Union[ClassifyResponse, _Mapping]] = ...) -> None: ...

class StreamSegmentRequest(_message.Message):
    __slots__ = ("request",)
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    request: SegmentRequest
    def __init__(self, request: _Optional[_Union[SegmentRequest, _Mapping]] = ...) -> None: ...

class StreamSegmentResponse(_message.Message):
    __slots__ = ("response",)
    RESPONSE_FIELD_NUMBER: _ClassVar[int]
    response: SegmentResponse
    def __init__(self, response: _Optional[_Union[SegmentResponse, _Mapping]] = ...) -> None: ...

class ListModelsRequest(_message.Message):
    __slots__ = ("kind",)
    KIND_FIELD_NUMBER: _ClassVar[int]
    kind: ModelKind
    def __init__(self, kind: _Optional[_Union[ModelKind, str]] = ...) -> None: ...

class ListModelsResponse(_message.Message):
    __slots__ = ("models",)
    MODELS_FIELD_NUMBER: _ClassVar[int]
    models: _containers.RepeatedCompositeFieldContainer[ModelInfo]
    def __init__(self, models: _Optional[_Iterable[_Union[ModelInfo, _Mapping]]] = ...) -> None: ...

class ModelInfo(_message.Message):
    __slots__ = ("name", "version", "kind", "channels", "crop", "resize", "stride", "embedding_size", "classes", "colours", "multi_label", "provider", "precision", "quality")
    class QualityEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    NAME_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    CHANNELS_FIELD_NUMBER: _ClassVar[int]
    CROP_FIELD_NUMBER: _ClassVar[int]
    RESIZE_FIELD_NUMBER: _ClassVar[int]
    STRIDE_FIELD_NUMBER: _ClassVar[int]
    EMBEDDING_SIZE_FIELD_NUMBER: _ClassVar[int]
    CLASSES_FIELD_NUMBER: _ClassVar[int]
    COLOURS_FIELD_NUMBER: _ClassVar[int]
    MULTI_LABEL_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_FIELD_NUMBER: _ClassVar[int]
    PRECISION_FIELD_NUMBER: _ClassVar[int]
    QUALITY_FIELD_NUMBER: _ClassVar[int]
    name: str
    version: str
    kind: ModelKind
    channels: int
    crop: int
    resize: int
    stride: int
    embedding_size: int
    classes: _containers.RepeatedScalarFieldContainer[str]
    colours: _containers.RepeatedCompositeFieldContainer[Colour]
    multi_label: bool
    provider: str
    precision: str
    quality: _containers.ScalarMap[str, float]
    def __init__(self, name: _Optional[str] = ..., version: _Optional[str] = ..., kind: _Optional[_Union[ModelKind, str]] = ..., channels: _Optional[int] = ..., crop: _Optional[int] = ..., resize: _Optional[int] = ..., stride: _Optional[int] = ..., embedding_size: _Optional[int] = ..., classes: _Optional[_Iterable[str]] = ..., colours: _Optional[_Iterable[_Union[Colour, _Mapping]]] = ..., multi_label: bool = ..., provider: _Optional[str] = ..., precision: _Optional[str] = ..., quality: _Optional[_Mapping[str, float]] = ...) -> None: ...

class Colour(_message.Message):
    __slots__ = ("red", "green", "blue")
    RED_FIELD_NUMBER: _ClassVar[int]
    GREEN_FIELD_NUMBER: _ClassVar[int]
    BLUE_FIELD_NUMBER: _ClassVar[int]
    red: int
    green: int
    blue: int
    def __init__(self, red: _Optional[int] = ..., green: _Optional[int] = ..., blue: _Optional[int] = ...) -> None: ...
