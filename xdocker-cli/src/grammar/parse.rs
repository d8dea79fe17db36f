//! Arguments → what to do, or what is wrong with them.
//!
//! First the arguments become flags with values, for which it only matters which flags take a value; then the
//! action's own row says what each flag means; then its tree says whether they belong together.

use std::ffi::{OsStr, OsString};

use lexopt::Arg;

use super::misuse::Fault;
use super::options::Given;
use super::{Grammar, Group, Misuse, Opt, Part, Row, Takes, Verb, leaves};

/// What the command line asks for.
pub(crate) enum Request<Run: 'static> {
    /// The usage text.
    Usage,
    /// Help about one action.
    Help(&'static Row<Run>),
    /// Something to do.
    Do(&'static Row<Run>, Box<Given>),
}

/// A flag as it was typed.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Flag {
    Short(char),
    Long(String),
}

impl Flag {
    fn is(&self, option: &Opt) -> bool {
        match self {
            Self::Short(letter) => option.short == Some(*letter),
            Self::Long(word) => option.long == word || option.alias == Some(word),
        }
    }

    /// The letter of the flag that says what to do, if it is one.
    fn verb(&self) -> Option<char> {
        match self {
            Self::Short(letter @ ('v' | 's' | 'a')) => Some(*letter),
            Self::Long(word) if word == "show" => Some('s'),
            Self::Long(word) if word == "action" => Some('a'),
            _ => None,
        }
    }

    fn spelled(&self) -> String {
        match self {
            Self::Short(letter) => format!("-{letter}"),
            Self::Long(word) => format!("--{word}"),
        }
    }
}

/// The arguments, cut up.
#[derive(Default)]
struct Cut {
    flags: Vec<(Flag, Option<OsString>)>,
    verb: Option<Verb>,
    help: bool,
    program: Option<Vec<OsString>>,
}

const PROGRAM: &str = "--";

impl<Run> Grammar<Run> {
    /// What `args` (without the program's own name) ask for.
    ///
    /// # Errors
    /// The first thing that is wrong, in the order: how the arguments are written, which action they name,
    /// which options it takes, what the values are, whether they belong together.
    pub(crate) fn parse(
        &'static self,
        args: impl IntoIterator<Item = OsString>,
    ) -> Result<Request<Run>, Misuse> {
        let mut cut = Cut::default();
        let cut_up = self.cut(args, &mut cut);
        let request = cut_up.and_then(|()| self.request(&mut cut));
        request.map_err(|fault| {
            self.misuse(fault, cut.verb, |option| cut.flags.iter().any(|(flag, _)| flag.is(option)))
        })
    }

    fn request(&'static self, cut: &mut Cut) -> Result<Request<Run>, Fault> {
        let Some(verb) = cut.verb else {
            let nothing = cut.flags.is_empty() && cut.program.is_none();
            return if cut.help || nothing { Ok(Request::Usage) } else { Err(Fault::NoVerb) };
        };
        let row = self.rows.iter().find(|row| row.verb == verb).expect("a verb comes from a row");
        if cut.help {
            return Ok(Request::Help(row));
        }

        let mut given = Given { program: cut.program.take(), ..Given::default() };
        let mut seen = Seen { options: Vec::new(), program: given.program.is_some() };
        if seen.program && !leaves(row.parts).iter().any(|part| matches!(part, Part::Program)) {
            return Err(Fault::Foreign { option: PROGRAM.to_owned(), verb });
        }
        if given.program.as_ref().is_some_and(Vec::is_empty) {
            return Err(Fault::NoValue(PROGRAM.to_owned()));
        }
        for (flag, value) in cut.flags.drain(..) {
            let (option, many) =
                self.meaning(row, &flag).ok_or_else(|| Fault::Foreign { option: flag.spelled(), verb })?;
            if !many && seen.has(option) {
                return Err(Fault::Twice(option.to_string()));
            }
            match (&option.takes, value) {
                (Takes::Nothing(store), _) => store(&mut given),
                (Takes::Value(_, store), value) => store(&mut given, value.unwrap_or_default())
                    .map_err(|source| Fault::Value { option: option.to_string(), source })?,
            }
            seen.options.push(option);
        }
        for part in row.parts {
            part.check(&seen, &verb.to_string())?;
        }
        Ok(Request::Do(row, Box::new(given)))
    }

