"""Who is in which segment, over HTTP: a FastAPI application (api.app) with a router for others (api.router)."""
