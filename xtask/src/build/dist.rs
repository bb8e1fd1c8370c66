//! `cargo xtask dist`: the programs as they are shipped and measured, with profile-guided
//! optimization.
//!
//! They are built twice: first instrumented, to record a profile under the load of the benchmark;
//! then with that profile, which tells the compiler what to inline and where to place code.

use super::rustc::Rustc;
use crate::error::{CliError, no_arguments};
use crate::{install, workspace};
use std::env;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Earmark and its baselines. Ratios are fair only if both are built in the same way.
const PROGRAMS: [&str; 2] = ["earmark", "earmark-benches"];

/// Which recorded profile a build uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recording {
    /// One of the programs as they are now.
    Current,
    /// The latest one that this compiler reads, if there is one. Code that has changed since is
    /// built without a profile.
    Latest,
}

pub fn run(arguments: &[String]) -> Result<(), CliError> {
    no_arguments(arguments)?;
    build(Recording::Current)?;
    println!("built: {}", program("earmark").display());
    Ok(())
}

/// Builds [`PROGRAMS`] with a recorded profile.
pub fn build(recording: Recording) -> Result<(), CliError> {
    install::for_all_tasks()?;
    let rustc = Rustc::current()?;
    // Another process that records at the same time would mix its profile with this one.
    let lock = folder().join("lock");
    fs::create_dir_all(folder()).map_err(cannot("create", &folder()))?;
    let locked = File::create(&lock).and_then(|file| file.lock().map(|()| file));
    let _locked = locked.map_err(cannot("lock", &lock))?;
    let profile = Profile { folder: folder() };
    if recording == Recording::Latest && profile.is_read_by(&rustc) {
        println!("using the profile that exists; `cargo xtask dist` records a new one");
    } else {
        profile.record(&rustc)?;
    }
    let built = cargo_build(&rustc, &Build::Optimized { profile: profile.file() })?;
    for (from, name) in built.iter().zip(PROGRAMS) {
        // A rename replaces a program even while it runs, and never leaves half a file.
        let unfinished = folder().join(format!("{name}.unfinished"));
        let copied = fs::copy(from, &unfinished);
        let copied = copied.and_then(|_| fs::rename(&unfinished, program(name)));
        copied.map_err(cannot("copy", from))?;
    }
    Ok(())
}

/// A program that [`build`] has built.
pub fn program(name: &str) -> PathBuf {
    folder().join(name)
}

/// Has the profile, both builds, and the finished programs.
fn folder() -> PathBuf {
    workspace::target_dir().join("guided")
}

/// What instrumented programs recorded.
struct Profile {
    folder: PathBuf,
}

impl Profile {
    fn file(&self) -> PathBuf {
        self.folder.join("merged.profdata")
    }

    /// Names the compiler and the programs that the profile is of.
    fn origin_file(&self) -> PathBuf {
        self.folder.join("recorded")
    }

    fn is_read_by(&self, rustc: &Rustc) -> bool {
        fs::read_to_string(self.origin_file()).is_ok_and(|it| it.starts_with(&rustc.version))
    }

    /// Records, unless there is a profile of the same programs.
    fn record(&self, rustc: &Rustc) -> Result<(), CliError> {
        let profdata = install::llvm_profdata(rustc)?;
        let raw = self.folder.join("raw");
        let programs = cargo_build(rustc, &Build::Instrumented { into: raw.clone() })?;
        let origin = origin(rustc, &programs)?;
        if fs::read_to_string(self.origin_file()).is_ok_and(|before| before == origin) {
            return Ok(());
        }
        for outdated in [self.origin_file(), raw.clone()] {
            remove(&outdated)?;
        }
        let [_, benches] = &programs;
        let mut rehearse = Command::new(benches);
        rehearse.arg("rehearse").arg("--scratch").arg(workspace::target_dir());
        // The variable would change where they record.
        rehearse.env_remove("LLVM_PROFILE_FILE").current_dir(workspace::root());
        workspace::run(&mut rehearse)?;
        let recorded = fs::read_dir(&raw).map_err(cannot("read", &raw))?.count();
        if recorded < PROGRAMS.len() {
            let message = format!(
                "{} has profiles of {recorded} programs, not {}: is the disk full?",
                raw.display(),
                PROGRAMS.len()
            );
            return Err(CliError::new(message));
        }
        let mut merge = Command::new(profdata);
        workspace::run(merge.args(["merge", "-o"]).args([&self.file(), &raw]))?;
        fs::write(self.origin_file(), origin).map_err(cannot("write", &self.origin_file()))
    }
}