    /// Cuts the arguments into flags and values, as far as they can be.
    fn cut(&self, args: impl IntoIterator<Item = OsString>, cut: &mut Cut) -> Result<(), Fault> {
        let mut parser = lexopt::Parser::from_args(args);
        loop {
            // lexopt takes `--` away silently, but with us it means something.
            if let Some(mut raw) = parser.try_raw_args()
                && raw.next_if(|next| next == PROGRAM).is_some()
            {
                cut.program = Some(raw.collect());
                return Ok(());
            }
            let flag = match parser.next().map_err(malformed)? {
                None => return Ok(()),
                Some(Arg::Value(value)) => return Err(Fault::Stray(value.to_string_lossy().into_owned())),
                Some(Arg::Short(letter)) => Flag::Short(letter),
                Some(Arg::Long(word)) => Flag::Long(word.to_owned()),
            };
            if let Some(letter) = flag.verb() {
                let name = if letter == 'v' { OsString::new() } else { parser.value().map_err(malformed)? };
                cut.set_verb(self.find_verb(letter, &name)?)?;
            } else if flag == Flag::Long("help".to_owned()) {
                cut.help = true;
            } else {
                let option = self.anywhere(&flag).ok_or_else(|| Fault::Unknown(flag.spelled()))?;
                let value = match option.takes {
                    Takes::Nothing(_) => None,
                    Takes::Value(..) => match parser.value() {
                        // The version of an image has a value; alone it is what everybody types at any program.
                        Err(_) if flag == Flag::Long("version".to_owned()) && cut.is_empty() => {
                            return cut.set_verb(Verb::Version);
                        }
                        value => Some(value.map_err(malformed)?),
                    },
                };
                cut.flags.push((flag, value));
            }
        }
    }

    /// What `-letter name` asks for.
    fn find_verb(&self, letter: char, name: &OsStr) -> Result<Verb, Fault> {
        let is = |verb: &Verb| match *verb {
            Verb::Version => letter == 'v',
            Verb::Show(what) => letter == 's' && name == what,
            Verb::Action(what) => letter == 'a' && name == what,
        };
        let unknown = || Fault::UnknownVerb(format!("-{letter} {}", name.to_string_lossy()));
        self.rows.iter().map(|row| row.verb).find(is).ok_or_else(unknown)
    }

    /// The option that `flag` is in the first row that has it. Rows may give one spelling different meanings, but
    /// agree on whether a value follows.
    fn anywhere(&self, flag: &Flag) -> Option<&'static Opt> {
        self.rows.iter().find_map(|row| self.meaning(row, flag)).map(|(option, _)| option)
    }

    /// The option that `flag` is in `row`, and whether it may come more than once.
    fn meaning(&self, row: &Row<Run>, flag: &Flag) -> Option<(&'static Opt, bool)> {
        let everywhere = self.everywhere.iter().flat_map(|group| leaves(group.parts));
        leaves(row.parts).into_iter().chain(everywhere).find_map(|part| match part {
            Part::One(option) => flag.is(option).then_some((*option, false)),
            Part::Many(option) => flag.is(option).then_some((*option, true)),
            _ => None,
        })
    }
}

impl Cut {
    fn is_empty(&self) -> bool {
        self.flags.is_empty() && self.verb.is_none() && !self.help
    }

    fn set_verb(&mut self, verb: Verb) -> Result<(), Fault> {
        match self.verb.replace(verb) {
            Some(other) => Err(Fault::TwoVerbs(other, verb)),
            None => Ok(()),
        }
    }
}

/// What lexopt says, in our words.
fn malformed(error: lexopt::Error) -> Fault {
    match error {
        lexopt::Error::MissingValue { option } => Fault::NoValue(option.unwrap_or_default()),
        lexopt::Error::UnexpectedValue { option, .. } => Fault::NeedlessValue(option),
        other => Fault::Stray(other.to_string()),
    }
}

/// What was given, by identity.
struct Seen {
    options: Vec<&'static Opt>,
    program: bool,
}

impl Seen {
    fn has(&self, option: &Opt) -> bool {
        self.options.iter().any(|this| std::ptr::eq(*this, option))
    }
}

impl Part {
    /// Something of this part that was given, as it is called.
    fn touched(&self, seen: &Seen) -> Option<String> {
        match self {
            Self::One(option) | Self::Many(option) => seen.has(option).then(|| option.to_string()),
            Self::Program => seen.program.then(|| PROGRAM.to_owned()),
            Self::All(parts) | Self::OneOf(parts) => parts.iter().find_map(|part| part.touched(seen)),
            Self::Maybe(part) => part.touched(seen),
            Self::Group(group) => group.parts.iter().find_map(|part| part.touched(seen)),
        }
    }

