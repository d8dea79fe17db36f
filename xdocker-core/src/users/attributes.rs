//! Extended attributes that name users: access lists (acl(5)) and file capabilities (capabilities(7)).

use std::io;

use super::Owners;

/// Tags of entries about a user or a group of their own (`ACL_USER`, `ACL_GROUP` of linux/posix_acl.h).
const NAMED: [u16; 2] = [0x02, 0x08];
/// Bytes of the head of an access list, and of an entry: tag, permissions, number.
const ACL_HEAD: usize = 4;
const ACL_ENTRY: usize = 8;
/// Revisions of file capabilities, in the upper byte of the first word: for root of the first user namespace, and for who
/// has this number there, which follows as the last word (linux/capability.h).
const REVISION: u32 = 0xff00_0000;
const OF_ROOT: u32 = 0x0200_0000;
const OF_ANYBODY: u32 = 0x0300_0000;
/// Bytes of those of root.
const CAPABILITY: usize = 20;

impl Owners {
    /// The value that the attribute `name` of a copy has. One that the kernel would not understand stays as it is.
    ///
    /// # Errors
    /// The container has no such number.
    pub(crate) fn attribute(self, name: &[u8], mut value: Vec<u8>) -> io::Result<Vec<u8>> {
        match name {
            _ if self == Self::Same => {}
            b"system.posix_acl_access" | b"system.posix_acl_default" => {
                for entry in value.get_mut(ACL_HEAD..).unwrap_or_default().chunks_exact_mut(ACL_ENTRY) {
                    if NAMED.contains(&u16::from_le_bytes([entry[0], entry[1]])) {
                        let id = self.number(word(&entry[4..]))?;
                        entry[4..].copy_from_slice(&id.to_le_bytes());
                    }
                }
            }
            b"security.capability" => self.capability(&mut value)?,
            _ => {}
        }
        Ok(value)
    }

    fn capability(self, value: &mut Vec<u8>) -> io::Result<()> {
        let revision = value.get(..4).map_or(0, |magic| word(magic) & REVISION);
        let root = match (revision, value.len()) {
            (OF_ROOT, CAPABILITY) => 0,
            (OF_ANYBODY, length) if length == CAPABILITY + 4 => word(&value[CAPABILITY..]),
            _ => return Ok(()),
        };
        let root = self.number(root)?;
        let flags = word(value) & !REVISION;
        value.truncate(CAPABILITY);
        value[..4].copy_from_slice(&(flags | if root == 0 { OF_ROOT } else { OF_ANYBODY }).to_le_bytes());
        if root != 0 {
            value.extend_from_slice(&root.to_le_bytes());
        }
        Ok(())
    }
}

/// The number in the first four bytes.
fn word(bytes: &[u8]) -> u32 {
    bytes.first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use super::super::{IdRange, NOBODY};
    use super::*;

    fn acl(user: u32, group: u32) -> Vec<u8> {
        let entries = [(0x01, u32::MAX), (0x02, user), (0x04, u32::MAX), (0x08, group), (0x20, u32::MAX)];
        let mut list = 2u32.to_le_bytes().to_vec();
        for (tag, id) in entries {
            list.extend_from_slice(&u16::to_le_bytes(tag));
            list.extend_from_slice(&[4, 0]);
            list.extend_from_slice(&u32::to_le_bytes(id));
        }
        list
    }

    fn capability(root: Option<u32>) -> Vec<u8> {
        let magic = 1 | if root.is_some() { OF_ANYBODY } else { OF_ROOT };
        let mut value = magic.to_le_bytes().to_vec();
        value.extend_from_slice(&[0xa5; 16]);
        value.extend(root.iter().flat_map(|root| root.to_le_bytes()));
        value
    }

    #[test]
    fn who_is_named_is_who_owns() {
        let ids = IdRange::free(3, &[]).unwrap();
        let first = ids.first();
        let (into, out) = (Owners::Into(ids), Owners::OutOf(ids));
        for name in [&b"system.posix_acl_access"[..], b"system.posix_acl_default"] {
            assert_eq!(into.attribute(name, acl(33, 65_535)).unwrap(), acl(first + 33, first + 65_535));
            assert_eq!(out.attribute(name, acl(first + 33, 7)).unwrap(), acl(33, NOBODY));
            assert!(into.attribute(name, acl(0, 65_536)).is_err());
        }
        let name = b"security.capability";
        for (outside, inside) in [(None, first), (Some(9), first + 9)] {
            assert_eq!(into.attribute(name, capability(outside)).unwrap(), capability(Some(inside)));
            assert_eq!(out.attribute(name, capability(Some(inside))).unwrap(), capability(outside));
        }
        assert_eq!(out.attribute(name, capability(Some(1000))).unwrap(), capability(Some(NOBODY)));
    }

    #[test]
    fn what_is_no_list_and_what_names_nobody_stays() {
        let ids = IdRange::free(3, &[]).unwrap();
        for length in 0..30 {
            for name in [&b"system.posix_acl_access"[..], b"security.capability", b"user.x"] {
                let value = vec![0xff; length];
                assert_eq!(Owners::Into(ids).attribute(name, value.clone()).unwrap(), value);
            }
        }
        let list = acl(33, 34);
        assert_eq!(Owners::Same.attribute(b"system.posix_acl_access", list.clone()).unwrap(), list);
        assert_eq!(Owners::Into(ids).attribute(b"user.posix_acl_access", list.clone()).unwrap(), list);
    }
}
