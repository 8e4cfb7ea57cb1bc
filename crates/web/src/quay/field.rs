//! The members of a body, and how they are checked. What is checked and what the documents of the API say of a body is
//! the same list.

use std::fmt;

use serde_json::{Map, Value};
use utoipa::openapi::Type;

use crate::problem::quay::Problem;

/// A member of a body.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) presence: Presence,
    /// What is made of null.
    pub(super) null: Null,
    /// Other names by which people mean it, besides those that are spelt alike.
    pub(super) also: &'static [&'static str],
    pub(super) about: &'static str,
}

/// Whether a member, or a body, has to be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Presence {
    Required,
    Optional,
}

/// What is made of a member that is null.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Null {
    /// It is of the wrong type.
    Wrong,
    /// It is a value with a meaning of its own.
    Value,
    /// It is none, as if it had been left out. Answers have null for none, so it may be sent back.
    None,
}

/// What a member of a body is.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    /// A text without NUL bytes, which nothing that is stored may hold.
    Text,
    /// A name of this pattern. What is none is for the handler to say.
    Name(&'static str),
    /// A digest. What is none names nothing, which is for the handler to say.
    Digest,
    /// One of these texts.
    Word(&'static [&'static str]),
    /// A whole number that is not negative.
    Natural,
    /// A whole number from one number to another.
    Between(u64, u64),
    /// A whole number of any size, or a text.
    IntegerOrText,
    /// Any number.
    Number,
    /// Yes or no.
    Boolean,
    /// A whole number of any sign and size.
    #[allow(dead_code, reason = "for operations to come")]
    Integer,
    /// An object whose members are somebody else's business.
    Object,
    /// An object with these members.
    Members(&'static [Field]),
    /// A list of what is of one kind.
    List(&'static Kind),
}

impl Field {
    /// A member that must be there.
    pub(super) const fn required(name: &'static str, kind: Kind, about: &'static str) -> Self {
        Self { name, kind, presence: Presence::Required, null: Null::Wrong, also: &[], about }
    }

    /// A member that may be left out.
    pub(super) const fn optional(name: &'static str, kind: Kind, about: &'static str) -> Self {
        Self { name, kind, presence: Presence::Optional, null: Null::Wrong, also: &[], about }
    }

    /// The whole body, where it is no object. It is the only member of its list then, and has no name.
    pub(super) const fn whole(kind: Kind, about: &'static str) -> Self {
        Self::required("", kind, about)
    }

    /// Whether this is the whole body.
    pub(super) fn is_whole(&self) -> bool {
        self.name.is_empty()
    }

    /// The same member, and what is made of it if it is null.
    pub(super) const fn null(self, null: Null) -> Self {
        Self { null, ..self }
    }

    /// The same member, and other names by which people mean it.
    pub(super) const fn also(self, also: &'static [&'static str]) -> Self {
        Self { also, ..self }
    }

    /// What is said when the member is missing.
    pub(super) fn missing(name: &str) -> Problem {
        Problem::invalid_request(format!("'{name}' is a required property"))
    }

    fn check(&self, value: Option<&Value>) -> Result<(), Problem> {
        match value {
            None if self.presence == Presence::Required => Err(Self::missing(self.name)),
            None => Ok(()),
            Some(Value::Null) if self.null != Null::Wrong => Ok(()),
            Some(value) => self.kind.check(self.name, value, self.null),
        }
    }
}

