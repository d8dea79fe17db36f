//! A launch plan: what to do on the host, inside, and when it is over. Pure data.

use std::borrow::Cow;
use std::ffi::{CStr, CString};
use std::num::NonZeroU32;

use xdockerinit::restart::policy;
use xdockerinit::wire::{Header, MAGIC, flag, section, slot};

use super::step::{Action, Slot};
use crate::spec::{RestartPolicy, WindowSize};

/// An action, and what it is for in words that fit behind “cannot”.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) purpose: Cow<'static, str>,
    pub(crate) action: Action,
}

/// Steps in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Section {
    pub(crate) steps: Vec<Step>,
    purpose: Cow<'static, str>,
}

impl Section {
    /// What the following steps are for, as in “cannot *mount /proc*”.
    pub(crate) fn purpose(&mut self, purpose: impl Into<Cow<'static, str>>) -> &mut Self {
        self.purpose = purpose.into();
        self
    }

    /// Adds a step.
    pub(crate) fn push(&mut self, action: Action) -> &mut Self {
        self.steps.push(Step { purpose: self.purpose.clone(), action });
        self
    }
}

/// Everything that the helper needs to know.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Plan {
    /// In the host's namespaces, before the new process is made.
    pub(crate) host: Section,
    /// In the new process; ends in [`Action::Execute`] or [`Action::BecomeInit`].
    pub(crate) inside: Section,
    /// When the root process has ended, or a step above has failed.
    pub(crate) undo: Section,
    /// In every process inside that is about to execute a program.
    pub(crate) sandbox: Section,
    /// `CLONE_NEW*` flags of the new process.
    pub(crate) namespaces: i32,
    /// The container ends with the process that booted it.
    pub(crate) bound: bool,
    /// The end is reported to the process that booted it.
    pub(crate) report_end: bool,
    /// The session gets a terminal of this size.
    pub(crate) terminal: Option<WindowSize>,
    /// How `run.json` begins; the helper adds the pids.
    pub(crate) record: String,
    /// Most bytes of one of the two files of the log; 0 where none is kept.
    pub(crate) log_limit: u64,
    /// What the root process prints goes there.
    pub(crate) log_root: bool,
    /// Whether all of it is done again when the root process has ended.
    pub(crate) restart: RestartPolicy,
    slots: u8,
}

impl Plan {
    /// A slot that no other step uses.
    ///
    /// # Panics
    /// When there are none left, which the tests of the plans would show.
    pub(crate) fn slot(&mut self) -> Slot {
        let number = self.slots;
        assert!(usize::from(number) < slot::COUNT, "a plan uses more slots than the helper has");
        self.slots += 1;
        Slot(number)
    }

    /// Puts a death by SIGKILL before the n-th step, counting those of the host and those inside.
    pub(crate) fn inject_death(&mut self, step: usize) {
        let death = Step { purpose: "die for a test".into(), action: Action::Die };
        match step.checked_sub(self.host.steps.len()) {
            None => self.host.steps.insert(step, death),
            Some(step) => self.inside.steps.insert(step.min(self.inside.steps.len()), death),
        }
    }

    /// Puts one before the n-th step of those that undo, if there are so many.
    pub(crate) fn inject_death_of_undo(&mut self, step: usize) {
        if step < self.undo.steps.len() {
            self.undo.steps.insert(step, Step { purpose: "die for a test".into(), action: Action::Die });
        }
    }

