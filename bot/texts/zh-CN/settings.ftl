## 设置

error-setting-value = { $name } 不能设成这样：{ $expected }
error-setting-changed = 这项设置刚刚被别人改过了。现在的样子如下。
