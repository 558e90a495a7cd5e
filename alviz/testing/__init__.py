"""The public conformance suite: whether a query strategy, ours or a plug-in's, keeps the contract.

Three lines of pytest check everything that can be checked without knowing what the strategy is for:

    from alviz.testing import check_strategy, check_strategy_property

    def test_my_strategy_conforms():
        check_strategy(MyStrategy)             # or: lambda: MyStrategy(beta=2.0)

    def test_my_strategy_on_any_pool():
        check_strategy_property(MyStrategy)    # needs hypothesis

Both raise AssertionError with a sentence that says what is wrong. Registered strategies are checked by name: `lambda: alviz.strategies.create(name)`.
Together they ask for nearly a hundred queries, so a strategy that trains at every query is best checked with settings under which it does so
briefly: `lambda: MyStrategy(epochs=1)`. Nothing that is checked depends on how long it trains.

For tests of your own: `random_pool` and `random_scene` make small pools of made-up signals (also under a model that can be trained again, and
with true targets for oracles), `pools()` is a hypothesis strategy that draws them with ties, duplicates and degenerate shapes, `selected`
runs one query on a scene and watches it, and `state_hash` is equal before and after exactly when nothing inside an object changed (arrays,
networks with buffers and modes, estimators).

A plug-in registers its strategies through an entry point of the group `alviz.strategies`, a function that is called with the registry; a
strategy class with a `name` and a `card` has registered itself when its module was imported, so that the function may do nothing:

    [project.entry-points."alviz.strategies"]
    my-strategies = "my_package.strategies:register"
"""

from alviz.testing.cards import check_declaration
from alviz.testing.hashing import state_hash
from alviz.testing.pools import Scene, random_arrays, random_pool, random_scene
from alviz.testing.properties import PoolCase, check_strategy_property, pools
from alviz.testing.rounds import check_round
from alviz.testing.selections import check_selection, selected
from alviz.testing.strategies import check_strategy

__all__ = ["PoolCase", "Scene", "check_declaration", "check_round", "check_selection", "check_strategy", "check_strategy_property"]
__all__ += ["pools", "random_arrays", "random_pool", "random_scene", "selected", "state_hash"]
