//! Tells Rust's code from its comments and its quoted text, so that a rule sees only what it means.

/// What a character of a Rust file belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Code,
    Comment,
    Quoted,
}

/// The file's lines, each character with its kind.
pub fn lines(text: &str) -> Vec<Vec<(char, Kind)>> {
    let mut lexer = Lexer { chars: text.chars().collect(), at: 0, seen: Vec::new() };
    while lexer.at < lexer.chars.len() {
        lexer.step();
    }
    lexer.seen.split(|(char, _)| *char == '\n').map(<[_]>::to_vec).collect()
}

/// The file's lines with comments and quoted text blanked out.
pub fn code_lines(text: &str) -> Vec<String> {
    let blank = |line: Vec<(char, Kind)>| {
        line.into_iter().map(|(char, kind)| if kind == Kind::Code { char } else { ' ' }).collect()
    };
    lines(text).into_iter().map(blank).collect()
}

/// The identifiers of a line of code, each with the place of its first character, in bytes.
pub fn words(code: &str) -> impl Iterator<Item = (usize, &str)> {
    let is_part = |char: char| char.is_alphanumeric() || char == '_';
    let mut rest = 0;
    std::iter::from_fn(move || {
        let start = rest + code[rest..].find(is_part)?;
        let length = code[start..].find(|char| !is_part(char)).unwrap_or(code.len() - start);
        rest = start + length;
        Some((start, &code[start..rest]))
    })
}

struct Lexer {
    chars: Vec<char>,
    at: usize,
    seen: Vec<(char, Kind)>,
}

impl Lexer {
    fn step(&mut self) {
        if self.ahead("//") {
            let length = self.chars[self.at..].iter().take_while(|char| **char != '\n').count();
            self.take(length, Kind::Comment);
        } else if self.ahead("/*") {
            self.block_comment();
        } else if let Some((prefix, hashes, is_raw)) = self.string_start() {
            self.take(prefix, Kind::Code);
            self.string(hashes, is_raw);
        } else if self.ahead("'") {
            self.char_or_lifetime();
        } else {
            self.take(1, Kind::Code);
        }
    }

    /// Block comments nest.
    fn block_comment(&mut self) {
        let mut depth = 0;
        while self.at < self.chars.len() {
            let (opens, closes) = (self.ahead("/*"), self.ahead("*/"));
            self.take(if opens || closes { 2 } else { 1 }, Kind::Comment);
            depth = depth + usize::from(opens) - usize::from(closes);
            if depth == 0 {
                return;
            }
        }
    }

    /// If a string starts here: how long what stands before its quote is, its hashes, if it is raw.
    fn string_start(&self) -> Option<(usize, usize, bool)> {
        let is_inside_word = self.at > 0 && {
            let before = self.chars[self.at - 1];
            before.is_alphanumeric() || before == '_'
        };
        let mut ahead = self.at;
        if !is_inside_word {
            ahead += usize::from(matches!(self.chars[ahead], 'b' | 'c'));
        }
        let is_raw = !is_inside_word && self.chars.get(ahead) == Some(&'r');
        ahead += usize::from(is_raw);
        let hashes = self.chars[ahead..].iter().take_while(|char| **char == '#').count();
        let hashes = if is_raw { hashes } else { 0 };
        ahead += hashes;
        (self.chars.get(ahead) == Some(&'"')).then_some((ahead - self.at, hashes, is_raw))
    }

    fn string(&mut self, hashes: usize, is_raw: bool) {
        let end = format!("\"{}", "#".repeat(hashes));
        self.take(1, Kind::Quoted);
        while self.at < self.chars.len() {
            if self.ahead(&end) {
                return self.take(end.len(), Kind::Quoted);
            }
            let is_escape = !is_raw && self.ahead("\\");
            self.take(if is_escape { 2 } else { 1 }, Kind::Quoted);
        }
    }

    fn char_or_lifetime(&mut self) {
        let rest = &self.chars[self.at + 1..];
        let length = match rest {
            ['\\', _, more @ ..] => more.iter().position(|char| *char == '\'').map(|end| end + 4),
            [_, '\'', ..] => Some(3),
            _ => None,
        };
        match length {
            Some(length) => self.take(length, Kind::Quoted),
            None => self.take(1, Kind::Code),
        }
    }

    fn ahead(&self, text: &str) -> bool {
        text.chars().enumerate().all(|(at, char)| self.chars.get(self.at + at) == Some(&char))
    }

    fn take(&mut self, length: usize, kind: Kind) {
        let end = (self.at + length).min(self.chars.len());
        self.seen.extend(self.chars[self.at..end].iter().map(|char| (*char, kind)));
        self.at = end;
    }
}

#[cfg(test)]
mod tests {
    use super::{code_lines, words};

    #[track_caller]
    fn code(text: &str, expected: &str) {
        let lines = code_lines(text).join("\n");
        let squeezed = lines.split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(squeezed, expected);
    }

    #[test]
    fn comments_are_no_code() {
        code("a // b\nc /* d /* e */ f */ g", "a c g");
        code("a /// b", "a");
    }

    #[test]
    fn quoted_text_is_no_code() {
        code(r#"a("b \" // c") d"#, "a( ) d");
        code("a(\"b\nc\") d", "a( ) d");
        code(r###"a(r#"b "c" \"#) d"###, "a(r# ) d");
        code(r##"a(br"b\") c"d" e"##, "a(br ) c e");
    }

    #[test]
    fn characters_are_told_from_lifetimes() {
        code(r#"a('"') b('\'') c('\u{1F600}') d('\\')"#, "a( ) b( ) c( ) d( )");
        code("fn a<'b>(c: &'b str, d: &'_ str)", "fn a<'b>(c: &'b str, d: &'_ str)");
        code("r#type = for_r", "r#type = for_r");
    }

    #[test]
    fn words_are_whole() {
        let found: Vec<_> = words("unsafe_code(a1) unsafe{").collect();
        assert_eq!(found, [(0, "unsafe_code"), (12, "a1"), (16, "unsafe")]);
    }
}
