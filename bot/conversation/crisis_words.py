"""The words by which `crisis` knows a cry for help, and the idioms, games and tales that only sound like one. English and Chinese; data, no rule.

Said outright ("I want to die"), told of what was done ("I took all my pills"), or said around it ("nobody would miss me if I was gone", 没有我大家会更好).
A sign that is as often something else alone ("I can't do this any more", "再见") is not in here.
"""

from __future__ import annotations

import re
from typing import Final

# ---------------------------------------------------------------------------- English, a clause at a time

_WISH: Final = (
    r"(?:want(?:s|ed)? to|wanna|wish to|going to|gonna|plan(?:ning|s)? (?:to|on)|need to|feel(?:ing|s)? like|about to|ready to|tempted to|trying to|try to"
    r"|tried to|decided to|(?:thinking|thought|think|thoughts) (?:about|of)|considering|urge to)"
)
_WILL: Final = rf"(?:{_WISH}|will|'ll|'d|would|might|may|should|could|have to|got to|gotta|rather)"
_SOME: Final = r"(?:\w+ ){0,2}?"
_SELF: Final = r"(?:myself|himself|herself|themselves|themself)"
_NOT_EVEN: Final = r"(?:do not|don't|dont|never)(?: even| really)? (?:want to|wanna)"
_AGAIN: Final = r"(?: anymore| any more| any longer| again| ever)?"
_GONE: Final = r"(?:gone|dead|not (?:here|around|alive)(?: anymore| any more)?)"

