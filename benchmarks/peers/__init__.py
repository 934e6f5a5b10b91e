"""The contenders. Each module has `build(workload, mode)`, which gives a step: (x, y) -> loss."""
