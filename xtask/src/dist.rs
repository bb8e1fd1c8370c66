//! `cargo xtask dist`: the programs as they are shipped and measured, built guided by a profile.
//!
//! They are built twice: first so that they count where they go, and are put under the load of the
//! benchmark; then with what was counted, by which the compiler places, inlines and orders code.

use crate::failure::{Failure, no_arguments};
use crate::rustc::Rustc;
use crate::{ensure, workspace};
use std::env;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Earmark, and what it is measured against: ratios are fair only if both are built in one way.
const PROGRAMS: [&str; 2] = ["earmark", "earmark-benches"];

/// Which recording guides a build.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recorded {
    /// One of the programs as they are now.
    OfThese,
    /// One that this compiler reads, if there is one: what has changed since is built without.
    Before,
}

pub fn run(arguments: &[String]) -> Result<(), Failure> {
    no_arguments(arguments)?;
    build(Recorded::OfThese)?;
    println!("built: {}", program("earmark").display());
    Ok(())
}

/// Builds [`PROGRAMS`], guided by a recording.
pub fn build(recorded: Recorded) -> Result<(), Failure> {
    ensure::debian()?;
    let rustc = Rustc::seen()?;
    // Another that records meanwhile would take what this one has counted.
    let lock = folder().join("lock");
    fs::create_dir_all(folder()).map_err(cannot("create", &folder()))?;
    let locked = File::create(&lock).and_then(|file| file.lock().map(|()| file));
    let _locked = locked.map_err(cannot("lock", &lock))?;
    let recording = Recording { folder: folder() };
    if recorded == Recorded::Before && recording.is_read_by(&rustc) {
        println!("guided by the recording that is there; `cargo xtask dist` makes a new one");
    } else {
        recording.make(&rustc)?;
    }
    let built = cargo_build(&rustc, &Way::Guided { profile: recording.profile() })?;
    for (from, name) in built.iter().zip(PROGRAMS) {
        // Whole or not at all, and also while the one that was there runs.
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

/// Where recordings lie, what is built to make and to use them, and the programs in the end.
fn folder() -> PathBuf {
    workspace::target_dir().join("guided")
}

/// What instrumented programs counted.
struct Recording {
    folder: PathBuf,
}

impl Recording {
    fn profile(&self) -> PathBuf {
        self.folder.join("merged.profdata")
    }

    /// Names the compiler and the programs that a recording is of.
    fn made_by(&self) -> PathBuf {
        self.folder.join("recorded")
    }

    fn is_read_by(&self, rustc: &Rustc) -> bool {
        fs::read_to_string(self.made_by()).is_ok_and(|made_by| made_by.starts_with(&rustc.told))
    }

    /// Records, unless there is a recording of the same programs.
    fn make(&self, rustc: &Rustc) -> Result<(), Failure> {
        let profdata = ensure::llvm_profdata(rustc)?;
        let raw = self.folder.join("raw");
        let programs = cargo_build(rustc, &Way::Counting { into: raw.clone() })?;
        let made_by = made_by(rustc, &programs)?;
        if fs::read_to_string(self.made_by()).is_ok_and(|before| before == made_by) {
            return Ok(());
        }
        for outdated in [self.made_by(), raw.clone()] {
            remove(&outdated)?;
        }
        let [_, benches] = &programs;
        let mut rehearse = Command::new(benches);
        rehearse.arg("rehearse").arg("--scratch").arg(workspace::target_dir());
        // It would say where they record.
        rehearse.env_remove("LLVM_PROFILE_FILE").current_dir(workspace::root());
        workspace::run(&mut rehearse)?;
        let recorded = fs::read_dir(&raw).map_err(cannot("read", &raw))?.count();
        if recorded < PROGRAMS.len() {
            let says = format!(
                "{} has recordings of {recorded} programs, not {}: is the disk full?",
                raw.display(),
                PROGRAMS.len()
            );
            return Err(Failure::new(says));
        }
        let mut merge = Command::new(profdata);
        workspace::run(merge.args(["merge", "-o"]).args([&self.profile(), &raw]))?;
        fs::write(self.made_by(), made_by).map_err(cannot("write", &self.made_by()))
    }
}

/// The compiler, and each program with its size and when it was changed.
fn made_by(rustc: &Rustc, programs: &[PathBuf]) -> Result<String, Failure> {
    let mut text = rustc.told.clone();
    for program in programs {
        let of = fs::metadata(program).and_then(|it| Ok((it.len(), it.modified()?)));
        let (bytes, changed) = of.map_err(cannot("look at", program))?;
        text.push_str(&format!("{} {bytes} {changed:?}\n", program.display()));
    }
    Ok(text)
}

/// How the programs are built.
enum Way {
    /// So that they count where they go.
    Counting { into: PathBuf },
    /// With what was counted.
    Guided { profile: PathBuf },
}

/// Builds for this machine by name, so that flags do not concern what runs while it is built.
/// Tells where the programs are.
fn cargo_build(rustc: &Rustc, way: &Way) -> Result<[PathBuf; 2], Failure> {
    let (into, flag) = match way {
        Way::Counting { into } => ("record", format!("-Cprofile-generate={}", into.display())),
        Way::Guided { profile } => ("build", format!("-Cprofile-use={}", profile.display())),
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

/// The flags that the environment has for rustc. Those of cargo's own settings do not apply here.
fn flags_of(environment: impl Fn(&str) -> Option<String>) -> Vec<String> {
    let flags = |text: &str, mark: fn(char) -> bool| {
        text.split(mark).filter(|it| !it.is_empty()).map(str::to_owned).collect()
    };
    match environment("CARGO_ENCODED_RUSTFLAGS") {
        Some(encoded) => flags(&encoded, |it| it == '\u{1f}'),
        None => flags(&environment("RUSTFLAGS").unwrap_or_default(), char::is_whitespace),
    }
}

fn remove(path: &Path) -> Result<(), Failure> {
    let removed = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(cannot("remove", path)(error)),
        _ => Ok(()),
    }
}

fn cannot(doing: &str, path: &Path) -> impl FnOnce(io::Error) -> Failure {
    let doing = format!("cannot {doing} {}", path.display());
    move |error| Failure::new(format!("{doing}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::flags_of;

    #[test]
    fn flags_of_the_environment_are_kept_as_cargo_reads_them() {
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
