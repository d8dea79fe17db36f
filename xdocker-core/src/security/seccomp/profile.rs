//! The filter that a profile of the user's means for a container.

use super::filter::{Condition, Filter, Response, Rule, Verdict};
use super::syscalls::{COUNT, number};
use crate::host::Kernel;
use crate::spec::seccomp::{Action, Argument, Circumstances, Comparison, Group};
use crate::spec::{Capabilities, SeccompProfile};

/// What Go calls this architecture.
const ARCHITECTURE: &str = "amd64";

/// The filter of `profile` for a container with these capabilities. Calls that this release does not know
/// are passed over, as others do.
pub(super) fn filter(profile: &SeccompProfile, capabilities: Capabilities, kernel: Kernel) -> Filter {
    let otherwise = verdict(profile.default_action, profile.default_errno_ret);
    let mut responses = vec![Response::from(otherwise); COUNT];
    let is_met = |circumstances: &Circumstances| Met::of(circumstances, capabilities, kernel);
    let counts = |group: &&Group| is_met(&group.includes).all && !is_met(&group.excludes).any;
    for group in profile.syscalls.iter().filter(counts) {
        let verdict = verdict(group.action, group.errno_ret);
        for number in group.names.iter().filter_map(|name| number(name)) {
            let response = &mut responses[number];
            match rules(&group.args, verdict) {
                None => response.otherwise = verdict,
                Some(rules) => response.rules.extend(rules),
            }
        }
    }
    Filter { responses, unknown: otherwise }
}

/// How many of some circumstances are given.
struct Met {
    all: bool,
    any: bool,
}

impl Met {
    fn of(circumstances: &Circumstances, capabilities: Capabilities, kernel: Kernel) -> Self {
        let has = |name: &String| {
            name.parse().is_ok_and(|named: Capabilities| named - capabilities == Capabilities::NONE)
        };
        let is_ours = |name: &String| name == ARCHITECTURE;
        let arches = &circumstances.arches;
        let new_enough = circumstances.min_kernel.as_deref().map(|release| kernel >= Kernel::parse(release));
        Self {
            all: circumstances.caps.iter().all(has)
                && (arches.is_empty() || arches.iter().any(is_ours))
                && new_enough != Some(false),
            any: circumstances.caps.iter().any(has) || arches.iter().any(is_ours) || new_enough == Some(true),
        }
    }
}

fn verdict(action: Action, errno: Option<u16>) -> Verdict {
    let errno = errno.unwrap_or(libc::EPERM as u16);
    match action {
        Action::Allow => Verdict::Allow,
        Action::Errno => Verdict::Errno(errno),
        Action::Trap => Verdict::Trap,
        Action::Trace => Verdict::Trace(errno),
        Action::Log => Verdict::Log,
        Action::KillThread => Verdict::KillThread,
        Action::KillProcess => Verdict::KillProcess,
    }
}

/// The rules for calls with such arguments; `None` where nothing is said about them. Several conditions on one
/// argument are alternatives, those on different ones must all hold (runtime-spec, as runc reads it).
fn rules(arguments: &[Argument], verdict: Verdict) -> Option<Vec<Rule>> {
    let twice = |at: usize| arguments[..at].iter().any(|argument| argument.index == arguments[at].index);
    let conditions: Vec<_> = arguments.iter().map(condition).collect();
    match conditions.len() {
        0 => None,
        count if (0..count).any(twice) => Some(
            conditions.into_iter().map(|condition| Rule { conditions: vec![condition], verdict }).collect(),
        ),
        _ => Some(vec![Rule { conditions, verdict }]),
    }
}

fn condition(argument: &Argument) -> Condition {
    let Argument { index, value, value_two, op } = *argument;
    match op {
        Comparison::Equal => Condition::equal(index, value),
        Comparison::NotEqual => Condition::equal(index, value).not(),
        Comparison::Above => Condition::above(index, value),
        Comparison::AtLeast => Condition::at_least(index, value),
        Comparison::Below => Condition::at_least(index, value).not(),
        Comparison::AtMost => Condition::at_most(index, value),
        Comparison::Masked => Condition::masked(index, value, value_two),
    }
}
