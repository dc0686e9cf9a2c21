# Pictures and files of Character Cards: what becomes of them at the import, and what an export is given out as.

option-format = format
option-format-description = As what; unset: what the persona came as, else PNG

persona-format-png = PNG (a picture with the card in it)
persona-format-charx = CHARX (an archive with all files)

persona-picture-kept = • picture → kept for the export and `/persona about`
persona-picture-large = ⚠ The picture is not kept: it is larger than 2 MiB. Everything else is.
persona-picture-broken = ⚠ The picture is not kept: it is damaged.
persona-picture-unknown = ⚠ The picture is kept for the export but not shown: it is neither PNG, JPEG nor WebP.
persona-files-kept = • kept for the export, with the card: { $count } { $count ->
        [one] file
       *[other] files
    }
persona-files-left = ⚠ Too large, too many or locked, so not kept: { $count } { $count ->
        [one] file
       *[other] files
    }
persona-files-full = ⚠ Its picture and files are not kept: the room for those is full. Deleting personas that were imported makes some.
persona-export-left = A PNG has no room for { $count ->
        [one] one of its files
       *[other] { $count } of its files
    }: the format CHARX takes everything along.

persona-part-name = name
persona-part-identity = who they are
persona-part-background = background
persona-part-traits = traits
persona-part-greeting = first words
persona-part-about = what members read
persona-part-examples = how it sounds
persona-part-persona = everything that I know of a persona

error-persona-adult-card = That persona is for adults and its card has a picture, so I give it out in age-restricted channels only.
