# What members decide about their voice, what they can see of it, and what is known of the model. `/privacy`, `/model`, `/consent`, `/status` and the panel.

## Commands

command-consent = consent
command-consent-description = What I may hear and keep of you
command-consent-allow = allow
command-consent-allow-description = Let me hear you on this server, or remember you
command-consent-stop = stop
command-consent-stop-description = Take it back, at once: everything, or one thing
command-consent-explain = explain
command-consent-explain-description = What happens to your voice
command-consent-show = show
command-consent-show-description = What you have agreed to, and since when
command-consent-off-record = off-record
command-consent-off-record-description = For ten minutes nothing that is said in this room is remembered
option-consent = what
option-consent-allow-description = What you agree to; unset: that I hear you
option-consent-stop-description = What you take back; unset: everything at once
command-privacy = privacy
command-privacy-description = What was sent and kept of you, and deleting it
command-privacy-receipt = receipt
command-privacy-receipt-description = How much of your voice went where, what is kept of you, and when it goes
command-privacy-erase = erase
command-privacy-erase-description = Delete everything of yours on this server
command-privacy-policy = policy
command-privacy-policy-description = The privacy policy, and the short of it
command-model = model
command-model-description = The speech model behind me
command-model-card = card
command-model-card-description = What its maker says about the voices that trained it, and what they do not say
command-status = status
command-status-description = Whom I hear, who I am, and how the call fares

## The panel in the channel

panel =
    I am in **{ $channel }** as **{ $persona }**. I am an AI.
    I hear nobody until they agree; whoever agrees is heard on this server until they say stop.
panel-now-heard = At present I hear { $heard } of { $present }.
panel-now-off-record = **Off the record** until <t:{ $until }:t>, as { $name } wished: nothing of what is said is remembered.
panel-old = This panel does not follow a call any more: `/status` says how things stand, and `/join` brings a fresh one. Its buttons still work.
panel-allow = Let Kith hear me
panel-stop = Stop listening to me
panel-remember = Remember me
panel-transcript = My points in recaps
panel-off-record = Off the record
panel-explain = What happens to my voice?

## Consent

consent-allowed = I hear you from now on. **Stop listening to me** or `/consent stop` ends it at once.
consent-allowed-already = I hear you already. **Stop listening to me** or `/consent stop` ends it at once.
consent-allowed-elsewhere = Thank you. I will hear you when we are in a voice channel together. `/consent stop` ends it at once.
consent-stopped = I do not hear you any more. What you had begun to say was dropped.
consent-stopped-already = I do not hear you: you have not agreed, or you took it back.
consent-stopped-rest = Nothing new of you is kept either. What I remember of you already stays until you delete it: `/memory forget`, or `/privacy erase` for everything.
consent-remember-on = Good: I may remember what you tell me about yourself. Pressing again, or `/consent stop`, takes it back.
consent-remember-off = From now on I remember nothing new of you. What I know already stays until `/memory forget`.
consent-transcript-on = Good: points of what you say may stand in `/recap`, for 24 hours. Pressing again, or `/consent stop`, takes it back.
consent-transcript-off = From now on nothing of what you say comes into `/recap`.
consent-unheard = It takes effect once you also let me hear you (**Let Kith hear me**).
consent-mode-off = On this server nothing is remembered at all: its admins decided so.
consent-mode-strict = On this server nothing is kept before you say so: after a talk I ask you about each thing.
consent-mode-usual = On this server I keep it unless you drop it: after a talk I show you what.
consent-explain =
    __What happens to your voice__
    I am an AI, not a person. I hear nobody by default: until you agree, your packets are thrown away unopened, before they are even decrypted.
    • **If I may hear you**, what you say in a voice channel with me is decrypted here and sent, with your display name, to a speech model: { $model }. It answers, and I play the answer. The call stays end-to-end encrypted, but I and that model are one of its ends.
    • **Sound** is never kept here, not even for a moment on a disk.
consent-keeps-off = • **Words** are not kept either: admins of this server decided so.
consent-keeps-strict = • **Words** are not kept, unless you also agree to it: **Remember me** lets me ask you after a talk which notes about you I may keep (unanswered, they go after { $offered } days; unused, after { $days }).
consent-keeps-usual = • **Words** are not kept, unless you also agree to it: **Remember me** lets me keep short notes of what you tell about yourself, unless you drop them within a day (unused, they go after { $days } days).
consent-keeps-recap = • **My points in recaps** lets points of yours stand in `/recap` for { $hours } hours. What is kept is encrypted on my operator's disk.
consent-keeps-rest = • **Besides** there are your agreement, how many seconds of you were sent each day, and reminders that you asked for.
consent-way-back =
    • **You decide,** for this server alone. `/consent stop` or the button ends everything before your next packet; `/privacy erase` deletes all that is yours. No admin can agree for you.
    • **More:** `/privacy receipt` (what was sent and kept), `/model card` (what is known of the model, and what is not), `/privacy policy`.
    • **Not for emergencies:** if you or someone else is in danger, call your local emergency number.
