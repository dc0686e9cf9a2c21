## Settings

error-setting-value = { $name } does not take that: { $expected }
error-setting-changed = Somebody else changed this setting in the meantime. Here is how it is now.