impl Kind {
    /// The types of JSON that it may have.
    pub(super) fn types(self) -> &'static [Type] {
        match self {
            Self::Text | Self::Name(_) | Self::Digest | Self::Word(_) => &[Type::String],
            Self::Natural | Self::Between(..) | Self::Integer => &[Type::Integer],
            Self::IntegerOrText => &[Type::Integer, Type::String],
            Self::Number => &[Type::Number],
            Self::Boolean => &[Type::Boolean],
            Self::Object | Self::Members(_) => &[Type::Object],
            Self::List(_) => &[Type::Array],
        }
    }

    fn check(self, name: &str, value: &Value, null: Null) -> Result<(), Problem> {
        // Whoever takes either looks at the value closer.
        let lax = matches!(self, Self::IntegerOrText) && is_beyond_counting(value);
        if !lax && !self.types().iter().any(|of| is(value, of)) {
            let null = (null == Null::Value).then_some(&Type::Null);
            let types: Vec<_> =
                self.types().iter().chain(null).map(|of| format!("'{}'", type_name(of))).collect();
            return Err(mismatch(value, &types.join(", ")));
        }
        match (self, value) {
            (Self::Text | Self::Name(_) | Self::Word(_), Value::String(text)) if text.contains('\0') => {
                Err(Problem::invalid_request(format!("'{name}' must not hold NUL bytes")))
            }
            (Self::Word(words), Value::String(text)) if !words.contains(&text.as_str()) => {
                let words: Vec<_> = words.iter().map(|word| format!("'{word}'")).collect();
                let (shown, words) = (shown(value), words.join(", "));
                Err(Problem::invalid_request(format!("{shown} is not one of [{words}]")))
            }
            (Self::Natural, Value::Number(number)) if !number.is_u64() => {
                Err(Problem::invalid_request(format!("{number} is less than the minimum of 0")))
            }
            (Self::Between(least, most), Value::Number(number)) => match number.as_u64() {
                Some(number) if number > most => {
                    Err(Problem::invalid_request(format!("{number} is greater than the maximum of {most}")))
                }
                Some(number) if number >= least => Ok(()),
                _ => Err(Problem::invalid_request(format!("{number} is less than the minimum of {least}"))),
            },
            (Self::Members(fields), Value::Object(members)) => check(fields, members),
            (Self::List(of), Value::Array(values)) => {
                values.iter().try_for_each(|value| of.check(name, value, Null::Wrong))
            }
            _ => Ok(()),
        }
    }
}

/// For people, as in "a text".
impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text => f.write_str("text"),
            Self::Name(_) => f.write_str("name"),
            Self::Digest => f.write_str("digest"),
            Self::Word(words) => f.write_str(&words.join(" or ")),
            Self::Natural => f.write_str("whole number from 0"),
            Self::Between(least, most) => write!(f, "whole number from {least} to {most}"),
            Self::Integer => f.write_str("whole number"),
            Self::IntegerOrText => f.write_str("whole number or text"),
            Self::Number => f.write_str("number"),
            Self::Boolean => f.write_str("true or false"),
            Self::Object => f.write_str("object"),
            Self::Members(fields) => {
                let names: Vec<_> = fields.iter().map(|field| field.name).collect();
                write!(f, "object of {}", names.join(", "))
            }
            Self::List(of) => write!(f, "list, of each: {of}"),
        }
    }
}

/// Whether a value is of a type. No fraction is a whole number, not even one of zero.
fn is(value: &Value, of: &Type) -> bool {
    match value {
        Value::Null => *of == Type::Null,
        Value::Bool(_) => *of == Type::Boolean,
        Value::Number(number) => *of == Type::Number || (*of == Type::Integer && !number.is_f64()),
        Value::String(_) => *of == Type::String,
        Value::Array(_) => *of == Type::Array,
        Value::Object(_) => *of == Type::Object,
    }
}

/// Whether a number is too large to be counted, so that it is read as if it might have a fraction.
fn is_beyond_counting(value: &Value) -> bool {
    value.as_f64().is_some_and(|number| number.abs() >= i64::MAX as f64)
}

/// The type's name in JSON Schema, and so to Quay's validator.
fn type_name(of: &Type) -> &'static str {
    match of {
        Type::Object => "object",
        Type::String => "string",
        Type::Integer => "integer",
        Type::Number => "number",
        Type::Boolean => "boolean",
        Type::Array => "array",
        Type::Null => "null",
    }
}

