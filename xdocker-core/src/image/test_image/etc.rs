//! The texts of the test image.

use std::path::Path;

/// Shown to who logs in; the spelling is the one that users and scripts know.
const BANNER: &str = "--- Welcome to xdocker contrainer ---";

/// Files of every test image, with their content.
pub(super) fn texts(shell: &Path) -> [(&'static str, String); 9] {
    [
        ("/etc/profile", PROFILE.to_owned()),
        ("/etc/passwd", passwd(shell)),
        ("/etc/group", GROUP.to_owned()),
        ("/etc/nsswitch.conf", NSSWITCH.to_owned()),
        ("/etc/hosts", HOSTS.to_owned()),
        ("/root/.profile", root_profile()),
        ("/root/.bashrc", BASHRC.to_owned()),
        ("/root/.vimrc", VIMRC.to_owned()),
        ("/root/tpl.txt", TEMPLATE.to_owned()),
    ]
}

/// `$PWD`, not `\w`, which abbreviates the home directory. Only bash knows `\u` and `\h`; other shells expand
/// the variable just as well.
const PROFILE: &str = r#"# For every login shell.
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
LANG=${LANG:-C.UTF-8}
if [ -n "$BASH_VERSION" ]; then
	PS1='[\u@\h $PWD] '
else
	PS1="[$(id -un)@$(hostname) \$PWD] "
fi
export PATH LANG
"#;

/// The banner is for people: a command that is run through a login shell prints what it prints.
fn root_profile() -> String {
    format!(
        r"# For login shells of root.
case $- in
*i*)
	echo '{BANNER}'
	echo
	;;
esac
"
    )
}

/// A shell in the shell has the same prompt.
const BASHRC: &str = r"# For every bash that is no login shell.
PS1='[\u@\h $PWD] '
";

/// Vim complains where it has neither this nor its run-time files.
const VIMRC: &str = r"set nocompatible backspace=indent,eol,start
";

fn passwd(shell: &Path) -> String {
    format!(
        "root:x:0:0:root:/root:{}\n\
         daemon:x:1:1:daemon:/:/bin/false\n\
         nobody:x:65534:65534:nobody:/:/bin/false\n",
        shell.display()
    )
}

const GROUP: &str = "root:x:0:\ndaemon:x:1:\ntty:x:5:\nnogroup:x:65534:\n";

const NSSWITCH: &str = "passwd: files\ngroup: files\nhosts: files dns\nservices: files\nprotocols: files\n";

const HOSTS: &str = "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n";

/// Something to replace in, for the first try of templates.
const TEMPLATE: &str = "{ \"leaf\":\"${LEAF}\" }\n";
