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
reminder-waits = 你托我提醒的事，到点了。是什么事，只有你自己看得到。
reminder-waits-late = 你托我在 <t:{ $at }:f> 提醒一件事，当时没能说上。是什么事，只有你自己看得到。
reminder-button = 给我看看
reminder-due = 你让我提醒你：{ $text }
reminder-due-blank = 你让我提醒过一件事，可我读不出是什么了，抱歉。
reminder-late = 你让我在 <t:{ $at }:f> 提醒你，当时没能说上：{ $text }
error-reminder-not-yours = 这是给托我提醒的那个人看的，别人看不了。你自己的，用 `/提醒 查看`。
error-reminder-over = 这条提醒我已经不留着了：要么你取消了，要么过了一个星期。
error-reminder-unknown = 你没有这条提醒了。用 `/提醒 查看` 看看还有哪些。
error-reminder-many = 你已经有 { $count } 条提醒，满了。先用 `/提醒 取消` 去掉一条吧。
error-reminder-empty = 提醒总得有几个字，说说是什么事。
error-reminder-long = 这条提醒有 { $length } 个字，最多 { $limit } 个。
