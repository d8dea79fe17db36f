//! Access lists, which GNU tar (`--acls`) and star write as text, and the kernel takes as an attribute's bytes.
//! Exports have them as attributes like any other.

/// The attribute of `text`, a list like `user::rw-,user:1000:r--,group::r--,mask::r--,other::---`. Users and groups are
/// numbers: an archive's names are nobody's here.
pub(super) fn attribute(text: &[u8]) -> Result<Vec<u8>, &'static str> {
    const BAD: &str = "an access list cannot be read";
    /// For entries that are about no user or group of their own.
    const NO_ID: u32 = u32::MAX;
    // The format's version.
    let mut bytes = 2u32.to_le_bytes().to_vec();
    for entry in text.split(|byte| matches!(byte, b',' | b'\n')) {
        let entry = entry.split(|byte| *byte == b'#').next().unwrap_or_default().trim_ascii();
        if entry.is_empty() {
            continue;
        }
        let mut fields = entry.split(|byte| *byte == b':');
        let (who, name, permissions) = (fields.next(), fields.next(), fields.next());
        let (who, name, permissions) = (who.ok_or(BAD)?, name.ok_or(BAD)?, permissions.ok_or(BAD)?);
        let (alone, named) = match who {
            b"user" | b"u" => (0x01u16, 0x02u16),
            b"group" | b"g" => (0x04, 0x08),
            b"mask" | b"m" => (0x10, 0x10),
            b"other" | b"o" => (0x20, 0x20),
            _ => return Err(BAD),
        };
        let (tag, id) = match name {
            b"" => (alone, NO_ID),
            // star adds the number after the permissions.
            name => {
                let number =
                    std::str::from_utf8(fields.next().unwrap_or(name)).ok().and_then(|id| id.parse().ok());
                (named, number.ok_or("an access list is about a user or group that is no number")?)
            }
        };
        let permissions = permissions.iter().try_fold(0u16, |sum, letter| match letter {
            b'r' => Ok(sum | 4),
            b'w' => Ok(sum | 2),
            b'x' => Ok(sum | 1),
            b'-' => Ok(sum),
            _ => Err(BAD),
        })?;
        bytes.extend_from_slice(&tag.to_le_bytes());
        bytes.extend_from_slice(&permissions.to_le_bytes());
        bytes.extend_from_slice(&id.to_le_bytes());
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_other_writers() {
        let list =
            b"\x02\0\0\0\x01\0\x06\0\xff\xff\xff\xff\x02\0\x04\0\xe8\x03\0\0\x04\0\x04\0\xff\xff\xff\xff\
            \x10\0\x05\0\xff\xff\xff\xff\x20\0\0\0\xff\xff\xff\xff";
        for text in [
            "user::rw-,user:1000:r--,group::r--,mask::r-x,other::---",
            "user::rw-\nuser:joe:r--:1000\ngroup::r--\nmask::r-x\nother::---\n",
            "u::rw\nu:1000:r\t#effective:r--\ng::r\nm::rx\no::\n",
        ] {
            assert_eq!(attribute(text.as_bytes()).as_deref(), Ok(&list[..]), "{text}");
        }
        for text in ["user", "user:1000", "nobody::r--", "user:joe:r--", "user::rwz", "user:4294967296:r--"] {
            assert!(attribute(text.as_bytes()).is_err(), "{text}");
        }
    }
}
