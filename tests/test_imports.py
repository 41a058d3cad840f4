"""What an import costs, and what a missing extra says."""

import subprocess
import sys

import pytest

import modelviz_callbacks

HEAVY = "{'torch', 'lightning', 'pytorch_lightning', 'tensorboard', 'numpy', 'pygraphviz'}"


def run(script: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    return done.stdout + done.stderr


def test_importing_the_package_imports_nothing_heavy() -> None:
    """Neither torch nor Lightning nor TensorBoard, until a name needs them."""
    script = f"import sys, modelviz_callbacks as m; dir(m); print({HEAVY} & set(sys.modules))"
    assert run(script).strip() == "set()"


def test_the_hook_imports_neither_lightning_nor_tensorboard() -> None:
    """A plain loop pays for torch alone."""
    script = (
        "import sys; from modelviz_callbacks import ModelVizHook, record_architecture;"
        "print({'lightning', 'pytorch_lightning', 'tensorboard'} & set(sys.modules))"
    )
    assert run(script).strip() == "set()"


def test_a_training_imports_nothing_of_the_page() -> None:
    """A child process makes it."""
    script = (
        "import sys; from modelviz_callbacks import ModelVizHook;"
        "print([name for name in sys.modules if '.webpage' in name])"
    )
    assert run(script).strip() == "[]"


def test_records_are_read_and_compared_without_torch() -> None:
    """On a machine that trains nothing."""
    script = (
        "import sys; from modelviz_callbacks.archive import reader, reference;"
        "from modelviz_callbacks.graph import compare, diff_marks;"
        f"print({HEAVY} & set(sys.modules))"
    )
    assert run(script).strip() == "set()"


@pytest.mark.parametrize("installed", [(), ("lightning",), ("pytorch_lightning",)])
def test_without_lightning_the_import_names_the_install_command(installed) -> None:
    """Either of the two packages is enough."""
    missing = {"lightning", "pytorch_lightning"} - set(installed)
    script = f"""
import sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {missing!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Blocked())
try:
    from modelviz_callbacks import ModelVizCallback
    print("imported")
except ImportError as error:
    print(error)
"""
    expected = "imported" if installed else 'pip install "modelviz-callbacks[lightning]"'
    assert expected in run(script)


def test_public_names_are_sorted_and_there() -> None:
    """__all__ is what the package hands out."""
    assert list(modelviz_callbacks.__all__) == sorted(modelviz_callbacks.__all__)
    for name in modelviz_callbacks.__all__:
        assert getattr(modelviz_callbacks, name).__doc__


def test_an_unknown_name_is_an_attribute_error() -> None:
    """As for any module."""
    with pytest.raises(AttributeError, match="ModelVizCallbak"):
        _ = modelviz_callbacks.ModelVizCallbak
