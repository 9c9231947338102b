"""What takes too long for every day, with the fixtures of the integration tests."""
import importlib.util
import os
import sys

INTEGRATION = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "integration")
sys.path.insert(0, INTEGRATION)
# Under another name than this file's; fixtures are found where they are named.
spec = importlib.util.spec_from_file_location("integration_fixtures", os.path.join(INTEGRATION, "conftest.py"))
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
globals().update({name: value for name, value in vars(module).items() if not name.startswith("__")})
