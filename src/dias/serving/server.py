"""`dias serve`: the application on a port."""

from dias.serving.app import create_app
from dias.serving.engine import Engine
from dias.serving.listening import address, answer_until_told, listening
from dias.serving.settings import ServingConfig


def run(engine: Engine, config: ServingConfig, *, host: str, port: int) -> None:
    """Serve until SIGTERM or Ctrl-C; then take nothing new, and answer what is there.

    Args:
        engine: a model that is loaded.
        config: limits.
        host: address to listen on.
        port: 0 takes a free one; the line that is printed names it.

    Raises:
        DiasError: the address cannot be had.
    """
    with listening(host, port, verb="serve") as place:
        app = create_app(engine, config)
        print(f"serving {engine.name} on {address(place)} (POST /segment)", flush=True)
        answer_until_told(app, place, grace=int(config.upload_seconds + config.seconds) + 1)