/// Checks the members of a body in the order in which they are declared. Others are ignored.
///
/// # Errors
/// What is wrong with the first that is wrong, in the words of Quay's validator.
pub(super) fn check(fields: &[Field], members: &Map<String, Value>) -> Result<(), Problem> {
    fields.iter().try_for_each(|field| field.check(members.get(field.name)))?;
    let missing = || fields.iter().filter(|field| !members.contains_key(field.name));
    let field_meant = |sent: &str| {
        let also = missing().find(|field| field.also.contains(&sent)).map(|field| field.name);
        also.or_else(|| meant(sent, missing().map(|field| field.name)))
    };
    match members.keys().find_map(|sent| Some((sent, field_meant(sent)?))) {
        Some((sent, name)) => Err(misspelt(sent, name)),
        None => Ok(()),
    }
}

/// The name among those that are missing which somebody meant who wrote `sent`: what differs in case and underscores
/// alone. It is refused rather than passed over: a pattern that is passed over holds for everything.
pub(super) fn meant<'a>(sent: &str, mut missing: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let letters = |name: &str| name.replace('_', "").to_ascii_lowercase();
    let sent_letters = letters(sent);
    missing.find(|name| *name != sent && letters(name) == sent_letters)
}

/// What is said of a misspelt name.
pub(super) fn misspelt(sent: &str, name: &str) -> Problem {
    Problem::invalid_request(format!("{} is not known here: write '{name}'", shown(&Value::from(sent))))
}

