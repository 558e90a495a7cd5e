"""What strategies ask for, in words."""

from alviz.strategies.base import Need, QueryStrategy
from alviz.strategies.pool import POSTERIORS

WORDS = {
    "features": "features",
    "embeddings": "embeddings (features stand in)",
    "images": "images",
    "inputs": "the inputs of the learner",
    "probabilities": "class probabilities",
    "previous_probabilities": "class probabilities under the previous round's model",
    "dropout_posterior": "stochastic passes (MC dropout)",
    "committee_posterior": "a committee of models",
    "gradients": "last-layer gradients (from class probabilities and embeddings)",
    "predicted_loss": "predicted losses",
    "critic": "a critic that was trained along, between labelled and unlabelled samples",
    "target_posterior": "a posterior on target inputs",
    "predict": "predictions for changed samples",
    "refit": "a model that can be trained again",
    "module": "a torch network",
}
"""Every signal in words."""


def readable_need(need: Need) -> str:
    """One need in words: "a committee of models or stochastic passes (MC dropout)"."""
    return " or ".join(WORDS[signal] for signal in ((need,) if isinstance(need, str) else need))


def readable_needs(strategy: QueryStrategy | type[QueryStrategy]) -> str:
    """What a strategy needs, and what it uses when it is there, in words; "nothing" for strategies that need no signal."""
    text = ", ".join(readable_need(need) for need in strategy.needs) or "nothing"
    wants = ", ".join(WORDS[signal] for signal in strategy.wants)
    return f"{text}; uses where there is: {wants}" if wants else text


def argument_of(need: Need) -> str | None:
    """The argument of `alviz.query` that meets a need, in words, or None when arrays cannot."""
    for signal in (need,) if isinstance(need, str) else need:
        if signal in POSTERIORS or signal == "target_posterior":
            return "posterior"
        if signal == "gradients":
            return "probabilities and embeddings (or features)"
        if signal == "embeddings":
            return "embeddings (or features)"
        if signal in ("features", "probabilities", "previous_probabilities", "predict"):
            return signal
    return None
