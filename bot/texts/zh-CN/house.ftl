# Kith 会让成员看到或听到的每一句话（简体中文）。键与占位符须与 en/ 一致。

## 命令

command-join = 加入
command-join-description = 叫我进你的语音频道
command-leave = 离开
command-leave-description = 让我离开语音频道
command-say = 说
command-say-description = 打字跟我说话，我会出声回答
option-text = 内容
option-text-description = 你想说的话
command-persona = 角色
command-persona-description = 我是谁
command-persona-list = 列表
command-persona-list-description = 我可以是哪些角色
command-persona-use = 切换
command-persona-use-description = 选择我在本服务器的角色
command-persona-about = 介绍
command-persona-about-description = 认识我的某个角色
command-persona-audition = 试音
command-persona-audition-description = 在通话里听某个角色说约五秒
command-persona-create = 创建
command-persona-create-description = 用表单为本服务器创建一个角色
command-persona-edit = 修改
command-persona-edit-description = 修改本服务器自建的角色
command-persona-import = 导入
command-persona-import-description = 带来一个角色：角色卡（PNG、JSON、CHARX）或角色文件（TOML）
command-persona-export = 导出
command-persona-export-description = 把角色导出为角色卡（PNG 或 CHARX）
command-persona-delete = 删除
command-persona-delete-description = 删除本服务器自建的角色
command-persona-health = 状况
command-persona-health-description = 这次通话里我有没有走样
command-scene = 场景
command-scene-description = 我们在做什么：决定我在本次通话的节奏、长短和耐心
option-scene = 名称
option-scene-description = 场景
option-words = 描述
option-words-description = 自定义场景时：是什么样的
option-scope = 范围
option-scope-description = 对谁生效；不填就是整个服务器。名称填 default 可以取消频道的或你自己的选择
option-file = 文件
option-file-description = 角色卡或角色文件
option-name = 名称
option-name-description = 角色

## 入场时说的话

notice = 大家好，我是{ $persona }，我是人工智能。没有人同意之前，我谁也听不到；按钮在本频道的聊天里。

## 加入、离开、打字

leave-done = 我已离开语音频道。
leave-not-here = 我不在这里的任何语音频道。用 `/加入` 叫我来。
say-done = 收到。
room-alone = 没有人可聊了，我先走了。用 `/加入` 叫我回来。
room-boundary = 有人一再越过底线，所以我离开了通话。等气氛好些了，再用 `/加入` 叫我回来。
room-stopped = 我正在重启，已离开通话。稍后用 `/加入` 叫我回来。
room-member-unheard = 我解不开 { $name } 的声音，所以听不到。退出频道再进来也许有用。
room-encryption-missing = 这次通话的端到端加密没有建立起来，我们暂时互相听不到。退出频道再进来也许有用。
room-stage-asked = 我在舞台的观众席里，没人听得到我。我已经请求发言：请管理员邀请我上台。
room-stage-silent = 我在舞台的观众席里，没人听得到我，也没有请求发言的权限。管理员可以邀请我上台，或给我“请求发言”权限。

## 角色