/// The words of a list that says what each stands for.
pub(super) const fn words<T, const N: usize>(list: &[(&'static str, T); N]) -> [&'static str; N] {
    let mut words = [""; N];
    let mut at = 0;
    while at < N {
        words[at] = list[at].0;
        at += 1;
    }
    words
}

/// What a value of the wrong type is answered with; `expected` names the right ones, in quotes.
pub(super) fn mismatch(value: &Value, expected: &str) -> Problem {
    Problem::invalid_request(format!("{} is not of type {expected}", shown(value)))
}

/// A value in the notation of Quay's validator, cut off where it gets long.
fn shown(value: &Value) -> String {
    let shown = match value {
        Value::Null => "None".to_owned(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::String(text) => format!("'{text}'"),
        other => other.to_string(),
    };
    shown.chars().take(100).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by it")]

    use http_body_util::BodyExt as _;
    use serde_json::json;

    use super::*;

    const MEMBERS: &[Field] = &[Field::required("kind", Kind::Text, "")];

    /// What is said of a member with this value.
    async fn told(field: Field, value: Option<Value>) -> Option<String> {
        let members = value.into_iter().map(|value| (field.name.to_owned(), value)).collect();
        let response = check(&[field], &members).err()?.into_response("http://localhost");
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let body: Value = serde_json::from_slice(&body).unwrap();
        Some(body["detail"].as_str().unwrap().to_owned())
    }

    #[tokio::test]
    async fn members_have_their_kinds_and_what_is_wrong_is_told_in_the_validators_words() {
        let words = Kind::Word(&["read", "write"]);
        for (kind, value, expected) in [
            (Kind::Text, json!("x"), None),
            (Kind::Text, json!(5), Some("5 is not of type 'string'")),
            (Kind::Text, json!(null), Some("None is not of type 'string'")),
            (Kind::Text, json!(true), Some("True is not of type 'string'")),
            (Kind::Text, json!("a\0"), Some("'it' must not hold NUL bytes")),
            (Kind::Digest, json!("a\0"), None),
            (words, json!("read"), None),
            (words, json!("x"), Some("'x' is not one of ['read', 'write']")),
            (words, json!("a\0"), Some("'it' must not hold NUL bytes")),
            (words, json!(false), Some("False is not of type 'string'")),
            (Kind::Boolean, json!(false), None),
            (Kind::Boolean, json!(5), Some("5 is not of type 'boolean'")),
            (Kind::Natural, json!(5), None),
            (Kind::Natural, json!(-5), Some("-5 is less than the minimum of 0")),
            (Kind::Natural, json!(5.0), Some("5.0 is not of type 'integer'")),
            (Kind::Natural, json!(1e20), Some("1e+20 is not of type 'integer'")),
            (Kind::IntegerOrText, json!(1e20), None),
            (Kind::Natural, json!(true), Some("True is not of type 'integer'")),
            (Kind::IntegerOrText, json!(-5), None),
            (Kind::IntegerOrText, json!("5d"), None),
            (Kind::IntegerOrText, json!(5.5), Some("5.5 is not of type 'integer', 'string'")),
            (Kind::Number, json!(5.5), None),
            (Kind::Number, json!("5"), Some("'5' is not of type 'number'")),
            (Kind::Integer, json!(-5), None),
            (Kind::Object, json!({"x": 1}), None),
            (Kind::Between(1, 5), json!(5), None),
            (Kind::Between(1, 5), json!(0), Some("0 is less than the minimum of 1")),
            (Kind::Between(1, 5), json!(-1), Some("-1 is less than the minimum of 1")),
            (Kind::Between(1, 5), json!(6), Some("6 is greater than the maximum of 5")),
            (Kind::Between(1, 5), json!(1.5), Some("1.5 is not of type 'integer'")),
            (Kind::Members(MEMBERS), json!({"kind": "x"}), None),
            (Kind::Members(MEMBERS), json!({}), Some("'kind' is a required property")),
            (Kind::Members(MEMBERS), json!({"Kind": "x"}), Some("'kind' is a required property")),
            (Kind::Members(MEMBERS), json!("x"), Some("'x' is not of type 'object'")),
            (Kind::Name("^a$"), json!("b"), None),
            (Kind::Name("^a$"), json!("a\0"), Some("'it' must not hold NUL bytes")),
            (Kind::Object, json!([]), Some("[] is not of type 'object'")),
            (Kind::List(&Kind::Text), json!(["x"]), None),
            (Kind::List(&Kind::Text), json!("x"), Some("'x' is not of type 'array'")),
            (Kind::List(&Kind::Text), json!(["x", 5]), Some("5 is not of type 'string'")),
        ] {
            let found = told(Field::required("it", kind, ""), Some(value.clone())).await;
            assert_eq!(found.as_deref(), expected, "{kind:?} {value}");
        }
    }

    #[tokio::test]
    async fn only_some_members_may_be_missing_or_null() {
        let required = Field::required("it", Kind::Text, "");
        assert_eq!(told(required, None).await.as_deref(), Some("'it' is a required property"));
        assert_eq!(told(Field::optional("it", Kind::Text, ""), None).await, None);
        for null in [Null::Value, Null::None] {
            let field = || Field::optional("it", Kind::Text, "").null(null);
            assert_eq!(told(field(), Some(json!(null))).await, None);
            let types = if null == Null::Value { "'string', 'null'" } else { "'string'" };
            let expected = format!("5 is not of type {types}");
            assert_eq!(told(field(), Some(json!(5))).await, Some(expected));
        }
    }

    #[test]
    fn a_name_that_differs_in_case_and_underscores_is_misspelt() {
        let fields = [
            Field::optional("tagPattern", Kind::Text, ""),
            Field::optional("limit", Kind::Natural, "").also(&["atMost"]),
        ];
        let is_taken = |document: Value| check(&fields, document.as_object().unwrap()).is_ok();
        for taken in
            [json!({"tagPattern": "x"}), json!({"tagPattern": "x", "tag_pattern": "y"}), json!({"uuid": 5})]
        {
            assert!(is_taken(taken.clone()), "{taken}");
        }
        for refused in [
            json!({"tag_pattern": "x"}),
            json!({"tagpattern": "x"}),
            json!({"LIMIT": 1}),
            json!({"atMost": 1}),
        ] {
            assert!(!is_taken(refused.clone()), "{refused}");
        }
    }

    #[tokio::test]
    async fn a_long_value_is_not_sent_back_whole() {
        let field = Field::required("role", Kind::Word(&["read"]), "");
        assert!(told(field, Some(json!("x".repeat(10_000)))).await.unwrap().len() < 200);
    }

    #[test]
    fn the_words_of_a_list_are_in_its_order() {
        assert_eq!(words(&[("b", 1), ("a", 2)]), ["b", "a"]);
    }
}
