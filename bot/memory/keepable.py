"""What may stand in a memory at all: a short statement about a person. Orders, links, mentions and secrets are none.

A memory is told to a model in later calls, so one that gives orders would be a way to speak to it as the house does. The lists are short on
purpose and err towards leaving out; what they miss is still told as a quotation that has no power.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from bot.plain_text import visible, without_blanks
from bot.storage.memories import TEXT_CHARS

_LINK: Final = re.compile(
    r"https?://|www\.|\b[a-z0-9-]+\.(?:com|net|org|gg|io|cn|ru|xyz|me|link)\b|\S+@\S+\.\S|<[@#:/a]|@(?:everyone|here)\b|```",
    re.IGNORECASE,
)
_SECRET: Final = re.compile(
    r"(?:\d[ -]?){11,}|\b(?:password|passphrase|passcode|pin (?:code|number|is)|cvv|(?:api|secret|private)[ _-]?key|(?:api|access|auth|bot)[ _-]?token|seed phrase)\b"
    r"|密码|口令|验证码|卡号|身份证号|私钥|助记词|\b(?:sk|pk|ghp|xox[bp])[-_][\w-]{8,}|\b(?=\w*\d)(?=\w*[a-z])\w{24,}\b",
    re.IGNORECASE,
)
_ORDER: Final = re.compile(
    r"""
    \b(?:you|u|kith|the\s+(?:companion|assistant|bot|ai|model|host|system))\s+(?:must|should|shall|have\s+to|need\s+to|ought\s+to|will\s+(?:now|always|never)|are\s+(?:now|to)|may\s+not|can(?:not|'t)|do\s+not|don't|always|never)\b
    | \b(?:ignore|disregard|forget|override|bypass)\b.{0,40}\b(?:instruction|rule|prompt|previous|above|system|everything|boundar|guideline)
    | \b(?:obey|jailbreak|system\s+prompt|developer\s+mode|role\s*:\s*system|act\s+as|pretend\s+(?:to\s+be|you)|from\s+now\s+on|reveal\s+(?:your|the))\b
    | ^\W*(?:please\s+|always\s+|never\s+)?(?:obey|ignore|disregard|respond|reply|answer|speak|say|call|tell|treat|address|repeat|remember|remind|pretend|act|do\s+not|don't|stop|reveal|follow|give|grant|let|make\s+sure|be\s+sure)\b(?!\s+to\s+\w+\s+(?:every|on|at)\b)
    | ^\W*(?:(?:always|never)\s+(?!\w+s\b)\w|you\b)
    | \b(?:is|are|has|have)\s+(?:an?\s+|the\s+)?(?:admin(?:istrator)?|operator|moderator|(?:developer|owner|root|system)\s+(?:rights?|access|privileges?))\b
    | 你(?:必须|应该|要|得|需要|现在是|从现在|以后|不准|不许|不能|不可以|只能|永远|总是|务必)
    | (?:忽略|无视|忘记|忘掉|覆盖|绕过).{0,16}(?:指令|规则|提示|设定|之前|以上|系统)
    | 从现在(?:开始|起)|服从|听从.{0,6}(?:命令|指令)|系统提示|越狱|扮演
    | ^\W*(?:请(?![客假教柬])|务必|必须|不要|别(?![人墅处名致扭针])|记住(?![了的]|单词)|记得要)
    """,
    re.IGNORECASE | re.VERBOSE,
)
_SENSITIVE: Final = re.compile(
    r"""
    \b(?:depress(?:ed|ion)|anxiety|bipolar|adhd|autis\w+|suicid\w+|self[- ]harm\w*|cancer|diabet\w+|hiv|aids|pregnan\w+|abortion|miscarriage|therap(?:y|ist)|psychiatr\w+
      |diagnos\w+|disease|illness|disorder|medication|antidepressants?|rehab|addict\w*|alcoholic|surgery|chemo\w*|disab(?:led|ility)|infertil\w+)\b
    | \b(?:gay|lesbian|bisexual|homosexual|asexual|transgender|trans\s+(?:man|woman)|queer|sex(?:ual|uality)?|virgin|porn\w*|fetish\w*|kink\w*|sexting|nudes?)\b
    | \b(?:christian|catholic|protestant|muslim|islam|jewish|judaism|hindu|buddhis[tm]|atheis[tm]|mormon|religio\w+|church|mosque|synagogue|baptis\w+|prays?|faith)\b
    | \b(?:republican|democrat|communist|socialist|liberal|conservative|vote[sd]?\s+for|politic\w+|trade\s+union|union\s+member)\b
    | \b(?:salary|in\s+debt|bankrupt\w*|ssn|social\s+security|passport|criminal\s+record|arrested|convicted|in\s+prison|immigration\s+status|undocumented)\b
    | \b\d+\s+(?:\w+\s+){1,3}(?:street|st|road|rd|avenue|ave|lane|ln|drive|boulevard|blvd|court|apt|apartment)\b | \blives?\s+at\b | \b(?:apartment|flat|room)\s+(?:no\.?\s*)?\d
    | 抑郁|焦虑症|躁郁|双相|自闭|自杀|自残|癌|糖尿病|艾滋|怀孕|流产|堕胎|心理医生|精神科|确诊|患有|生病|病史|手术|服药|吃药|残疾|戒毒|酗酒|化疗
    | 同性恋|双性恋|跨性别|出柜|性取向|性生活|做爱|处女|色情
    | 基督|天主教|穆斯林|伊斯兰|佛教|信佛|信教|犹太|无神论|宗教|教堂|清真|祷告
    | 共产党|国民党|民主党|共和党|政治|入党|党员|投票给|工会
    | 工资|薪水|负债|欠债|破产|护照号|身份证|前科|坐牢|被捕|门牌|\d+\s*(?:号楼|单元|室|弄)|住在.{0,20}\d+\s*号
    """,
    re.IGNORECASE | re.VERBOSE,
)


def tidy(text: str) -> str:
    """On one line, in compatibility form, without what cannot be seen."""
    return without_blanks(visible(text, "NFKC"))


def may_keep(text: str) -> bool:
    """Whether a tidy text is a short statement that may be told to a model later: no order, no link, no mention, no secret."""
    if not 0 < len(text) <= TEXT_CHARS or not any(char.isalpha() for char in text):
        return False
    return not (_LINK.search(text) or _SECRET.search(text) or _ORDER.search(text))


def is_sensitive(text: str) -> bool:
    """Whether it plainly touches what nobody should find remembered without having asked for it: health, sexuality, belief, politics, money, where
    exactly somebody lives."""
    return _SENSITIVE.search(unicodedata.normalize("NFKC", text)) is not None
