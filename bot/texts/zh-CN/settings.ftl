## 设置

error-setting-value = { $name } 不能设成这样：{ $expected }
error-setting-changed = 这项设置刚刚被别人改过了。现在的样子如下。
error-quiet-hours = 没看懂这段安静时段。请写两个时间和一个时区，例如 `22:00-07:00 Asia/Shanghai`。
error-quiet-hours-time = 没有 { $time } 这个时间。请写 00:00 到 23:59 之间的时间，例如 `22:00-07:00 Asia/Shanghai`。
error-quiet-hours-same = 安静时段的开始和结束不能是同一个时间，例如可以写 `22:00-07:00 Asia/Shanghai`。
error-quiet-hours-zone = 不认识时区 { $zone }。请写“地区/城市”，例如 `Asia/Shanghai` 或 `Europe/Berlin`。
