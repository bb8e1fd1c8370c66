//! The query string, read strictly: each name once, each value valid UTF-8.

use crate::problem::Problem;

/// The parameters of a query string, decoded, in order.
///
/// # Errors
/// When a name or value cannot be decoded, or a name is empty or given twice.
pub(crate) fn parse(query: &str) -> Result<Vec<(String, String)>, Problem> {
    let mut parameters: Vec<(String, String)> = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let name = decode(name).map_err(|why| Problem::input("query", why))?;
        if name.is_empty() {
            return Err(Problem::input("query", "a parameter must have a name"));
        }
        let value = decode(value).map_err(|why| Problem::input(name.clone(), why))?;
        if parameters.iter().any(|(seen, _)| *seen == name) {
            let detail = format!("the parameter {name:?} is given twice");
            return Err(Problem::input(name, detail));
        }
        parameters.push((name, value));
    }
    Ok(parameters)
}

/// Decodes percent escapes, and plus signs as spaces.
fn decode(text: &str) -> Result<String, &'static str> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digit = |it: Option<u8>| char::from(it?).to_digit(16);
                let pair = digit(rest.next()).zip(digit(rest.next()));
                let (high, low) =
                    pair.ok_or("a percent sign must be followed by two hexadecimal digits")?;
                u8::try_from(high * 16 + low).expect("two hexadecimal digits are a byte")
            }
            other => other,
        });
    }
    String::from_utf8(bytes).map_err(|_| "must be UTF-8")
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn names_and_values_are_decoded() {
        let parsed = parse("a=1&b=x%20y+z&c&%C3%A4=").unwrap();
        let expected = [("a", "1"), ("b", "x y z"), ("c", ""), ("ä", "")];
        let parsed: Vec<_> = parsed.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
        assert_eq!(parsed, expected);
    }

    #[test]
    fn undecodable_and_duplicate_parameters_are_refused() {
        for bad in ["a=%", "a=%1", "a=%zz", "a=%FF", "%FF=a", "a=1&a=2", "a=%C3", "=", "=1&=2"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
