## Settings

error-setting-value = { $name } does not take that: { $expected }
error-setting-changed = Somebody else changed this setting in the meantime. Here is how it is now.
error-quiet-hours = I could not read these quiet hours. I expect two times and a time zone, such as `22:00-07:00 Europe/Berlin`.
error-quiet-hours-time = There is no time { $time }. I expect times from 00:00 to 23:59, such as `22:00-07:00 Europe/Berlin`.
error-quiet-hours-same = Quiet hours begin and end at different times, such as `22:00-07:00 Europe/Berlin`.
error-quiet-hours-zone = I know no time zone { $zone }. I expect one by region and city, such as `Europe/Berlin` or `Asia/Shanghai`.
error-quiet-now = It is quiet hours on this server until { $until } ({ $zone }), so I do not come in now.
error-channel-elsewhere = On this server I come into these voice channels only: { $channels }
error-need-role = Admins of this server chose which roles may call me and talk with me, and you have none of them.
room-quiet = Quiet hours have begun on this server, so I have gone. Sleep well.
room-elsewhere = Admins of this server chose other voice channels for me, so I have left this one.
room-adult = Who I was is for age-restricted channels alone, so I have left this one. `/persona use` makes me somebody else.