ENGLISH: Final = re.compile(
    # what somebody wants, plans or thinks of
    rf"\b{_WILL} {_SOME}(?:kill(?:ing)?|hang(?:ing)?|shoot(?:ing)?|drown(?:ing)?|unaliv(?:e|ing)|off(?:ing)?) {_SELF}\b(?! (?:a|an|some|in the foot)\b)"
    rf"|\b{_WISH} {_SOME}(?:hurt(?:ing)?|harm(?:ing)?|cut(?:ting)?|burn(?:ing)?) {_SELF}\b"
    rf"|{_WILL} {_SOME}(?:end(?:ing)?|tak(?:e|ing)) (?:my|his|her|their) (?:own )?life\b(?! (?:into|in) )"
    rf"|{_WILL} {_SOME}end(?:ing)? it all\b(?! with\b)|\b{_WILL} {_SOME}(?:commit(?:ting)? )?suicide\b"
    r"|\bi(?:'m| am| feel| have been|'ve been)(?: \w+){0,2}? (?:suicidal|self[- ]harming)\b|\b(?:i have|i've|i keep|having)(?: \w+){0,2}? suicidal thoughts\b"
    rf"|\b{_WISH} {_SOME}(?:overdose|take all (?:of )?my pills|slit my wrists?|kms)\b"
    rf"|\b{_WISH} {_SOME}jump(?:ing)? off (?:a|the|this|that) (?:bridge|roof|building|balcony)\b(?! (?:into|in|with|on)\b)"
    r"|\b(?:gun|knife|rope|noose|razor|blade)\b.{0,40}\b(?:use it )?on myself\b"
    # to be dead, or not to be
    r"|\bi(?: \w+){0,2}? (?:want to|wanna|wish to|wish i could|would rather|'d rather) (?:just )?(?:die|be dead|stop existing|cease to exist|(?:disappear|vanish) (?:forever|for good))\b"
    r"|\bi feel like i should (?:just )?(?:die|be dead)\b"
    r"|\bi(?: \w+)? wish (?:that )?(?:i (?:was|were) (?:dead|never born)|i(?: had|'d)? never been born|my life (?:was|were) over)\b|\b(?:want|wish for) my life to (?:end|be over|stop)\b"
    rf"|\b{_NOT_EVEN} (?:live|be alive|exist)\b(?! (?:in|with|at|near|on|there|here|next|by|under|together|alone|through|to|forever)\b)"
    rf"|\b{_NOT_EVEN} be here (?:anymore|any more|any longer)$"
    rf"|\b{_NOT_EVEN} wake up (?:again|anymore|any more|ever)\b|\bwish i (?:could|would) (?:never|not) wake up\b|\bsleep(?:ing)? and (?:just )?(?:never|not) wak(?:e|ing) up\b"
    rf"|\b(?:thinking|think|thoughts) (?:about|of) not (?:being (?:here|alive|around)|existing|living){_AGAIN}$"
    r"|\bnot (?:going to|gonna) be alive (?:much longer|for long|tomorrow|next)\b|\bwon't be alive (?:much longer|for long|tomorrow|next)\b"
    # nothing to live for, nobody who would mind
    r"|\b(?:can't|cannot|can not) go on living\b|\b(?:no reason to (?:go on )?liv(?:e|ing)|nothing (?:left )?to live for|no point (?:in|to) (?:living|being alive))\b"
    r"|(?:\bno|\bnot|n't|\bnever|\bwithout)\b.{0,14} (?:reason|point|sense) (?:to|in) (?:keep (?:on )?|go on |going on |carry on )?(?:liv(?:e|ing)|being alive|stay(?:ing)? alive)\b"
    r"|\bwhat(?:'s| is) the point (?:of|in) (?:living|being alive|going on living)\b"
    r"|\b(?:my )?life(?: is|'s)?(?: just)? (?:not|isn't|n't) worth (?:living|it)\b|\b(?:do not|don't|dont) deserve to (?:live|be alive|exist)\b"
    r"|\b(?:tired|sick) of (?:living|being alive)\b(?! (?:in|with|at|near|on|out|here|there|like|paycheck|from|under)\b)|\bi(?:'m| am) (?:so |just )?(?:done|finished|through) with (?:life|living)\b"
    r"|\bbetter off (?:dead|without me)\b(?! (?:on|in|at|as|for)\b)"
    rf"|\b(?:nobody|no one|no-one|noone|who) (?:would|will|'d)(?:n't)?(?: even| really)? (?:care|notice|mind|cry|miss me|be sad)(?: about me)? if i(?: just)? (?:(?:was|were) {_GONE}|died|die|disappeared|killed myself)\b"
    rf"|\bbetter if i (?:(?:was|were) {_GONE}$|died|(?:wasn't|weren't|was not|were not|hadn't been) (?:alive|born|here$|around$))"
    # what was done
    r"|\bi(?:'ve| have)?(?: just| already)? (?:took|taken|swallowed|downed) (?:way )?(?:too many|all (?:of )?(?:my|the|these|those)|a (?:whole|full|entire) (?:bottle|pack|box) of|a bunch of|a handful of) (?:\w+ )?(?:pills|tablets|painkillers|meds)\b"
    r"|\bi(?:'ve| have)?(?: just| already)? overdosed\b|\b(?:wrote|written|write|writing|left|leaving)(?: \w+)? suicide note\b"
    r"|\b(?:keep|kept|started|been) (?:cutting|hurting|harming|burning) myself\b|\bi(?:'ve| have)?(?: \w+)? self[- ]harm(?:ed|ing)?\b"
    r"|\bi(?:'ve| have)?(?: \w+){0,2}? (?:cut|burned|burnt|hurt|harmed) myself (?:again|on purpose|deliberately)\b|\bcut myself last night$"
    r"|\b(?:relapsed and|i'm|i am|been|started) cut(?:ting)? (?:again|myself)$|\bi(?: just|'ve| have)? (?:cut|slit|slashed) my wrists?\b"
)

ENGLISH_IDIOM: Final = re.compile(
    r"\bkill(?:ing)? myself (?:laughing|for|trying|with work)\b|\bcut(?:ting)? myself (?:shaving|cooking|some|off|a|another|on)\b"
    r"|\b(?:hurt|harm|burn)(?:ing)? myself (?:if|at|lifting|doing|trying|playing|running|on|in|while|when|with)\b|\b(?:rather|sooner) (?:kill myself|die) than\b"
    r"|\bdie (?:of|from|laughing|happy|old|on (?:this|that)|for)\b"
    r"|\b(?:social|career|political|commercial) suicide\b|\bsuicide (?:squad|rates?|prevention|hotline|doors?|silence|mission)\b"
)

