//! The rows as text: all of them as the seed prints its usage, or one in full for `--help`.

use super::{Grammar, Group, Opt, Part, Row, Takes, leaves};

/// What a program behind `--` is called in the usage text.
const PROGRAM: &str = "-- (cmd) (para1) ...";
/// Where lines begin after the first one, which begins with `USAGE : xdocker`.
const INDENT: usize = 15;
/// How far right the colon behind the name of a group is.
const GROUP: usize = 14;

impl Part {
    /// This part as it stands in a usage line.
    fn shown(&self) -> String {
        match self {
            Self::One(option) => shown_option(option),
            Self::Many(option) => format!("[ {} ][ --{} ... ]", shown_option(option), option.long),
            Self::Program => PROGRAM.to_owned(),
            Self::All(parts) => shown(parts, " "),
            Self::OneOf(parts) => format!("( {} )", shown(parts, " | ")),
            Self::Maybe(Self::OneOf(parts)) => format!("[ {} ]", shown(parts, " | ")),
            Self::Maybe(part) => format!("[ {} ]", part.shown()),
            Self::Group(group) => format!("[ {} ]", group.name),
        }
    }
}

fn shown(parts: &[Part], between: &str) -> String {
    parts.iter().map(Part::shown).collect::<Vec<_>>().join(between)
}

/// `(-c|--container) (container)`, or `--host (hostname)` where there is no letter.
fn shown_option(option: &Opt) -> String {
    let name = if option.short.is_some() { format!("({option})") } else { option.to_string() };
    match option.takes {
        Takes::Nothing(_) => name,
        Takes::Value(value, _) => format!("{name} {value}"),
    }
}

/// `-a boot (-c|--container) (container) …`
fn shown_row<Run>(row: &Row<Run>) -> String {
    match row.parts {
        [] => row.verb.to_string(),
        parts => format!("{} {}", row.verb, shown(parts, " ")),
    }
}

/// `create options : [ --volume (host_path[:container_path[:ro]]) ][ --volume ... ] [ --host (hostname) ] …`
fn shown_group(group: &Group) -> String {
    format!("{:>GROUP$} : {}\n", group.name, shown(group.parts, " "))
}

/// Adds the groups in `parts` to `found`, each once.
fn find_groups(parts: &'static [Part], found: &mut Vec<&'static Group>) {
    for part in parts {
        match part {
            Part::One(_) | Part::Many(_) | Part::Program => {}
            Part::All(parts) | Part::OneOf(parts) => find_groups(parts, found),
            Part::Maybe(part) => find_groups(std::slice::from_ref(part), found),
            Part::Group(group) if found.iter().any(|known| std::ptr::eq(*known, *group)) => {}
            Part::Group(group) => {
                found.push(group);
                find_groups(group.parts, found);
            }
        }
    }
}

/// The lines of the groups that `rows` use.
fn shown_groups<Run>(rows: &[Row<Run>]) -> String {
    let mut found = Vec::new();
    rows.iter().for_each(|row| find_groups(row.parts, &mut found));
    found.into_iter().map(shown_group).collect()
}

impl<Run> Grammar<Run> {
    /// The usage text of the program.
    pub(crate) fn usage(&self) -> String {
        let rows = self.rows.iter().map(shown_row).collect::<Vec<_>>().join(&format!("\n{:INDENT$}", ""));
        let everywhere: String = self.everywhere.iter().map(shown_group).collect();
        let more = format!("{:>GROUP$} : (-a|-s) ... --help", "more");
        format!("USAGE : xdocker {rows}\n{}{everywhere}{more}\n", shown_groups(self.rows))
    }

    /// Help about one action.
    pub(crate) fn help(&self, row: &Row<Run>) -> String {
        let groups = shown_groups(std::slice::from_ref(row));
        let mut text = format!("USAGE : xdocker {}\n{groups}\n{}\n\n", shown_row(row), row.about);
        let everywhere = self.everywhere.iter().flat_map(|group| leaves(group.parts));
        for (left, about) in leaves(row.parts).into_iter().chain(everywhere).map(line) {
            text += &format!("  {left}\n        {about}\n");
        }
        text
    }
}

