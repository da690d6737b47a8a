//! JSON as RFC 8259 has it, for reading.
//!
//! A parser of our own, because those at hand read numbers into floating point: the tables for that are a third of what a
//! browser would load (26 of 106 kB, measured on 2026-11-29), and nothing here is a float. Texts are short, so it is plain. A test
//! compares it with serde_json, which still writes what is written.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

use thiserror::Error;

/// Lists and objects within each other, at most.
const MAX_NESTING: usize = 64;

/// What a text says.
#[derive(Debug, PartialEq, Eq)]
pub enum Json<'a> {
    Null,
    Bool(bool),
    /// As it is written.
    Number(&'a str),
    Text(Cow<'a, str>),
    List(Vec<Json<'a>>),
    /// In the order of the text.
    Object(Vec<(Cow<'a, str>, Json<'a>)>),
}

/// Where a text stops being JSON.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("{expected} expected at byte {at}")]
pub struct SyntaxError {
    pub at: usize,
    pub expected: &'static str,
}

impl<'a> Json<'a> {
    pub fn parse(text: &'a str) -> Result<Self, SyntaxError> {
        let mut reader = Reader { text, at: 0 };
        let value = reader.value(0)?;
        match reader.peek() {
            None => Ok(value),
            Some(_) => Err(reader.expected("the end")),
        }
    }

    /// A member of an object; of several with one name the last.
    pub fn get(&self, name: &str) -> Option<&Self> {
        let Self::Object(members) = self else {
            return None;
        };
        let mut members = members.iter().rev();
        let found = members.find(|(found, _)| found == name);
        found.map(|(_, value)| value)
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn expected(&self, expected: &'static str) -> SyntaxError {
        let at = self.at;
        SyntaxError { at, expected }
    }

    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// The next byte that is no white space.
    fn peek(&mut self) -> Option<u8> {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.byte() {
            self.at += 1;
        }
        self.byte()
    }

    fn skip(&mut self, byte: u8) -> bool {
        let found = self.byte() == Some(byte);
        self.at += usize::from(found);
        found
    }

    /// The text from `from` to where the reader is; both are borders of characters.
    fn since(&self, from: usize) -> &'a str {
        self.text.get(from..self.at).unwrap_or_default()
    }

    fn value(&mut self, nesting: usize) -> Result<Json<'a>, SyntaxError> {
        match self.peek() {
            Some(b'"') => Ok(Json::Text(self.string()?)),
            Some(b'[') => self.list(nesting + 1),
            Some(b'{') => self.object(nesting + 1),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => self.word(),
        }
    }

    fn word(&mut self) -> Result<Json<'a>, SyntaxError> {
        let words = [
            ("null", Json::Null),
            ("true", Json::Bool(true)),
            ("false", Json::Bool(false)),
        ];
        let rest = self.text.get(self.at..).unwrap_or_default();
        let found = words.into_iter().find(|(word, _)| rest.starts_with(word));
        let (word, value) = found.ok_or_else(|| self.expected("a value"))?;
        self.at += word.len();
        Ok(value)
    }

    fn list(&mut self, nesting: usize) -> Result<Json<'a>, SyntaxError> {
        let mut list = Vec::new();
        self.entries(nesting, b']', |reader| {
            list.push(reader.value(nesting)?);
            Ok(())
        })?;
        Ok(Json::List(list))
    }

    fn object(&mut self, nesting: usize) -> Result<Json<'a>, SyntaxError> {
        let mut members = Vec::new();
        self.entries(nesting, b'}', |reader| {
            if reader.peek() != Some(b'"') {
                return Err(reader.expected("a name"));
            }
            let name = reader.string()?;
            reader.peek();
            if !reader.skip(b':') {
                return Err(reader.expected("a colon"));
            }
            members.push((name, reader.value(nesting)?));
            Ok(())
        })?;
        Ok(Json::Object(members))
    }

    /// Entries with commas between them, from the bracket that opens to the one that closes.
    fn entries(
        &mut self,
        nesting: usize,
        end: u8,
        mut entry: impl FnMut(&mut Self) -> Result<(), SyntaxError>,
    ) -> Result<(), SyntaxError> {
        if nesting > MAX_NESTING {
            return Err(self.expected("less nesting"));
        }
        self.at += 1;
        if self.peek() == Some(end) {
            self.at += 1;
            return Ok(());
        }
        loop {
            entry(self)?;
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(found) if found == end => {
                    self.at += 1;
                    return Ok(());
                }
                _ => return Err(self.expected("a comma or a closing bracket")),
            }
        }
    }

    fn number(&mut self) -> Result<Json<'a>, SyntaxError> {
        let from = self.at;
        self.skip(b'-');
        if !self.skip(b'0') {
            self.digits()?;
        }
        if self.skip(b'.') {
            self.digits()?;
        }
        if self.skip(b'e') || self.skip(b'E') {
            let _sign = self.skip(b'+') || self.skip(b'-');
            self.digits()?;
        }
        Ok(Json::Number(self.since(from)))
    }

    fn digits(&mut self) -> Result<(), SyntaxError> {
        let from = self.at;
        while let Some(b'0'..=b'9') = self.byte() {
            self.at += 1;
        }
        match self.at > from {
            true => Ok(()),
            false => Err(self.expected("a digit")),
        }
    }

    /// From one quote to the other. Without escapes it is a part of the text.
    fn string(&mut self) -> Result<Cow<'a, str>, SyntaxError> {
        self.at += 1;
        let mut whole = Cow::Borrowed(self.plain()?);
        while !self.skip(b'"') {
            self.at += 1;
            let escaped = self.escaped()?;
            let whole = whole.to_mut();
            whole.push(escaped);
            whole.push_str(self.plain()?);
        }
        Ok(whole)
    }

    /// What comes before the next quote or escape.
    fn plain(&mut self) -> Result<&'a str, SyntaxError> {
        let from = self.at;
        loop {
            match self.byte() {
                Some(b'"' | b'\\') => return Ok(self.since(from)),
                Some(b' '..) => self.at += 1,
                _ => return Err(self.expected("a closing quote")),
            }
        }
    }

    fn escaped(&mut self) -> Result<char, SyntaxError> {
        let escape = self.byte();
        self.at += 1;
        Ok(match escape {
            Some(byte @ (b'"' | b'\\' | b'/')) => char::from(byte),
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode(),
            _ => return Err(self.expected("an escape")),
        })
    }

    /// Four digits, or twice as many for a pair of surrogates.
    fn unicode(&mut self) -> Result<char, SyntaxError> {
        let mut units = Vec::from([self.unit()?]);
        if let 0xd800..=0xdbff = units[0] {
            let second = self.skip(b'\\') && self.skip(b'u');
            if !second {
                return Err(self.expected("the other half of a pair"));
            }
            units.push(self.unit()?);
        }
        let decoded: Result<String, _> = char::decode_utf16(units).collect();
        let character = decoded.ok().and_then(|text| text.chars().next());
        character.ok_or_else(|| self.expected("a character"))
    }

    fn unit(&mut self) -> Result<u16, SyntaxError> {
        let digits = self.text.get(self.at..self.at + 4);
        let plain = digits.filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
        let unit = plain.and_then(|digits| u16::from_str_radix(digits, 16).ok());
        let unit = unit.ok_or_else(|| self.expected("four hexadecimal digits"))?;
        self.at += 4;
        Ok(unit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use serde_json::Value;

    fn same(ours: &Json, theirs: &Value) -> bool {
        match (ours, theirs) {
            (Json::Null, Value::Null) => true,
            (Json::Bool(a), Value::Bool(b)) => a == b,
            (Json::Number(a), Value::Number(b)) => {
                serde_json::from_str(a).is_ok_and(|a: serde_json::Number| a == *b)
            }
            (Json::Text(a), Value::String(b)) => a == b,
            (Json::List(a), Value::Array(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
            }
            (Json::Object(_), Value::Object(b)) => b
                .iter()
                .all(|(name, b)| ours.get(name).is_some_and(|a| same(a, b))),
            _ => false,
        }
    }

    fn compare(text: &str) -> bool {
        let theirs = serde_json::from_str::<Value>(text);
        match (Json::parse(text), &theirs) {
            (Ok(ours), Ok(theirs)) => assert!(same(&ours, theirs), "{text}"),
            (ours, theirs) => {
                assert_eq!(ours.is_ok(), theirs.is_ok(), "{text} {ours:?} {theirs:?}")
            }
        }
        theirs.is_ok()
    }

    const TEXTS: [&str; 24] = [
        r#"{"a": [1, -0, 2.5, 1e3, -1.25E-2, "x"], "b": {"c": null, "d": true, "e": false}, "a": 7}"#,
        r#" [ ] "#,
        r#"{}"#,
        r#""\"\\\/\b\f\n\r\t\u0041\u00e9\ud83d\ude00é😀""#,
        r#""\ud83d""#,
        r#""\ude00""#,
        r#""\ud83d\u0041""#,
        r#""\u12g4""#,
        r#""\u+123""#,
        r#""\x""#,
        "\"\u{1f}\"",
        "\"\u{7f}\"",
        "01",
        "-",
        "1.",
        ".5",
        "1e",
        "+1",
        "nul",
        "nullx",
        "[1,]",
        "{\"a\":1,}",
        "{\"a\" 1}",
        "{a:1}",
    ];

    #[test]
    fn reads_what_serde_json_reads() {
        let valid = TEXTS.iter().filter(|text| compare(text)).count();
        assert_eq!(valid, 5);
    }

    /// Each text cut, with a byte left out, and with one replaced, at every place.
    #[test]
    fn refuses_what_serde_json_refuses() {
        for text in TEXTS {
            for (at, _) in text.char_indices() {
                compare(&text[..at]);
                let rest: String = text[at..].chars().skip(1).collect();
                compare(&format!("{}{rest}", &text[..at]));
                for other in ["0", "\"", "\\", "{", "]", ",", " ", "u", "e"] {
                    compare(&format!("{}{other}{rest}", &text[..at]));
                }
            }
        }
    }

    #[test]
    fn nesting_is_bounded() {
        let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert!(Json::parse(&nested(MAX_NESTING)).is_ok());
        assert!(Json::parse(&nested(MAX_NESTING + 1)).is_err());
        assert!(Json::parse(&"[".repeat(1 << 16)).is_err());
    }
}