    /// The plan as the helper reads it.
    pub(crate) fn encode(&self) -> Vec<u8> {
        const HEADER: usize = size_of::<Header>().next_multiple_of(8);
        let mut out = vec![0; HEADER];
        let mut sections = [[0u32; 2]; section::COUNT];
        let parts = [&self.host, &self.inside, &self.undo, &self.sandbox];
        for (bounds, part) in sections.iter_mut().zip(parts) {
            let start = out.len();
            part.steps.iter().for_each(|step| step.action.encode(&mut out));
            *bounds = [start as u32, (out.len() - start) as u32];
        }
        let record = [out.len() as u32, self.record.len() as u32];
        out.extend(self.record.as_bytes());

        let flags = [
            (self.bound, flag::BOUND),
            (self.report_end, flag::REPORT_END),
            (self.terminal.is_some(), flag::TERMINAL),
            (self.log_root, flag::LOG_ROOT),
        ];
        let flags = flags.iter().filter(|(set, _)| *set).fold(0, |sum, (_, bit)| sum | bit);
        let window = self.terminal.unwrap_or_default();
        let window = u32::from(window.rows) << 16 | u32::from(window.columns);
        let mut head = Vec::with_capacity(HEADER);
        for word in [MAGIC, out.len() as u32, flags, window] {
            head.extend(word.to_ne_bytes());
        }
        head.extend(u64::from(self.namespaces as u32).to_ne_bytes());
        for word in sections.iter().chain([&record]).flatten() {
            head.extend(word.to_ne_bytes());
        }
        head.extend(self.log_limit.to_ne_bytes());
        let (restart, most) = match self.restart {
            RestartPolicy::No => (policy::NO, 0),
            RestartPolicy::OnFailure { most } => (policy::ON_FAILURE, most.map_or(0, NonZeroU32::get)),
            RestartPolicy::Always => (policy::ALWAYS, 0),
        };
        for word in [restart, most] {
            head.extend(word.to_ne_bytes());
        }
        out[..head.len()].copy_from_slice(&head);
        out
    }

    fn step(&self, which: u32, index: u32) -> Option<&Step> {
        let part = match which {
            section::HOST => &self.host,
            section::INSIDE => &self.inside,
            section::UNDO => &self.undo,
            section::SANDBOX => &self.sandbox,
            _ => return None,
        };
        part.steps.get(index as usize)
    }

    /// The program that a step was to execute, if that is what it does.
    pub(crate) fn executes(&self, which: u32, index: u32) -> Option<&CStr> {
        match &self.step(which, index)?.action {
            Action::Execute { argv, .. } => argv.first().map(CString::as_c_str),
            _ => None,
        }
    }

    /// The user, and the group behind a colon, that a step was for, if a process was to become that or to have its terminal.
    pub(crate) fn user(&self, which: u32, index: u32) -> Option<String> {
        match &self.step(which, index)?.action {
            Action::SetIdentity { uid, gid, .. } => Some(format!("{uid}:{gid}")),
            Action::OwnTerminal { uid } => Some(uid.to_string()),
            _ => None,
        }
    }

    /// Whether a step was to join a running container.
    pub(crate) fn joins(&self, which: u32, index: u32) -> bool {
        self.step(which, index).is_some_and(|step| matches!(step.action, Action::JoinContainer { .. }))
    }

    /// Whether a step was to map the owners of files.
    pub(crate) fn maps_owners(&self, which: u32, index: u32) -> bool {
        self.step(which, index).is_some_and(|step| matches!(step.action, Action::MapOwners { .. }))
    }

    /// What a step was for.
    pub(crate) fn purpose(&self, which: u32, index: u32) -> Option<&str> {
        self.step(which, index).map(|step| &*step.purpose)
    }
}

#[cfg(test)]
mod tests {
    use std::mem::offset_of;

    use super::*;

    #[test]
    fn the_header_lies_as_the_helper_reads_it() {
        assert_eq!(offset_of!(Header, clone_flags), 16);
        assert_eq!(offset_of!(Header, sections), 24);
        assert_eq!(offset_of!(Header, record), 56);
        assert_eq!(offset_of!(Header, log_limit), 64);
        assert_eq!(offset_of!(Header, restart), 72);
        assert_eq!(size_of::<Header>(), 80);
    }

    #[test]
    fn sections_follow_one_another_and_end_where_the_plan_ends() {
        let mut plan = Plan { record: "{\"x\":1,".into(), ..Plan::default() };
        plan.host.purpose("a").push(Action::Umask { mask: 0o22 });
        plan.inside
            .purpose("b")
            .push(Action::SetHostname { name: c"test".into() })
            .push(Action::BecomeInit { farewell: 15 });
        let bytes = plan.encode();
        let word = |at: usize| u32::from_ne_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
        assert_eq!(word(4), bytes.len());
        let sections: Vec<_> = (0..4).map(|i| (word(24 + i * 8), word(28 + i * 8))).collect();
        assert_eq!(sections, [(80, 24), (104, 24 + 8 + 24), (160, 0), (160, 0)]);
        assert_eq!(&bytes[word(56)..word(56) + word(60)], b"{\"x\":1,");
        assert_eq!(plan.purpose(section::INSIDE, 1), Some("b"));
        assert_eq!(plan.purpose(section::UNDO, 0), None);
    }
}
