"""Gradients of the log loss in the last linear layer, kept as two factors."""

from typing import Any

import numpy as np

from alviz.strategies.device import beside, host, namespace
from alviz.strategies.vectors import Outer


class Gradients(Outer):
    """g_i = residual_i ⊗ embedding_i with residual p − onehot(ŷ) under the predicted label ŷ = argmax p; left (m, K), right (m, d)."""

    @classmethod
    def of(cls, probabilities: Any, embeddings: Any) -> "Gradients":
        """Factors from probabilities (m, K) and embeddings (m, d), numpy or torch, where the embeddings live."""
        if isinstance(probabilities, np.ndarray) != isinstance(embeddings, np.ndarray):
            probabilities = beside(host(probabilities), embeddings)
        xp = namespace(probabilities)
        hot = xp.arange(probabilities.shape[1], device=probabilities.device)[None, :] == xp.argmax(probabilities, axis=1, keepdims=True)
        return cls(probabilities - xp.astype(hot, probabilities.dtype), embeddings)
