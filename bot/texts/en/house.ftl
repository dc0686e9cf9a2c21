# Every sentence of Kith that a member sees or hears, in English, but for areas with a file of their own. zh-CN/ holds the same keys with the same placeables.
# No comment of a key says more than a translator needs. Discord's markdown (**bold**) is allowed; a placeable's value is escaped.

## Commands: names and descriptions as Discord lists them (names: small letters; at most 32 characters; descriptions: 100)

command-join = join
command-join-description = Call me into your voice channel
command-leave = leave
command-leave-description = Send me out of the voice channel
command-say = say
command-say-description = Type something to me; I answer aloud
option-text = text
option-text-description = What you want to say
command-persona = persona
command-persona-description = Who I am
command-persona-list = list
command-persona-list-description = Everyone I can be
command-persona-use = use
command-persona-use-description = Choose who I am on this server
command-persona-about = about
command-persona-about-description = Get to know one of my personas
command-persona-audition = audition
command-persona-audition-description = Hear about five seconds of one of my personas in the call
command-persona-create = create
command-persona-create-description = Make a persona for this server, in a form
command-persona-edit = edit
command-persona-edit-description = Change a persona that was made on this server
command-persona-import = import
command-persona-import-description = Bring a persona: a character card (PNG, JSON, CHARX) or a persona file (TOML)
command-persona-export = export
command-persona-export-description = Take a persona away as a character card (PNG or CHARX)
command-persona-delete = delete
command-persona-delete-description = Remove a persona that was made on this server
command-persona-health = health
command-persona-health-description = How well I stayed who I am in this call
command-scene = scene
command-scene-description = What we are doing: sets my pace, length and patience for this call
option-scene = name
option-scene-description = The scene
option-words = words
option-words-description = With a scene of your own: what it is like
option-scope = for
option-scope-description = For whom; unset: the whole server. The name "default" takes a channel's or your own choice back
option-file = file
option-file-description = A character card or a persona file
option-name = name
option-name-description = The persona

## The spoken notice

notice = Hello. I am { $persona }, and I am an A I. I hear nobody here until they agree; the buttons are in this channel's chat.

## Joining, leaving, typing

leave-done = I have left the voice channel.
leave-not-here = I am in no voice channel here. `/join` calls me into yours.
say-done = I heard you.
room-alone = Nobody was left to talk with, so I have gone. `/join` calls me back.
room-boundary = Somebody went too far for the last time, so I have left the call. `/join` calls me back when the air is clear.
room-stopped = I am being restarted and have left the call. `/join` calls me back in a moment.
room-member-unheard = I cannot decrypt what { $name } says, so I do not hear them. Leaving the channel and coming back may help.
room-encryption-missing = This call's end-to-end encryption does not come about, so we cannot hear each other yet. Leaving the channel and coming back may help.
room-stage-asked = I sit in this stage's audience, where nobody hears me. I have asked to speak: a moderator can invite me.
room-stage-silent = I sit in this stage's audience, where nobody hears me, and I may not ask to speak. A moderator can invite me, or give me the permission Request to Speak.

## Personas