persona-list = **我可以是**
persona-list-entry = **{ $name }**（`{ $slug }`）：{ $tagline }
persona-list-current = **{ $name }**（`{ $slug }`），当前：{ $tagline }
persona-used = 现在我是 **{ $name }**。{ $tagline }
persona-used-already = 我已经是 **{ $name }** 了。
persona-used-channel = 在这个频道，我现在是 **{ $name }**。{ $tagline }
persona-used-me = 和你单独通话时，我是 **{ $name }**。{ $tagline }
persona-scope-server = 整个服务器
persona-scope-channel = 我所在的语音频道
persona-scope-me = 我自己（单独通话时）
persona-audition = 刚才是 **{ $name }**（`{ $slug }`），大家听到的就是这样。用 `/角色 切换` 换成这个角色。
persona-kept = **{ $name }**（`{ $slug }`）准备好了。可以先用 `/角色 试音` 听听，再用 `/角色 切换` 换上。
persona-kept-alone = **{ $name }**（`{ $slug }`）准备好了。用 `/角色 切换`，范围选“我自己”，和我单独通话时就是这个角色；要给大家用，请找能选角色的人。
persona-waits = **{ $name }**（`{ $slug }`）还要等一等：在本服务器，新角色要先由能选角色的人审核，请用下面的按钮。审核前可以用 `/角色 介绍` 逐字看完它的设定。
persona-approve = 通过
persona-decline = 拒绝
persona-approved = **{ $name }**（`{ $slug }`）通过审核了。用 `/角色 切换` 换成这个角色。
persona-declined = `{ $slug }` 没有通过审核，已经删掉了。
persona-deleted = **{ $name }** 已删除，相关的选择也一并清除。
persona-exported = **{ $name }** 的角色卡。能读 V2 或 V3 角色卡的程序都认得；只有我懂的部分放在扩展字段里。
persona-imported = **{ $name }**（`{ $slug }`）准备好了。可以先用 `/角色 试音` 听听。
persona-report = 一张 { $version } 角色卡（{ $container }）。各部分的去向：
persona-report-used = • { $source } → { $target }
persona-report-shortened = • { $source } → { $target }，已缩短
persona-report-kept = • 保留在卡里，未使用：{ $source }
persona-report-refused = • 保留在卡里，没有照做：{ $source }
persona-unsafe-macro = ⚠ 去掉的宏：{ $count }
persona-unsafe-asterisks = ⚠ 去掉的星号动作描写（否则会被念出来）：{ $count }
persona-unsafe-markup = ⚠ 去掉的标记和图片：{ $count }
persona-unsafe-override = ⚠ 给模型下的指令（发现了，没有照做）：{ $count }
persona-unsafe-hidden = ⚠ 含隐藏字符、已清理的文本：{ $count }
persona-menu-adopt = 收为角色
persona-form-new = 新角色
persona-form-edit = 修改角色
persona-form-name = 名字
persona-form-tagline = 一句话介绍，用于列表
persona-form-identity = 是个什么样的人
persona-form-manner = 怎么说话
persona-form-phrases = 口头禅，每行一条（少而精）
persona-form-scene = 自定义场景
persona-form-scene-words = 是什么样的？
persona-health = **{ $name }** 有 { $score }% 贴合角色（共 { $replies } 次回答，按最近的算）。
persona-health-none = **{ $name }** 还没开过口，看不出有没有走样。
persona-health-reactions = 接住大家的情绪：{ $count } 次
persona-health-step = 底线：有人越界了，我在第 { $step } 级，共 4 级。
persona-fault-assistant = • 客服腔：{ $count }
persona-fault-language = • 用错语言：{ $count }
persona-fault-taboo = • 说了绝不会说的话：{ $count }
persona-fault-catchphrase = • 口头禅超量：{ $count }
persona-fault-repetition = • 重复自己：{ $count }
persona-fault-length = • 说得太长：{ $count }
persona-fault-stage = • 把动作描写念了出来：{ $count }
persona-fault-name = • 自称别的身份：{ $count }
persona-fault-guilt = • 让人不好意思离开：{ $count }
persona-scene-bedtime = 睡前
persona-scene-hype = 嗨起来
persona-scene-study = 学习
persona-scene-car = 在车上
persona-scene-custom = 自定义
persona-scene-none = 无
persona-scene-set = 现在的场景是 **{ $scene }**，到本次通话结束为止。
persona-scene-off = 现在没有特别的场景了。
persona-about-title = **{ $name }**（`{ $slug }`）
persona-about-languages = 语言：{ $languages }
persona-about-rating = { $rating ->
    [teen] 适合青少年及以上。
    [adult] 仅限成年人。
   *[everyone] 适合所有人。
}
persona-about-talk = 健谈程度：{ $talkativeness }／100
language-en = 英语
language-zh = 中文

## 状态

## 权限

error-need-manager = 只有能管理本服务器的人，或管理员指定的人，才能选我的角色。
error-guild-only = 这只能在服务器里用。
error-not-in-voice = 请先进入一个语音频道，再叫我。
error-not-in-call = 我不在这里的任何语音频道。用 `/加入` 叫我来。
error-other-channel = 我在本服务器的另一个语音频道。请过来，或先用 `/离开` 让我离开。
error-too-fast = 稍等：请在 { $seconds } 秒后再试。
error-nobody-heard = 这里还没有人同意让我听，所以我的模型在休眠。请先点“**允许 Kith 听我说话**”。
error-say-empty = 里面没有可说的内容。
error-option = 这个我收不了：要么太长，要么不在可选的里面。请重新选，或者重新写。
error-form-expired = 这个表单开得太久了，或者我中途重启过，所以什么也没有改。请重新打开一个。

## 出错时

