"""What must be there before the first test."""

import os

import pytest


def pytest_configure() -> None:
    """Fails at once, and not in every test, where the binary is not named."""
    if not os.path.exists(os.environ.get("ALLUVIUM_BIN", "")):
        pytest.exit("ALLUVIUM_BIN must name the binary", returncode=3)
