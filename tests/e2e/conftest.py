"""Finds the helpers in tests/gwtest; the programs are those of GW_BUILD (process.build_dir)."""
import os
import sys

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))

from gwtest.plant import Pki, Plant  # noqa: E402 (the path is made above)


@pytest.fixture(scope="session")
def pki(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pki")
    os.chmod(folder, 0o755)
    return Pki(folder)


@pytest.fixture
def make_plant(pki):
    """A function that makes and starts a plant; all of them end with the test."""
    plants = []

    def make(*args, start=True, **options):
        plant = Plant(pki, *args, **options)
        plants.append(plant)
        return plant.start() if start else plant

    yield make
    for plant in plants:
        plant.stop()


@pytest.fixture
def plant(make_plant):
    """One device on one unpaced line."""
    return make_plant()
