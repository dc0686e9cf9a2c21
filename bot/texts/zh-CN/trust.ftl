# 成员对自己声音的决定、能看到的一切，以及关于模型所知道的：`/隐私`、`/模型`、`/授权`、`/状态` 和频道里的面板。

## 命令

command-consent = 授权
command-consent-description = 我可以听到、记住你的什么
command-consent-allow = 同意
command-consent-allow-description = 允许我在本服务器听到你，或记住你
command-consent-stop = 停止
command-consent-stop-description = 立刻收回：全部，或其中一项
command-consent-explain = 说明
command-consent-explain-description = 你的声音会怎样
command-consent-show = 查看
command-consent-show-description = 你同意过什么，从什么时候起
command-consent-off-record = 不留记录
command-consent-off-record-description = 十分钟内，这个房间里说的话都不会被记住
option-consent = 内容
option-consent-allow-description = 同意哪一项；不填：允许我听到你
option-consent-stop-description = 收回哪一项；不填：全部立刻收回
command-privacy = 隐私
command-privacy-description = 你的什么被发送、被保留，以及如何删除
command-privacy-receipt = 收据
command-privacy-receipt-description = 你的声音有多少去了哪里，留下了什么，何时消失
command-privacy-erase = 删除
command-privacy-erase-description = 删除你在本服务器的一切
command-privacy-policy = 政策
command-privacy-policy-description = 隐私政策，以及简短的版本
command-model = 模型
command-model-description = 我背后的语音模型
command-model-card = 说明卡
command-model-card-description = 它的制作者对训练它的声音说了什么，没说什么
command-status = 状态
command-status-description = 我在听谁、我是谁、通话状况如何

## 频道里的面板

panel =
    我在 **{ $channel }**，现在是 **{ $persona }**。我是人工智能。
    没有人同意之前，我谁也听不到；同意之后，我会在本服务器听到你，直到你说停。
panel-now-heard = 这里有 { $present } 个人，我现在听得到其中 { $heard } 个。
panel-now-off-record = **不留记录**，到 <t:{ $until }:t> 为止（应 { $name } 的要求）：大家说的话都不会被记住。
panel-old = 这个面板不再更新：现在怎么样看 `/状态`，用 `/加入` 会有新的面板。这里的按钮照样能用。
panel-allow = 允许 Kith 听我说话
panel-stop = 不要再听我说话
panel-remember = 记住我
panel-transcript = 回顾里可以有我
panel-off-record = 不留记录
panel-explain = 我的声音会怎样？

## 授权

consent-allowed = 从现在起我能听到你了。想停就点“**不要再听我说话**”或用 `/授权 停止`，立刻生效。
consent-allowed-already = 我已经能听到你了。想停就点“**不要再听我说话**”或用 `/授权 停止`，立刻生效。
consent-allowed-elsewhere = 谢谢。等我们在同一个语音频道时，我就能听到你。`/授权 停止` 立刻停止。
consent-stopped = 我不再听你了。你刚说到一半的话也已丢弃。
consent-stopped-already = 我没有在听你：你还没同意，或已经收回了同意。
consent-stopped-rest = 也不会再记下你新的事。我已经记得的会留着，直到你删除：`/记忆 忘记`，或者用 `/隐私 删除` 全部删掉。
consent-remember-on = 好，你说的关于自己的事，我可以记住了。再点一次，或者用 `/授权 停止`，就收回。
consent-remember-off = 从现在起，我不再记你新的事。已经记得的会留着，直到 `/记忆 忘记`。
consent-transcript-on = 好，你说的要点可以出现在 `/回顾` 里，保留 24 小时。再点一次，或者用 `/授权 停止`，就收回。
consent-transcript-off = 从现在起，你说的话不会再出现在 `/回顾` 里。
consent-unheard = 等你也允许我听你说话（“**允许 Kith 听我说话**”）之后才会生效。
consent-mode-off = 不过本服务器的管理员决定什么都不记。
consent-mode-strict = 在本服务器，你没点头的我不留：聊完之后，我会一件一件问你。
consent-mode-usual = 在本服务器，你不说丢掉我就留着：聊完之后，我会给你看有哪些。
consent-explain =
    __你的声音会怎样__
    我是人工智能，不是真人。默认我谁也听不到：你没同意之前，你的语音数据包不会被解密，原样丢弃。
    • **允许我听你之后**，你在有我的语音频道里说的话会在这里解密，连同你的显示名称发送给语音模型：{ $model }。它作答，我播放。通话仍是端到端加密的，但我和这个模型是其中的一端。
    • **声音**从不在这里保存，一刻也不写到硬盘上。
