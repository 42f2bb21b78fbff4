"""python -m api: the service, on uvicorn."""

import argparse
import logging
import sys
from functools import partial

import uvicorn
from pydantic import ValidationError

from api.protocol import PunctualProtocol
from api.settings import ApiSettings
from dfu_clustering.errors import ConfigError

BAD_INPUT = 2
_STOP_TIMEOUT_S = 10
# longer than a load balancer keeps an idle connection (60 s as a rule): the asking side must be the first to
# close, or a request meets a closing connection and is lost
_KEEP_ALIVE_S = 75


def main() -> None:
    """Serve until stopped; a setting that cannot be used ends it with exit code 2."""
    options = _arguments().parse_args()
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("uvicorn.error").setLevel(logging.INFO)
    try:
        from api.app import create_app  # imported late: it reads the configuration file, which may be wrong

        settings = ApiSettings()  # type: ignore[call-arg]  # from the environment
        app = create_app(settings)
    except ValidationError as error:
        _fail("; ".join(f"{_variable(found['loc'])}: {found['msg']}" for found in error.errors()))
    except ConfigError as error:
        _fail(str(error))
    uvicorn.run(
        app,
        host=options.host,
        port=options.port,
        http=partial(PunctualProtocol, request_timeout_s=settings.request_timeout_s),  # type: ignore[arg-type]
        log_config=None,
        access_log=False,  # api.middleware writes it
        server_header=False,
        timeout_keep_alive=_KEEP_ALIVE_S,
        timeout_graceful_shutdown=_STOP_TIMEOUT_S,
    )


def _variable(location: tuple[int | str, ...]) -> str:
    name = str(location[0])
    return name if name.isupper() else f"DFU_API_{name.upper()}"


def _fail(message: str) -> None:
    sys.stderr.write(f"error: {message}\n")
    raise SystemExit(BAD_INPUT)


def _arguments() -> argparse.ArgumentParser:
    names = [f"DFU_API_{name.upper()}" for name in ApiSettings.model_fields if name != "database_url"]
    parser = argparse.ArgumentParser(
        prog="python -m api",
        description="Shows the segments over HTTP: /openapi.json lists the addresses, / is the newest report.",
        epilog="environment: DATABASE_URL (required), DFU_CLUSTERING_VAR, " + ", ".join(names) + "; see docs/api.md",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=8000, help="port to listen on; 0: any free one")
    return parser


if __name__ == "__main__":
    main()
