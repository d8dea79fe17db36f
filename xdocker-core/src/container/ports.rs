//! Who listens in a container's network, as /proc of the host shows it: nothing is sent to find out.

use std::fs;
use std::io;

use super::Container;
use crate::error::{Error, Result};
use crate::spec::Transport;

/// States of a socket in /proc/net (`include/net/tcp_states.h`): a UDP socket that is not connected is "closed".
const LISTENING: &str = "0A";
const UNCONNECTED: &str = "07";

impl Container {
    /// Whether a program listens on `port`, on any address, in the container's network; with the model HOST that is
    /// the host's, and the program may be anybody's.
    ///
    /// # Errors
    /// [`Error::NotRunning`]; [`Error::Unsupported`] for SCTP; [`Error::File`] when /proc cannot be read.
    pub fn listens(&self, port: u16, transport: Transport) -> Result<bool> {
        let (files, state) = match transport {
            Transport::Tcp => (["tcp", "tcp6"], LISTENING),
            Transport::Udp => (["udp", "udp6"], UNCONNECTED),
            Transport::Sctp => {
                let what = "to see who listens on an SCTP port".into();
                return Err(Error::Unsupported { what, why: "the kernel has no list of them".into() });
            }
        };
        let record = self.running()?;
        let mut found = false;
        for file in files {
            let path = format!("/proc/{}/net/{file}", record.pid());
            match fs::read_to_string(&path) {
                Ok(table) => found |= is_open(&table, port, state),
                // It has just ended, or this kernel has no IPv6.
                Err(why) if matches!(why.kind(), io::ErrorKind::NotFound | io::ErrorKind::InvalidInput) => {}
                Err(why) => return Err(Error::file("read", path)(why)),
            }
        }
        // Asked last: what was read by its number was its own then.
        match self.records().root_process(&record)? {
            Some(_) => Ok(found),
            None => Err(Error::NotRunning(self.name.clone())),
        }
    }
}

/// Whether a table of /proc/net has a socket at `port` in this state (proc_net_tcp(5)).
fn is_open(table: &str, port: u16, state: &str) -> bool {
    let port = format!(":{port:04X}");
    table.lines().skip(1).any(|line| {
        let mut fields = line.split_ascii_whitespace().skip(1);
        let local = fields.next().is_some_and(|address| address.ends_with(&port));
        local && fields.nth(1) == Some(state)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1
   1: 0100007F:0050 0100007F:1F90 01 00000000:00000000 00:00000000 00000000     0        0 4712 1
   2: 00000000000000000000000000000000:01BB 00000000000000000000000000000000:0000 0A 0:0 0:0 0 0 0 4713
";

    #[test]
    fn a_port_is_open_when_somebody_listens_there() {
        assert!(is_open(TABLE, 8080, LISTENING) && is_open(TABLE, 443, LISTENING));
        assert!(!is_open(TABLE, 80, LISTENING), "a connection from there is none");
        assert!(!is_open(TABLE, 0x190, LISTENING) && !is_open(TABLE, 8080, UNCONNECTED));
        assert!(!is_open("", 80, LISTENING));
    }
}
