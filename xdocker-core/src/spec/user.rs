//! Who a process inside is, as a user says it.

use std::fmt;
use std::str::FromStr;

use crate::error::Error;

/// The largest number of a user or group. The kernel has twice as many, but programs that count with a sign would
/// take the others for negative ones, or for root (CVE-2024-40635).
const NUMBER_MAX: u32 = i32::MAX as u32;

/// A user of a container, and its group if that is not the user's own: `www`, `33`, `www:adm`, `33:4`.
///
/// What is all digits is a number, whatever names the image has: an image cannot make `1000` mean root by an
/// account of that name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    pub(crate) user: Account,
    pub(crate) group: Option<Account>,
}

/// A user or a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Account {
    /// By its number.
    Number(u32),
    /// By its name in the image's `/etc/passwd` or `/etc/group`.
    Name(String),
}

impl Account {
    pub(crate) fn parse(text: &str) -> Result<Self, &'static str> {
        if text.is_empty() {
            return Err("a user or group is missing");
        }
        if text.bytes().all(|byte| byte.is_ascii_digit()) {
            let number = text.parse().ok().filter(|number| *number <= NUMBER_MAX);
            return number.map(Self::Number).ok_or("the largest number is 2147483647");
        }
        let odd = |c: char| c == ':' || c.is_whitespace() || c.is_control();
        match text.starts_with(['-', '+']) || text.contains(odd) {
            true => Err("it is neither a number nor a name"),
            false => Ok(Self::Name(text.to_owned())),
        }
    }
}

impl FromStr for User {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let (user, group) = match text.split_once(':') {
            Some((user, group)) => (user, Some(group)),
            None => (text, None),
        };
        let invalid = |why| Error::invalid("user", text, why);
        Ok(Self {
            user: Account::parse(user).map_err(invalid)?,
            group: group.map(Account::parse).transpose().map_err(invalid)?,
        })
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Name(name) => name.fmt(f),
        }
    }
}

impl fmt::Display for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.group {
            Some(group) => write!(f, "{}:{group}", self.user),
            None => self.user.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn digits_are_a_number_and_the_rest_a_name() {
        let user = |text: &str| text.parse::<User>().unwrap();
        assert_eq!(user("1000"), User { user: Account::Number(1000), group: None });
        assert_eq!(user("2147483647").user, Account::Number(NUMBER_MAX));
        assert_eq!(user("www:4").group, Some(Account::Number(4)));
        assert_eq!(user("1a:adm").user, Account::Name("1a".into()));
    }

    #[test]
    fn what_could_be_taken_for_root_is_refused() {
        for text in [
            "",
            ":",
            "a:",
            ":1",
            "-1",
            "+0",
            "2147483648",
            "4294967295",
            "4294967296",
            "a b",
            "a:b:c",
            "0x0:",
        ] {
            assert!(text.parse::<User>().is_err(), "{text}");
        }
        assert!("9".repeat(100).parse::<User>().is_err());
    }

    proptest! {
        #[test]
        fn what_is_accepted_reads_back(text in "[0-9a-z_:+-]{0,12}") {
            if let Ok(user) = text.parse::<User>() {
                prop_assert_eq!(user.to_string().parse::<User>().unwrap(), user);
            }
        }
    }
}
