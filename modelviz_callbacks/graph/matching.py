"""Which modules of two graphs are the same: by name, by place, and by what is in them.

Where it is not clear which module became which, none did: they are told as removed and added.
"""

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence

from modelviz_callbacks.graph.model import ModuleEntry
from modelviz_callbacks.graph.module_match import ModuleMatch
from modelviz_callbacks.graph.module_tree import own_name, parent_path
from modelviz_callbacks.graph.sequence_alignment import align
from modelviz_callbacks.graph.subtrees import Numbers, Subtrees

Kind = Callable[[Subtrees, str], Hashable]
May = Callable[[str, str], bool]


def match_modules(old: Sequence[ModuleEntry], new: Sequence[ModuleEntry]) -> ModuleMatch:
    """Finds which modules are the same.

    Under modules that are the same, so are those of the same name; numbered ones (of an
    `nn.Sequential`) are aligned as a sequence. Others are recognised by what is in them: as
    renamed in the same module, as moved into another one.

    Args:
        old: The modules of the old graph.
        new: The modules of the new one.
    """
    numbers = Numbers()
    return ModuleMatch(_Matching(Subtrees(old, numbers), Subtrees(new, numbers)).found())


class _Matching:
    def __init__(self, old: Subtrees, new: Subtrees) -> None:
        self._old, self._new = old, new
        self._to_new: dict[str, str] = {}
        self._taken: set[str] = set()
        self._waiting: list[tuple[Sequence[str], Sequence[str]]] = []

    def found(self) -> dict[str, str]:
        self._waiting.append((self._old.roots, self._new.roots))
        self._align_all()
        self._find_moved(_exact, self._may_have_moved)
        self._find_moved(_loose, self._may_have_moved)
        self._find_moved(_class, self._may_have_moved)
        return self._to_new

    def _align_all(self) -> None:
        while self._waiting:
            self._align(*map(self._left, self._waiting.pop(), (self._to_new, self._taken)))

    def _left(self, paths: Iterable[str], taken: Iterable[str]) -> list[str]:
        return [path for path in paths if path not in taken]

    def _pair(self, old: str, new: str) -> None:
        if old in self._to_new or new in self._taken:
            return
        if self._old.exact[old] != self._new.exact[new]:
            self._note(old, new)
            self._waiting.append((self._old.children[old], self._new.children[new]))
            return
        equal = [(old, new)]
        while equal:
            old, new = equal.pop()
            if old not in self._to_new and new not in self._taken:
                self._note(old, new)
                equal += zip(self._old.children[old], self._new.children[new], strict=True)

    def _note(self, old: str, new: str) -> None:
        self._to_new[old] = new
        self._taken.add(new)

    def _align(self, olds: Sequence[str], news: Sequence[str]) -> None:
        """Pairs modules whose holders are a pair."""
        numbered = [[p for p in paths if own_name(p).isdecimal()] for paths in (olds, news)]
        if all(numbered):
            self._align_sequence(*numbered)
            olds, news = self._left(olds, {*numbered[0]}), self._left(news, {*numbered[1]})
        self._pair_names(olds, news, self._same_class)
        olds, news = self._left(olds, self._to_new), self._left(news, self._taken)
        self._pair_as_many(olds, news, _exact, self._both_hold)
        self._pair_names(olds, news, self._replaced)
        self._pair_as_many(olds, news, _exact, self._same_class)
        self._pair_as_many(olds, news, _loose, self._are_alike)
        self._pair_as_many(olds, news, _class, self._are_alike, most=1)

    def _pair_names(self, olds: Sequence[str], news: Sequence[str], may: May) -> None:
        by_name = {own_name(path): path for path in news if path not in self._taken}
        for old in olds:
            new = by_name.get(own_name(old))
            if old not in self._to_new and new is not None and may(old, new):
                self._pair(old, new)

    def _same_class(self, old: str, new: str) -> bool:
        return self._old.entries[old].class_name == self._new.entries[new].class_name

    def _replaced(self, old: str, new: str) -> bool:
        """Whether a module of another class took the place, and not one that the old is in."""
        if (wrapped := _wrapped(self._old, old, self._new, new)) is not None:
            self._pair(old, wrapped)
        elif (wrapped := _wrapped(self._new, new, self._old, old)) is not None:
            self._pair(wrapped, new)
        return wrapped is None

    def _both_hold(self, old: str, new: str) -> bool:
        return self._old.holds[old] and self._new.holds[new]

    def _are_alike(self, old: str, new: str) -> bool:
        """Whether one may well be the other one, changed a little."""
        if not self._same_class(old, new) or not self._both_hold(old, new):
            return False
        if self._old.is_leaf(old) or self._new.is_leaf(new):
            before, now = self._old.entries[old], self._new.entries[new]
            return self._old.is_leaf(old) and _shapes(before) == _shapes(now)
        olds, news = _parts(self._old, old), _parts(self._new, new)
        return 2 * (olds & news).total() >= max(olds.total(), news.total())

    def _pair_as_many(
        self,
        olds: Sequence[str],
        news: Sequence[str],
        kind: Kind,
        may: May,
        *,
        most: int | None = None,
    ) -> None:
        """Pairs siblings of one kind in their order, if there are as many of it in both."""
        groups: dict[Hashable, tuple[list[str], list[str]]] = {}
        for old in self._left(olds, self._to_new):
            groups.setdefault(kind(self._old, old), ([], []))[0].append(old)
        for new in self._left(news, self._taken):
            groups.setdefault(kind(self._new, new), ([], []))[1].append(new)
        for before, now in groups.values():
            if len(before) == len(now) and (most is None or len(now) <= most):
                for old, new in zip(before, now, strict=True):
                    if may(old, new):
                        self._pair(old, new)

    def _align_sequence(self, olds: Sequence[str], news: Sequence[str]) -> None:
        old_kinds = [self._old.exact[path] for path in olds]
        new_kinds = [self._new.exact[path] for path in news]

        def fit(i: int, j: int) -> int:
            # Two layers in their places that changed alike weigh more than one elsewhere as it was.
            in_place = own_name(olds[i]) == own_name(news[j])
            if old_kinds[i] == new_kinds[j]:
                return (13 if self._old.holds[olds[i]] else 8) + in_place
            return 6 + in_place if self._same_class(olds[i], news[j]) else 0

        pairs = align(old_kinds, new_kinds, fit)
        for i, j in pairs:
            self._pair(olds[i], news[j])
        begin = 0, 0
        for i, j in [*pairs, (len(olds), len(news))]:
            self._pair_between(olds[begin[0] : i], news[begin[1] : j])
            begin = i + 1, j + 1

    def _pair_between(self, olds: Sequence[str], news: Sequence[str]) -> None:
        """Pairs what took another's place in a sequence."""
        if len(olds) == len(news) == 1:
            if self._replaced(olds[0], news[0]):
                self._pair(olds[0], news[0])
            return
        self._pair_names(olds, news, self._replaced)

    def _find_moved(self, kind: Kind, may: May) -> None:
        """Pairs modules of one kind, the largest first, wherever they are."""
        groups: dict[Hashable, tuple[list[str], list[str]]] = {}
        for path in self._left(self._old.entries, self._to_new):
            if self._old.holds[path]:
                groups.setdefault(kind(self._old, path), ([], []))[0].append(path)
        for path in self._left(self._new.entries, self._taken):
            if self._new.holds[path] and (group := groups.get(kind(self._new, path))):
                group[1].append(path)
        both = [group for group in groups.values() if group[1]]
        for before, now in sorted(both, key=lambda g: -max(self._old.size[p] for p in g[0])):
            olds, news = self._left(before, self._to_new), self._left(now, self._taken)
            for old, new in _unambiguous(olds, news):
                if may(old, new):
                    self._pair(old, new)
                    self._align_all()

    def _may_have_moved(self, old: str, new: str) -> bool:
        """Whether a module that is like another one elsewhere was certainly moved there.

        Layers that are equal by chance are frequent.
        """
        if self._old.exact[old] != self._new.exact[new] and not self._are_alike(old, new):
            return False
        if self._old.size[old] > 1 or own_name(old) == own_name(new):
            return True
        before, now = _two_holders(old), _two_holders(new)
        return any(
            self._to_new.get(holder) == its_holder
            for holder, its_holder in (
                (before[0], now[0]),
                (before[0], now[1]),
                (before[1], now[0]),
            )
        )


