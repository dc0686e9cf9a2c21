"""Opus at the model's rate: what goes in comes out, and what is not Opus is refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sound import frames, peak_hz, tone, voice

from bot.audio.frame import FRAME_BYTES
from bot.audio.level import level_dbfs
from bot.audio.opus import EncoderProfile, OpusDecoder, OpusEncoder, OpusError, has_fec, library, packet_ms

pytestmark = pytest.mark.core

SILENCE = b"\xf8\xff\xfe"


def encoded(samples: np.ndarray, profile: EncoderProfile = EncoderProfile.SPEECH, rate_hz: int = 24_000) -> list[bytes]:
    encoder = OpusEncoder(profile, rate_hz)
    return [encoder.encode(frame) for frame in frames(samples, rate_hz)]


@pytest.mark.parametrize("profile", EncoderProfile)
@pytest.mark.parametrize("rate_hz", [16_000, 24_000])
def test_a_tone_survives_the_codec_at_either_rate_of_a_model(profile: EncoderProfile, rate_hz: int) -> None:
    decoder = OpusDecoder(rate_hz)
    heard = [decoder.decode(packet) for packet in encoded(tone(1000, 400, rate_hz), profile, rate_hz)]
    assert {len(pcm) for pcm in heard} == {rate_hz // 50 * 2}
    assert peak_hz(b"".join(heard[5:]), rate_hz) == pytest.approx(1000, abs=10)
    assert level_dbfs(b"".join(heard[5:])) == pytest.approx(level_dbfs(tone(1000, 300).tobytes()), abs=1)


def test_a_decoder_gives_its_own_rate_whatever_the_packet_was_made_from() -> None:
    packets = encoded(tone(700, 400, 48_000), EncoderProfile.ECO, 48_000)
    decoder = OpusDecoder(16_000)
    heard = b"".join(decoder.decode(packet) for packet in packets)
    assert len(heard) == 2 * 16_000 * 400 // 1000
    assert peak_hz(heard[4000:], 16_000) == pytest.approx(700, abs=10)


def test_the_speech_profile_repeats_frames_for_a_listener_who_loses_one_and_eco_does_not() -> None:
    with_fec = encoded(voice(2000))
    assert sum(has_fec(packet) for packet in with_fec) > len(with_fec) // 3
    assert not any(has_fec(packet) for packet in encoded(voice(2000), EncoderProfile.ECO))


def test_a_lost_frame_recovered_from_the_next_packet_is_nearer_to_the_truth_than_a_concealed_one() -> None:
    packets = encoded(voice(3000))
    truth, recovering, concealing = OpusDecoder(), OpusDecoder(), OpusDecoder()
    errors = {"recovered": 0.0, "concealed": 0.0}
    for index, packet in enumerate(packets[:-1]):
        wanted = np.frombuffer(truth.decode(packet), dtype="<i2").astype(float)
        if index % 7 == 5 and has_fec(packets[index + 1]):
            recovered = np.frombuffer(recovering.recover(packets[index + 1], 20), dtype="<i2")
            concealed = np.frombuffer(concealing.conceal(20), dtype="<i2")
            errors["recovered"] += float(np.square(recovered - wanted).sum())
            errors["concealed"] += float(np.square(concealed - wanted).sum())
        else:
            recovering.decode(packet)
            concealing.decode(packet)
    assert 0 < errors["recovered"] < errors["concealed"] / 2


@pytest.mark.parametrize("duration_ms", [2.5, 10, 20, 60, 100, 120])
def test_concealment_is_as_long_as_asked_for(duration_ms: float) -> None:
    decoder = OpusDecoder()
    decoder.decode(encoded(voice(200))[8])
    assert len(decoder.conceal(duration_ms)) == round(24 * duration_ms) * 2


def test_recovery_is_as_long_as_asked_for_even_where_there_is_no_fec() -> None:
    decoder = OpusDecoder()
    packets = encoded(voice(200), EncoderProfile.ECO)
    decoder.decode(packets[0])
    assert len(decoder.recover(packets[2], 20)) == FRAME_BYTES


def test_concealment_fades_instead_of_humming_on() -> None:
    decoder = OpusDecoder()
    for packet in encoded(tone(300, 400)):
        decoder.decode(packet)
    first, *_, last = [decoder.conceal(20) for _ in range(25)]
    assert level_dbfs(last) < level_dbfs(first) - 20


def test_the_length_of_a_packet_is_told_without_decoding_it() -> None:
    assert packet_ms(SILENCE) == 20
    assert packet_ms(encoded(tone(440, 40))[0]) == 20
    assert packet_ms(b"\x18" + bytes(10)) == 60  # SILK, configuration 3
    assert packet_ms(b"\xe0" + bytes(10)) == 2.5  # CELT, configuration 28
    assert packet_ms(b"\x1b\x02" + bytes(10)) == 120  # two frames of 60 ms


@pytest.mark.parametrize("packet", [b"", b"\x1b\x03\x00", b"\xfb"], ids=["empty", "180 ms", "cut"])
def test_what_is_no_opus_has_no_length(packet: bytes) -> None:
    with pytest.raises(OpusError):
        packet_ms(packet)


def test_an_empty_packet_is_refused_and_not_taken_for_a_loss() -> None:
    decoder = OpusDecoder()
    with pytest.raises(OpusError):
        decoder.decode(b"")
    with pytest.raises(OpusError):
        decoder.recover(b"", 20)


def test_a_decoder_goes_on_after_a_packet_that_it_refused() -> None:
    decoder, packets = OpusDecoder(), encoded(tone(440, 200))
    decoder.decode(packets[0])
    with pytest.raises(OpusError):
        decoder.decode(b"\xff\xff\xff\xff")
    assert len(decoder.decode(packets[1])) == FRAME_BYTES


def test_a_reset_decoder_has_heard_nothing() -> None:
    decoder = OpusDecoder()
    for packet in encoded(tone(440, 200)):
        decoder.decode(packet)
    decoder.reset()
    assert level_dbfs(decoder.conceal(20)) == -96


def test_a_reset_encoder_speaks_as_a_new_one_does() -> None:
    spoken = frames(voice(200))
    encoder, fresh = OpusEncoder(EncoderProfile.SPEECH), OpusEncoder(EncoderProfile.SPEECH)
    for frame in frames(tone(900, 400)):
        encoder.encode(frame)
    encoder.reset()
    assert [encoder.encode(frame) for frame in spoken] == [fresh.encode(frame) for frame in spoken]


@pytest.mark.parametrize("size", [0, 2, FRAME_BYTES - 2, FRAME_BYTES + 2])
def test_a_frame_of_another_length_is_refused(size: int) -> None:
    with pytest.raises(OpusError, match=f"{size} bytes, expected {FRAME_BYTES}"):
        OpusEncoder(EncoderProfile.SPEECH).encode(bytes(size))


def test_a_rate_that_opus_does_not_have_is_refused() -> None:
    with pytest.raises(ValueError, match="44100"):
        OpusDecoder(44_100)
    with pytest.raises(ValueError, match="44100"):
        OpusEncoder(EncoderProfile.ECO, 44_100)


def test_decoders_do_not_share_their_memory() -> None:
    packets = encoded(voice(400))
    alone, first, second = OpusDecoder(), OpusDecoder(), OpusDecoder()
    expected = [alone.decode(packet) for packet in packets]
    heard = []
    for packet in packets:
        heard.append(first.decode(packet))
        second.decode(packets[0])
    assert heard == expected


@settings(deadline=None, max_examples=150)
@given(st.binary(max_size=200))
def test_random_bytes_decode_or_are_refused_and_nothing_else(packet: bytes) -> None:
    decoder = OpusDecoder()
    try:
        pcm = decoder.decode(packet)
    except OpusError:
        return
    assert 0 < len(pcm) <= 2 * 24 * 120
    # What decodes is as long as it says; a TOC byte alone is a lost frame of that length.
    assert len(pcm) == 2 * 24 * packet_ms(packet)


def test_the_library_says_which_it_is() -> None:
    opus = library()
    assert opus.version >= (1, 1)
    assert ".".join(str(part) for part in opus.version[:2]) in opus.version_text
