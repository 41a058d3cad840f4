"""Records the architecture of a model without a training loop: in a notebook, a script or a CI job.

    python examples/notebook_or_script.py

The small transformer below reads each handwritten digit as eight rows of eight pixels. It takes a
keyword argument besides its tensor, as models of one's own often do. The data comes with
scikit-learn; nothing is downloaded.
"""

import argparse
from pathlib import Path

import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

from modelviz_callbacks import record_architecture


class RowTransformer(nn.Module):
    """Classifies a sequence of pixel rows `[N, 8, 8]` into ten digits."""

    def __init__(self, width: int = 32, layers: int = 2) -> None:
        super().__init__()
        self.embed = nn.Linear(8, width)
        self.position = nn.Parameter(torch.zeros(8, width))
        layer = nn.TransformerEncoderLayer(width, nhead=4, dim_feedforward=64, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, num_layers=layers)
        self.head = nn.Linear(width, 10)

    def forward(self, rows: Tensor, hidden: Tensor | None = None) -> Tensor:
        """Returns logits `[N, 10]`.

        Args:
            rows: Pixels, `[N, 8, 8]`.
            hidden: True for the rows that the model must not look at, `[N, 8]`.
        """
        tokens = self.encoder(self.embed(rows) + self.position, src_key_padding_mask=hidden)
        logits: Tensor = self.head(tokens.mean(dim=1))
        return logits


def load_rows(count: int = 16) -> Tensor:
    """Returns the first handwritten digits as rows of pixels, `[count, 8, 8]`."""
    return torch.tensor(load_digits().images[:count], dtype=torch.float32) / 16


def parse_arguments() -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--log-dir", type=Path, default=Path("runs/notebook_or_script"))
    return parser.parse_args()


def main() -> None:
    """Records the model as one call shows it, and prints its summary."""
    arguments = parse_arguments()
    rows = load_rows()
    last_row_hidden = torch.zeros(rows.shape[:2], dtype=torch.bool)
    last_row_hidden[:, -1] = True

    record = record_architecture(
        RowTransformer(),
        args=(rows,),
        kwargs={"hidden": last_row_hidden},
        log_dir=arguments.log_dir,
    )

    print((Path(record) / "summary.txt").read_text(encoding="utf-8"))
    print(f"Architecture record: {record}")
    for path in sorted(Path(record).rglob("*.*")):
        print(f"  {path.relative_to(record)}")


if __name__ == "__main__":
    main()
