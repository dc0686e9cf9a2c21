# 角色卡的图片和文件：导入时怎么处理，导出成什么。

option-format = 格式
option-format-description = 导出成什么；不选：当初是什么就是什么，否则 PNG

persona-format-png = PNG（图片里带着卡）
persona-format-charx = CHARX（压缩包，文件都在）

persona-picture-kept = • 图片 → 已保留，导出和 `/角色 介绍` 会用到
persona-picture-large = ⚠ 图片超过 2 MiB，没有保留；其余照常。
persona-picture-broken = ⚠ 图片损坏了，没有保留。
persona-picture-unknown = ⚠ 图片会随导出带走，但不展示：它不是 PNG、JPEG 或 WebP。
persona-files-kept = • 随卡保留、导出时带走的文件：{ $count } 个
persona-files-left = ⚠ 太大、太多或加了密，没有保留的文件：{ $count } 个
persona-files-full = ⚠ 放图片和文件的空间满了，这张卡的没有保留。删掉一些导入的角色就能腾出来。
persona-export-left = PNG 里放不下它的 { $count } 个文件；选 CHARX 格式可以全部带走。

persona-part-name = 名字
persona-part-identity = 身份
persona-part-background = 背景
persona-part-traits = 性格
persona-part-greeting = 开场白
persona-part-about = 给成员看的介绍
persona-part-examples = 对话示例
persona-part-persona = 角色的全部设定

error-persona-adult-card = 这个角色仅限成年人，卡上又有图片，所以我只在有年龄限制的频道里导出它。
