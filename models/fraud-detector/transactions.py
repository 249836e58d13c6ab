"""Generated card transactions: plausible in shape, invented in every number.

The label comes from a noisy rule: how well any model can do is decided here.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]

FEATURE_NAMES = (
    "amount_eur",
    "hour_of_day",
    "distance_from_home_km",
    "merchant_risk",
    "transactions_last_24h",
    "amount_to_mean_ratio",
    "minutes_since_last_transaction",
    "account_age_days",
    "is_foreign",
    "is_card_present",
)
# Columns that are never negative and span orders of magnitude: a model sees their logarithm.
SKEWED = (0, 2, 5, 6)

# Chosen together: about 30 % of the rows are fraud, and what no feature explains (NOISE, in units
# of suspicion) lets a good model err on about 6 % of them.
NOISE = 0.45
SUSPICION_LIMIT = 4.1


@dataclass(frozen=True)
class Transactions:
    """Generated card transactions.

    features: float32 [N, 10], in the order and units of FEATURE_NAMES.
    is_fraud: float32 [N], 0.0 or 1.0.
    """

    features: FloatArray
    is_fraud: FloatArray


def generate_transactions(rows: int, generator: np.random.Generator) -> Transactions:
    """Draw `rows` transactions, about three in ten of them fraud: honest ones are thinned out.

    The rule adds up what raises suspicion, with two interactions (abroad without the card; many
    payments at night), then Gaussian noise that no feature explains: it sets how well any model
    can do.
    """
    is_foreign = generator.random(rows) < 0.18
    is_card_present = generator.random(rows) < np.where(is_foreign, 0.45, 0.65)
    hour = generator.integers(0, 24, rows)
    mean_amount = generator.lognormal(3.4, 0.5, rows)
    ratio = np.clip(generator.lognormal(0.0, 0.8, rows), 0.02, 60.0)
    amount = np.clip(mean_amount * ratio, 0.5, 9_000.0)
    distance = np.clip(
        generator.lognormal(np.where(is_foreign, 6.2, 2.2), np.where(is_foreign, 0.8, 1.1)),
        0.1,
        15_000.0,
    )
    merchant_risk = generator.beta(1.6, 4.0, rows)
    transactions = generator.poisson(generator.gamma(2.0, 1.6, rows))
    minutes = np.clip(generator.exponential(1_440.0 / (1.0 + transactions)), 0.2, 10_080.0)
    account_age = np.clip(generator.gamma(2.0, 700.0, rows), 5.0, 9_000.0)

    features = np.column_stack(
        [
            np.round(amount, 2),
            hour,
            np.round(distance, 1),
            np.round(merchant_risk, 3),
            transactions,
            np.round(ratio, 2),
            np.round(minutes, 1),
            np.round(account_age),
            is_foreign,
            is_card_present,
        ]
    ).astype(np.float32)

    night = (hour < 6).astype(np.float64)
    suspicion = (
        1.1 * np.log(ratio)
        + 0.35 * np.log(amount / 30.0)
        + 5.5 * merchant_risk
        + 0.30 * np.log1p(distance)
        + 0.16 * transactions
        - 0.25 * np.log(minutes / 300.0)
        - 0.5 * np.log(account_age / 1_400.0)
        + 1.2 * night
        - 1.3 * is_card_present
        + 0.9 * is_foreign
        + 1.4 * (is_foreign & ~is_card_present)
        + 0.12 * night * transactions
    )
    suspicion += generator.normal(0.0, NOISE, rows)
    return Transactions(features, (suspicion > SUSPICION_LIMIT).astype(np.float32))
