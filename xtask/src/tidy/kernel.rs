//! The kernel is the road: its code names nothing of the business that drives on it.

use super::source;
use super::{File, Violation};

/// Words of the business alone; `batch` and `order` mean more, and are left to the reader.
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

pub fn check(file: &File) -> Vec<Violation> {
    let mut violations = Vec::new();
    if !file.path.starts_with("crates/kernel/") || !file.is_our_rust() {
        return violations;
    }
    for (at, code) in source::code_lines(&file.text).iter().enumerate() {
        for (_, name) in source::words(code) {
            if let Some(word) = BUSINESS.iter().find(|word| parts(name).any(|part| part == **word))
            {
                let to_do = format!("`{name}`: the kernel knows no {word}; move it to a service");
                violations.push(Violation::new(file, at + 1, "business", to_do));
            }
        }
    }
    violations
}

/// The words of a name in either spelling, in lower case: `StockSku` and `stock_sku` alike.
fn parts(name: &str) -> impl Iterator<Item = String> {
    let mut spaced = String::new();
    for char in name.chars() {
        if char.is_uppercase() {
            spaced.push('_');
        }
        spaced.extend(char.to_lowercase());
    }
    spaced.split('_').map(str::to_owned).collect::<Vec<_>>().into_iter()
}