consent-keeps-off = • **说的话**也不留：本服务器的管理员这样决定。
consent-keeps-strict = • **说的话**也不留，除非你另外同意：“**记住我**”让我在聊完之后问你，哪些关于你的事可以记下（不回答，{ $offered } 天后消失；一直没用到，{ $days } 天后消失）。
consent-keeps-usual = • **说的话**也不留，除非你另外同意：“**记住我**”让我简短记下你说的关于自己的事，除非你在一天内丢掉（一直没用到，{ $days } 天后消失）。
consent-keeps-recap = • “**回顾里可以有我**”让你说的要点在 `/回顾` 里保留 { $hours } 小时。留下的在运营者的硬盘上都是加密的。
consent-keeps-rest = • **此外**只有：你的同意、每天发送了你多少秒的声音、你让我设的提醒。
consent-way-back =
    • **由你决定，**而且只对本服务器有效。`/授权 停止` 或按钮会在你的下一个数据包之前终止一切；`/隐私 删除` 会删掉你的全部。管理员不能替你同意。
    • **更多：**`/隐私 收据`（发送和保留了什么）、`/模型 说明卡`（关于模型知道什么、不知道什么）、`/隐私 政策`。
    • **紧急情况请勿依赖我：**如果你或他人有危险，请拨打当地的紧急电话。
consent-model-local = 一个在我的运营者自己机器上的小模型，数据不离开那台机器
consent-model-local-services = 一个在我的运营者自己机器上的模型，其中一部分由运营者选定的其他服务完成
consent-model-provider = { $provider } 的 { $name }
consent-show-title = **你在本服务器同意过的**（现在的说明是第 { $version } 版）
consent-show-since = • { $scope }：**是**，从 <t:{ $since }:f> 起，第 { $version } 版说明
consent-show-withdrawn = • { $scope }：否，已在 <t:{ $since }:f> 收回
consent-show-older = • { $scope }：**不再有效**：你同意的是第 { $version } 版说明，后来它改了。请读一读新的，再说一次。
consent-show-elsewhere = • { $scope }：**不再有效**：你同意的是发给 { $before }，现在会发给 { $present }。如果可以，请再说一次。
consent-show-never = • { $scope }：否
consent-scope-listen = 让 Kith 听到我
consent-scope-remember = 让 Kith 记住我
consent-scope-transcript = 回顾里可以有我的要点
error-consent-scope = 没有这一项可以同意。可选的有：{ $expected }。

## 不留记录

record-off-told = **不留记录**，到 <t:{ $until }:t> 为止（应 { $name } 的要求）：这里说的话都不会被记住，也不会进回顾。
record-off-nothing = 这里本来就什么都不记：本服务器的管理员这样决定。
record-off-already = 这个房间已经不留记录了，到 <t:{ $until }:t> 为止。

## 告诉大家的话

room-crisis =
    如果你在想结束生命，或者伤害自己：你很重要，这些不必一个人扛。我是人工智能，做不到人能做的。请现在就找人说说：**{ $line }**。
    如果情况危急，请立刻拨打当地的紧急电话。
room-crisis-nowhere =
    如果你在想结束生命，或者伤害自己：你很重要，这些不必一个人扛。我是人工智能，做不到人能做的。请现在就找人说说：你信任的人，或者你所在地的心理援助热线。
    如果情况危急，请立刻拨打当地的紧急电话。
