"""From datagrams to members' sound, one step after the other."""

from __future__ import annotations

import random

import pytest
from talkers import MARKER, SILENCE, Call, Talker, lock, peak_hz, sound, unlock, voice_packets

from bot.audio.frame import FRAME_BYTES
from bot.audio.opus import OpusDecoder, has_fec
from bot.rehearsal.media_wire import MediaCipher, MediaPacket, seal_packet, seal_sender_report
from bot.voice.events import Origin, SpeakerFrame, SpeakerPaused
from bot.voice.receiver import Receiver
from bot.voice.transport import MODES, TransportCipher
from bot.voice.undecryptable import Undecryptable

pytestmark = pytest.mark.core

ANN, BEN, EVE = 11, 22, 33
OPUS = b"\xd8" + bytes(40)


# ---------------------------------------------------------------------------- the way of one packet


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("extension", [b"", b"\x10\xff\x00\x00", bytes(8)])
@pytest.mark.parametrize("padding_bytes", [0, 1, 4, 255])
def test_a_member_is_heard_whatever_surrounds_the_sound(mode: str, extension: bytes, padding_bytes: int) -> None:
    call = Call(mode=mode)
    ann = call.member(ANN, 1, frequency_hz=700)
    for _ in range(10):
        call.hear(ann.speak(extension=extension, padding_bytes=padding_bytes))
    frames = sound(call.events)
    assert [(frame.user_id, len(frame.pcm), frame.origin) for frame in frames] == [
        (ANN, FRAME_BYTES, Origin.HEARD)
    ] * 10
    assert peak_hz(b"".join(frame.pcm for frame in frames[4:])) == pytest.approx(700, abs=15)


def test_sound_comes_out_with_the_datagram_that_brought_it() -> None:
    call = Call()
    ann = call.member(ANN, 1)
    for _ in range(5):
        assert len(call.hear(ann.speak())) == 1


def test_a_receiver_for_another_rate_gives_that_rate() -> None:
    call = Call(Receiver(unlock, 16_000))
    ann = call.member(ANN, 1)
    assert len(sound(call.hear(ann.speak()))[0].pcm) == 640


def test_members_have_decoders_of_their_own() -> None:
    together, alone = Call(), Call()
    ann, ben = together.member(ANN, 1, frequency_hz=500), together.member(BEN, 2, frequency_hz=3000)
    lone = alone.member(ANN, 1, frequency_hz=500)
    for _ in range(10):
        together.hear(ann.speak(), ben.speak())
        alone.hear(lone.speak())
    assert [frame.pcm for frame in sound(together.events) if frame.user_id == ANN] == [
        frame.pcm for frame in sound(alone.events)
    ]


def test_a_call_without_end_to_end_encryption_is_heard_too() -> None:
    call = Call(Receiver(lambda user_id, payload: payload))
    ann = call.member(ANN, 1)
    assert len(sound(call.hear(ann.send(OPUS)))) == 1


# ---------------------------------------------------------------------------- what is not sound


def test_a_frame_that_failed_decryption_is_counted_concealed_and_never_decoded() -> None:
    call = Call()
    ann = call.member(ANN, 1)
    call.talk(ann, 5)
    assert call.hear(ann.send(lock(EVE, OPUS))) == []
    assert call.hear(ann.send(OPUS)) == []
    frames = sound(call.hear(ann.speak()))
    assert [frame.origin for frame in frames] == [Origin.CONCEALED, Origin.CONCEALED, Origin.HEARD]
    stats = call.receiver.stats()
    assert stats.undecryptable == {"no_key": 1, "unencrypted": 1}
    assert (stats.lost, stats.concealed, stats.ok) == (0, 2, 6)
    assert stats.concealment[ANN] == pytest.approx(2 / 8)


def test_packets_of_padding_only_are_received_and_not_heard() -> None:
    call = Call()
    ann = call.member(ANN, 1)
    call.hear(ann.speak())
    before = ann.timestamp
    for _ in range(50):
        assert call.hear(ann.send(b"", extension=bytes(8), padding_bytes=200)) == []
    ann.timestamp = before
    assert len(call.hear(ann.speak())) == 1
    stats = call.receiver.stats()
    assert (stats.lost, stats.malformed, stats.ok) == (0, {}, 52)


