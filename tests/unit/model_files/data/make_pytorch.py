"""Made the .pt2 files beside it, with torch 2.15.0, which no quick test installs."""

from pathlib import Path

import torch

HERE = Path(__file__).parent


class Network(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(4, 2)
        self.register_buffer("shift", torch.ones(2))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        halves = torch.zeros(x.shape[0] // 2)
        return torch.softmax(self.layer(x) + self.shift, 1) + halves.sum()


def main() -> None:
    torch.manual_seed(0)
    program = torch.export.export(
        Network().eval(), (torch.randn(4, 4),), dynamic_shapes={"x": {0: torch.export.Dim.AUTO}}
    )
    for node in program.graph.nodes:
        # Paths of the machine that made it.
        node.meta.pop("stack_trace", None)
    torch.export.save(program, HERE / "with_inputs.pt2")
    program.example_inputs = None
    torch.export.save(program, HERE / "model.pt2")


if __name__ == "__main__":
    main()
