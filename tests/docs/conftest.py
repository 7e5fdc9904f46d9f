import importlib.util
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def toys():
    """The small real models of the server's own tests."""
    spec = importlib.util.spec_from_file_location("toys", Path(__file__).parents[1] / "serve/conftest.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