@pytest.mark.parametrize("lie", [b"sound\x00", b"sound\x07", b"\x02"])
def test_padding_that_lies_about_its_length_drops_the_packet(lie: bytes) -> None:
    call = Call()
    ann = call.member(ANN, 1)
    packet = MediaPacket(1, ann.sequence, ann.timestamp, 120, lie)
    header_with_padding = bytearray(seal_packet(MediaCipher(MODES[0], bytes(32)), packet)[:12])
    header_with_padding[0] |= 0x20
    assert call.hear(call.server.seal(bytes(header_with_padding), lie)) == []
    assert call.receiver.stats().malformed == {"padding": 1}


def test_a_payload_of_zeros_is_no_sound() -> None:
    call = Call(Receiver(lambda user_id, payload: payload))
    ann = call.member(ANN, 1)
    assert call.hear(ann.send(bytes(20)), ann.send(bytes(10) + b"\x05" + bytes(9))) == []
    assert call.receiver.stats().malformed == {"zeros": 2}


def test_a_packet_that_decrypts_and_is_no_opus_is_replaced_by_a_made_up_frame() -> None:
    call = Call()
    ann = call.member(ANN, 1)
    call.talk(ann, 3)
    frames = sound(call.hear(ann.send(lock(ANN, b"\xff\xff\xff\xff"))))
    assert [(frame.origin, len(frame.pcm)) for frame in frames] == [(Origin.CONCEALED, FRAME_BYTES)]
    assert call.receiver.stats().malformed == {"opus": 1}
    assert len(sound(call.hear(ann.speak()))) == 1


def test_a_decoder_that_refused_a_packet_begins_anew() -> None:
    call = Call(Receiver(lambda user_id, payload: payload))
    ann = call.member(ANN, 1)
    packets = voice_packets(10)
    call.hear(*(ann.send(packet) for packet in packets[:5]), ann.send(b"\xff\xff\xff\xff"))
    fresh = OpusDecoder()
    for packet in packets[5:]:
        assert sound(call.hear(ann.send(packet)))[-1].pcm == fresh.decode(packet)


def test_everything_else_on_the_socket_is_counted_and_left_alone() -> None:
    call = Call()
    ann = call.member(ANN, 1)
    video = MediaPacket(1, 5, 6, 101, b"video")
    strangers = [
        b"\x00\x02" + bytes(72),
        bytes(8),
        seal_sender_report(call.server, 1, 960, 3),
        seal_packet(call.server, video),
    ]
    assert call.hear(*strangers) == []
    assert call.hear(b"", b"\x80\x78", ann.speak()[:20], b"\x00" * 60) == []
    stats = call.receiver.stats()
    assert stats.ignored == 4
    assert stats.malformed == {"short": 3, "version": 1}
    assert stats.ok == 0


def test_the_same_datagram_again_is_dropped_before_decryption() -> None:
    asked: list[bytes] = []

    def decrypt(user_id: int, payload: bytes) -> bytes | Undecryptable:
        asked.append(payload)
        return unlock(user_id, payload)

    call = Call(Receiver(decrypt))
    ann = call.member(ANN, 1)
    data = ann.speak()
    assert len(call.hear(data, data, data)) == 1
    assert len(asked) == 1
    assert call.receiver.stats().repeated == 2


def test_the_same_packet_sealed_twice_is_a_duplicate() -> None:
    call = Call()
    ann = call.member(ANN, 1)
    call.talk(ann, 1)
    ann.sequence -= 1
    assert call.hear(ann.speak()) == []
    assert call.receiver.stats().duplicate == 1


def test_without_a_key_nothing_is_opened() -> None:
    call = Call()
    ann = call.member(ANN, 1)
    call.receiver.use_cipher(None)
    assert call.hear(ann.speak()) == []
    assert call.receiver.stats().malformed == {"no-key": 1}


def test_a_new_key_holds_from_the_next_packet_on_and_counts_stay() -> None:
    call = Call()
    ann = call.member(ANN, 1)
    data = ann.speak()
    call.hear(data, data)
    other = bytes(range(1, 33))
    call.receiver.use_cipher(TransportCipher(MODES[1], other))
    late = ann.speak()
    assert call.hear(late) == []
    fresh = Talker(ANN, 1, MediaCipher(MODES[1], other), sequence=ann.sequence - 1, timestamp=ann.timestamp)
    assert len(call.hear(fresh.speak())) == 1
    stats = call.receiver.stats()
    assert (stats.repeated, stats.forged) == (1, 1)


