"""What the policy pack adds to a preview of 100 models of 7 objects each: with it, and without.

Real engine, real pack, real API server of the running local platform (`make start`). The program is
the benchmark's own: it registers what the product does for a model, by the product's own functions,
but no gate, so that nothing is built or scanned a hundred times.

    python -m benchmarks.policy_pack
"""