consent-model-local = a small one on my operator's own machine; nothing leaves it
consent-model-local-services = one on my operator's own machine, with parts of it at other services that my operator chose
consent-model-provider = { $name } by { $provider }
consent-show-title = **What you agreed to on this server** (the present notice is number { $version })
consent-show-since = • { $scope }: **yes**, since <t:{ $since }:f>, notice { $version }
consent-show-withdrawn = • { $scope }: no, taken back on <t:{ $since }:f>
consent-show-older = • { $scope }: **no longer**: you agreed to notice { $version }, which has changed since. Please read the new one and say it again.
consent-show-elsewhere = • { $scope }: **no longer**: you agreed to its going to { $before }, and now it would go to { $present }. Please say it again if that is all right with you.
consent-show-never = • { $scope }: no
consent-scope-listen = that I hear you
consent-scope-remember = that I remember you
consent-scope-transcript = that points of yours come into recaps
error-consent-scope = There is no such thing to agree to. It is one of: { $expected }.

## Off the record

record-off-told = **Off the record** until <t:{ $until }:t>, as { $name } wished: nothing of what is said here is remembered or comes into a recap.
record-off-nothing = Nothing is remembered here anyway: admins of this server decided so.
record-off-already = This room is off the record already, until <t:{ $until }:t>.

## What the room is told

room-crisis =
    If you are thinking of ending your life, or of hurting yourself: you matter, and you do not have to carry this alone. I am an AI and cannot help as a person can. Please talk with somebody now: **{ $line }**.
    In immediate danger, call your local emergency number.
room-crisis-nowhere =
    If you are thinking of ending your life, or of hurting yourself: you matter, and you do not have to carry this alone. I am an AI and cannot help as a person can. Please talk with somebody now: with someone you trust, or with the help line of your country.
    In immediate danger, call your local emergency number.
room-disclosure = A reminder, after so long together: I am an AI, not a person. A break does everybody good.

## /privacy

privacy-receipt-title = **Your receipt** for this server
privacy-receipt-sent = • **{ $heard } s** of your voice went to **{ $model }** ({ $provider }, { $region }). It answered you { $replies ->
    [one] once
   *[other] { $replies } times
    }, { $spoken } s in all. Cost: { $cost } { $currency }.
privacy-receipt-sent-none = • None of your voice has been sent to a model.
privacy-receipt-sum = • In all: { $heard } s, { $cost } { $currency }.
privacy-receipt-kept = **What is kept of you**
privacy-receipt-consent = • What you agreed to or took back, and when: until you erase it.
privacy-receipt-memories = • Memories: { $count }. The next goes on <t:{ $next }:d>, unless it comes up before.
privacy-receipt-proposals = • Waiting for your word: { $count }. The next decides itself on <t:{ $next }:d>.
privacy-receipt-recaps = • Points for `/recap`: { $count }. The last goes on <t:{ $next }:f>.
privacy-receipt-reminders = • Reminders: { $count }. Each goes when it was said aloud, or a week after its time; the last by <t:{ $next }:f>.
privacy-receipt-usage = • How much was used, by day: { $count ->
    [one] one day
   *[other] { $count } days
    }. Each goes after { $months } months.
privacy-receipt-personas = • Personas that you made, and which one you chose for yourself: { $count }. Until you delete them.
privacy-receipt-choices = • Other choices of yours: { $count }. Until you erase them.
privacy-receipt-changes = • Settings of this server that you changed: { $count }. The last { $kept } changes of a server are kept.
privacy-receipt-nothing = • Nothing at all.
privacy-receipt-more = No sound is kept, ever. `/memory show` shows memories, `/memory export` gives you everything as a file, `/privacy erase` deletes it.
privacy-erase-ask = Shall I delete **everything of yours on this server**? I stop hearing you at once; memories, offers, points, reminders, choices and your agreement go for good, and what you used stays only as a sum without your name. `/memory export` takes it with you first.
privacy-erase-yes = Delete everything of mine
privacy-erase-no = Keep it
privacy-erased = Done. I do not hear you any more, and nothing on my operator's disk here names you. What was sent to the model before lies with its provider (`/model card`), and copies that my operator made of the disk go with their own deadline.
privacy-erase-kept = Nothing was deleted.
error-privacy-erase = I do not hear you any more, but my notes cannot be reached, so nothing is deleted yet. Please try again later.
privacy-policy-short =
    __Privacy, in short__
    • I hear only who agreed. Everybody else's packets are thrown away before they are decrypted.
    • Sound is never kept. Words are kept only of those who agreed to that too, encrypted, and they go by themselves.
    • What I hear goes to { $model }. How much of yours: `/privacy receipt`. What is known of that model: `/model card`.
    • `/consent stop` ends it before your next packet; `/privacy erase` deletes everything of yours.