# ---------------------------------------------------------------------------- pauses and losses


def test_silence_frames_end_speech_at_the_first_of_them() -> None:
    call = Call()
    ann = call.member(ANN, 1)
    call.talk(ann, 3)
    assert call.hear(*(ann.send(SILENCE) for _ in range(5))) == [SpeakerPaused(ANN)]
    assert call.wait(500) == []


def test_packets_that_stop_end_speech_after_a_tenth_of_a_second() -> None:
    call = Call()
    ann = call.member(ANN, 1)
    call.hear(ann.speak())
    assert call.wait(90) == []
    assert call.wait(20) == [SpeakerPaused(ANN)]
    assert call.wait(500) == []


def test_after_a_pause_the_member_is_heard_at_once_and_nothing_is_made_up() -> None:
    call = Call()
    ann = call.member(ANN, 1)
    call.talk(ann, 3)
    call.hear(*(ann.send(SILENCE) for _ in range(5)))
    call.wait(5000)
    ann.pause(5000)
    assert [frame.origin for frame in sound(call.hear(ann.speak()))] == [Origin.HEARD]


def test_silence_of_somebody_who_never_spoke_is_nothing() -> None:
    call = Call()
    ann = call.member(ANN, 1)
    assert call.hear(*(ann.send(SILENCE) for _ in range(5))) == []


def test_a_silence_frame_lost_among_others_is_not_made_up() -> None:
    call = Call()
    ann = call.member(ANN, 1)
    call.talk(ann, 3)
    silences = [ann.send(SILENCE) for _ in range(5)]
    call.hear(silences[0], silences[2], silences[3])
    call.wait(60)
    assert len(sound(call.events)) == 3


def test_a_lost_packet_comes_back_from_the_next_ones_fec() -> None:
    call = Call()
    ann = call.member(ANN, 1)
    packets = voice_packets(60)
    lost = [index for index in range(1, 59) if has_fec(packets[index + 1])][::4]
    for index, opus in enumerate(packets):
        data = ann.send(lock(ANN, opus))
        if index not in lost:
            call.hear(data)
        call.wait(20)
    call.wait(100)
    stats = call.receiver.stats()
    assert len(b"".join(frame.pcm for frame in sound(call.events))) == 60 * FRAME_BYTES
    assert stats.lost == stats.recovered == len(lost) > 3
    assert stats.concealed == 0


@pytest.mark.parametrize("percent", [2, 5, 10])
def test_every_frame_of_the_timeline_is_delivered_at_random_loss(percent: int) -> None:
    chance, call = random.Random(percent), Call()
    ann = call.member(ANN, 1)
    count, lost = 1000, 0
    for index in range(count):
        data = ann.speak()
        if 0 < index < count - 1 and chance.random() < percent / 100:
            lost += 1
        else:
            call.hear(data)
        call.wait(20)
    call.wait(100)
    frames = sound(call.events)
    assert len(frames) == count
    assert sum(frame.origin is not Origin.HEARD for frame in frames) == lost == call.receiver.stats().lost
    assert call.receiver.stats().concealment[ANN] == pytest.approx(lost / count)
    assert call.events[-1] == SpeakerPaused(ANN)


def test_a_sender_that_starts_over_gets_a_decoder_that_has_heard_nothing() -> None:
    call, fresh = Call(), Call()
    ann = call.member(ANN, 1)
    call.talk(ann, 5)
    restarted = Talker(ANN, 1, call.server, sequence=30_000, timestamp=7)
    again = Talker(ANN, 1, fresh.server, sequence=30_000, timestamp=7)
    fresh.member(ANN, 1)
    pcm = [frame.pcm for _ in range(3) for frame in sound(call.hear(restarted.speak()))]
    assert pcm == [frame.pcm for _ in range(3) for frame in sound(fresh.hear(again.speak()))]


# ---------------------------------------------------------------------------- whose SSRC