    /// What this part begins with, as it is called.
    fn first(&self) -> String {
        match self {
            Self::One(option) | Self::Many(option) => option.to_string(),
            Self::Program => PROGRAM.to_owned(),
            Self::All(parts) | Self::Group(Group { parts, .. }) => {
                parts.first().map(Self::first).unwrap_or_default()
            }
            Self::OneOf(parts) => parts.iter().map(Self::first).collect::<Vec<_>>().join(" or "),
            Self::Maybe(part) => part.first(),
        }
    }

    /// Whether what was given fits this part; `wanting` is what asks for it.
    fn check(&self, seen: &Seen, wanting: &str) -> Result<(), Fault> {
        let missing = || Fault::Missing { wanting: wanting.to_owned(), missing: self.first() };
        match self {
            Self::One(_) | Self::Program => self.touched(seen).map(drop).ok_or_else(missing),
            Self::Many(_) => Ok(()),
            Self::All(parts) | Self::Group(Group { parts, .. }) => {
                parts.iter().try_for_each(|part| part.check(seen, wanting))
            }
            Self::OneOf(parts) => {
                let mut there = parts.iter().filter_map(|part| Some((part, part.touched(seen)?)));
                match (there.next(), there.next()) {
                    (None, _) => Err(missing()),
                    (Some((part, _)), None) => part.check(seen, wanting),
                    (Some((_, one)), Some((_, other))) => Err(Fault::Exclusive(one, other)),
                }
            }
            Self::Maybe(part) => match part.touched(seen) {
                Some(because) => part.check(seen, &because),
                None => Ok(()),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStringExt;
    use std::time::Duration;

    use proptest::prelude::*;
    use xdocker_core::{Network, TestImage};

    use super::*;
    use crate::rows::GRAMMAR;

    fn words(line: &str) -> Vec<OsString> {
        super::super::words::split(line).unwrap().into_iter().map(OsString::from).collect()
    }

    fn given(line: &str) -> (Verb, Given) {
        match GRAMMAR.parse(words(line)) {
            Ok(Request::Do(row, given)) => (row.verb, *given),
            Ok(_) => panic!("{line}: nothing to do"),
            Err(misuse) => panic!("{line}: {misuse}"),
        }
    }

    /// The message with its causes.
    fn refused(args: Vec<OsString>) -> String {
        let Err(misuse) = GRAMMAR.parse(args) else { return String::new() };
        crate::report::Failure::from(misuse).chain().join(": ")
    }

    #[test]
    fn the_seeds_own_lines_are_understood() {
        // Of chapters 1.4 and 3, what there is so far.
        for line in [
            "-a install_test",
            "-a install_test --version 1.0.0",
            "-s images",
            "-s containers",
            "-s container_root -c test",
            "-a create -m test -c test",
            "-a create -m calvin=rhel-7.4-x86_64 --host yum -c calvin=yum",
            "-a create -m calvin=rhel-7.4-x86_64,calvin=sshd,calvin=G6 --host G6 -c G6 -b -e '/root/bin/G6 -f /root/etc/G6.conf --no-daemon' -d",
            "-a boot -c test",
            "-a boot -c test -t",
            "-a attach -c test",
            "-a run -c test --cmd hostname",
            "-a shutdown -c test",
            "-a kill -c test",
            "-a destroy -c test",
            "-a destroy -c G6 -h",
            "-a destroy -c test -f",
            "-v",
        ] {
            given(line);
        }
    }

    #[test]
    fn options_come_in_any_order_and_spelling() {
        let lines = [
            "-a create -m a,b:1.0,c -c x --host h --net CUSTOM -b -t -d",
            "-dtb -cx -ma,b:1.0,c -acreate --net=CUSTOM --host=h",
            "--debug --attach --boot --net CUSTOM --host h --image a,b:1.0,c --container x --action create",
        ];
        for line in lines {
            let (verb, given) = given(line);
            assert_eq!(verb, Verb::Action("create"));
            assert!(given.debug && given.attach && given.boot && !given.json && !given.remove);
            let images: Vec<_> = given.images.iter().map(ToString::to_string).collect();
            assert_eq!(images, ["a", "b:1.0", "c"]);
            assert_eq!(given.container.unwrap().as_str(), "x");
            assert_eq!(given.hostname.unwrap().to_string(), "h");
            assert_eq!(given.network, Some(Network::Custom));
        }
    }

    #[test]
    fn values_are_typed() {
        let (_, run) = given("-a run -c x --env A=1 --env B=a=b --env C= --workdir /tmp --cmd 'a | b' -t");
        assert_eq!(run.environment, [("A", "1"), ("B", "a=b"), ("C", "")].map(|(a, b)| (a.into(), b.into())));
        assert_eq!(run.directory.unwrap().to_str(), Some("/tmp"));
        assert_eq!(run.command.as_deref(), Some("a | b"));
        assert_eq!(given("-a shutdown -c x --time 3").1.time, Some(Duration::from_secs(3)));
        assert_eq!(given("-a install_test --verion 1.2 --from busybox").1.test_image, TestImage::busybox());
    }

    #[test]
    fn a_program_is_split_after_exec_and_not_behind_dashes() {
        let program = |line| given(line).1.program.unwrap();
        assert_eq!(program(r#"-a boot -c x -e "sh -c 'a b'""#), ["sh", "-c", "a b"]);
        assert_eq!(
            program("-a boot -c x -- sh -c 'a b' --wait -c y"),
            ["sh", "-c", "a b", "--wait", "-c", "y"]
        );
        assert_eq!(program("-a run -c x -- -- a"), ["--", "a"]);
        let odd = OsString::from_vec(vec![0xff, b'a']);
        let mut args = words("-a run -c x --");
        args.push(odd.clone());
        let Ok(Request::Do(_, given)) = GRAMMAR.parse(args) else { panic!() };
        assert_eq!(given.program.unwrap(), [odd]);
    }

    #[test]
    fn help_and_usage_ask_for_nothing_else() {
        assert_eq!(given("--version").0, Verb::Version);
        for line in ["", "--help", "-d", "--help --json"] {
            let asked = GRAMMAR.parse(words(line));
            assert_eq!(matches!(asked, Ok(Request::Usage)), line != "-d", "{line}");
        }
        for line in ["-a boot --help", "--help -a boot", "-a boot --help -c"] {
            let asked = GRAMMAR.parse(words(line));
            let found = matches!(asked, Ok(Request::Help(row)) if row.verb == Verb::Action("boot"));
            assert_eq!(found, line != "-a boot --help -c", "{line}");
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        let long = "x".repeat(65);
        let table: &[(&str, &str)] = &[
            ("-a nothing", "-a nothing is unknown"),
            ("-s nothing", "-s nothing is unknown"),
            ("-a images", "-a images is unknown"),
            ("-c x", "it is not said what to do: -a (action) or -s (what)"),
            ("-a boot -s images", "-a boot and -s images exclude each other"),
            ("-a boot -a kill -c x", "-a boot and -a kill exclude each other"),
            ("-a", "option -a needs a value"),
            ("-a boot -c", "option -c needs a value"),
            ("-a boot --container", "option --container needs a value"),
            ("-a boot --attach=yes -c x", "option --attach takes no value"),
            ("-a boot -c x --nothing", "option --nothing is unknown"),
            ("-a boot -c x -z", "option -z is unknown"),
            ("-a boot x", "`x` is not expected"),
            ("-a attach -c x --net HOST", "option --net is not for -a attach"),
            ("-a boot -c x -h", "option -h is not for -a boot"),
            ("-s images -c x", "option -c is not for -s images"),
            ("-a attach -c x -- true", "option -- is not for -a attach"),
            ("-a boot -c x -c x", "option -c|--container is given twice"),
            ("-a boot -c x -d --debug", "option -d|--debug is given twice"),
            ("-a install_test --version 1 --verion 2", "option --version is given twice"),
            ("-a boot", "-a boot needs -c|--container or --all-restart"),
            ("-a create -c x", "-a create needs -m|--image"),
            ("-a create -m a -t", "-t|--attach needs -b|--boot"),
            ("-a create -m a -e true", "-e|--exec needs -b|--boot"),
            ("-a create -m a -b --rm", "--rm needs -e|--exec or --"),
            ("-a boot -c x --wait", "--wait needs -e|--exec or --"),
            ("-a boot -c x --rm", "option --rm is not for -a boot"),
            ("-a boot -c x -t -e true", "-t|--attach and -e|--exec exclude each other"),
            ("-a boot -c x -e true -- true", "-e|--exec and -- exclude each other"),
            ("-a create -m a -b -e true --rm --wait", "--wait and --rm exclude each other"),
            ("-a run -c x", "-a run needs --cmd or --"),
            ("-a run -c x --cmd a -- a", "--cmd and -- exclude each other"),
            ("-a run -c x --", "option -- needs a value"),
            ("-a boot -c x -e ''", "option -e|--exec: it names no program"),
            (r#"-a boot -c x -e "a 'b""#, "option -e|--exec: a ' has no end"),
            ("-a boot -c ''", "option -c|--container: `` is no container name: it is empty"),
            ("-a boot -c ../x", "option -c|--container: `../x` is no container name: it holds '/'"),
            ("-a create -m a,../x", "option -m|--image: `../x` is no image name: it holds '/'"),
            ("-a create -m a,,b", "option -m|--image: `` is no image name: it is empty"),
            ("-a shutdown -c x --time soon", "option --time: a number of seconds is expected"),
            ("-a shutdown -c x --time -1", "option --time: a number of seconds is expected"),
            ("-a install_test --from nowhere", "option --from: `host` or `busybox` is expected"),
            ("-a run -c x --env =1 --cmd a", "option --env: NAME=VALUE is expected"),
        ];
        for (line, message) in table {
            assert_eq!(refused(words(line)), *message, "{line}");
        }
        // What the core says in words of its own.
        for (line, begin) in [
            (format!("-a boot -c {long}"), "option -c|--container: `xxx"),
            ("-a create -m a:b".to_owned(), "option -m|--image: `b` is no version"),
            ("-a install_test --version 1.x".to_owned(), "option --version: `1.x` is no version"),
            ("-a create -m a --host a/b".to_owned(), "option --host: "),
            ("-a create -m a --net host".to_owned(), "option --net: "),
        ] {
            let message = refused(words(&line));
            assert!(message.starts_with(begin), "{line}: {message}");
        }
        let mut odd = words("-a boot -c");
        odd.push(OsString::from_vec(vec![0xff]));
        assert_eq!(refused(odd), "option -c|--container: it is not UTF-8");
    }

    proptest! {
        #[test]
        fn any_arguments_have_an_answer(args in prop::collection::vec(argument(), 0..8)) {
            match GRAMMAR.parse(args) {
                Ok(Request::Do(row, given)) => {
                    // What a handler relies on.
                    let names_it = leaves(row.parts).iter().any(
                        |part| matches!(part, Part::One(option) if option.long == "container"));
                    let must = row.verb != Verb::Action("create");
                    prop_assert!(!(names_it && must) || given.container.is_some());
                    prop_assert!(given.program.is_none_or(|program| !program.is_empty()));
                }
                Ok(_) => {}
                Err(misuse) => prop_assert!(!misuse.to_string().is_empty()),
            }
        }
    }

    /// Something that might stand on a command line.
    fn argument() -> impl Strategy<Value = OsString> {
        let known = prop::sample::select(vec![
            "-a", "-s", "-v", "-c", "-m", "-t", "-b", "-e", "-d", "-f", "-h", "-dtb", "--", "--json",
            "--help", "--rm", "--wait", "--cmd", "--env", "--time=1", "boot", "create", "run", "destroy",
            "images", "x", "a:1,b", "A=b", "",
        ]);
        prop_oneof![
            8 => known.prop_map(OsString::from),
            1 => prop::collection::vec(any::<u8>(), 0..6).prop_map(OsString::from_vec),
        ]
    }

    #[test]
    fn one_spelling_takes_a_value_everywhere_or_nowhere() {
        let takes = |option: &Opt| matches!(option.takes, Takes::Value(..));
        let all: Vec<&Opt> = GRAMMAR
            .rows
            .iter()
            .flat_map(|row| leaves(row.parts))
            .chain(GRAMMAR.everywhere.iter().flat_map(|group| leaves(group.parts)))
            .filter_map(|part| match part {
                Part::One(option) | Part::Many(option) => Some(*option),
                _ => None,
            })
            .collect();
        for one in &all {
            assert!(
                !["action", "show", "help"].contains(&one.long) && !"asv".contains(one.short.unwrap_or('-'))
            );
            for other in &all {
                let same = one.long == other.long || (one.short.is_some() && one.short == other.short);
                assert!(!same || takes(one) == takes(other), "{one} {other}");
            }
        }
    }
}
