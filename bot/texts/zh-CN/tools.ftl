## 提醒，以及模型能查的东西

command-reminders = 提醒
command-reminders-description = 你托我记着的计时和提醒
command-reminders-show = 查看
command-reminders-show-description = 看看你有哪些提醒，什么时候到
command-reminders-cancel = 取消
command-reminders-cancel-description = 取消你的一条提醒
option-reminder = 提醒
option-reminder-description = 哪一条
reminder-list = { $count ->
   *[other] 你有 { $count } 条提醒：
}
reminder-line = - <t:{ $at }:f>（<t:{ $at }:R>）：{ $text }
reminder-none = 你现在没有提醒。通话里跟我说一声就行，比如“二十分钟后提醒我起来走走”。
reminder-cancelled = 取消了，到时候我不提。
reminder-due = 你让我提醒你：{ $text }
reminder-due-blank = 差不多这会儿你让我提醒一件事，可我读不出是什么了，抱歉。
reminder-late = 你让我 <t:{ $at }:t> 提醒你，当时没能说上：{ $text }
error-reminder-unknown = 你没有这条提醒了。用 `/提醒 查看` 看看还有哪些。
error-reminder-many = 你已经有 { $count } 条提醒，满了。先用 `/提醒 取消` 去掉一条吧。
error-reminder-empty = 提醒总得有几个字，说说是什么事。
error-reminder-long = 这条提醒有 { $length } 个字，最多 { $limit } 个。