persona-list = **Who I can be**
persona-list-entry = **{ $name }** (`{ $slug }`): { $tagline }
persona-list-current = **{ $name }** (`{ $slug }`), at present: { $tagline }
persona-used = I am **{ $name }** now. { $tagline }
persona-used-already = I am **{ $name }** already.
persona-used-channel = In this channel I am **{ $name }** now. { $tagline }
persona-used-me = When you are alone with me in a call, I am **{ $name }**. { $tagline }
persona-scope-server = the whole server
persona-scope-channel = the voice channel I am in
persona-scope-me = me, when I am alone with you
persona-audition = That was **{ $name }** (`{ $slug }`), as the room would hear them. `/persona use` lets them stay.
persona-kept = **{ $name }** (`{ $slug }`) is ready. `/persona audition` lets you hear them, `/persona use` chooses them.
persona-kept-alone = **{ $name }** (`{ $slug }`) is ready. `/persona use` with “for: me” chooses them for when you are alone with me; for everybody, somebody who may choose my persona can.
persona-waits = **{ $name }** (`{ $slug }`) waits: on this server somebody who may choose my persona has to approve it first, with the buttons below. `/persona about` shows them every word that I would be told.
persona-approve = Approve
persona-decline = Decline
persona-approved = **{ $name }** (`{ $slug }`) is approved. `/persona use` chooses them.
persona-declined = `{ $slug }` was declined and removed.
persona-deleted = **{ $name }** is gone, and every choice of them.
persona-exported = **{ $name }** as a character card. Programs that read V2 or V3 cards understand it; everything that only I know stands in its extensions.
persona-imported = **{ $name }** (`{ $slug }`) is ready. `/persona audition` lets you hear them first.
persona-report = A { $version } card ({ $container }). What became of it:
persona-report-used = • { $source } → { $target }
persona-report-shortened = • { $source } → { $target }, shortened
persona-report-kept = • kept in the card, not used: { $source }
persona-report-refused = • not obeyed, kept in the card: { $source }
persona-unsafe-macro = ⚠ Macros taken out: { $count }
persona-unsafe-asterisks = ⚠ Stage directions between asterisks taken out (they would be spoken): { $count }
persona-unsafe-markup = ⚠ Markup and pictures taken out: { $count }
persona-unsafe-override = ⚠ Orders to the model, found and not obeyed: { $count }
persona-unsafe-hidden = ⚠ Texts with hidden characters, cleaned: { $count }
persona-menu-adopt = Adopt as persona
persona-form-new = A new persona
persona-form-edit = Change the persona
persona-form-name = Name
persona-form-tagline = In one line, for the list
persona-form-identity = Who they are
persona-form-manner = How they talk
persona-form-phrases = Catchphrases, one a line (few!)
persona-form-scene = A scene of your own
persona-form-scene-words = What is it like?
persona-health = **{ $name }** was { $score } % in character (over the last of { $replies } replies).
persona-health-none = **{ $name }** has not said anything yet that I could judge.
persona-health-reactions = Feelings in the room taken up: { $count }
persona-health-step = Boundaries: somebody went too far; I am on step { $step } of 4.
persona-fault-assistant = • talked like customer service: { $count }
persona-fault-language = • answered in the wrong language: { $count }
persona-fault-taboo = • said what they never say: { $count }
persona-fault-catchphrase = • catchphrase over its budget: { $count }
persona-fault-repetition = • repeated themselves: { $count }
persona-fault-length = • talked far too long: { $count }
persona-fault-stage = • read stage directions aloud: { $count }
persona-fault-name = • called themselves somebody else: { $count }
persona-fault-guilt = • made leaving hard: { $count }
persona-scene-bedtime = bedtime
persona-scene-hype = hype
persona-scene-study = study
persona-scene-car = in the car
persona-scene-custom = of your own
persona-scene-none = none
persona-scene-set = The scene is **{ $scene }** now, for as long as this call lasts.
persona-scene-off = No particular scene any more.
persona-about-title = **{ $name }** (`{ $slug }`)
persona-about-languages = Speaks: { $languages }
persona-about-rating = { $rating ->
    [teen] For teenagers and older.
    [adult] For adults.
   *[everyone] For everyone.
}
persona-about-talk = Talkativeness: { $talkativeness } of 100
language-en = English
language-zh = Chinese

## Status

## Who may do what

error-need-manager = Only people who manage this server, or whom its admins named, may choose who I am.
error-guild-only = That works on a server only.
error-not-in-voice = Enter a voice channel first, then call me.
error-not-in-call = I am in no voice channel here. `/join` calls me into yours.
error-other-channel = I am in another voice channel of this server. Come over, or send me out with `/leave` first.
error-too-fast = One moment: try again in { $seconds } s.
error-nobody-heard = Nobody here has agreed to be heard yet, so my model is asleep. Press **Let Kith hear me** first.
error-say-empty = There was nothing to say in that.
error-option = I cannot take that there: it is too long, or none of those offered. Please choose or write it again.
error-form-expired = This form was open for too long, or I was restarted in the meantime, so nothing was changed. Please call it up again.

## What can go wrong

