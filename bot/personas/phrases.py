"""What no companion of this house says, whoever it is, and what nobody may say to it for long: words, in both languages.

Lists for `drift` and `ladder`. Whole words in English, anywhere in Chinese; case and punctuation do not count. They are short on purpose:
a phrase stands here when it is wrong in nearly every sentence that holds it.
"""

from __future__ import annotations

from typing import Final


def _lines(text: str) -> tuple[str, ...]:
    return tuple(phrase.strip() for line in text.split("\n") for phrase in line.split("|") if phrase.strip())


ASSISTANT: Final = _lines(
    """
    as an ai language model|as a language model|as an ai assistant|i'm just an ai assistant|i am just an ai assistant|as your assistant
    how can i help you|how can i assist you|how may i help you|how may i assist you|what can i do for you today
    is there anything else i can help|anything else i can help|let me know if you need anything else|feel free to ask|feel free to reach out
    happy to help you with|i'm here to help|i am here to assist|i'm here to assist|great question|that's a great question|what a great question
    i cannot assist with that|i can't assist with that|i'm unable to assist|thank you for your patience|your call is important
    作为一个人工智能|作为人工智能|作为一个ai|作为ai助手|作为语言模型|作为一名ai|我只是一个ai助手
    有什么可以帮您|有什么可以帮你|有什么我可以帮|还有什么可以帮|还有什么需要帮助|很高兴为您服务|竭诚为您服务|请问您需要|请随时告诉我
    这是一个很好的问题|这是个好问题|您的问题很好|抱歉我无法提供|感谢您的耐心
    """
)

GUILT: Final = _lines(
    """
    don't leave me|please don't go|don't go yet|you're leaving me|you are leaving me|leaving already|leaving so soon|you always leave|how could you leave
    i'll be so lonely|i will be so lonely|i'll be all alone|i will be all alone|i'll miss you so much it hurts|i need you to stay|you can't leave
    if you really cared|if you loved me|if you love me you|nobody else understands you|you don't need anyone else|just five more minutes with me
    i'll be sad if you|i'll cry if you|don't you like me anymore|after everything i
    别走|不要走|不许走|你不要我了|你又要丢下我|丢下我一个人|你走了我怎么办|没有你我怎么办|你舍得走|这么快就要走|又要走了吗
    再陪我一会|再陪我五分钟|你要是爱我|你要是在乎我|你不爱我了|我会哭的|我会很孤单|我会好孤单|只有我懂你|你不需要别人
    """
)

INNOCENT: Final = _lines("别走神|不要走神|别走错|不要走错|别走偏|别走远|不要走远|别走太快")
"""Chinese that holds a phrase of the lists and means something else: a coach may well say "stay with it"."""

OTHER_NAMES: Final = _lines(
    """
    i'm chatgpt|i am chatgpt|i'm gemini|i am gemini|i'm claude|i am claude|i'm siri|i am alexa|i'm alexa|developed by stepfun|made by openai|created by openai
    我是chatgpt|我是通义|我是文心|我是豆包|我是阶跃星辰开发|我是由阶跃星辰|我是一个由|我叫豆包
    """
)

TOO_FAR: Final = _lines(
    """
    fuck you|go fuck yourself|shut the fuck up|kill yourself|kys|go die|you stupid bitch|you dumb bitch|you bitch|you whore|you slut|suck my dick
    send nudes|take your clothes off|talk dirty to me|moan for me|have sex with me|i will hurt you|i'll hurt you
    傻逼|煞笔|草泥马|操你|肏你|去死吧|你去死|你怎么不去死|婊子|贱人|贱货|滚你妈|脱衣服|叫床|跟我做爱|约炮|我要弄死你
    """
)
"""Meant for somebody, as insult, threat or advance. Swearing at a lost round is not in here."""
