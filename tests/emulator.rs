//! Attach in a real terminal emulator: what is typed into tmux, and what its screen shows then.

use std::path::PathBuf;
use std::process::Command;

use xdocker_test_harness::cli::Home;
use xdocker_test_harness::wait::{PATIENCE, until};

/// A tmux server of its own with one window of 80 columns and 24 lines; it ends with this value.
struct Emulator(PathBuf);

impl Emulator {
    /// Starts `line`, a shell's command line, in the window.
    fn start(socket: PathBuf, line: &str) -> Self {
        let emulator = Self(socket);
        emulator.tmux(&["-f", "/dev/null", "new-session", "-d", "-x", "80", "-y", "24", line]);
        emulator
    }

    fn tmux(&self, args: &[&str]) -> String {
        let mut command = Command::new("tmux");
        command.arg("-u").arg("-S").arg(&self.0).args(args).env("LC_ALL", "C.UTF-8").env_remove("TMUX");
        let output = command.output().expect("tmux");
        assert!(output.status.success(), "tmux {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("text")
    }

    /// Types `keys`, as tmux names them.
    fn press(&self, keys: &[&str]) {
        self.tmux(&[&["send-keys"], keys].concat());
    }

    fn screen(&self) -> String {
        self.tmux(&["capture-pane", "-p"])
    }

    /// Waits until the screen holds `text`.
    #[track_caller]
    fn shows(&self, text: &str) {
        assert!(until(PATIENCE, || self.screen().contains(text)), "no {text:?} on\n{}", self.screen());
    }

    /// Waits until the shell asks for a command: keys that come before are the terminal's own to edit, which knows few.
    #[track_caller]
    fn prompts(&self) {
        // The blank behind it is cut off.
        let asks = || self.screen().trim_end().ends_with("[root@test /root]");
        assert!(until(PATIENCE, asks), "no prompt on\n{}", self.screen());
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        let _ = Command::new("tmux").arg("-S").arg(&self.0).arg("kill-server").status();
    }
}

#[test]
fn a_session_behaves_in_a_terminal_emulator() {
    let home = Home::with_test_image(env!("CARGO_BIN_EXE_xdocker"));
    home.xdocker("-a create -m test -b").ok();
    // What is left when the session is over is a shell of the host's, in the same window.
    let line = format!(
        "PS1='host> ' xdocker_HOME={} sh -c '{} -a attach -c test; echo code $?; stty -a | grep -o \" icanon\\| echo \"; cat'",
        home.path().display(),
        env!("CARGO_BIN_EXE_xdocker"),
    );
    let emulator = Emulator::start(home.scratch().join("tmux"), &line);
    emulator.prompts();
    emulator.press(&["stty size; echo $TERM", "Enter"]);
    emulator.shows("24 80\n");
    emulator.prompts();
    // Keys of the line editor: to the left, one away, to the end; and wide characters.
    emulator.press(&["echo 名abXc", "Left", "BSpace", "End", "d", "Enter"]);
    emulator.shows("\n名abcd\n");
    emulator.prompts();
    // The program draws, the screen follows: cleared, a word in the tenth line.
    emulator.press(&["printf '\\033[2J\\033[10;5Hhere\\n'", "Enter"]);
    emulator.shows("\n    here\n");
    let screen = emulator.screen();
    assert_eq!(screen.lines().nth(9), Some("    here"), "{screen}");
    emulator.prompts();
    emulator.tmux(&["resize-window", "-x", "100", "-y", "30"]);
    // The window changes when its program is told, which tmux does in its own time.
    let resized = until(PATIENCE, || {
        emulator.press(&["stty size", "Enter"]);
        emulator.prompts();
        emulator.screen().contains("30 100\n")
    });
    assert!(resized, "{}", emulator.screen());
    emulator.press(&["C-p", "C-q"]);
    emulator.shows("code 0\n icanon\n echo\n");
}