def test_what_came_before_the_map_is_heard_in_order_when_it_names_a_member_who_agreed() -> None:
    call = Call()
    call.receiver.allow(ANN)
    ann = Talker(ANN, 1, call.server)
    assert call.hear(*(ann.speak() for _ in range(25))) == []
    call.wait(500)
    frames = call.receiver.map_ssrc(1, ANN, call.now)
    assert len(sound(frames)) == 25
    stats = call.receiver.stats()
    assert (stats.unmapped, stats.replayed, stats.ok) == (25, 25, 25)
    assert len(call.hear(ann.speak())) == 1


def test_what_came_before_the_map_is_discarded_when_it_names_somebody_else() -> None:
    call = Call()
    eve = Talker(EVE, 1, call.server)
    call.hear(*(eve.speak() for _ in range(25)))
    assert call.receiver.map_ssrc(1, EVE, call.now) == []
    call.receiver.allow(EVE)
    # Consent is for what is said from now on.
    assert len(sound(call.hear(eve.speak()))) == 1
    assert call.receiver.stats().replayed == 0


def test_what_was_said_before_agreeing_is_not_heard_even_if_the_map_comes_after() -> None:
    call = Call()
    ann = Talker(ANN, 1, call.server)
    call.hear(*(ann.speak() for _ in range(10)))
    call.receiver.allow(ANN)
    call.hear(*(ann.speak() for _ in range(3)))
    assert len(sound(call.receiver.map_ssrc(1, ANN, call.now))) == 3


def test_what_is_held_for_more_than_two_seconds_is_discarded() -> None:
    call = Call()
    call.receiver.allow(ANN)
    ann = Talker(ANN, 1, call.server)
    call.hear(ann.speak())
    call.wait(1000)
    call.hear(ann.speak())
    call.now += 1.5
    assert len(sound(call.receiver.map_ssrc(1, ANN, call.now))) == 1


def test_holding_is_bounded_by_datagrams_and_by_ssrcs() -> None:
    call = Call()
    call.receiver.allow(ANN)
    call.receiver.allow(EVE)
    ann = Talker(ANN, 1, call.server)
    call.hear(*(ann.speak() for _ in range(150)))
    for ssrc in range(2, 100):
        call.hear(Talker(EVE, ssrc, call.server).speak())
    assert len(sound(call.receiver.map_ssrc(1, ANN, call.now))) == 100
    assert len(sound(call.receiver.map_ssrc(32, EVE, call.now))) == 1
    assert call.receiver.map_ssrc(33, EVE, call.now) == [SpeakerPaused(EVE)]  # held no more: 32 were waiting already


def test_video_and_retransmissions_are_neither_held_nor_opened() -> None:
    call = Call()
    call.receiver.ignore_ssrc(2)
    assert call.hear(Talker(ANN, 2, call.server).speak()) == []
    stats = call.receiver.stats()
    assert (stats.ignored, stats.unmapped) == (1, 0)


def test_an_ssrc_that_is_known_as_sound_is_not_ignored() -> None:
    call = Call()
    ann = call.member(ANN, 1)
    call.receiver.ignore_ssrc(1)
    assert len(call.hear(ann.speak())) == 1


def test_a_member_with_a_new_ssrc_is_heard_there_and_not_on_the_old_one() -> None:
    call = Call()
    before = call.member(ANN, 1)
    call.talk(before, 3)
    assert call.receiver.map_ssrc(9, ANN, call.now) == [SpeakerPaused(ANN)]
    assert call.hear(before.speak()) == []
    assert len(call.hear(Talker(ANN, 9, call.server).speak())) == 1


def test_an_ssrc_given_to_another_member_begins_with_a_decoder_of_its_own() -> None:
    call = Call()
    ann = call.member(ANN, 1)
    call.talk(ann, 3)
    call.receiver.allow(BEN)
    assert call.receiver.map_ssrc(1, BEN, call.now) == [SpeakerPaused(ANN)]
    assert call.hear(ann.speak()) == []  # her key is not his
    ben = Talker(BEN, 1, call.server, sequence=ann.sequence, timestamp=ann.timestamp)
    assert {event.user_id for event in call.hear(ben.speak()) if isinstance(event, SpeakerFrame)} == {BEN}


def test_the_same_map_again_interrupts_nothing() -> None:
    call = Call()
    ann = call.member(ANN, 1)
    call.talk(ann, 3)
    assert call.receiver.map_ssrc(1, ANN, call.now) == []
    assert call.receiver.map_ssrc(0, ANN, call.now) == []
    assert len(call.hear(ann.speak())) == 1
    assert sound(call.events)[-1].pcm != sound(call.events)[0].pcm  # the decoder has not begun anew


