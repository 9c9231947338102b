"""The fixtures of tests/integration, for tests that take longer than `make test` may."""
import importlib.util
import os
import sys

INTEGRATION = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "integration")
sys.path.insert(0, INTEGRATION)
_spec = importlib.util.spec_from_file_location("integration_conftest", os.path.join(INTEGRATION, "conftest.py"))
_module = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_module)
# Fixtures and hooks alike.
globals().update({name: value for name, value in vars(_module).items()
                  if not name.startswith("__")})
