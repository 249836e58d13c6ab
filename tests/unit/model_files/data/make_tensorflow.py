"""Made the SavedModels beside it, with tensorflow-cpu 2.21.0, which no quick test installs."""

from pathlib import Path
from typing import Any

import tensorflow as tf

HERE = Path(__file__).parent


class Scorer(tf.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weights = tf.Variable([[0.5], [0.25], [-1.0], [2.0]])

    @tf.function(input_signature=[tf.TensorSpec([None, 4], tf.float32, name="x")])
    def serve(self, x: Any) -> dict[str, Any]:
        return {"score": tf.sigmoid(x @ self.weights)}


class Writer(tf.Module):
    @tf.function(input_signature=[tf.TensorSpec([None, 4], tf.float32, name="x")])
    def serve(self, x: Any) -> dict[str, Any]:
        written = tf.cond(tf.reduce_sum(x) > 0, self._write, lambda: tf.constant(0))
        return {"score": tf.cast(written, tf.float32)}

    def _write(self) -> Any:
        with tf.control_dependencies([tf.io.write_file("ran", "")]):
            return tf.constant(1)


def main() -> None:
    for name, module in (("saved_model", Scorer()), ("writing_model", Writer())):
        tf.saved_model.save(module, str(HERE / name), signatures=module.serve)


if __name__ == "__main__":
    main()
