## Reminders, and what the model may look up

command-reminders = reminders
command-reminders-description = The timers and reminders you asked me for
command-reminders-show = show
command-reminders-show-description = See yours, and when they are due
command-reminders-cancel = cancel
command-reminders-cancel-description = Take one of yours away
option-reminder = reminder
option-reminder-description = Which one
reminder-list = { $count ->
    [one] You have one reminder:
   *[other] You have { $count } reminders:
}
reminder-line = - <t:{ $at }:f> (<t:{ $at }:R>): { $text }
reminder-none = You have no reminders. Ask me for one in a call: “remind me in twenty minutes to stretch”.
reminder-cancelled = Cancelled. I will not bring it up.
reminder-due = you asked me to remind you: { $text }
reminder-due-blank = you asked me to remind you of something about now. I can no longer read what it was, sorry.
reminder-late = you asked me to remind you at <t:{ $at }:t>, and I could not: { $text }
error-reminder-unknown = You have no such reminder any more. `/reminders show` lists yours.
error-reminder-many = You have { $count } reminders already, as many as there may be. `/reminders cancel` takes one away.
error-reminder-empty = A reminder needs a word or two of what it is about.
error-reminder-long = That reminder has { $length } characters; I take at most { $limit }.