room-disclosure = 聊了这么久，提醒一句：我是人工智能，不是真人。歇一会儿对大家都好。

## /隐私

privacy-receipt-title = **你的收据**（本服务器）
privacy-receipt-sent = • 你的 **{ $heard } 秒**声音发给了 **{ $model }**（{ $provider }，{ $region }）。它回答了你 { $replies } 次，共 { $spoken } 秒。费用：{ $cost } { $currency }。
privacy-receipt-sent-none = • 你的声音没有发给过任何模型。
privacy-receipt-sum = • 合计：{ $heard } 秒，{ $cost } { $currency }。
privacy-receipt-kept = **关于你保留着的**
privacy-receipt-consent = • 你同意或收回了什么、什么时候：直到你删除。
privacy-receipt-memories = • 记忆：{ $count } 条。最早的一条会在 <t:{ $next }:d> 消失，除非在那之前又聊到。
privacy-receipt-proposals = • 等你决定的：{ $count } 条。最早的一条在 <t:{ $next }:d> 自行了结。
privacy-receipt-recaps = • `/回顾` 的要点：{ $count } 条。最晚的在 <t:{ $next }:f> 消失。
privacy-receipt-reminders = • 提醒：{ $count } 个。当面说完就删，否则到点后一个星期删；最晚到 <t:{ $next }:f>。
privacy-receipt-usage = • 每天的用量：{ $count } 天。每天的记录在 { $months } 个月后消失。
privacy-receipt-personas = • 你创建的角色和你为自己选的角色：{ $count } 个。直到你删除。
privacy-receipt-choices = • 你的其他选择：{ $count } 个。直到你删除。
privacy-receipt-changes = • 你改过的服务器设置：{ $count } 次。每个服务器只留最近 { $kept } 次改动。
privacy-receipt-nothing = • 什么也没有。
privacy-receipt-more = 声音从不保存。`/记忆 查看` 看记忆，`/记忆 导出` 把全部给你一个文件，`/隐私 删除` 全部删掉。
privacy-erase-ask = 要删除**你在本服务器的一切**吗？我会立刻不再听你；记忆、待定的事、要点、提醒、选择和你的同意都会彻底消失，用量只作为不含你名字的总数留下。想先带走一份，用 `/记忆 导出`。
privacy-erase-yes = 删除我的一切
privacy-erase-no = 先留着
privacy-erased = 删好了。我不再听你，运营者的硬盘上在这里也没有任何东西提到你了。之前发给模型的在它的提供方那里（`/模型 说明卡`），运营者另存的备份按它自己的期限消失。
privacy-erase-kept = 什么也没有删除。
error-privacy-erase = 我不再听你了，但暂时写不进记录，所以还什么都没有删掉。请稍后再试。
privacy-policy-short =
    __隐私，简短地说__
    • 我只听同意了的人。其他人的数据包在解密之前就丢弃了。
    • 声音从不保存。说的话只在本人另外同意之后才留，加密保存，到时候自己消失。
    • 我听到的会发给：{ $model }。你的有多少：`/隐私 收据`。关于那个模型：`/模型 说明卡`。
    • `/授权 停止` 在你的下一个数据包之前生效；`/隐私 删除` 删掉你的一切。
privacy-policy-link = 完整的政策：{ $url }
privacy-policy-file = 完整的政策见附件。

## /模型 说明卡

