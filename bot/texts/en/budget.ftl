# What a day may cost. `at`: when the next day begins, for Discord to show in each reader's own time.

budget-winding-down = About { $percent } % of what this server may use of me in a day is used. I am bringing our talk to an end; from <t:{ $at }:t> there is time again.
budget-spent = That was all the time this server has with me today, so I have left. I can come back at <t:{ $at }:t>.
budget-member-spent = { $name }, your share of today is used up: I do not listen to you any more until <t:{ $at }:t>. The others can go on talking.
error-budget-spent = This server has used up its time with me for today. I can come back at <t:{ $at }:t>.
