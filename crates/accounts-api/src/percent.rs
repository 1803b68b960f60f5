//! Percent-encoding (RFC 3986 section 2.1), strict where the usual decoders repair.

/// Decodes a text; with `plus` a `+` is a blank, as in queries (WHATWG URL, form encoding). `None`
/// where an escape is cut or wrong, or the bytes are not UTF-8.
pub(crate) fn decode(text: &str, plus: bool) -> Option<String> {
    let encoded = text.contains('%') || plus && text.contains('+');
    if !encoded {
        return Some(text.to_owned());
    }
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'%' => {
                let high = digit(bytes.next()?)?;
                let low = digit(bytes.next()?)?;
                decoded.push(high * 16 + low);
            }
            b'+' if plus => decoded.push(b' '),
            byte => decoded.push(byte),
        }
    }
    String::from_utf8(decoded).ok()
}

fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

/// Encodes a text so that it stands for itself in any part of an address.
pub(crate) fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push('%');
            for half in [byte >> 4, byte & 15] {
                encoded.extend(char::from_digit(half.into(), 16).map(|digit| digit.to_ascii_uppercase()));
            }
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encoded_reads_back() {
        for text in ["", "plain", "a b+c%d/é?#", "\u{10FFFF}"] {
            assert_eq!(decode(&encode(text), true).as_deref(), Some(text));
            assert_eq!(decode(&encode(text), false).as_deref(), Some(text));
        }
    }

    #[test]
    fn a_plus_is_a_blank_only_in_queries() {
        assert_eq!(decode("a+b", true).as_deref(), Some("a b"));
        assert_eq!(decode("a+b", false).as_deref(), Some("a+b"));
    }

    #[test]
    fn what_is_broken_is_refused() {
        for text in ["%", "%4", "%zz", "%ff", "%c3"] {
            assert_eq!(decode(text, true), None, "{text}");
        }
    }
}
