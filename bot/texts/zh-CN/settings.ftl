## 设置

error-setting-value = { $name } 不能设成这样：{ $expected }
error-setting-changed = 这项设置刚刚被别人改过了。现在的样子如下。
error-quiet-hours = 没看懂这段安静时段。请写两个时间和一个时区，例如 `22:00-07:00 Asia/Shanghai`。
error-quiet-hours-time = 没有 { $time } 这个时间。请写 00:00 到 23:59 之间的时间，例如 `22:00-07:00 Asia/Shanghai`。
error-quiet-hours-same = 安静时段的开始和结束不能是同一个时间，例如可以写 `22:00-07:00 Asia/Shanghai`。
error-quiet-hours-zone = 不认识时区 { $zone }。请写“地区/城市”，例如 `Asia/Shanghai` 或 `Europe/Berlin`。
error-quiet-now = 本服务器现在是安静时段，到 { $until }（{ $zone }）为止，我先不进来了。
error-channel-elsewhere = 在本服务器，我只进这些语音频道：{ $channels }
error-need-role = 本服务器的管理员设定了哪些身份组可以叫我、和我说话，你还没有其中任何一个。
room-quiet = 安静时段到了，我先走啦。晚安。
room-elsewhere = 本服务器的管理员给我安排了别的语音频道，所以我离开了这里。
room-adult = 我刚才的角色只能待在有年龄限制的频道，所以我离开了。用 `/persona use` 可以让我换个身份。
