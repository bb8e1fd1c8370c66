//! The root of the workspace, and running programs in it.

use crate::error::CliError;
use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};

/// The root of the workspace. Cargo names it at run time, so a clone can be moved.
pub fn root() -> PathBuf {
    let manifest = env::var_os("CARGO_MANIFEST_DIR")
        .unwrap_or_else(|| OsString::from(env!("CARGO_MANIFEST_DIR")));
    let xtask = PathBuf::from(manifest);
    xtask.parent().expect("xtask is a folder of the workspace").to_owned()
}

/// Cargo's target folder. The `.cargo/config.toml` of the workspace does not move it.
pub fn target_dir() -> PathBuf {
    let chosen = env::var_os("CARGO_TARGET_DIR").or_else(|| env::var_os("CARGO_BUILD_TARGET_DIR"));
    target_dir_of(&root(), chosen)
}

fn target_dir_of(root: &Path, chosen: Option<OsString>) -> PathBuf {
    match chosen {
        Some(folder) if !folder.is_empty() => root.join(folder),
        _ => root.join("target"),
    }
}

/// Cargo in the root, without the variables that `cargo run` set for xtask itself: a build script
/// that reads one of them would be built twice.
pub fn cargo(arguments: &[&str]) -> Command {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(arguments).current_dir(root());
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            cargo.env_remove(&name);
        }
    }
    cargo
}

/// Runs a program to its end. Its output goes where the output of this program goes.
pub fn run(command: &mut Command) -> Result<(), CliError> {
    let status = command.status().map_err(|error| cannot_start(command, &error))?;
    if status.success() {
        return Ok(());
    }
    Err(CliError { message: format!("{} failed: {status}", shown(command)), code: code(status) })
}

/// Runs a program to its end and returns its output. Its errors go where those of this program go.
pub fn output(command: &mut Command) -> Result<String, CliError> {
    command.stderr(std::process::Stdio::inherit());
    let output = command.output().map_err(|error| cannot_start(command, &error))?;
    if !output.status.success() {
        let message = format!("{} failed: {}", shown(command), output.status);
        return Err(CliError { message, code: code(output.status) });
    }
    String::from_utf8(output.stdout)
        .map_err(|_| CliError::new(format!("the output of {} is not UTF-8", shown(command))))
}

/// The failure to start a program.
pub fn cannot_start(command: &Command, error: &std::io::Error) -> CliError {
    CliError::new(format!("cannot run {}: {error}", shown(command)))
}

fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or(command.get_program());
    let mut words = vec![program.to_string_lossy()];
    words.extend(command.get_args().map(|word| word.to_string_lossy()));
    format!("`{}`", words.join(" "))
}

/// The exit code of a program; 1 if it has none that fits, as after a signal.
fn code(status: ExitStatus) -> u8 {
    status.code().and_then(|code| u8::try_from(code).ok()).filter(|code| *code != 0).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::{output, run, target_dir_of};
    use std::path::{Path, PathBuf};
    use std::process::Command;

    #[test]
    fn the_target_folder_follows_the_environment() {
        let root = Path::new("/clone");
        assert_eq!(target_dir_of(root, None), PathBuf::from("/clone/target"));
        assert_eq!(target_dir_of(root, Some("".into())), PathBuf::from("/clone/target"));
        assert_eq!(target_dir_of(root, Some("out".into())), PathBuf::from("/clone/out"));
        assert_eq!(target_dir_of(root, Some("/big/out".into())), PathBuf::from("/big/out"));
    }

    #[test]
    fn a_program_that_fails_gives_its_exit_code_and_its_call() {
        let failure = run(Command::new("sh").args(["-c", "exit 7"])).unwrap_err();
        assert_eq!(failure.code, 7);
        assert!(failure.message.starts_with("`sh -c exit 7` failed"), "{}", failure.message);
    }

    #[test]
    fn a_program_that_does_not_exist_is_named() {
        let failure = output(&mut Command::new("no-such-program")).unwrap_err();
        assert!(failure.message.starts_with("cannot run `no-such-program`"), "{}", failure.message);
    }
}
