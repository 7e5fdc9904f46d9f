import json
import math

from symae.plain import to_json


def test_what_json_has_no_number_for_is_null():
    value = {"a": math.nan, "b": [1.5, (math.inf, {"c": -math.inf})], "d": "NaN", "e": 1, "f": True}
    assert json.loads(to_json(value)) == {"a": None, "b": [1.5, [None, {"c": None}]], "d": "NaN", "e": 1, "f": True}
