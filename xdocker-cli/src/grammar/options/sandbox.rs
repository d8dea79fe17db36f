//! What a container's programs may do, and what is mounted for them.

use std::path::PathBuf;

use xdocker_core::{Seccomp, SeccompProfile};

use super::values::{Refused, parsed, volume};
use crate::grammar::{Opt, Takes};

pub(crate) static CAP_ADD: Opt = Opt {
    short: None,
    long: "cap-add",
    alias: None,
    takes: Takes::Value("(capability)[,(capability)]...", |given, value| {
        given.cap_add.push(parsed(value)?);
        Ok(())
    }),
    about: "capabilities to have besides the usual ones, as in NET_RAW; ALL for all",
};

pub(crate) static CAP_DROP: Opt = Opt {
    short: None,
    long: "cap-drop",
    alias: None,
    takes: Takes::Value("(capability)[,(capability)]...", |given, value| {
        given.cap_drop.push(parsed(value)?);
        Ok(())
    }),
    about: "capabilities not to have; ALL for all but those of --cap-add",
};

pub(crate) static PRIVILEGED: Opt = Opt {
    short: None,
    long: "privileged",
    alias: None,
    takes: Takes::Nothing(|given| given.privileged = true),
    about: "no sandbox: all capabilities and system calls, nothing masked; only for what is trusted",
};

pub(crate) static READ_ONLY: Opt = Opt {
    short: None,
    long: "read-only",
    alias: None,
    takes: Takes::Nothing(|given| given.read_only = true),
    about: "nothing can be written but /tmp and /run, which lie in memory, and what --tmpfs names",
};

pub(crate) static TMPFS: Opt = Opt {
    short: None,
    long: "tmpfs",
    alias: None,
    takes: Takes::Value("(directory)", |given, value| {
        given.tmpfs.push(parsed(value)?);
        Ok(())
    }),
    about: "directory inside that lies in memory",
};

pub(crate) static VOLUME: Opt = Opt {
    short: None,
    long: "volume",
    alias: None,
    takes: Takes::Value("(host_path[:container_path[:ro]])", |given, value| {
        given.volumes.push(volume(value)?);
        Ok(())
    }),
    about: "directory, file or socket of the host to have inside, at the same path if no other is given; ro: to read only",
};

pub(crate) static NO_NEW_PRIVS: Opt = Opt {
    short: None,
    long: "no-new-privs",
    alias: None,
    takes: Takes::Value("(on|off)", |given, value| {
        given.new_privileges = match value.to_str() {
            Some("on") => Some(false),
            Some("off") => Some(true),
            _ => return Err(Refused::Switch.into()),
        };
        Ok(())
    }),
    about: "off: set-uid programs such as su and ping work; on (default): they give no rights",
};

pub(crate) static USERNS: Opt = Opt {
    short: None,
    long: "userns",
    alias: None,
    takes: Takes::Value("(host|auto)", |given, value| {
        given.user_namespace = match value.to_str() {
            Some("host") => false,
            Some("auto") => true,
            _ => return Err(Refused::Users.into()),
        };
        Ok(())
    }),
    about: "auto: users of its own, so that root inside is nobody outside; host (default): those of the host",
};

pub(crate) static SECCOMP: Opt = Opt {
    short: None,
    long: "seccomp",
    alias: None,
    takes: Takes::Value("(file|unconfined)", |given, value| {
        given.seccomp = Some(match value.to_str() {
            Some("unconfined") => Seccomp::Unconfined,
            _ => {
                let file = PathBuf::from(value);
                let profile = std::fs::read_to_string(&file).map_err(|why| Refused::File(file, why))?;
                Seccomp::Profile(profile.parse::<SeccompProfile>()?)
            }
        });
        Ok(())
    }),
    about: "filter of system calls: a profile as Docker and the OCI have it, or none",
};
