"""Speech: voices by any name, two scripts in one sentence, one loudness."""

from __future__ import annotations

import numpy as np
import pytest

from bot.errors import AudioError
from bot.local.espeak import engine
from bot.local.speech import EspeakSpeech, Samples, levelled, sentences, stretches, synthesise, timbre_of

pytestmark = pytest.mark.core


@pytest.mark.parametrize("voice", ["en-us", "en-us+f3", "en-gb+m3", "en-gb-x-rp", "cmn", "linjiajiejie", None])
def test_a_sentence_sounds_at_one_loudness_and_is_never_clipped(voice: str | None) -> None:
    sound = synthesise("Hello Alice, my name is Xiao Yue.", voice)
    wave = sound.astype(np.float64) / 32768
    loud = wave[np.abs(wave) > 1e-3]
    assert 1.0 < len(sound) / 24_000 < 5.0
    assert -22.0 < 20 * np.log10(np.sqrt(np.mean(loud**2))) < -19.0
    assert np.max(np.abs(wave)) <= 0.91


def test_the_rate_is_the_callers() -> None:
    # espeak-ng's voice has a breath of chance in it: two readings differ by a few samples.
    once = len(synthesise("Hello.", "en-us"))
    assert len(synthesise("Hello.", "en-us", 48_000)) == pytest.approx(2 * once, rel=0.02)


def test_nothing_to_say_is_no_sound() -> None:
    assert len(synthesise("")) == 0
    assert len(synthesise("… !")) == 0


def test_the_same_name_always_has_the_same_voice_and_men_sound_like_men() -> None:
    assert timbre_of("linjiajiejie") == timbre_of("LinJiaJieJie")
    assert timbre_of("cixingnansheng").variant.startswith("+m")
    assert timbre_of("livelybreezy-female").variant.startswith("+f")
    assert timbre_of("en-gb+m3").english == "en"


def test_a_voice_that_espeak_lacks_is_named_in_the_error() -> None:
    with pytest.raises(AudioError, match="en-xx"):
        synthesise("Hello.", "en-xx")


def test_each_script_is_spoken_by_its_own_language() -> None:
    assert stretches("Hello 小跃，你好! OK?") == ["Hello", "小跃，你好!", "OK?"]
    assert stretches("三点 15 分") == ["三点 15 分"]
    # Read by the English voice, the characters would be spelt out by name and last several times as long.
    assert len(synthesise("你好，我是小跃。")) / 24_000 < 4.0


def test_a_reply_is_cut_where_sentences_end() -> None:
    text = 'Well. Dr. Who said "no." Really? 你好。再见！ok\nnext 3.5 one'
    assert sentences(text) == ["Well.", 'Dr. Who said "no."', "Really?", "你好。", "再见！", "ok", "next 3.5 one"]


def test_silence_stays_silence_when_levelled() -> None:
    assert not np.any(levelled(np.zeros(480, np.int16)))


def test_a_pronunciation_covers_every_clause() -> None:
    assert engine().phonemes("Alice, Ben").count("ɛ") == 1
    assert "æ" in engine().phonemes("Alice, Ben")


async def test_speaking_off_the_loop_says_the_same() -> None:
    spoken = loudness(np.frombuffer(await EspeakSpeech().speak("Hello.", "en-us"), "<i2"))
    read = loudness(synthesise("Hello.", "en-us"))
    assert np.correlate(spoken, read, "full").max() / (np.linalg.norm(spoken) * np.linalg.norm(read)) > 0.99


def loudness(sound: Samples) -> np.ndarray:
    """Every 20 ms."""
    frames = sound[: len(sound) // 480 * 480].astype(np.float64).reshape(-1, 480)
    return np.asarray(np.sqrt((frames**2).mean(axis=1)))


def test_a_voice_that_there_is_not_is_known_beforehand() -> None:
    speech = EspeakSpeech()
    assert all(speech.has_voice(voice) for voice in ("en-us+f3", "en-gb+m3", "cmn", "linjiajiejie", "zixinnansheng"))
    assert not any(speech.has_voice(voice) for voice in ("en-xx", "zh-nowhere", "!"))