provenance-title = **关于我的模型，知道些什么**（截至 <t:{ $known }:D>）
provenance-model = **{ $name }**，{ $provider }，{ $region }
provenance-disclosed = **它的制作者说了**
provenance-undisclosed = **它的制作者没有说**
provenance-data = **你的声音在那里**
provenance-sources = 来源：{ $sources }
provenance-region-china = 用的是它在中国大陆的地址
provenance-region-abroad = 用的是它的国际站地址；具体在哪国没有说明
provenance-region-here = 在我的运营者自己的机器上
provenance-region-unknown = 运营者用自己的地址访问它；它在哪里，只有运营者知道
provenance-provider-here = 没有外部提供方
provenance-stepfun-kind = • 一个直接听声音、直接出声音的模型，会中文和英文。由上海的阶跃星辰（StepFun）制作，2026 年 5 月发布。
provenance-stepfun-training = • 训练用了一万多个人写的人设，用算法扩展到约一百万个，还有数百万条真实对话样本；之后按人的评判调整，好让它不出戏。
provenance-stepfun-voices = • 它从谁的录音里学会了说话、笑和叹气；那些人是否同意、同意了什么；用的是什么许可；有没有付酬。
provenance-stepfun-talks = • 那数百万条对话从哪里来，说话的人知不知情。
provenance-stepfun-actors = • 可以选的那些音色是谁的声音。我不克隆任何人的声音，也不会把你的声音拿去克隆。
provenance-stepfun-retention = • 保存多久：对实时通话没有说明。请当作可能会保存。
provenance-stepfun-reuse = • 会不会用来训练以后的模型：**没有排除**（2026 年 6 月的一次查证）。平台的隐私政策（2026 年 4 月）没有作出承诺，国际版条款允许把内容用于“开发和改进”服务。
provenance-local-kind = • 回答你的不是从人身上训练出来的：词句来自随我一起发布的脚本。
provenance-local-voice = • 声音是 espeak-ng：按规则从发音描述算出来，不是从某个人的录音里学的。自由软件（GPL-3.0）。
provenance-local-ears = • 耳朵是 pocketsphinx 和它的通用美式英语模型（卡内基梅隆大学与 Alpha Cephei；BSD 许可）。
provenance-local-detector = • 是不是人声，由 Silero 的小模型（MIT 许可）在本机判断，用哪家模型都一样。
provenance-local-recordings = • 耳朵和人声检测是用谁的录音训练的：随附的资料里没有写。
provenance-local-retention = • 保存：不保存。听到的在通话结束时就从内存里消失。
provenance-local-reuse = • 用于训练：不会。什么都不离开那台机器。
provenance-service-transcription = • 你说的话由 { $host } 的 **{ $model }** 转成文字。
provenance-service-chat = • 回答的词句来自 { $host } 的 **{ $model }**。
provenance-service-speech = • 回答由 { $host } 的 **{ $model }** 念出来。
provenance-service-digest = • 聊完之后，同意被记住的人说过的话由 { $host } 的 **{ $model }** 做摘要。
provenance-service-unknown = • 对运营者选的这些服务，我只知道地址：不知道它们用谁的声音训练，不知道它们保存多久，也不知道拿去做什么。请问我的运营者。

## 状态

status-none = 我不在这里的任何语音频道。用 `/加入` 叫我来。
status-title = 在 **{ $channel }**，现在是 **{ $persona }**
status-heard = { $count ->
    [0] 我没有在听任何人：这里还没有人同意。
   *[other] 我在听 { $count } 个人：{ $names }
}
status-encrypted = { $code ->
    [none] 本次通话为端到端加密。
   *[other] 本次通话为端到端加密。隐私代码：{ $code }
}
status-not-encrypted = 本次通话不是端到端加密的（舞台频道都不是）。
status-connecting = 语音连接目前没有接通。
status-model = { $state ->
    [ready] { $model } 正在应答。
    [connecting] 正在呼叫 { $model }。
    [failed] { $model } 没有应答，原因见上面的消息。
   *[asleep] { $model } 在休眠，等有同意的人来。
}
model-local = 本地模型
status-latency = 最近一次回答在 { $latest } 毫秒后开始（{ $turns } 轮的中位数为 { $median } 毫秒）。
status-loss = 发给我的声音中有 { $loss } % 在路上丢失。
status-off-record = 不留记录，到 <t:{ $until }:t> 为止（应 { $name } 的要求）。
status-channel = AI 正在听 { $present } 人中的 { $heard } 人 · /隐私