def test_a_member_who_left_and_returned_is_heard_under_the_new_ssrc() -> None:
    call = Call()
    ann = call.member(ANN, 1)
    call.talk(ann, 2)
    call.receiver.forget_user(ANN)
    assert call.hear(ann.speak()) == []
    assert call.receiver.map_ssrc(5, ANN, call.now) == []
    assert len(call.hear(Talker(ANN, 5, call.server).speak())) == 1


def test_a_new_session_knows_no_ssrc_and_remembers_who_agreed() -> None:
    call = Call()
    ann = call.member(ANN, 1)
    call.talk(ann, 2)
    call.receiver.reset()
    assert call.hear(ann.speak()) == []
    assert len(sound(call.receiver.map_ssrc(1, ANN, call.now))) == 1
    assert call.receiver.stats().ok == 3


# ---------------------------------------------------------------------------- members found by key


def test_an_ssrc_that_nobody_named_is_found_by_the_key_of_a_member_who_agreed() -> None:
    call = Call()
    call.receiver.allow(ANN)
    call.receiver.allow(BEN)
    ben = Talker(BEN, 1, call.server, frequency_hz=2000)
    call.hear(ben.send(SILENCE), *(ben.speak() for _ in range(8)))
    frames = sound(call.receiver.try_members([ANN, BEN, EVE], call.now))
    assert [frame.user_id for frame in frames] == [BEN] * 8
    assert peak_hz(b"".join(frame.pcm for frame in frames[3:])) == pytest.approx(2000, abs=20)
    assert len(call.hear(ben.speak())) == 1


def test_only_keys_of_present_members_who_agreed_are_tried() -> None:
    asked: set[int] = set()

    def decrypt(user_id: int, payload: bytes) -> bytes | Undecryptable:
        asked.add(user_id)
        return unlock(user_id, payload)

    call = Call(Receiver(decrypt))
    call.receiver.allow(ANN)
    call.receiver.allow(BEN)
    eve = Talker(EVE, 1, call.server)
    call.hear(*(eve.speak() for _ in range(10)))
    assert call.receiver.try_members([ANN, EVE], call.now) == []
    assert asked == {ANN}
    # Not hers: every look opens a few packets only, and maps nothing.
    assert call.receiver.stats().unmapped == 10
    assert call.hear(eve.speak()) == []


def test_with_nobody_to_try_nothing_is_opened() -> None:
    call = Call()
    call.receiver.allow(ANN)
    ann = Talker(ANN, 1, call.server)
    call.hear(ann.speak(), ann.speak())
    assert call.receiver.try_members([BEN], call.now) == []
    assert len(sound(call.receiver.map_ssrc(1, ANN, call.now))) == 2


def test_what_was_said_before_agreeing_is_not_tried_either() -> None:
    call = Call()
    ann = Talker(ANN, 1, call.server)
    call.hear(*(ann.speak() for _ in range(10)))
    call.receiver.allow(ANN)
    assert call.receiver.try_members([ANN], call.now) == []
    call.hear(*(ann.speak() for _ in range(4)))
    assert len(sound(call.receiver.try_members([ANN], call.now))) == 4


def test_without_end_to_end_encryption_no_key_proves_anything() -> None:
    call = Call(Receiver(lambda user_id, payload: payload))
    call.receiver.allow(ANN)
    eve = Talker(EVE, 1, call.server)
    call.hear(*(eve.send(OPUS) for _ in range(5)))
    assert call.receiver.try_members([ANN], call.now) == []
    assert call.hear(eve.send(OPUS)) == []


def test_a_member_whose_ssrc_is_known_is_not_looked_for() -> None:
    call = Call()
    call.member(ANN, 1)
    other = Talker(ANN, 2, call.server)
    call.hear(other.speak())
    assert call.receiver.try_members([ANN], call.now) == []


def test_a_marker_alone_does_not_make_a_frame() -> None:
    call = Call()
    ann = call.member(ANN, 1)
    assert call.hear(ann.send(MARKER)) == []
    assert call.receiver.stats().undecryptable == {"unencrypted": 1}
