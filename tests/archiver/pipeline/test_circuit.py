"""The circuit of a provider."""

from __future__ import annotations

from archiver.pipeline.circuit import Circuit


def opened() -> Circuit:
    circuit = Circuit()
    for n in range(5):
        circuit.failed(n % 3, now=100.0, others=2)
    return circuit


def test_one_lanes_trouble_does_not_open_it() -> None:
    """Failures of one lane among several are its own trouble."""
    circuit = Circuit()
    assert not any(circuit.failed(1, now=0.0, others=5) for _ in range(20))
    assert circuit.lets(2, now=0.0)


def test_it_opens_after_five_failures_of_three_lanes() -> None:
    """Several lanes that see the same mean the provider."""
    circuit = opened()
    assert circuit.is_open
    assert not circuit.lets(9, now=100.5)


def test_a_provider_with_one_lane_needs_one_witness() -> None:
    """A small company with one lane is protected too."""
    circuit = Circuit()
    assert [circuit.failed(1, now=0.0, others=0) for _ in range(5)] == [False, False, False, False, True]


def test_one_lane_probes_when_the_time_is_over() -> None:
    """The first to ask becomes the probe; all others still wait."""
    circuit = opened()
    assert circuit.lets(7, now=101.0)
    assert not circuit.lets(8, now=101.0)
    assert circuit.lets(7, now=101.0)


def test_a_failed_probe_doubles_the_time_up_to_a_minute() -> None:
    """1, 2, 4, … 60 seconds."""
    circuit = opened()
    now, waits = 100.0, []
    for _ in range(8):
        waits.append(circuit.open_until - now)
        now = circuit.open_until
        assert circuit.lets(7, now)
        assert circuit.failed(7, now, others=2)
    assert waits == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0]


def test_late_failures_of_earlier_calls_change_nothing() -> None:
    """What was in flight when it opened is no further evidence."""
    circuit = opened()
    until = circuit.open_until
    assert not circuit.failed(2, now=100.9, others=2)
    assert circuit.open_until == until


def test_a_success_closes_it() -> None:
    """Then everybody may call, and the next trouble begins at one second again."""
    circuit = opened()
    circuit.lets(7, now=101.0)
    circuit.worked()
    assert not circuit.is_open
    assert circuit.lets(8, now=101.0)


def test_a_probe_that_does_not_call_leaves_its_place() -> None:
    """A lane that was to probe and has nothing to upload any more holds up nobody; what others say of it does not count."""
    circuit = opened()
    assert circuit.lets(7, now=101.0)
    assert not circuit.passes(8)
    assert circuit.passes(7)
    assert circuit.lets(8, now=101.0)
