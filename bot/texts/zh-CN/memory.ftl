## 记忆：命令

command-memory = 记忆
command-memory-description = 我在本服务器记着你的什么
command-memory-show = 查看
command-memory-show-description = 看看我记着你的什么，还有我想记住什么
command-memory-edit = 修改
command-memory-edit-description = 改正我对你的某条记忆
command-memory-forget = 忘记
command-memory-forget-description = 让我忘掉关于你的某件事，或全部
command-memory-export = 导出
command-memory-export-description = 把我保存的关于你的一切存成文件带走
command-memory-pause = 暂停
command-memory-pause-description = 不再记你的新事，也不再提起旧事，想停多久都行
option-memory = 哪一条
option-memory-description = 我对你的某条记忆
option-memory-forget-description = 我对你的某条记忆；填 all 表示全部
option-pause = 开关
option-pause-description = on：从现在起不记也不提；off：恢复
command-recap = 回顾
command-recap-description = 这个语音频道上次聊了些什么
memory-pause-choice-on = 开
memory-pause-choice-off = 关
memory-forget-all-choice = 全部：关于我的一切

## 记着的

memory-kept-title = { $count ->
    [0] **我在这里记着你的**
   *[other] **我在这里记着你的**（{ $count } 条）
}
memory-kept-none = 什么也没有。
memory-kept-offers = { $count ->
   *[other] 还有 { $count } 件事我想记住，等你点头。
}
memory-page = -# 第 { $page } 页，共 { $total } 页
memory-entry = **{ $number }.** { $text }
memory-kind-fact = 事实
memory-kind-preference = 喜好
memory-kind-promise = 约定
memory-kind-relationship = 关系
memory-kind-digest = 小结
memory-said-by-you = 你自己说的
memory-said-by = <@{ $user }> 说的
memory-said-by-nobody = 聊天里来的
memory-since = <t:{ $made }:d> 记下
memory-until = 保留到 <t:{ $until }:d>
memory-until-unused = 再没聊到的话，<t:{ $until }:d> 就会忘掉
memory-kept-on = 你不点“算了”，<t:{ $when }:f> 就会记下
memory-gone-on = 你不点“记住”，<t:{ $when }:f> 就会消失
memory-is-shared = 你没说过的地方也可以提
memory-is-muted = 不再提起
memory-one = **{ $text }**
memory-one-heard = { $count ->
   *[other] 说这话时有 { $count } 个人在场。
}
memory-one-private = 只有在场的人当时都听到过，我才会提起。
memory-one-shared = 你允许我在你没说过的地方也提起它。
memory-menu = 选一条来修改或忘记……
memory-form = 用你自己的话说
memory-form-text = 我该记住什么
memory-changed = 改好了。
memory-forgotten = { $count ->
    [one] 忘掉了，彻底忘了：我的记录里一点痕迹也不留。
   *[other] 忘掉了（{ $count } 条），彻底忘了：我的记录里一点痕迹也不留。
}
memory-forget-all-ask = 要我忘掉在本服务器关于你的**一切**吗？包括记忆、等你决定的，还有回顾里你的要点。忘了就找不回来。想先留一份，用 `/记忆 导出`。
memory-forgotten-all = { $count ->
    [0] 没有可忘的：我这里没有关于你的任何东西。
   *[other] { $count } 条都忘掉了，彻底忘了：我的记录里一点痕迹也不留。
}
memory-exported = 这是我在本服务器保存的关于你的一切。只有你看得到；文件归你，我不留底。
memory-paused = 已暂停。我不再记你的新事，也不再提起旧事。以前记下的还在，直到你让我忘掉。`/记忆 暂停` 选“关”就恢复。
memory-resumed = 恢复了：你同意过的，重新算数。
memory-is-paused = 已暂停：我不再记你的新事，也不再提起旧事。`/记忆 暂停` 选“关”就恢复。
memory-agree = 你还没同意让我听到并记住你，所以我不会记你的新事，也不会提起旧事。想让我记，就用两次 `/授权 同意`：一次选“让 Kith 听到我”，一次选“让 Kith 记住我”。

## 我想记住的

memory-offer = 这次聊天里有些事我想记住。你的那份只有你自己看得到。
memory-offered-title = **我想记住**（{ $count } 条）
memory-offered-strict = 你不点“**记住**”，我就一条也不留；放着不管的，到时候会自己消失。
memory-offered-usual = 你没点“算了”的，到时候我就记下了；别人说起你的，要你点“记住”才算。
memory-offered-none = 没有在等你决定的：这会儿没什么要问你。
memory-offered-fresh = { $count ->
   *[other] 这一天里，你说起自己的 { $count } 件事我已经记下了；点“**记着的**”可以看，也可以不要。
}
memory-kept = 记住了。
memory-dropped = 好，这条不记。
memory-button-show = 看我的
memory-button-keep = 记住 { $number }
memory-button-edit = 改一下 { $number }
memory-button-drop = 算了 { $number }
memory-button-kept = 记着的
memory-button-offered = 等我点头的（{ $count }）
memory-button-change = 修改
memory-button-forget = 忘掉
memory-button-mute = 别再提这件事
memory-button-unmute = 可以再提
memory-button-share = 我没说过的地方也可以提
memory-button-unshare = 只在听到过的人面前提
memory-button-back = 返回
memory-button-forget-all = 全部忘掉
memory-button-keep-all = 不，先看看记着什么

## 上次聊天

recap-title = **{ $channel } 上次聊的**，<t:{ $ended }:R>
recap-point = • <@{ $user }>：{ $text }
recap-whose = -# 只有同意了的成员的要点，也只有你当时在场听到的。一天后就没有了。
recap-none = **{ $channel }** 没有我能告诉你的聊天要点。
recap-none-why = 我只记同意了的成员的要点，只留一天，也只告诉当时在场听到的人。
recap-agree = 你还没同意让回顾里有你的要点，所以你说的话不会出现在这里。想加进来，就用 `/授权 同意`，选“回顾里可以有我的要点”。

## 出错时

error-memory-gone = 这条我没有（或已经没有）了，或者它说的不是你。`/记忆 查看` 里有现在的全部。
error-memory-unknown = 没有、或不止一条记忆像“{ $words }”。输入时请从列表里选一条。
error-memory-settled = 这条已经定下来了。
error-memory-long = 太长了：{ $length } 个字。一条记忆最多 { $limit } 个字。
error-memory-empty = 里面没有看得见的字。用几个字写下我该记住什么吧。
error-memory-text = 这个我不能记。一条记忆是关于人的一句短话，最多 { $most } 个字；不能是给我的命令，也不能有链接、提及和密码之类。
error-memory-off = 本服务器的管理员决定：我在这里什么都不记。
error-memory-not-agreed = 请先同意让我听到并记住你：用两次 `/授权 同意`，一次选“让 Kith 听到我”，一次选“让 Kith 记住我”。在那之前，我不会留下关于你的任何东西。
error-memory-paused = 你暂停了记忆，所以我不记新事。`/记忆 暂停` 选“关”就恢复。
error-recap-where = 你问的是哪次聊天？先进一个语音频道，或者在语音频道自己的聊天里问。
