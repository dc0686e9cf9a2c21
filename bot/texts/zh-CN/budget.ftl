# 一天能用多少。`at`：第二天从何时算起，由 Discord 按各人所在时区显示。

budget-winding-down = 本服务器今天的额度大约用了 { $percent }%，我会慢慢收个尾。<t:{ $at }:t> 起又可以接着聊。
budget-spent = 本服务器今天的额度用完了，我先退出语音。<t:{ $at }:t> 之后欢迎再叫我来。
budget-member-spent = { $name }，你今天的额度用完了，<t:{ $at }:t> 之前我不会再听你说话；其他人可以照常聊。
error-budget-spent = 本服务器今天的额度已经用完了，<t:{ $at }:t> 之后我才能再来。
