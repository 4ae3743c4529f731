"""Drivers that `make emulator-drivers` has installed beside the tests' own environment are found as any other."""

import sys

from tests.emulators.kit import HOME

DRIVERS = HOME / "drivers"
if (DRIVERS / "pins").exists():
    sys.path.append(str(DRIVERS.absolute()))