/// What is typed, and what it does.
fn line(part: &'static Part) -> (String, &'static str) {
    match part {
        Part::One(option) => (shown_option(option), option.about),
        Part::Many(option) => (format!("{} ...", shown_option(option)), option.about),
        _ => (PROGRAM.to_owned(), "a program and its arguments, taken as they are"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::GRAMMAR;

    #[test]
    fn the_usage_text_has_the_shape_of_the_seed() {
        assert_eq!(
            GRAMMAR.usage(),
            r#"USAGE : xdocker -v
               -s images
               -s containers
               -s container_root (-c|--container) (container)
               -s inspect (-c|--container) (container)
               -s top (-c|--container) (container)
               -s runs (-c|--container) (container)
               -s logs (-c|--container) (container) [ --run (id) ] [ --follow ] [ --since (time) ] [ --tail (number) ]
               -s stats [ (-c|--container) (container) ]
               -s events [ (-c|--container) (container) ]
               -s ssearch [ --match (text) ] [ srepo options ]
               -s bridge
               -s doctor
               -a create (-m|--image) (image[:version])[,(image[:version])]... [ create options ] [ (-c|--container) (container) ] [ (-b|--boot) [ cgroup options ] [ (-t|--attach) | ( (-e|--exec) (cmd|"program para1 ...") | -- (cmd) (para1) ... ) [ --wait | --rm ] ] ]
               -a boot ( (-c|--container) (container) [ --log-size (num|numM|none) ] [ cgroup options ] [ (-t|--attach) | ( (-e|--exec) (cmd|"program para1 ...") | -- (cmd) (para1) ... ) [ --wait ] ] | --all-restart )
               -a attach (-c|--container) (container)
               -a run (-c|--container) (container) [ (-t|--attach) | --detach ] [ --user (user[:group]) ] [ --env (name=value) ][ --env ... ] [ --env-file (file) ][ --env-file ... ] [ --workdir (directory) ] [ --timeout (seconds) ] ( --cmd (command) | -- (cmd) (para1) ... )
               -a rplfile (-c|--container) (container) --template-file (file) --mapping-file (file) [ --instance-file (file) ]
               -a putfile (-c|--container) (container) --src-file (file) --dst-file (file) [ import limits ]
               -a getfile (-c|--container) (container) --src-file (file) --dst-file (file)
               -a limit (-c|--container) (container) [ cgroup options ]
               -a restart_policy (-c|--container) (container) --restart (no|on-failure[:num]|always)
               -a shutdown (-c|--container) (container) [ --time (seconds) ] [ (-f|--forcely) ]
               -a kill (-c|--container) (container) [ --signal (signal) ] [ (-f|--forcely) ]
               -a wait (-c|--container) (container) [ --run (id) ]
               -a destroy (-c|--container) (container) [ (-f|--forcely) ] [ (-h|--shutdown) ]
               -a vip (-c|--container) (container) ( --vip (ip) | --vip6 (ip) )
               -a port_mapping (-c|--container) (container) --port-mapping (src_port:dst_port)
               -a volume (-c|--container) (container) [ --volume (host_path[:container_path[:ro]]) ][ --volume ... ]
               -a bridge [ --name (bridge) ] [ --subnet (ip/prefix) ] [ --subnet6 (ip/prefix|off) ]
               -a version (-m|--image) (image[:version]) [ --version (version) ] [ (-f|--forcely) ]
               -a to_image --from-container (container) [ --version (version) ] --to-image (image[:version])
               -a to_container --from-image (image[:version]) [ (-m|--image) (image[:version])[,(image[:version])]... ] [ create options ] --to-container (container) [ (-f|--forcely) ]
               -a copy_image --from-image (image[:version]) --to-image (image[:version])
               -a del_image (-m|--image) (image[:version]) [ (-f|--forcely) ]
               -a import --image-file (file) [ import limits ]
               -a export (-m|--image) (image[:version]) [ --whiteouts (overlay|oci) ] [ (-f|--forcely) ]
               -a spush (-m|--image) (image[:version]) [ srepo options ] [ (-f|--forcely) ]
               -a spull (-m|--image) (image[:version]) [ srepo options ] [ import limits ] [ (-f|--forcely) ]
               -a install_test [ --version (version) ] [ --from (host|busybox) ]
 srepo options : [ --srepo (user@host[:port]) ] [ --ssh ("program para1 ...") ]
create options : [ --volume (host_path[:container_path[:ro]]) ][ --volume ... ] [ --host (hostname) ] [ --net (BRIDGE|HOST|CUSTOM) ] [ --host-eth (eth) ] [ --vip (ip) ] [ --vip6 (ip) ] [ --port-mapping (src_port:dst_port) ] [ --log-size (num|numM|none) ] [ --restart (no|on-failure[:num]|always) ] [ --stop-signal (signal) ] [ sandbox ]
       sandbox : [ --cap-add (capability)[,(capability)]... ][ --cap-add ... ] [ --cap-drop (capability)[,(capability)]... ][ --cap-drop ... ] [ --privileged ] [ --no-new-privs (on|off) ] [ --seccomp (file|unconfined) ] [ --userns (host|auto) ] [ --read-only ] [ --tmpfs (directory) ][ --tmpfs ... ]
cgroup options : [ --cpus [(cpu_num,...)|(cpu_num-cpu_num2)] ] [ --cpu-quota (percent%) ] [ --mem-limit (num|numM) ] [ --pids-limit (num|max) ] [ --mem-reservation (num|numM) ] [ --cpu-weight (1-10000) ] [ --io-weight (1-10000) ] [ --io-max (device|path):((rbps|wbps|riops|wiops)=(num|numM|max),...) ][ --io-max ... ]
 import limits : [ --max-bytes (bytes[K|M|G|T]) ] [ --max-entries (number) ] [ --max-ratio (number) ] [ --no-devices ]
  enable debug : [ (-d|--debug) ]
   for scripts : [ --json ]
          more : (-a|-s) ... --help
"#
        );
    }

    #[test]
    fn help_has_a_line_for_each_option() {
        for row in GRAMMAR.rows {
            let text = GRAMMAR.help(row);
            assert!(text.starts_with(&format!("USAGE : xdocker {}", row.verb)), "{text}");
            assert_eq!(
                text.lines().filter(|line| line.starts_with("        ")).count(),
                leaves(row.parts).len() + 2
            );
        }
        let boot = GRAMMAR.rows.iter().find(|row| row.verb == super::super::Verb::Action("boot")).unwrap();
        assert!(
            GRAMMAR.help(boot).contains("\n  (-c|--container) (container)\n        name of the container\n")
        );
    }
}
