"""What a config is loaded for: the config, what it shows, and how often it is loaded."""

import json
from dataclasses import dataclass
from typing import Any

# Stands in a config for where the API is.
API = "http://api.test"


@dataclass(frozen=True)
class Scenario:
    """A config that both programs load. Each run finds the next generation of the API."""

    name: str
    config: dict[str, Any]
    runs: int = 1

    def config_for(self, url: str) -> dict[str, Any]:
        """The config for an API that is somewhere."""
        return json.loads(json.dumps(self.config).replace(API, url))


def scenario(name: str, *resources: Any, runs: int = 1, defaults: dict[str, Any] | None = None, **client: Any) -> Scenario:
    """A scenario of resources, what they share, and further keys of the client."""
    config = {
        "client": {"base_url": API} | client,
        "resource_defaults": {"table_format": "delta"} | (defaults or {}),
        "resources": list(resources),
    }
    return Scenario(name, config, runs)


def resource(name: str, path: str | None = None, *, endpoint: dict[str, Any] | None = None, **keys: Any) -> dict[str, Any]:
    """A resource at a path, which is its name if none is given."""
    return {"name": name, "endpoint": {"path": path or name} | (endpoint or {})} | keys
