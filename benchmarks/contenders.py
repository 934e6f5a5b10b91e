"""Who takes part: one record for each way of each library to do a workload."""

from dataclasses import dataclass

from workloads import Kind, Workload


@dataclass(frozen=True)
class Contender:
    """A way of a library to do a kind of workload.

    Args:
        title: its name in the tables.
        kind: what it does.
        build: module and function in `peers` that make it: Task -> Runner.
        package: the distribution whose version is shown.
        avx512: whether MKL is made to take its AVX-512 path, which by itself it does not take on
            processors of AMD; elsewhere such a contender is left out, being the same as without.
        nets: "all", or those whose inputs are "rows" of numbers or "pictures".
        fresh: whether what chainrule keeps in its cache, but for data, is forgotten before a run.
    """

    title: str
    kind: Kind
    build: str
    package: str
    avx512: bool = False
    nets: str = "all"
    fresh: bool = False

    @property
    def ours(self) -> bool:
        return self.package == "chainrule"

    def does(self, work: Workload) -> bool:
        """Whether it can do a workload."""
        own = "pictures" if work.has_pictures else "rows"
        return self.kind == work.kind and self.nets in {"all", own}


_CHANNELS_LAST = tuple(
    Contender(
        f"PyTorch {mode}, channels last{', AVX-512' if avx512 else ''}",
        "train",
        f"pytorch.{build}",
        "torch",
        avx512,
        "pictures",
    )
    for avx512 in (False, True)
    for mode, build in (
        ("plain", "channels_last"),
        ("fused", "channels_last_fused"),
        ("compile", "channels_last_compiled"),
    )
)

CONTENDERS = (
    Contender("chainrule compiled", "train", "ours.compiled", "chainrule"),
    Contender("chainrule eager", "train", "ours.eager", "chainrule"),
    Contender("NumPy by hand", "train", "by_hand.train", "numpy", nets="rows"),
    Contender(
        "scikit-learn partial_fit", "train", "sklearn_mlp.train", "scikit-learn", nets="rows"
    ),
    Contender("PyTorch plain", "train", "pytorch.plain", "torch"),
    Contender("PyTorch foreach", "train", "pytorch.foreach", "torch"),
    Contender("PyTorch fused", "train", "pytorch.fused", "torch"),
    Contender("PyTorch compile", "train", "pytorch.compiled", "torch"),
    Contender("PyTorch plain, AVX-512", "train", "pytorch.plain", "torch", avx512=True),
    Contender("PyTorch foreach, AVX-512", "train", "pytorch.foreach", "torch", avx512=True),
    Contender("PyTorch fused, AVX-512", "train", "pytorch.fused", "torch", avx512=True),
    Contender("PyTorch compile, AVX-512", "train", "pytorch.compiled", "torch", avx512=True),
    *_CHANNELS_LAST,
    Contender("JAX jit", "train", "jax_jit.steps", "jax"),
    Contender("JAX scan", "train", "jax_jit.scan", "jax"),
    Contender(
        "JAX jit, channels last", "train", "jax_jit.steps_channels_last", "jax", nets="pictures"
    ),
    Contender(
        "JAX scan, channels last", "train", "jax_jit.scan_channels_last", "jax", nets="pictures"
    ),
    Contender("TensorFlow function", "train", "tensorflow_nn.function", "tensorflow-cpu"),
    Contender("TensorFlow XLA", "train", "tensorflow_nn.xla", "tensorflow-cpu"),
    Contender("chainrule compiled", "predict", "ours.predict_compiled", "chainrule"),
    Contender("chainrule eager", "predict", "ours.predict_eager", "chainrule"),
    Contender("NumPy by hand", "predict", "by_hand.predict", "numpy", nets="rows"),
    Contender(
        "scikit-learn predict_proba",
        "predict",
        "sklearn_mlp.predict",
        "scikit-learn",
        nets="rows",
    ),
    Contender("PyTorch inference_mode", "predict", "pytorch.inference", "torch"),
    Contender("PyTorch traced", "predict", "pytorch.traced", "torch"),
    Contender("PyTorch traced, AVX-512", "predict", "pytorch.traced", "torch", avx512=True),
    Contender("JAX jit", "predict", "jax_jit.predict", "jax"),
    Contender("JAX ahead of time", "predict", "jax_jit.predict_ahead", "jax"),
    Contender("TensorFlow XLA", "predict", "tensorflow_nn.predict", "tensorflow-cpu"),
    Contender("chainrule compiled", "product", "ours.product", "chainrule"),
    Contender("NumPy", "product", "by_hand.product", "numpy"),
    Contender("PyTorch, AVX-512", "product", "pytorch.product", "torch", avx512=True),
    Contender("PyTorch", "product", "pytorch.product", "torch"),
    Contender("JAX", "product", "jax_jit.product", "jax"),
    Contender("chainrule compiled", "whole", "ours.whole_compiled", "chainrule"),
    Contender(
        "chainrule compiled, cache empty", "whole", "ours.whole_compiled", "chainrule", fresh=True
    ),
    Contender("chainrule eager", "whole", "ours.whole_eager", "chainrule"),
    Contender("neural-network-digits network", "whole", "digits.whole", "neural-network-digits"),
    Contender("neural-network-digits trainer", "whole", "digits.trainer", "neural-network-digits"),
    Contender("NumPy by hand", "whole", "by_hand.whole", "numpy"),
    Contender("scikit-learn fit", "whole", "sklearn_mlp.whole", "scikit-learn"),
    Contender("PyTorch fused", "whole", "pytorch.whole", "torch"),
    Contender("PyTorch fused, AVX-512", "whole", "pytorch.whole", "torch", avx512=True),
    Contender("JAX scan", "whole", "jax_jit.whole", "jax"),
    Contender("TensorFlow function", "whole", "tensorflow_nn.whole", "tensorflow-cpu"),
)
