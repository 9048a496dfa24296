"""People behave the same for the same seed, whatever the order, and about as often as their shares say."""

from collections import Counter

import pytest

from integrations.sandbox.behaviour import STOP_WORDS, Behaviour, FailureCode, Journey, Outcome, Shares, Step

CODES = (FailureCode("131026", 0.6), FailureCode("131049", 0.4))
ADDRESSES = [f"+55119{number:08}" for number in range(20_000)]


def journeys(seed: str, addresses: list[str], shares: Shares | None = None) -> dict[str, Journey]:
    behaviour = Behaviour(seed, shares or Shares())
    return {address: behaviour.journey("whatsapp_cloud", address, CODES) for address in addresses}


def test_the_same_seed_gives_the_same_people_in_any_order() -> None:
    forward = journeys("a", ADDRESSES[:500])
    backward = journeys("a", ADDRESSES[:500][::-1])
    assert forward == backward
    assert forward != journeys("b", ADDRESSES[:500])


def test_one_person_is_fixed_for_ever() -> None:
    journey = journeys("batuta", ["+5511987654321"])["+5511987654321"]
    assert [(step.value, round(wait, 6)) for step, wait in journey.steps] == [
        ("sent", 0.38107),
        ("delivered", 2.662048),
    ]


def test_shares_hold_in_a_crowd() -> None:
    shares = Shares(failed=0.05, undelivered=0.02, read=0.6, replied=0.1, stopped=0.02)
    found = journeys("crowd", ADDRESSES, shares).values()
    last = Counter(journey.steps[-1][0] for journey in found)
    assert 0.043 < last[Step.FAILED] / 20_000 < 0.057
    assert 0.016 < last[Step.SENT] / 20_000 < 0.024
    readers = 20_000 - last[Step.FAILED] - last[Step.SENT] - last[Step.DELIVERED]
    assert 0.58 < readers / (readers + last[Step.DELIVERED]) < 0.62
    stopped = sum(journey.words in STOP_WORDS for journey in found if journey.steps[-1][0] is Step.REPLIED)
    assert 0.014 < stopped / readers < 0.026
    codes = Counter(journey.code for journey in found if journey.code)
    assert set(codes) == {"131026", "131049"}
    assert 0.5 < codes["131026"] / last[Step.FAILED] < 0.7


def test_delays_are_log_normal_around_their_median() -> None:
    waits = sorted(journey.steps[0][1] for journey in journeys("delays", ADDRESSES).values())
    assert 0.66 < waits[10_000] < 0.74
    assert waits[0] > 0.0
    assert 2.0 < waits[18_000] / waits[10_000] < 5.0
    assert waits[-1] < 0.7 * 9.5


@pytest.mark.parametrize("last", list(Step))
def test_an_outcome_by_hand_is_the_last_step(last: Step) -> None:
    behaviour = Behaviour("a", Shares())
    behaviour.outcomes["+5511900000000"] = Outcome(last, code="131026", words="SAIR")
    journey = behaviour.journey("whatsapp_cloud", "+5511900000000", CODES)
    assert (journey.steps[-1][0] if journey.steps else Step.ACCEPTED) is last
    assert journey.code == ("131026" if last is Step.FAILED else "")


@pytest.mark.parametrize("change", [{"failed": 1.5}, {"read": -0.1}, {"unknown": 0.1}])
def test_impossible_shares_are_refused(change: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="share|unknown"):
        Shares().changed(change)
