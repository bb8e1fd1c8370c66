//! Rules `decisions` and `decisions-index`: decisions are numbered without gaps, and the index
//! links each of them.

use super::{File, Violation};

const FOLDER: &str = "docs/decisions/";
const INDEX: &str = "docs/decisions/README.md";

pub fn check(files: &[File]) -> Vec<Violation> {
    let pages = files.iter().filter(|file| file.path.starts_with(FOLDER) && file.path != INDEX);
    let mut pages: Vec<&File> = pages.collect();
    pages.sort_by_key(|file| &file.path);
    let index = files.iter().find(|file| file.path == INDEX);
    let mut violations = Vec::new();
    let mut next = 0;
    for page in pages {
        let name = &page.path[FOLDER.len()..];
        match number(name) {
            Some(number) if number == next => next += 1,
            _ => {
                let to_do = format!("expected number {next:04}; the form is NNNN-name.md");
                violations.push(Violation::new(page, 1, "decisions", to_do));
                next = number(name).map_or(next, |number| number + 1);
            }
        }
        if !index.is_some_and(|index| index.text.contains(&format!("]({name})"))) {
            let to_do = format!("link it in {INDEX}");
            violations.push(Violation::new(page, 1, "decisions-index", to_do));
        }
    }
    violations
}

/// The number at the start of a page's name, such as 12 in `0012-a-name.md`.
fn number(name: &str) -> Option<u32> {
    let (digits, rest) = name.split_once('-')?;
    let is_page = digits.len() == 4 && rest.len() > 3 && rest.ends_with(".md");
    is_page.then(|| digits.parse().ok()).flatten()
}
