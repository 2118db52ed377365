"""应用开发: models written in SQL make topic datasets; lineage says what comes from what."""

from jutong.develop.lineage import Edge, Lineage, lineage
from jutong.develop.model import Input, Model, find_model, models, save_model
from jutong.develop.running import ModelRun, model_runs, newest_runs, run_model

__all__ = [
    "Edge",
    "Input",
    "Lineage",
    "Model",
    "ModelRun",
    "find_model",
    "lineage",
    "model_runs",
    "models",
    "newest_runs",
    "run_model",
    "save_model",
]
