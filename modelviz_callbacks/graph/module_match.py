"""Which module of one graph is which module of another one."""

from modelviz_callbacks.graph.module_tree import own_name, parent_path


class ModuleMatch:
    """Which module of the new graph each module of the old one is.

    Attributes:
        to_new: The new path by the old one.
        to_old: The old path by the new one.
    """

    def __init__(self, to_new: dict[str, str]) -> None:
        """Takes the pairs, of which no path is in two."""
        self.to_new = to_new
        self.to_old = {new: old for old, new in to_new.items()}

    def inverted(self) -> "ModuleMatch":
        """Gives the match in the other direction."""
        return ModuleMatch(self.to_old)

    def is_identity(self) -> bool:
        """Whether no module that is in both has another path."""
        return all(old == new for old, new in self.to_new.items())

    def is_implied(self, old: str, new: str) -> bool:
        """Whether a pair has the same name in modules that are a pair themselves."""
        if not old or not new:
            return old == new
        if own_name(old) != own_name(new):
            return False
        above = parent_path(old), parent_path(new)
        # A module whose holder is not listed is known by its whole path.
        return self.to_new.get(above[0]) == above[1] or (
            old == new and above[0] not in self.to_new and above[1] not in self.to_old
        )

    def new_name(self, name: str) -> str:
        """Gives the new name of a parameter or buffer, if its module is in both."""
        holder = self.to_new.get(parent_path(name))
        if holder is None:
            return name
        return f"{holder}.{own_name(name)}" if holder else own_name(name)