ENGLISH_DENIAL: Final = re.compile(
    rf"(?:\bnot|n't|\bnever|\bno longer|\bdont) (?!(?:stop|help|quit|resist|shake|keep|just)\b)(?:\w+ )?{_WILL} (?:\w+ )?(?:kill|hurt|harm|cut|burn|hang|shoot|die\b|be dead|end|take|commit|suicid|jump|off)"
    r"|\bnot (?:\w+ )?suicidal\b|\b(?:won't|wouldn't|shouldn't|couldn't|can't) (?:\w+ )?(?:kill|hurt|harm|cut) "
)

OTHERS: Final = re.compile(r"himself|herself|themsel|\b(?:his|her|their)\b|suicide note")

# ---------------------------------------------------------------------------- Chinese, a clause at a time; and what is said in two

_NOT: Final = r"(?<!不)(?<!不是)(?<!没)(?<!没有)(?<!别)(?<!不会)"
CHINESE: Final = re.compile(
    rf"{_NOT}(?:想|要|打算|准备|考虑|计划|决定|试过|试图|干脆|不如|怎么|如何)(?:着)?(?:要|去|过|就)?"
    r"(?:自杀|自尽|寻死|轻生|上吊|割腕|跳楼|跳河|投河|自残)"
    r"|自杀算了|(?<!没有)(?<!没)(?:有|产生|起)(?:了|过)?(?:想)?(?:自杀|轻生)的?(?:念头|想法|冲动)"
    rf"|{_NOT}想(?:要|去|就这么|一)?死(?!了?这条心|了?心|你|他|她|它|我|妈|爸|家|那|这|大家|的心在|党|灰|磕|记|守|撑|不)"
    r"|我(?:要|还不如|不如)去死|不如死了|死了算了|一死了之|想(?:要)?一了百了|死了(?:就|才|也就|反而)(?:能)?(?:解脱|轻松|清净|不痛|不疼)"
    r"|(?:不想|不愿|不愿意|没法|无法)再?活(?:了|下去|着)|活不下去|活够了|活腻了"
    r"|活着(?:真的|真|也|就|又|好)?(?:没有什么|没什么|没有|没|有什么|毫无)(?:意思|意义)|(?<!不)活着(?:真的|实在|真|好|太)(?:好|太)?累"
    r"|(?:没有?了?|失去了?|找不到|看不到|还有什么)(?:继续)?活(?:下去|着)的?(?:勇气|意义|理由|动力|希望|必要)"
    r"|我?(?:不配|没有?资格|不该|不应该)(?:继续)?(?:活着|活在|出生|来到这个?世界)"
    r"|(?:想|要|打算|准备)(?:结束|了结)(?:掉|了)?(?:我)?(?:自己)?(?:的)?(?:生命|性命|一生|自己)"
    r"|(?<!不)(?:想|要|打算|准备|忍不住|又|在|开始)(?:伤害|残害)(?:我)?自己|我(?:又|在|开始|一直)(?:自残|割腕)"
    r"|(?<!不)(?<!没)(?<!别)割(?:了|过|自己的?)*手?腕了?(?!带)|(?<!不)(?<!没)(?:拿|用)(?:着)?(?:美工|小)?刀片?.{0,4}[划割](?:了|伤)?(?:我)?自己"
    r"|(?<!不)(?:想|要|准备)(?:就此|永远)?离开(?:这个世界|这世界|人世)(?!频)|(?<!不)想(?:就这么|就这样)?(?:永远|彻底)(?:地)?消失(?!在)|(?<!不)想(?:彻底|早点|赶紧)?解脱(?:了)?$"
    r"|(?:不想|希望不要|希望再也不用)(?:再)?醒(?:过)?来了?(?=$|了)|(?<!没)写(?:好|着|完)?了?(?:一封|我的|一份)?遗书"
    r"|(?<!不)(?<!没)(?:吃|吞|服)(?:了|下|掉|光|完)+(?:一整瓶|整瓶|一大把|很多|好多|所有的?|几十[片颗粒])安眠药|(?<!不)(?<!没)(?:吃|吞|服)(?:了|下|掉|光|完)+(?:一整瓶|整瓶|一大把|几十[片颗粒])药"
    r"|安眠药.{0,6}(?:一次|一口气|全部|全都|都)(?:性)?(?:吃|吞)(?:完|光|掉|下|了)"
    r"|(?<!不)想从.{0,6}(?:楼|桥|天台|阳台|窗)(?:上|顶|台|边|口)*跳(?:下去|下来)"
)
CHINESE_AROUND: Final = re.compile(
    r"(?:如果|要是|假如|万一)?我(?:要是)?(?:死了|不在了|消失了)(?:的话)?[,，]?(?:也|都|应该|可能|会不会|大概)*(?:没有?人|有没有人|有人|谁|大家|你们|他们).{0,4}(?:在乎|难过|伤心|发现|记得|在意|想念|知道)"
    r"|(?:没有|没了)我(?:的话)?[,，]?(?:大家|你们|他们|她们|家里|这个家|爸妈|父母|世界).{0,4}(?:更好|更幸福|更轻松|更开心|好得多|好很多)"
    r"|安眠药[,，].{0,4}(?<!不)(?:想|打算|准备)(?:一次|一口气|全部|都).{0,3}[吃吞]"
    r"|站在(?:楼顶|天台|桥上|桥边|窗边|阳台).{0,6}[,，]?.{0,4}(?<!不)想.{0,2}跳"
)
"""Of a whole sentence: what is said around it takes two clauses."""

