//! Where the workspace lies, and how its programs are run.

use crate::failure::Failure;
use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};

/// The workspace's root; cargo tells it at run time, so a moved clone is no trouble.
pub fn root() -> PathBuf {
    let manifest = env::var_os("CARGO_MANIFEST_DIR")
        .unwrap_or_else(|| OsString::from(env!("CARGO_MANIFEST_DIR")));
    let xtask = PathBuf::from(manifest);
    xtask.parent().expect("xtask is a folder of the workspace").to_owned()
}

/// Where cargo puts what it builds. The workspace's own `.cargo/config.toml` does not move it.
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

/// Cargo in the workspace's root, without what `cargo run` told this process about xtask itself:
/// a build script that reads it would otherwise be built twice.
pub fn cargo(arguments: &[&str]) -> Command {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(arguments).current_dir(root());
    for (name, _) in env::vars_os() {
        let told = name.to_string_lossy();
        if told.starts_with("CARGO_PKG_") || told.starts_with("CARGO_MANIFEST_") {
            cargo.env_remove(&name);
        }
    }
    cargo
}

/// Runs a program to its end; its output goes where ours goes.
pub fn run(command: &mut Command) -> Result<(), Failure> {
    let status = command.status().map_err(|error| cannot_start(command, &error))?;
    if status.success() {
        return Ok(());
    }
    Err(Failure { says: format!("{} failed: {status}", shown(command)), code: code(status) })
}

/// Runs a program to its end and hands back what it printed; its errors go where ours go.
pub fn output(command: &mut Command) -> Result<String, Failure> {
    command.stderr(std::process::Stdio::inherit());
    let output = command.output().map_err(|error| cannot_start(command, &error))?;
    if !output.status.success() {
        let says = format!("{} failed: {}", shown(command), output.status);
        return Err(Failure { says, code: code(output.status) });
    }
    String::from_utf8(output.stdout)
        .map_err(|_| Failure::new(format!("{} printed what is not UTF-8", shown(command))))
}

/// A program that could not be run at all.
pub fn cannot_start(command: &Command, error: &std::io::Error) -> Failure {
    Failure::new(format!("cannot run {}: {error}", shown(command)))
}

fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or(command.get_program());
    let mut words = vec![program.to_string_lossy()];
    words.extend(command.get_args().map(|word| word.to_string_lossy()));
    format!("`{}`", words.join(" "))
}

/// A program's own exit code; 1 where it has none that fits, as when a signal ended it.
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
    fn a_failed_program_gives_its_exit_code_and_its_call() {
        let failure = run(Command::new("sh").args(["-c", "exit 7"])).unwrap_err();
        assert_eq!(failure.code, 7);
        assert!(failure.says.starts_with("`sh -c exit 7` failed"), "{}", failure.says);
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let failure = output(&mut Command::new("no-such-program")).unwrap_err();
        assert!(failure.says.starts_with("cannot run `no-such-program`"), "{}", failure.says);
    }
}
