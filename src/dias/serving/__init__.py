"""A model behind HTTP: pictures in, masks, boxes and slots out."""

from dias.serving.app import create_app
from dias.serving.engine import Engine, Objects, open_engine
from dias.serving.settings import ServingConfig

__all__ = ["Engine", "Objects", "ServingConfig", "create_app", "open_engine"]