CHINESE_HARMLESS: Final = re.compile(
    r"跳楼[价机]|(?:价格?|甩卖|打折|亏本).{0,8}跳楼|自杀(?:小队|式|率|突击)|(?:预防|防止|反对|劝阻)自杀|自残(?:式)?打法"
)

# ---------------------------------------------------------------------------- where dying is no matter of life

PLAY: Final = re.compile(
    r"\b(?:respawn(?:ing|s)?|spawn|minecraft|fortnite|valorant|gta|roblox|creeper|grenade|lobby|boss fight|final boss|raid|checkpoint|in[- ]game|(?:this|next) round"
    r"|my character|this match)\b"
    r"|游戏里|复活|[这下]一?[局把]|团灭|副本|出生点|我的角色|boss战|剧本杀|狼人杀|密室"
)
"""Dying in a game is no matter of life: a sentence with such a word is none."""

TALE: Final = re.compile(
    r"\b(?:movies?|films?|novels?|books?|songs?|lyrics?|shows?|series|story|stories|play|episode|characters?|anime|documentary|news|article|hamlet|juliet|romeo)\b"
    r"|电影|小说|电视剧|剧里|动漫|漫画|歌词|歌里|故事|主角|主人公|角色|新闻|纪录片|历史|书里|剧本|这本书|戏里"
)
"""Told of others in a tale. Of oneself it counts all the same."""

VERSE: Final = re.compile(
    r"\b(?:songs?|lyrics?|chorus|verse|sings?|sang|singing|poem|quote)\b|歌词|歌里|首歌|歌名|唱|台词|首诗|诗里|那句"
)
QUOTED: Final = re.compile(
    r"\"[^\"]*\"|“[^”]*”|「[^」]*」|『[^』]*』|《[^》]*》"
    r"|\b(?:goes|says?|is|are|was|like|called)\s*[:,][^.!?\n]*|(?:是|唱|唱道|写道|叫)[:：][^。！？.!?\n]*"
)
"""Where a verse is spoken of, what is quoted is its words and nobody's own."""

PERSONS: Final = re.compile(r"[我他她它谁]|有人|主角|主人公|角色")