error-unexpected = 我这边出了点问题，已经记下。请再试一次。
error-setting = 需要我的运营者先改正一项设置。
error-storage = 我暂时读不到自己的记录，所以什么也没有改变。请稍后再试。
error-consent-unsaved-scope = 从现在起就算收回了。但我暂时写不进记录，重启后可能失效：请稍后再收回一次。
error-consent-unsaved = 我不再听你了。但我暂时写不进记录，重启后可能失效：请稍后再说一次停止。
error-persona = 我的某个角色文件有问题，需要运营者看一下。
error-persona-unknown = 没有叫 { $slug } 的角色。`/角色 列表` 会列出我可以是谁。
error-persona-draft = 这还不能成为一个角色：{ $faults }
error-persona-field-empty = 什么也没有改：“{ $field }”里没有看得见的字，写几个字就行。
error-persona-field-long = 什么也没有改：“{ $field }”有 { $length } 个字，最多 { $limit } 个。
error-persona-field-lines = 什么也没有改：“{ $field }”有 { $count } 行，最多 { $limit } 行。
error-persona-too-large = 超出了一个角色的上限（32 KiB 文本）。
error-persona-twice = 已经有同名的了，请再试一次。
error-persona-many = 一个服务器最多只能有这么多（{ $count }），请先删掉一个。
error-persona-shipped = 这个角色是我自带的，谁也不能改。导出再导入，就成了你们自己的。
error-persona-not-yours = 只有创建它的人，或能选我角色的人，才能改它。
error-persona-waiting = 这个角色还在等待审核。
error-persona-adult = 这个角色仅限成年人：只能为有年龄限制的语音频道选择它（`/角色 切换`，范围选频道）。
error-persona-settled = 这件事已经有结果了。
error-persona-changed = `{ $slug }` 后来又改过，所以这次没有生效。请再看一遍，按钮对应的是现在的样子。
error-persona-scene-empty = 里面没有看得见的字。用几个字说说是什么样的场景吧。
error-persona-scene-long = 这个场景有 { $length } 个字，最多 { $limit } 个。
error-not-in-room = 请先进到我所在的语音频道。
error-audition = 模型没有及时开口，请再试一次。
error-audition-busy = 一次只能试一个，请稍候。
error-card = 这张卡我收不了。
error-card-broken = 这个文件读不了：它损坏了，或者并不是它自称的格式。
error-card-unknown = 这不是角色卡。我收 PNG、JSON、CHARX 角色卡，以及我自己的角色文件（TOML）。
error-card-none = 里面没有找到角色卡。
error-card-too-large = 文件超出了角色卡的上限（8 MiB，其中文本 256 KiB）。
error-card-too-deep = 这张卡的嵌套深得不像一张卡。
error-card-unsafe = 这个压缩包想写到自己外面去，所以我没有打开。
error-card-gone = Discord 没有把这个文件给我，请重新上传。
error-audio = 我在这台机器上发不出声音，需要运营者看一下。
error-scene = 场景文件有问题。
error-voice-missing-permission = 我进不去那个语音频道。我在那里需要“查看频道”“连接”“说话”权限。
error-voice-channel-full = 那个语音频道满了。
error-voice-channel-gone = 那个语音频道不在了。
error-voice-kicked = 我被请出了语音频道。用 `/加入` 叫我回来。
error-voice-encryption-required = 我无法加入该频道的端到端加密，所以不进去。
error-voice-rate-limited = Discord 要我慢一点。请过几分钟再试。
error-voice-no-answer = Discord 的语音服务器没有应答。请稍后再试。
error-voice-unexpected-participant = 这次通话的加密里有一个 Discord 没有通报的人。请核对隐私代码；我不认识的人我不听。
error-voice-failed = 语音连接没有建立起来。请稍后再试。
error-voice-closed = 语音连接断了，没有恢复。用 `/加入` 叫我回来。
error-model-key-refused = 语音模型拒绝了密钥，需要运营者看一下，在那之前我先离开。
error-model-no-balance = 语音模型的账户没有余额了，需要运营者看一下，在那之前我先离开。
error-model-not-found = 在指定的地方找不到语音模型，需要运营者看一下。
error-model-bad-request = 语音模型看不懂我的请求，需要运营者看一下。
error-model-moderated = 语音模型的提供方拒绝参与这次聊天。
error-model-rate-limited = 语音模型要我慢一点，我很快会再回答。
error-model-overloaded = 语音模型过载了，我会一直尝试。
error-model-unreachable = 我联系不上语音模型，我会一直尝试。
error-model-closed = 与语音模型的连接断了，我正在重新呼叫。
