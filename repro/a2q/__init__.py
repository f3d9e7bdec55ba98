"""Accumulator-aware quantization (A2Q) of a one-layer network, and exact inference with narrow accumulators."""