def _wrapped(side: Subtrees, inner: str, other: Subtrees, outer: str) -> str | None:
    """Gives the part of another module that is certainly this one, which was put into it."""
    if not side.holds[inner]:
        return None
    kind, parts = side.entries[inner].class_name, other.children[outer]
    found = [part for part in parts if other.exact[part] == side.exact[inner]]
    if not found and not kind.startswith("torch."):
        found = [part for part in parts if other.entries[part].class_name == kind]
    return found[0] if len(found) == 1 else None


def _unambiguous(olds: list[str], news: list[str]) -> Iterable[tuple[str, str]]:
    """Gives the pairs of which each is the only one of its kind, or the only one of its name."""
    if len(olds) == len(news) == 1:
        return [(olds[0], news[0])]
    names = [Counter(map(own_name, paths)) for paths in (olds, news)]
    by_name = {own_name(path): path for path in news}
    # A number is the name of any layer in any sequence.
    as_many = len(olds) == len(news)
    return [
        (old, by_name[name])
        for old in olds
        if names[0][name := own_name(old)] == names[1][name] == 1
        and (as_many or not name.isdecimal())
    ]


def _parts(side: Subtrees, path: str) -> Counter[int]:
    """Counts all that is in a module, by what it is like."""
    parts: Counter[int] = Counter()
    waiting = side.children[path]
    while waiting:
        parts.update(side.loose[part] for part in waiting)
        waiting = [inner for part in waiting for inner in side.children[part]]
    return parts


def _exact(side: Subtrees, path: str) -> int:
    return side.exact[path]


def _loose(side: Subtrees, path: str) -> int:
    return side.loose[path]


def _class(side: Subtrees, path: str) -> str:
    return side.entries[path].class_name


def _two_holders(path: str) -> tuple[str, str]:
    """Gives the paths of the module that holds one, and of the one that holds that."""
    holder = parent_path(path)
    return holder, parent_path(holder)


def _shapes(entry: ModuleEntry) -> Hashable:
    return tuple((state.name, state.shape) for state in (*entry.parameters, *entry.buffers))
