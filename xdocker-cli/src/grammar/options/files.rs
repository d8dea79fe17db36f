//! Files inside and outside.

use crate::grammar::{Opt, Takes};

pub(crate) static TEMPLATE_FILE: Opt = Opt {
    short: None,
    long: "template-file",
    alias: None,
    takes: Takes::Value("(file)", |given, value| {
        given.template = Some(value.into());
        Ok(())
    }),
    about: "file inside that holds the keys",
};

pub(crate) static MAPPING_FILE: Opt = Opt {
    short: None,
    long: "mapping-file",
    alias: None,
    takes: Takes::Value("(file)", |given, value| {
        given.mapping = Some(value.into());
        Ok(())
    }),
    about: "file outside with a rule a line: the key, blanks, its value up to the end of the line",
};

pub(crate) static INSTANCE_FILE: Opt = Opt {
    short: None,
    long: "instance-file",
    alias: None,
    takes: Takes::Value("(file)", |given, value| {
        given.instance = Some(value.into());
        Ok(())
    }),
    about: "file inside to write; the template itself without this",
};

pub(crate) static SRC_FILE: Opt = Opt {
    short: None,
    long: "src-file",
    alias: None,
    takes: Takes::Value("(file)", |given, value| {
        given.source = Some(value.into());
        Ok(())
    }),
    about: "file or directory to copy; `directory/.` is what it holds. putfile: outside, - is a tar to be read; getfile: inside",
};

pub(crate) static DST_FILE: Opt = Opt {
    short: None,
    long: "dst-file",
    alias: None,
    takes: Takes::Value("(file)", |given, value| {
        given.target = Some(value.into());
        Ok(())
    }),
    about: "where to: into a directory that is there, else by that name. putfile: inside; getfile: outside, - is a tar to be written",
};