error-unexpected = Something went wrong on my side, and it was noted. Please try again.
error-setting = My operator has to put a setting right first.
error-storage = I cannot reach my notes at the moment, so nothing was changed. Please try again later.
error-consent-unsaved-scope = That counts from now on. My notes cannot be reached, though, so it may not survive a restart: please take it back once more later.
error-consent-unsaved = I do not hear you any more. My notes cannot be reached, though, so this may not survive a restart: please say stop again later.
error-persona = One of my persona files is not right; my operator has to look.
error-persona-unknown = There is no persona called { $slug }. `/persona list` shows everyone I can be.
error-persona-draft = That makes no persona yet: { $faults }
error-persona-field-empty = Nothing was changed: under “{ $field }” there is nothing to see. A few words are enough.
error-persona-field-long = Nothing was changed: under “{ $field }” there are { $length } characters, and { $limit } is the most.
error-persona-field-lines = Nothing was changed: under “{ $field }” there are { $count } lines, and { $limit } is the most.
error-persona-too-large = That is more than a persona may be (32 KiB of text).
error-persona-twice = There is one of that name already. Please try again.
error-persona-many = That is as many as a server may have ({ $count }). Delete one first.
error-persona-shipped = That persona came with me and is nobody's to change. Export it and import it again: then it is yours.
error-persona-not-yours = Only whoever made it, or who may choose my persona, may change it.
error-persona-waiting = That persona waits for approval.
error-persona-adult = That persona is for adults: choose it for an age-restricted voice channel, and nowhere else (`/persona use` with "for": channel).
error-persona-settled = That has been decided already.
error-persona-changed = `{ $slug }` has been changed since, so nothing was decided. Please look again: the buttons are for how it is now.
error-persona-scene-empty = There was nothing to see in those words. What is the scene like, in a few words?
error-persona-scene-long = That scene has { $length } characters, and { $limit } is the most.
error-not-in-room = Come into the voice channel where I am first.
error-audition = The model did not begin to speak in time. Please try again.
error-audition-busy = One audition at a time, please.
error-card = I cannot take this card.
error-card-broken = I cannot read this file: it is damaged, or not what it says it is.
error-card-unknown = That is no character card. I take PNG, JSON and CHARX cards, and my own persona files (TOML).
error-card-none = I found no character card in there.
error-card-too-large = That file is larger than a card may be (8 MiB, and 256 KiB of text).
error-card-too-deep = That card is nested more deeply than any card should be.
error-card-unsafe = That archive tries to write outside of itself, so I did not open it.
error-card-gone = Discord did not give me that file. Please upload it again.
error-audio = I cannot make sound on this machine; my operator has to look.
error-scene = The scene file is not right.
error-voice-missing-permission = I may not enter that voice channel. I need the permissions View Channel, Connect and Speak there.
error-voice-channel-full = That voice channel is full.
error-voice-channel-gone = That voice channel is gone.
error-voice-kicked = I was sent out of the voice channel. `/join` calls me back.
error-voice-encryption-required = I could not take part in the channel's end-to-end encryption, so I stay out.
error-voice-rate-limited = Discord asks me to slow down. Please try again in a few minutes.
error-voice-no-answer = Discord's voice server does not answer. Please try again in a moment.
error-voice-unexpected-participant = Someone is in this call's encryption whom Discord did not announce. Compare your privacy codes; I listen to nobody I do not know.
error-voice-failed = The voice connection did not come up. Please try again in a moment.
error-voice-closed = The voice connection was lost and did not come back. `/join` calls me back.
error-model-key-refused = My speech model refused its key. My operator has to look, so I leave until then.
error-model-no-balance = The account of my speech model is empty. My operator has to look, so I leave until then.
error-model-not-found = My speech model was not found where I was told it is. My operator has to look.
error-model-bad-request = My speech model does not understand how I call it. My operator has to look.
error-model-moderated = My speech model's provider declined to take part in this talk.
error-model-rate-limited = My speech model asks me to slow down. I will answer again shortly.
error-model-overloaded = My speech model is overloaded. I keep trying.
error-model-unreachable = I cannot reach my speech model. I keep trying.
error-model-closed = The line to my speech model broke. I am calling it again.
