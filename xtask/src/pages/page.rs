//! A page of the documentation that the program generates about itself.

use crate::build::release;
use crate::error::{CliError, only_flag};
use crate::workspace;
use std::fs;

/// A generated page: its path, its task, and the arguments of `earmark` that print it.
pub struct Page {
    pub path: &'static str,
    pub task: &'static str,
    pub earmark_arguments: &'static [&'static str],
}

/// Which build generates the page: the one that is ready sooner.
#[derive(Clone, Copy)]
pub enum Build {
    Dev,
    Release,
}

impl Page {
    /// Prints and writes the page. Fails if it was out of date, so that the change is committed.
    pub fn run(&self, arguments: &[String]) -> Result<(), CliError> {
        if only_flag("--check", arguments)? {
            return self.check(Build::Dev);
        }
        let now = self.generated(Build::Dev)?;
        print!("{now}");
        let was = self.written();
        fs::write(workspace::root().join(self.path), &now)
            .map_err(|error| CliError::new(format!("cannot write {}: {error}", self.path)))?;
        match was {
            Ok(was) if was != now => Err(CliError::new(format!(
                "{} was out of date and has been written: read its diff and commit it\n{}",
                self.path,
                difference(self.path, &was, &now)
            ))),
            _ => Ok(()),
        }
    }

    /// Fails with the first line that differs from the code; writes nothing.
    pub fn check(&self, build: Build) -> Result<(), CliError> {
        let now = self.generated(build)?;
        let was = self.written()?;
        if was == now {
            println!("{} is up to date", self.path);
            return Ok(());
        }
        Err(CliError::new(format!(
            "{}\nrun `cargo xtask {}` and commit {}",
            difference(self.path, &was, &now),
            self.task,
            self.path
        )))
    }

    fn generated(&self, build: Build) -> Result<String, CliError> {
        if matches!(build, Build::Release) {
            release::build()?;
            return workspace::output(release::program("earmark").args(self.earmark_arguments));
        }
        let mut cargo = workspace::cargo(&["run", "--quiet", "--locked", "-p", "earmark"]);
        workspace::output(cargo.arg("--").args(self.earmark_arguments))
    }

    fn written(&self) -> Result<String, CliError> {
        fs::read_to_string(workspace::root().join(self.path)).map_err(|error| {
            let hint = format!("`cargo xtask {}` writes it", self.task);
            CliError::new(format!("cannot read {}: {error}; {hint}", self.path))
        })
    }
}

/// The first line in which the page and the code differ, as both have it.
fn difference(path: &str, was: &str, now: &str) -> String {
    let (was, now): (Vec<&str>, Vec<&str>) = (was.split('\n').collect(), now.split('\n').collect());
    let same = was.iter().zip(&now).take_while(|(was, now)| was == now).count();
    let line =
        |lines: &[&str]| lines.get(same).map_or("(the end)".to_owned(), |l| format!("`{l}`"));
    format!("{path}:{}: the page has {}, the code {}", same + 1, line(&was), line(&now))
}

#[cfg(test)]
mod tests {
    use super::difference;

    #[test]
    fn the_first_line_that_differs_is_shown_as_both_have_it() {
        assert_eq!(
            difference("docs/FLOWS.md", "a\nb\nc\n", "a\nB\nc\n"),
            "docs/FLOWS.md:2: the page has `b`, the code `B`"
        );
    }

    #[test]
    fn a_page_that_is_too_short_or_too_long_differs_at_its_end() {
        assert_eq!(
            difference("docs/FLOWS.md", "a", "a\n"),
            "docs/FLOWS.md:2: the page has (the end), the code ``"
        );
        assert_eq!(
            difference("docs/FLOWS.md", "a\nb", "a"),
            "docs/FLOWS.md:2: the page has `b`, the code (the end)"
        );
    }
}
