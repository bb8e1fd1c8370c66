//! A page of docs/ that the binary writes about itself, so that it cannot go stale unseen.

use crate::failure::{Failure, only_flag};
use crate::{build, workspace};
use std::fs;

/// A generated page: where it stands and how `earmark` is asked for it.
pub struct Page {
    pub path: &'static str,
    pub task: &'static str,
    pub earmark_arguments: &'static [&'static str],
}

/// Which build is asked: the one that is there sooner.
#[derive(Clone, Copy)]
pub enum Build {
    Dev,
    Release,
}

impl Page {
    /// Prints the page and writes it down; fails if it was stale, so that nobody misses the change.
    pub fn run(&self, arguments: &[String]) -> Result<(), Failure> {
        if only_flag("--check", arguments)? {
            return self.check(Build::Dev);
        }
        let now = self.generated(Build::Dev)?;
        print!("{now}");
        let was = self.written();
        fs::write(workspace::root().join(self.path), &now)
            .map_err(|error| Failure::new(format!("cannot write {}: {error}", self.path)))?;
        match was {
            Ok(was) if was != now => Err(Failure::new(format!(
                "{} was stale and is now written anew: read its diff and commit it\n{}",
                self.path,
                difference(self.path, &was, &now)
            ))),
            _ => Ok(()),
        }
    }

    /// Fails with the first line that differs from what the code says; writes nothing.
    pub fn check(&self, build: Build) -> Result<(), Failure> {
        let now = self.generated(build)?;
        let was = self.written()?;
        if was == now {
            println!("{} says what the code says", self.path);
            return Ok(());
        }
        Err(Failure::new(format!(
            "{}\nrun `cargo xtask {}` and commit {}",
            difference(self.path, &was, &now),
            self.task,
            self.path
        )))
    }

    fn generated(&self, build: Build) -> Result<String, Failure> {
        if matches!(build, Build::Release) {
            build::release()?;
            return workspace::output(build::program("earmark").args(self.earmark_arguments));
        }
        let mut cargo = workspace::cargo(&["run", "--quiet", "--locked", "-p", "earmark"]);
        workspace::output(cargo.arg("--").args(self.earmark_arguments))
    }

    fn written(&self) -> Result<String, Failure> {
        fs::read_to_string(workspace::root().join(self.path)).map_err(|error| {
            let does = format!("`cargo xtask {}` writes it", self.task);
            Failure::new(format!("cannot read {}: {error}; {does}", self.path))
        })
    }
}

/// The first line in which the page and the code differ, shown from both sides.
fn difference(path: &str, was: &str, now: &str) -> String {
    let (was, now): (Vec<&str>, Vec<&str>) = (was.split('\n').collect(), now.split('\n').collect());
    let same = was.iter().zip(&now).take_while(|(was, now)| was == now).count();
    let line =
        |lines: &[&str]| lines.get(same).map_or("(the end)".to_owned(), |l| format!("`{l}`"));
    format!("{path}:{}: the page says {}, the code {}", same + 1, line(&was), line(&now))
}

#[cfg(test)]
mod tests {
    use super::difference;

    #[test]
    fn the_first_line_that_differs_is_shown_from_both_sides() {
        assert_eq!(
            difference("docs/FLOWS.md", "a\nb\nc\n", "a\nB\nc\n"),
            "docs/FLOWS.md:2: the page says `b`, the code `B`"
        );
    }

    #[test]
    fn a_page_that_is_too_short_or_too_long_differs_at_its_end() {
        assert_eq!(
            difference("docs/FLOWS.md", "a", "a\n"),
            "docs/FLOWS.md:2: the page says (the end), the code ``"
        );
        assert_eq!(
            difference("docs/FLOWS.md", "a\nb", "a"),
            "docs/FLOWS.md:2: the page says `b`, the code (the end)"
        );
    }
}
