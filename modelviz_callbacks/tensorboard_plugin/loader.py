"""The door that TensorBoard comes in by; behind it nothing is imported before it is needed."""

from typing import Any

from tensorboard.plugins import base_plugin


class ArchitectureLoader(base_plugin.TBLoader):  # type: ignore[misc] # TensorBoard has no types
    """Loads the plugin.

    TensorBoard imports this module whenever it starts, and would not start if that failed. What
    `load` raises costs only the tab.
    """

    def load(self, context: Any) -> Any:
        """Makes the plugin.

        Args:
            context: TensorBoard's `TBContext`.
        """
        from modelviz_callbacks.tensorboard_plugin.plugin import ArchitecturePlugin

        return ArchitecturePlugin(context)