privacy-policy-link = The whole policy: { $url }
privacy-policy-file = The whole policy is attached.

## /model card

provenance-title = **What is known of my model** (as of <t:{ $known }:D>)
provenance-model = **{ $name }**, at { $provider }, { $region }
provenance-disclosed = **Its maker says**
provenance-undisclosed = **Its maker does not say**
provenance-data = **Your voice there**
provenance-sources = Sources: { $sources }
provenance-region-china = at its address for mainland China
provenance-region-abroad = at its international address; in which country that is, it does not say
provenance-region-here = on my operator's machine
provenance-region-unknown = my operator reaches it by an address of their own; where it is, only they know
provenance-provider-here = no provider
provenance-stepfun-kind = • One model that takes sound and gives sound, in Chinese and English. Made by StepFun (阶跃星辰), Shanghai; released in May 2026.
provenance-stepfun-training = • Trained on more than 10,000 personas that people wrote, multiplied by algorithms to about a million, and on millions of samples of real conversations; then tuned by people's judgement to stay in a role.
provenance-stepfun-voices = • Whose recordings taught it to speak, laugh and sigh; whether those people agreed, and to what; under which licence; whether they were paid.
provenance-stepfun-talks = • Where the millions of conversations come from, and whether those who spoke knew.
provenance-stepfun-actors = • Who lent the voices that you can choose. I clone nobody's voice, and I send none of yours for cloning.
provenance-stepfun-retention = • How long it is kept: not said for realtime talks. Assume that it may be kept.
provenance-stepfun-reuse = • Whether it trains later models: **not ruled out**, says a review of June 2026. The platform's privacy policy (April 2026) makes no promise, and the international terms allow using content to “develop and improve” the services.
provenance-local-kind = • Nothing that was trained on people answers you: the words come from a script that ships with me.
provenance-local-voice = • The voice is espeak-ng: computed by rules from descriptions of sounds, not learned from recordings of a speaker. Free software (GPL-3.0).
provenance-local-ears = • The ears are pocketsphinx with its generic US English model (Carnegie Mellon University and Alpha Cephei; BSD licence).
provenance-local-detector = • Whether it is speech at all is told by Silero's small model (MIT licence), on this machine, with every provider.
provenance-local-recordings = • Whose recordings trained the ears and the speech detector: what ships with them does not say.
provenance-local-retention = • Kept: nothing. What is heard is gone from memory when the call ends.
provenance-local-reuse = • Used for training: no. Nothing leaves the machine.
provenance-service-transcription = • What you say is turned into words by **{ $model }** at { $host }.
provenance-service-chat = • The words of the answer come from **{ $model }** at { $host }.
provenance-service-speech = • The answer is spoken by **{ $model }** at { $host }.
provenance-service-digest = • At the end of a talk, the words of those who agreed to be remembered are summed up by **{ $model }** at { $host }.
provenance-service-unknown = • Of the services that my operator chose I know their addresses and nothing else: neither whose voices trained them, nor how long they keep what they get, nor what they use it for. Ask my operator.

## Status

status-none = I am in no voice channel here. `/join` calls me into yours.
status-title = In **{ $channel }** as **{ $persona }**
status-heard = { $count ->
    [0] I hear nobody: no one here has agreed.
    [one] I hear one person: { $names }
   *[other] I hear { $count } people: { $names }
}
status-encrypted = { $code ->
    [none] This call is end-to-end encrypted.
   *[other] This call is end-to-end encrypted. Privacy code: { $code }
}
status-not-encrypted = This call is not end-to-end encrypted (stage channels are not).
status-connecting = The voice connection is not up at the moment.
status-model = { $state ->
    [ready] { $model } answers.
    [connecting] { $model } is being called.
    [failed] { $model } does not answer. See the messages above.
   *[asleep] { $model } is asleep until someone who agreed is here.
}
model-local = The local model
status-latency = Last answers began after { $latest } ms (typically { $median } ms, over { $turns } turns).
status-loss = Of what I was sent, { $loss } % was lost on the way.
status-off-record = Off the record until <t:{ $until }:t>, as { $name } wished.
status-channel = AI listening to { $heard } of { $present } · /privacy
