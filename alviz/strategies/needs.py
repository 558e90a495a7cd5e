"""What strategies ask for, in words."""

from alviz.strategies.base import Need, QueryStrategy, registry
from alviz.strategies.pool import POSTERIORS

WORDS = {
    "features": "features",
    "embeddings": "embeddings (features stand in)",
    "images": "images",
    "probabilities": "class probabilities",
    "previous_probabilities": "class probabilities under the previous round's model",
    "dropout_posterior": "stochastic passes (MC dropout)",
    "committee_posterior": "a committee of models",
    "gradients": "last-layer gradients (from class probabilities and embeddings)",
    "predicted_loss": "predicted losses",
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


def describe(name: str | None = None) -> str:
    """The card of one strategy as text, or a line for each: name and what it needs. Raises ValueError for an unknown name."""
    if name is not None:
        strategy = type(registry.create(name))
        return f"{strategy.name}\n\n{strategy.card.text()}\n\nSignals: {readable_needs(strategy)}"
    strategies = [type(registry.create(each)) for each in registry.available()]
    width = max(len(strategy.name) for strategy in strategies)
    return "\n".join(f"{strategy.name:<{width}}  {readable_needs(strategy)}" for strategy in strategies)


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
