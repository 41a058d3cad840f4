"""A zoo of models that people train, as data; only building one imports its library."""

from tests.zoo import (
    hostile_autograd,
    hostile_calls,
    hostile_networks,
    hostile_runtime,
    hostile_structure,
    timm_models,
    torchvision_classifiers,
    torchvision_tasks,
    transformers_language,
    transformers_perception,
)
from tests.zoo.zoo_model import ZooModel

MODELS: tuple[ZooModel, ...] = (
    *torchvision_classifiers.MODELS,
    *torchvision_tasks.MODELS,
    *timm_models.MODELS,
    *transformers_language.MODELS,
    *transformers_perception.MODELS,
    *hostile_networks.MODELS,
    *hostile_structure.MODELS,
    *hostile_calls.MODELS,
    *hostile_autograd.MODELS,
    *hostile_runtime.MODELS,
)


def find_model(name: str) -> ZooModel:
    """Finds a model by its name."""
    return next(model for model in MODELS if model.name == name)
