//! Images: which, where they come from, and what an archive may hold.

use xdocker_core::{TestImage, Whiteouts};

use super::values::{Refused, number, parsed, program, size, text};
use crate::grammar::{Opt, Takes};

pub(crate) static IMAGES: Opt = Opt {
    short: Some('m'),
    long: "image",
    alias: None,
    takes: Takes::Value("(image[:version])[,(image[:version])]...", |given, value| {
        given.images =
            text(value)?.split(',').map(str::parse).collect::<Result<_, xdocker_core::NameError>>()?;
        Ok(())
    }),
    about: "images to stand on, the lowest first; without version the highest there is",
};

/// The seed's usage text asks for one image under the name of the option that elsewhere takes several.
pub(crate) static IMAGE: Opt = Opt {
    short: Some('m'),
    long: "image",
    alias: None,
    takes: Takes::Value("(image[:version])", |given, value| {
        given.from_image = Some(parsed(value)?);
        Ok(())
    }),
    about: "the image; without version the highest there is",
};

pub(crate) static FROM_IMAGE: Opt = Opt {
    short: None,
    long: "from-image",
    alias: None,
    takes: Takes::Value("(image[:version])", |given, value| {
        given.from_image = Some(parsed(value)?);
        Ok(())
    }),
    about: "the image to begin with; without version the highest there is",
};

pub(crate) static TO_IMAGE: Opt = Opt {
    short: None,
    long: "to-image",
    alias: None,
    takes: Takes::Value("(image[:version])", |given, value| {
        given.to_image = Some(parsed(value)?);
        Ok(())
    }),
    about: "the image that there is then",
};

pub(crate) static IMAGE_FILE: Opt = Opt {
    short: None,
    long: "image-file",
    alias: None,
    takes: Takes::Value("(file)", |given, value| {
        given.file = Some(value.into());
        Ok(())
    }),
    about: "the archive; its name, NAME[:VERSION].xdockerimage, says what the image will be called",
};

pub(crate) static REPOSITORY: Opt = Opt {
    short: None,
    long: "srepo",
    alias: None,
    takes: Takes::Value("(user@host[:port])", |given, value| {
        given.repository = Some(parsed(value)?);
        Ok(())
    }),
    about: "where the ssh image repository is; without this where it was the last time",
};

pub(crate) static MATCH: Opt = Opt {
    short: None,
    long: "match",
    alias: None,
    takes: Takes::Value("(text)", |given, value| {
        given.matching = text(value)?;
        Ok(())
    }),
    about: "only images whose name and version hold this",
};

pub(crate) static SSH: Opt = Opt {
    short: None,
    long: "ssh",
    alias: None,
    takes: Takes::Value(r#"("program para1 ...")"#, |given, value| {
        given.ssh = Some(program(value)?);
        Ok(())
    }),
    about: "what to run in place of ssh; $xdocker_SSH says it too",
};

pub(crate) static WHITEOUTS: Opt = Opt {
    short: None,
    long: "whiteouts",
    alias: None,
    takes: Takes::Value("(overlay|oci)", |given, value| {
        given.pack.whiteouts = match value.to_str() {
            Some("overlay") => Whiteouts::Overlay,
            Some("oci") => Whiteouts::Oci,
            _ => return Err(Refused::Whiteouts.into()),
        };
        Ok(())
    }),
    about: "how deletions are written: as overlayfs does (default), or as layers of OCI images do",
};

pub(crate) static MAX_BYTES: Opt = Opt {
    short: None,
    long: "max-bytes",
    alias: None,
    takes: Takes::Value("(bytes[K|M|G|T])", |given, value| {
        given.unpack.limits.bytes = size(value)?;
        Ok(())
    }),
    about: "how much the archive may unpack to; 1T without this",
};

pub(crate) static MAX_ENTRIES: Opt = Opt {
    short: None,
    long: "max-entries",
    alias: None,
    takes: Takes::Value("(number)", |given, value| {
        given.unpack.limits.entries = number(value)?;
        Ok(())
    }),
    about: "how many files, directories and links it may hold; 10000000 without this",
};

pub(crate) static MAX_RATIO: Opt = Opt {
    short: None,
    long: "max-ratio",
    alias: None,
    takes: Takes::Value("(number)", |given, value| {
        given.unpack.limits.ratio = number(value)?;
        Ok(())
    }),
    about: "how many times its own size it may unpack to, once that is over 256M; 200 without this",
};

pub(crate) static NO_DEVICES: Opt = Opt {
    short: None,
    long: "no-devices",
    alias: None,
    takes: Takes::Nothing(|given| given.unpack.devices = false),
    about: "refuse an archive that holds device nodes; deletions, which look like some, are none",
};

pub(crate) static SOURCE: Opt = Opt {
    short: None,
    long: "from",
    alias: None,
    takes: Takes::Value("(host|busybox)", |given, value| {
        given.test_image = match value.to_str() {
            Some("host") => TestImage::new(),
            Some("busybox") => TestImage::busybox(),
            _ => return Err(Refused::Source.into()),
        };
        Ok(())
    }),
    about: "what it is made from: the host's own programs (default), or one static busybox",
};

pub(crate) static VERSION: Opt = Opt {
    short: None,
    long: "version",
    // The seed's usage text spells it so in one place.
    alias: Some("verion"),
    takes: Takes::Value("(version)", |given, value| {
        given.version = Some(parsed(value)?);
        Ok(())
    }),
    about: "version of the image: one to four numbers with points between them",
};
