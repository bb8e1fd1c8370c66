//! Rule `kernel-words`: no name in the kernel comes from the business that it serves.

use super::{File, Violation};
use proc_macro2::{TokenStream, TokenTree};

/// Words of the business alone; `batch` and `order` have other meanings too.
const BUSINESS: [&str; 9] = [
    "sku",
    "allocate",
    "allocated",
    "allocation",
    "warehouse",
    "shipment",
    "customer",
    "payment",
    "eta",
];

pub fn check(files: &[File]) -> Vec<Violation> {
    let is_kernel = |file: &&File| file.path.starts_with("crates/kernel/") && file.is_our_rust();
    let mut violations = Vec::new();
    for file in files.iter().filter(is_kernel) {
        let tokens = file.text.parse().unwrap_or_default();
        each_name(tokens, &mut |name, line| {
            if let Some(word) = BUSINESS.iter().find(|word| has_word(name, word)) {
                let to_do = format!("`{name}`: the kernel has no {word}; move it to a service");
                violations.push(Violation::new(file, line, "kernel-words", to_do));
            }
        });
    }
    violations
}

/// All names in some code with their lines; comments and strings have none.
fn each_name(tokens: TokenStream, found: &mut impl FnMut(&str, usize)) {
    for token in tokens {
        match token {
            TokenTree::Ident(name) => found(&name.to_string(), name.span().start().line),
            TokenTree::Group(group) => each_name(group.stream(), found),
            TokenTree::Literal(_) | TokenTree::Punct(_) => {}
        }
    }
}

/// True for a word of a name in either spelling: `StockSku` and `stock_sku` both have `sku`.
fn has_word(name: &str, word: &str) -> bool {
    let mut spaced = String::new();
    for char in name.chars() {
        if char.is_uppercase() {
            spaced.push('_');
        }
        spaced.extend(char.to_lowercase());
    }
    spaced.split('_').any(|part| part == word)
}
