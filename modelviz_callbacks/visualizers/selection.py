"""Which visualizers run: one explicit list."""

from modelviz_callbacks.settings import Settings
from modelviz_callbacks.visualizers.base import Visualizer
from modelviz_callbacks.visualizers.torchinfo_summary import TorchinfoSummary
from modelviz_callbacks.visualizers.torchview_diagram import TorchviewDiagram
from modelviz_callbacks.visualizers.torchviz_autograd import TorchvizAutograd


def replaying_visualizers(settings: Settings) -> tuple[Visualizer, ...]:
    """Gives the chosen visualizers that repeat a root call, in the order in which they run."""
    every: tuple[Visualizer, ...] = (
        TorchinfoSummary(settings.depth),
        TorchviewDiagram(settings.depth),
        TorchvizAutograd(),
    )
    return tuple(visualizer for visualizer in every if visualizer.name in settings.visualizers)
