"""Train the fraud detector, export it to ONNX, and prove the committed files.

The data are generated, never real (transactions.py). The network standardises its own inputs, so
that a caller sends plain features and no preprocessing can drift apart from the weights.

    python train.py --output DIR    write DIR/model.onnx and DIR/golden.json
    python train.py --check         retrain and compare with the committed files (exit 1 if not)

Both print the metrics measured on a held-out set that training never saw. Everything is seeded
and runs on one thread, so one machine with one set of packages gives one result; another CPU or
torch may round differently, which is why `--check` judges predictions and only reports bytes.
"""

import argparse
import json
import logging
import os
import sys
from dataclasses import dataclass
from pathlib import Path

# ONNX Runtime's wheels (1.29 and later) report to their vendor unless told not to before import.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import numpy as np
import onnx
import onnxruntime  # type: ignore[import-untyped]
import torch
from torch import nn
from transactions import FEATURE_NAMES, SKEWED, FloatArray, Transactions, generate_transactions

COMMITTED = Path(__file__).resolve().parent / "2.1.0"
SEED = 20250101
TRAINING_ROWS = 24_000
VALIDATION_ROWS = 12_000
HELD_OUT_ROWS = 12_000
GOLDEN_ROWS = 8
EPOCHS = 40
BATCH_ROWS = 512
OPSET = 18
# A wrongly held card costs trust: transactions count as fraud from the lowest probability at which
# this precision is reached on validation rows, which neither training nor the metrics use.
WANTED_PRECISION = 0.92
# Absolute. The server may run on another CPU, whose float32 kernels round differently: a few 1e-7,
# as between ONNX Runtime and torch here.
GOLDEN_TOLERANCE = 1e-5
# Absolute, in probability. Retraining elsewhere follows another rounding path through training.
RETRAINING_TOLERANCE = 0.05


@dataclass(frozen=True)
class Metrics:
    """Quality at one decision threshold; every value lies in [0, 1]."""

    accuracy: float
    f1_score: float
    precision: float
    recall: float


class FraudNetwork(nn.Module):
    """A perceptron of two hidden layers that standardises its own inputs.

    Input: float32 [N, 10] in the order of FEATURE_NAMES. Output: float32 [N], P(fraud).
    """

    skewed: torch.Tensor
    mean: torch.Tensor
    scale: torch.Tensor

    def __init__(self, features: torch.Tensor) -> None:
        super().__init__()
        skewed = torch.zeros(len(FEATURE_NAMES))
        skewed[list(SKEWED)] = 1.0
        self.register_buffer("skewed", skewed)
        compressed = self._compress(features)
        self.register_buffer("mean", compressed.mean(dim=0))
        self.register_buffer("scale", compressed.std(dim=0))
        self.layers = nn.Sequential(
            nn.Linear(len(FEATURE_NAMES), 32),
            nn.ReLU(),
            nn.Linear(32, 16),
            nn.ReLU(),
            nn.Linear(16, 1),
        )

    def _compress(self, features: torch.Tensor) -> torch.Tensor:
        # relu keeps the logarithm defined for a negative value that no sensor should send.
        return self.skewed * torch.log(torch.relu(features) + 1.0) + (1.0 - self.skewed) * features

    def logits(self, features: torch.Tensor) -> torch.Tensor:
        standardised = (self._compress(features) - self.mean) / self.scale
        # Beyond six standard deviations there were no data: saturate instead of extrapolating.
        bounded = torch.clamp(standardised, -6.0, 6.0)
        result: torch.Tensor = self.layers(bounded).squeeze(-1)
        return result

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        return torch.sigmoid(self.logits(features))


def train(data: Transactions) -> FraudNetwork:
    """Fit the network to `data` on one thread, the same way every time."""
    torch.manual_seed(SEED)
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    features, labels = torch.from_numpy(data.features), torch.from_numpy(data.is_fraud)
    network = FraudNetwork(features)
    optimiser = torch.optim.Adam(network.parameters(), lr=3e-3, weight_decay=1e-5)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, EPOCHS)
    loss_of = nn.BCEWithLogitsLoss()
    order = torch.Generator().manual_seed(SEED)
    for _ in range(EPOCHS):
        for rows in torch.split(torch.randperm(len(features), generator=order), BATCH_ROWS):
            optimiser.zero_grad()
            loss_of(network.logits(features[rows]), labels[rows]).backward()
            optimiser.step()
        schedule.step()
    return network.eval()


def choose_threshold(probabilities: FloatArray, is_fraud: FloatArray) -> float:
    """The lowest probability, in steps of 0.01 from 0.5, that reaches WANTED_PRECISION."""
    for percent in range(50, 100):
        if measure(probabilities, is_fraud, percent / 100).precision >= WANTED_PRECISION:
            return percent / 100
    raise RuntimeError(f"no threshold reaches a precision of {WANTED_PRECISION}")


def measure(probabilities: FloatArray, is_fraud: FloatArray, threshold: float) -> Metrics:
    """Metrics of `probabilities` [N] against `is_fraud` [N] (0.0 or 1.0)."""
    predicted, actual = probabilities >= threshold, is_fraud == 1.0
    true_positives = float(np.sum(predicted & actual))
    precision = true_positives / float(np.sum(predicted))
    recall = true_positives / float(np.sum(actual))
    return Metrics(
        accuracy=float(np.mean(predicted == actual)),
        f1_score=2 * precision * recall / (precision + recall),
        precision=precision,
        recall=recall,
    )