/// The compiler, and each program with its size and the time of its last change.
fn origin(rustc: &Rustc, programs: &[PathBuf]) -> Result<String, CliError> {
    let mut text = rustc.version.clone();
    for program in programs {
        let of = fs::metadata(program).and_then(|it| Ok((it.len(), it.modified()?)));
        let (bytes, changed) = of.map_err(cannot("read", program))?;
        text.push_str(&format!("{} {bytes} {changed:?}\n", program.display()));
    }
    Ok(text)
}

/// How the programs are built.
enum Build {
    /// So that they record a profile.
    Instrumented { into: PathBuf },
    /// With a profile.
    Optimized { profile: PathBuf },
}

/// Builds, and returns the paths of the programs. The target is named so that the flags do not
/// apply to build scripts and procedural macros.
fn cargo_build(rustc: &Rustc, build: &Build) -> Result<[PathBuf; 2], CliError> {
    let (into, flag) = match build {
        Build::Instrumented { into } => {
            ("record", format!("-Cprofile-generate={}", into.display()))
        }
        Build::Optimized { profile } => ("build", format!("-Cprofile-use={}", profile.display())),
    };
    let into = folder().join(into);
    let mut cargo = workspace::cargo(&["build", "--profile", "dist", "--locked"]);
    cargo.args(PROGRAMS.iter().flat_map(|name| ["-p", name]));
    cargo.args(["--target", &rustc.host, "--target-dir"]).arg(&into);
    let mut flags = flags_of(|name| env::var(name).ok());
    flags.push(flag);
    workspace::run(cargo.env("CARGO_ENCODED_RUSTFLAGS", flags.join("\u{1f}")))?;
    let built = into.join(&rustc.host).join("dist");
    Ok(PROGRAMS.map(|name| built.join(name)))
}

/// The flags for rustc from the environment. Cargo ignores those of its configuration files where
/// the environment has flags.
fn flags_of(environment: impl Fn(&str) -> Option<String>) -> Vec<String> {
    let flags = |text: &str, mark: fn(char) -> bool| {
        text.split(mark).filter(|it| !it.is_empty()).map(str::to_owned).collect()
    };
    match environment("CARGO_ENCODED_RUSTFLAGS") {
        Some(encoded) => flags(&encoded, |it| it == '\u{1f}'),
        None => flags(&environment("RUSTFLAGS").unwrap_or_default(), char::is_whitespace),
    }
}

fn remove(path: &Path) -> Result<(), CliError> {
    let removed = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(cannot("remove", path)(error)),
        _ => Ok(()),
    }
}

fn cannot(doing: &str, path: &Path) -> impl FnOnce(io::Error) -> CliError {
    let doing = format!("cannot {doing} {}", path.display());
    move |error| CliError::new(format!("{doing}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::flags_of;

    #[test]
    fn flags_are_read_from_the_environment_as_cargo_reads_them() {
        let none = Vec::<&str>::new();
        assert_eq!(flags_of(|_| None), none);
        assert_eq!(flags_of(|name| (name == "RUSTFLAGS").then(|| " -g  -O".into())), ["-g", "-O"]);
        let encoded = |text: &'static str| {
            move |name: &str| Some(if name == "RUSTFLAGS" { "-O" } else { text }.to_owned())
        };
        assert_eq!(flags_of(encoded("-Ca=b c\u{1f}-g")), ["-Ca=b c", "-g"]);
        assert_eq!(flags_of(encoded("")), none);
    }
}
