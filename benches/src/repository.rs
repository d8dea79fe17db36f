//! What it costs to send an image to an ssh server and to have it back, beside scp with an archive that is there
//! already. The server is a sshd on loopback, so nothing but the processors limits either.

use std::fs;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::Result;
use crate::lines::{Bench, Series, series};

const SCP: &str = "scp of the archive";

/// `$S` is the program that reaches the server, `$A` its address, `$P` its port. Who pulls has a new home each time, and none
/// from which the image was deleted: ext4 without a journal looks at all inodes that were deleted within a minute, one by
/// one, before it makes another.
const SERIES: [Series; 12] = [
    series(
        "spush: all of it",
        "rm -rf $B/server/.xdocker $B/server/*.xdockerimage",
        "$X -a spush -m tree:1 --srepo $A",
    ),
    series(SCP, "rm -f $B/server/scp", "scp -q -F $B/client -P $P $B/tree.xdockerimage root@127.0.0.1:scp"),
    series(
        "export, then scp of that",
        "",
        "sh -c '$B/export && scp -q -F $B/client -P $P ./tree:1.xdockerimage root@127.0.0.1:scp'",
    ),
    series("spush: one small file changed", "rm -f $B/server/tree:2.*", "$X -a spush -m tree:2 --srepo $A"),
    series("spull: all of it", "", "env xdocker_HOME=$B/pulled-$N $X -a spull -m tree:1 --srepo $A"),
    series("scp of the archive, back", "", "scp -q -F $B/client -P $P root@127.0.0.1:scp back"),
    series(
        "spull: one small file changed",
        "mkdir -p $B/other-$N/images/tree; cp -a $B/home/images/tree/1 $B/other-$N/images/tree",
        "env xdocker_HOME=$B/other-$N $X -a spull -m tree:2 --srepo $A",
    ),
    series("spush: text", "rm -f $B/server/text:1.*", "$X -a spush -m text:1 --srepo $A"),
    series(SCP, "", "scp -q -F $B/client -P $P $B/text.xdockerimage root@127.0.0.1:scp-text"),
    series("spush: noise", "rm -f $B/server/noise:1.*", "$X -a spush -m noise:1 --srepo $A"),
    series(SCP, "", "scp -q -F $B/client -P $P $B/noise.xdockerimage root@127.0.0.1:scp-noise"),
    series("export alone: what compressing takes", "", "$X -a export -m tree:1"),
];

/// Images of what becomes a quarter and of what becomes no smaller, beside the tree with a bit of everything.
const KINDS: &str = "mkdir -p home/images/text/1/rlayer home/images/noise/1/rlayer; \
     find /usr/lib/python3* /usr/share/perl /usr/include -type f \\( -name '*.py' -o -name '*.p[lm]' -o -name '*.h' \\) \
       -exec cat {} + 2>/dev/null | head -c 100M | split -b 1M - home/images/text/1/rlayer/; \
     head -c 100M /dev/urandom | split -b 1M - home/images/noise/1/rlayer/; \
     for kind in tree text noise; do $X -a export -m $kind:1 >/dev/null; mv $kind:1.xdockerimage $kind.xdockerimage; \
       printf '%s: %d MiB of archive\\n' $kind $(($(stat -c %s $kind.xdockerimage) >> 20)); done";

/// Measures in `parent`, `rounds` times, and prints a table, and how much of an archive was sent.
pub(crate) fn run(parent: &Path, rounds: usize) -> Result<()> {
    let mut bench = Bench::new(parent)?;
    bench.make_tree()?;
    let server = Server::start(&mut bench)?;
    bench.shell(
        "$X -s images >/dev/null; $X -a copy_image --from-image tree:1 --to-image tree:2; \
         mkdir -p home/images/tree/2/rlayer; echo changed > home/images/tree/2/rlayer/small; \
         printf '#!/bin/sh\\nexec \"$X\" -a export -m tree:1\\n' > export; chmod +x export",
    )?;
    let kinds = bench.line(KINDS).stdout(Stdio::piped()).output()?;
    println!("{}", String::from_utf8(kinds.stdout)?);
    bench.measure(&SERIES, rounds)?;
    println!();
    for (what, line) in [
        ("spush, one small file changed", "rm -f server/tree:2.*; $X -d -a spush -m tree:2 --srepo $A"),
        ("spull, one small file changed", "$X -a del_image -m tree:2; $X -d -a spull -m tree:2 --srepo $A"),
    ] {
        let said = bench.line(&format!("{{ {line}; }} 2>&1 | grep bytes")).stdout(Stdio::piped()).output()?;
        println!("{what}: {}", String::from_utf8(said.stdout)?.trim());
    }
    drop(server);
    Ok(())
}

/// A sshd of our own; it goes with everybody whom it let in.
struct Server(Child);

impl Server {
    fn start(bench: &mut Bench) -> Result<Self> {
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let here = bench.directory.path().display().to_string();
        bench.shell(
            "mkdir server; for key in host user; do ssh-keygen -q -t ed25519 -N '' -f $key; done; \
             printf '#!/bin/sh\\nexport HOME=\"%s\"\\ncd\\nexec sh -c \"$SSH_ORIGINAL_COMMAND\"\\n' \"$B/server\" > login; \
             chmod +x login; printf 'server %s\\n' \"$(cat host.pub)\" > known",
        )?;
        let config = format!(
            "Port {port}\nListenAddress 127.0.0.1\nHostKey {here}/host\nAuthorizedKeysFile {here}/user.pub\n\
             ForceCommand {here}/login\nPidFile none\nStrictModes no\nUsePAM no\nPermitRootLogin yes\nUseDNS no\n\
             Subsystem sftp /usr/lib/openssh/sftp-server\n"
        );
        fs::write(bench.directory.path().join("config"), config)?;
        let client = format!(
            "HostKeyAlias server\nUserKnownHostsFile {here}/known\nIdentityFile {here}/user\nIdentitiesOnly yes\n\
             IdentityAgent none\nBatchMode yes\nLogLevel ERROR\n"
        );
        fs::write(bench.directory.path().join("client"), client)?;
        bench.variables = vec![
            ("P", port.to_string()),
            ("A", format!("root@127.0.0.1:{port}")),
            ("xdocker_SSH", format!("ssh -F {here}/client")),
        ];
        let line = "exec unshare --mount --pid --fork --kill-child=KILL --mount-proc sh -c \
                    'mount -t tmpfs tmpfs /run && mkdir /run/sshd && exec /usr/sbin/sshd -D -f config -E log'";
        let server = Self(bench.line(line).spawn()?);
        let begin = Instant::now();
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            if begin.elapsed() > Duration::from_secs(20) {
                return Err("sshd does not start".into());
            }
            thread::sleep(Duration::from_millis(20));
        }
        Ok(server)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
