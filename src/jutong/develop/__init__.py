"""应用开发: models that turn datasets into answers; their lineage.  Applications are registered in share."""

from jutong.develop.models import (
    Input,
    Model,
    ModelRun,
    find_model,
    lineage,
    models,
    newest_runs,
    run_model,
    save_model,
)

__all__ = [
    "Input",
    "Model",
    "ModelRun",
    "find_model",
    "lineage",
    "models",
    "newest_runs",
    "run_model",
    "save_model",
]