def export(network: FraudNetwork) -> bytes:
    """The network as one self-contained ONNX file: `features` [N, 10] -> `fraud_probability` [N].

    The exporter's notes (stack traces with this machine's paths) are left out: they would leak
    into the artifact and change its digest from one checkout to the next.
    """
    program = torch.onnx.export(
        network,
        (torch.zeros(2, len(FEATURE_NAMES)),),
        input_names=["features"],
        output_names=["fraud_probability"],
        dynamic_shapes=({0: torch.export.Dim("batch")},),
        opset_version=OPSET,
        dynamo=True,
        external_data=False,
        verbose=False,
    )
    if program is None:
        raise RuntimeError("torch.onnx.export gave no program")
    model = program.model_proto
    forget_notes(model)
    onnx.checker.check_model(model, full_check=True)
    content: bytes = model.SerializeToString(deterministic=True)
    return content


def forget_notes(model: onnx.ModelProto) -> None:
    """Clear every free-text note of the exporter, in place."""
    graph = model.graph
    for noted in (
        model,
        graph,
        *graph.node,
        *graph.initializer,
        *graph.value_info,
        *graph.input,
        *graph.output,
    ):
        noted.ClearField("metadata_props")
        noted.ClearField("doc_string")
    graph.ClearField("value_info")
    graph.name = "fraud-detector"


def predict(model: bytes, features: FloatArray) -> FloatArray:
    """Predictions of an ONNX file (its bytes) for `features` [N, 10], by ONNX Runtime: [N]."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    outputs: list[FloatArray] = session.run(["fraud_probability"], {"features": features})
    return outputs[0]


def golden_samples(model: bytes, held_out: Transactions, probabilities: FloatArray) -> str:
    """golden.json: GOLDEN_ROWS held-out rows spread from the least to the most suspicious."""
    order = np.argsort(probabilities, kind="stable")
    # Evenly over the range of probabilities, so that a wrong weight shows in the middle too.
    targets = np.linspace(0.02, 0.98, GOLDEN_ROWS)
    rows = [int(order[np.searchsorted(probabilities[order], target)]) for target in targets]
    inputs = held_out.features[rows]
    # float32's shortest text reads back as the same float32. One sample a line, for reviewers.
    input_lines = ",\n".join(f"  [{', '.join(map(str, row))}]" for row in inputs)
    outputs = ", ".join(map(str, predict(model, inputs)))
    return (
        f'{{\n "feature_names": {json.dumps(list(FEATURE_NAMES))},\n'
        f' "inputs": [\n{input_lines}\n ],\n'
        f' "outputs": [{outputs}],\n "tolerance": {GOLDEN_TOLERANCE}\n}}\n'
    )


def build() -> tuple[bytes, str]:
    """Train, export and print the metrics: the ONNX file and golden.json's text."""
    generator = np.random.default_rng(SEED)
    training = generate_transactions(TRAINING_ROWS, generator)
    validation = generate_transactions(VALIDATION_ROWS, generator)
    held_out = generate_transactions(HELD_OUT_ROWS, generator)
    network = train(training)
    model = export(network)
    probabilities = predict(model, held_out.features)
    with torch.no_grad():
        in_torch = network(torch.from_numpy(held_out.features)).numpy()
    difference = float(np.max(np.abs(in_torch - probabilities)))
    print(f"largest difference of ONNX Runtime and torch on held-out rows: {difference:.1e}")
    if not difference <= GOLDEN_TOLERANCE:
        raise RuntimeError("the exported file does not predict what the network predicts")
    threshold = choose_threshold(predict(model, validation.features), validation.is_fraud)
    metrics = measure(probabilities, held_out.is_fraud, threshold)
    print(
        f"{HELD_OUT_ROWS} held-out rows, {held_out.is_fraud.mean():.1%} fraud, "
        f"threshold {threshold:.2f}: accuracy {metrics.accuracy:.4f}, "
        f"f1_score {metrics.f1_score:.4f}, precision {metrics.precision:.4f}, "
        f"recall {metrics.recall:.4f}"
    )
    return model, golden_samples(model, held_out, probabilities)


def check(model: bytes, golden: str) -> bool:
    """Whether the retrained model predicts the committed golden outputs, within tolerance."""
    committed = json.loads((COMMITTED / "golden.json").read_text())
    inputs = np.asarray(committed["inputs"], dtype=np.float32)
    expected = np.asarray(committed["outputs"], dtype=np.float32)
    served = np.abs(predict((COMMITTED / "model.onnx").read_bytes(), inputs) - expected)
    retrained = np.abs(predict(model, inputs) - expected)
    same_model = model == (COMMITTED / "model.onnx").read_bytes()
    same_golden = golden == (COMMITTED / "golden.json").read_text()
    print(
        f"committed model on its golden inputs: largest difference {served.max():.1e} "
        f"(tolerance {committed['tolerance']:g})"
    )
    print(
        f"retrained model on those inputs: largest difference {retrained.max():.1e} "
        f"(tolerance {RETRAINING_TOLERANCE:g})"
    )
    print(
        f"bytes equal: model.onnx {'yes' if same_model else 'no'}, "
        f"golden.json {'yes' if same_golden else 'no'}"
    )
    return bool(served.max() <= committed["tolerance"] and retrained.max() <= RETRAINING_TOLERANCE)


def main() -> int:
    parser = argparse.ArgumentParser(description="Train, export and check the fraud detector.")
    mode = parser.add_mutually_exclusive_group(required=True)
    mode.add_argument("--output", type=Path, metavar="DIR", help="write model.onnx, golden.json")
    mode.add_argument("--check", action="store_true", help="retrain, compare with the committed")
    arguments = parser.parse_args()

    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    model, golden = build()
    if arguments.check:
        return 0 if check(model, golden) else 1
    arguments.output.mkdir(parents=True, exist_ok=True)
    (arguments.output / "model.onnx").write_bytes(model)
    (arguments.output / "golden.json").write_text(golden)
    return 0


if __name__ == "__main__":
    sys.exit(main())
