## Memory: commands

command-memory = memory
command-memory-description = What I keep about you on this server
command-memory-show = show
command-memory-show-description = See what I keep about you, and what I would like to remember
command-memory-edit = edit
command-memory-edit-description = Put one of my memories of you right
command-memory-forget = forget
command-memory-forget-description = Make me forget one thing about you, or everything
command-memory-export = export
command-memory-export-description = Take everything that I keep about you with you, as a file
command-memory-pause = pause
command-memory-pause-description = Keep nothing new about you and bring nothing up, for as long as you like
option-memory = what
option-memory-description = One of my memories of you
option-memory-forget-description = One of my memories of you, or "all"
option-pause = state
option-pause-description = "on": from now on nothing is kept or brought up; "off": as before
command-recap = recap
command-recap-description = What the last talk in this voice channel was about
memory-pause-choice-on = on
memory-pause-choice-off = off
memory-forget-all-choice = all: everything about me

## What is kept

memory-kept-title = { $count ->
    [0] **What I keep about you here**
   *[other] **What I keep about you here** ({ $count })
}
memory-kept-none = Nothing.
memory-kept-offers = { $count ->
    [one] There is one thing that I would like to remember, if you agree.
   *[other] There are { $count } things that I would like to remember, if you agree.
}
memory-page = -# Page { $page } of { $total }
memory-entry = **{ $number }.** { $text }
memory-kind-fact = fact
memory-kind-preference = preference
memory-kind-promise = promise
memory-kind-relationship = relationship
memory-kind-digest = summary
memory-said-by-you = said by you
memory-said-by = said by <@{ $user }>
memory-said-by-nobody = from the talk
memory-since = since <t:{ $made }:d>
memory-until = until <t:{ $until }:d>
memory-until-unused = goes on <t:{ $until }:d> unless it comes up before
memory-kept-on = kept on <t:{ $when }:f> unless you drop it
memory-gone-on = gone on <t:{ $when }:f> unless you keep it
memory-is-shared = may come up where you have not said it
memory-is-muted = not to be brought up
memory-one = **{ $text }**
memory-one-heard = { $count ->
    [one] One person was there when it was said.
   *[other] { $count } people were there when it was said.
}
memory-one-private = I bring it up only where everybody present heard it.
memory-one-shared = You allowed me to bring it up where you have not said it.
memory-menu = Choose one to change or forget it …
memory-form = In your own words
memory-form-text = What I should remember
memory-changed = Changed.
memory-forgotten = { $count ->
    [one] Forgotten, at once and for good: no trace of it is left in my notes.
   *[other] Forgotten, at once and for good ({ $count }): no trace of it is left in my notes.
}
memory-forget-all-ask = Shall I forget **everything** that I keep about you on this server: memories, what waits for your word, and your points in recaps? This cannot be undone. `/memory export` takes it with you first.
memory-forgotten-all = { $count ->
    [0] There was nothing to forget: I keep nothing about you here.
    [one] One thing is forgotten, at once and for good: no trace of it is left in my notes.
   *[other] { $count } things are forgotten, at once and for good: no trace of them is left in my notes.
}
memory-exported = Everything that I keep about you on this server. Only you can see this; the file is yours, and I keep no copy.
memory-paused = Paused. I keep nothing new about you and bring nothing up. What I kept stays until you forget it. `/memory pause` with “off” ends the pause.
memory-resumed = I go on: what you agreed to counts again.
memory-is-paused = Paused: I keep nothing new about you and bring nothing up. `/memory pause` with “off” ends the pause.
memory-agree = You have not agreed to be heard and remembered, so I keep nothing new about you and bring nothing up. To change that: `/consent allow`, once with “that I hear you” and once with “that I remember you”.

## What I would like to remember

memory-offer = I would like to remember something of this talk. Only you can see yours.
memory-offered-title = **I would like to remember** ({ $count })
memory-offered-strict = I keep nothing of this unless you press **Keep**. What you leave alone goes by itself.
memory-offered-usual = What you do not drop is kept when its time is up; what others said of you only if you keep it.
memory-offered-none = Nothing waits for your word: there is nothing that I would like to ask you about.
memory-offered-fresh = { $count ->
    [one] One thing that you told me of yourself was kept in the last day already; **What is kept** shows it, and lets you drop it.
   *[other] { $count } things that you told me of yourself were kept in the last day already; **What is kept** shows them, and lets you drop them.
}
memory-kept = Kept.
memory-dropped = Dropped. I do not remember it.
memory-button-show = Show mine
memory-button-keep = Keep { $number }
memory-button-edit = Edit { $number }
memory-button-drop = Drop { $number }
memory-button-kept = What is kept
memory-button-offered = Waiting for my word ({ $count })
memory-button-change = Edit
memory-button-forget = Forget
memory-button-mute = Do not bring this up again
memory-button-unmute = You may bring this up again
memory-button-share = May be told where I have not said it
memory-button-unshare = Only where it was heard
memory-button-back = Back
memory-button-forget-all = Forget everything
memory-button-keep-all = No, show me what you keep

## The last talk

recap-title = **The last talk in { $channel }**, <t:{ $ended }:R>
recap-point = • <@{ $user }>: { $text }
recap-whose = -# Only points of members who agreed to it, and only what you were there to hear. They go after a day.
recap-none = I have no points of a talk in **{ $channel }** that I could tell you.
recap-none-why = I note points only of members who agreed to it, keep them for a day, and tell them only to people who were there to hear them.
recap-agree = You have not agreed that points of yours come into recaps, so nothing of what you say is in them. `/consent allow` with “that points of yours come into recaps” changes that.

## What can go wrong

error-memory-gone = I do not keep that (any more), or it is not about you. `/memory show` has what there is.
error-memory-unknown = None of my memories of you, or more than one, is like “{ $words }”. Choose one from the list while you type.
error-memory-settled = That is settled already.
error-memory-long = That is too long: { $length } characters. A memory has at most { $limit }.
error-memory-empty = There was nothing to see in that. Write down what I should remember, in a few words.
error-memory-text = I do not keep that. A memory is a short sentence about a person, of at most { $most } characters: no orders to me, no links, no mentions, no secrets.
error-memory-off = On this server I remember nothing: its admins decided so.
error-memory-not-agreed = First agree to be heard and remembered: `/consent allow`, once with “that I hear you” and once with “that I remember you”. Until then I keep nothing about you.
error-memory-paused = You paused remembering, so I keep nothing new. `/memory pause` with “off” ends the pause.
error-recap-where = Which talk? Enter a voice channel, or ask in a voice channel's own chat.
