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
reminder-waits = it is time for something that you asked me to remind you of. What it is, only you can see.
reminder-waits-late = there was something that I was to remind you of on <t:{ $at }:f>, and I could not. What it is, only you can see.
reminder-button = Show me
reminder-due = You asked me to remind you: { $text }
reminder-due-blank = You asked me to remind you of something. I can no longer read what it was, sorry.
reminder-late = You asked me to remind you on <t:{ $at }:f>, and I could not: { $text }
error-reminder-not-yours = That is for whoever asked me, and for nobody else. `/reminders show` lists yours.
error-reminder-over = I do not keep that reminder any more: you took it away, or its week is over.
error-reminder-unknown = You have no such reminder any more. `/reminders show` lists yours.
error-reminder-many = You have { $count } reminders already, as many as there may be. `/reminders cancel` takes one away.
error-reminder-empty = A reminder needs a word or two of what it is about.
error-reminder-long = That reminder has { $length } characters; I take at most { $limit }.
