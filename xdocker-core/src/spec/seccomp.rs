//! Which system calls a container may make.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// The filter of a container's system calls.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Seccomp {
    /// Docker's default list, and a little less.
    #[default]
    Default,
    /// None.
    Unconfined,
    /// One of the user's own.
    Profile(SeccompProfile),
}

/// A filter as Docker and the OCI write it down: JSON with a default action and groups of system calls.
///
/// Of what those formats have, user notification is refused, and the tables of architectures are passed over:
/// programs for other architectures than x86_64 do not run under any profile.
///
/// ```
/// # use xdocker_core::SeccompProfile;
/// let profile: SeccompProfile = r#"{
///     "defaultAction": "SCMP_ACT_ALLOW",
///     "syscalls": [{ "names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 30 }]
/// }"#
/// .parse()?;
/// # Ok::<(), xdocker_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SeccompProfile {
    pub(crate) default_action: Action,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) default_errno_ret: Option<u16>,
    #[serde(default, deserialize_with = "or_null")]
    pub(crate) syscalls: Vec<Group>,
}

/// System calls with one action.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Group {
    pub(crate) names: Vec<String>,
    pub(crate) action: Action,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) errno_ret: Option<u16>,
    #[serde(default, deserialize_with = "or_null", skip_serializing_if = "Vec::is_empty")]
    pub(crate) args: Vec<Argument>,
    #[serde(default, deserialize_with = "or_null", skip_serializing_if = "Circumstances::are_none")]
    pub(crate) includes: Circumstances,
    #[serde(default, deserialize_with = "or_null", skip_serializing_if = "Circumstances::are_none")]
    pub(crate) excludes: Circumstances,
}

/// What becomes of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Action {
    #[serde(rename = "SCMP_ACT_ALLOW")]
    Allow,
    #[serde(rename = "SCMP_ACT_ERRNO")]
    Errno,
    #[serde(rename = "SCMP_ACT_TRAP")]
    Trap,
    #[serde(rename = "SCMP_ACT_TRACE")]
    Trace,
    #[serde(rename = "SCMP_ACT_LOG")]
    Log,
    #[serde(rename = "SCMP_ACT_KILL_THREAD", alias = "SCMP_ACT_KILL")]
    KillThread,
    #[serde(rename = "SCMP_ACT_KILL_PROCESS")]
    KillProcess,
}

/// A condition on an argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Argument {
    pub(crate) index: u8,
    pub(crate) value: u64,
    #[serde(default)]
    pub(crate) value_two: u64,
    pub(crate) op: Comparison,
}

/// How an argument compares with the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Comparison {
    #[serde(rename = "SCMP_CMP_NE")]
    NotEqual,
    #[serde(rename = "SCMP_CMP_LT")]
    Below,
    #[serde(rename = "SCMP_CMP_LE")]
    AtMost,
    #[serde(rename = "SCMP_CMP_EQ")]
    Equal,
    #[serde(rename = "SCMP_CMP_GE")]
    AtLeast,
    #[serde(rename = "SCMP_CMP_GT")]
    Above,
    /// Equal to the second value where the first one has ones.
    #[serde(rename = "SCMP_CMP_MASKED_EQ")]
    Masked,
}

/// Where a group counts, or does not.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Circumstances {
    #[serde(default, deserialize_with = "or_null", skip_serializing_if = "Vec::is_empty")]
    pub(crate) caps: Vec<String>,
    #[serde(default, deserialize_with = "or_null", skip_serializing_if = "Vec::is_empty")]
    pub(crate) arches: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) min_kernel: Option<String>,
}

impl Circumstances {
    fn are_none(&self) -> bool {
        *self == Self::default()
    }
}

/// Go writes an empty list as `null`.
fn or_null<'de, D, T>(from: D) -> std::result::Result<T, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::deserialize(from)?.unwrap_or_default())
}

impl FromStr for SeccompProfile {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        const ERRNO_MAX: u16 = 4095;
        let refused = |what: String, why: &str| Error::invalid("seccomp profile", what, why);
        let profile: Self = serde_json::from_str(text)
            .map_err(|why| refused(text.chars().take(40).collect(), &why.to_string()))?;
        let errnos = profile.syscalls.iter().map(|group| group.errno_ret).chain([profile.default_errno_ret]);
        if let Some(errno) = errnos.flatten().find(|errno| *errno > ERRNO_MAX) {
            return Err(refused(errno.to_string(), "no errno is above 4095"));
        }
        for argument in profile.syscalls.iter().flat_map(|group| &group.args) {
            if argument.index > 5 {
                return Err(refused(argument.index.to_string(), "a system call has the arguments 0 to 5"));
            }
        }
        Ok(profile)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_docker_writes_is_read() {
        let text = r#"{ "defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 1, "archMap": [],
            "syscalls": [
                { "names": ["personality"], "action": "SCMP_ACT_ALLOW",
                  "args": [{ "index": 0, "value": 4294967295, "op": "SCMP_CMP_EQ" }], "comment": "" },
                { "names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": 38, "args": null,
                  "includes": {}, "excludes": { "caps": ["CAP_SYS_ADMIN"], "minKernel": "4.8" } } ] }"#;
        let profile: SeccompProfile = text.parse().unwrap();
        assert_eq!(profile.syscalls[0].args[0].value, u64::from(u32::MAX));
        assert_eq!(profile.syscalls[1].excludes.caps, ["CAP_SYS_ADMIN"]);
        let again = serde_json::to_string(&profile).unwrap();
        assert_eq!(again.parse::<SeccompProfile>().unwrap(), profile);
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        let group = |inner: &str| {
            format!(r#"{{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{{"names": ["read"], {inner}}}]}}"#)
        };
        let bad = [
            String::new(),
            "{}".into(),
            r#"{"defaultAction": "SCMP_ACT_NOTIFY"}"#.into(),
            group(r#""action": "ALLOW""#),
            group(r#""action": "SCMP_ACT_ERRNO", "errnoRet": 4096"#),
            group(r#""action": "SCMP_ACT_ALLOW", "args": [{"index": 6, "value": 0, "op": "SCMP_CMP_EQ"}]"#),
            group(r#""action": "SCMP_ACT_ALLOW", "args": [{"index": 0, "value": -1, "op": "SCMP_CMP_EQ"}]"#),
        ];
        for text in bad {
            assert!(text.parse::<SeccompProfile>().is_err(), "{text}");
        }
    }
}
